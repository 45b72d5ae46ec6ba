//! Commands of people and machines, rebuilt from the bytes that they sent and signed.
//!
//! Invariant: a signature is verified again with the keys that the sender had then, and a command comes from the functions
//! that admitted it first.

use std::collections::btree_map;

use domain::{Command, Event, gate};
use evidence::Digest;
use evidence::Moment;
use evidence::dsse::Envelope;
use evidence::enrolment::{Enrolment, Purpose};
use evidence::entry::Entry;
use evidence::status::StatusFile;
use evidence::trust_root::TrustRoot;
use serde_json::Value;

use crate::admit::{Sent, admit, enrolment_at, runner_names, status_command};
use crate::admit_machines::{admit_by_hand, admit_observation, admit_receipt, admit_report};
use crate::decision_error::DecisionError;
use crate::prepare::{Prepared, RecordedRequest};
use crate::store::Store;

use super::Replay;

impl<S: Store> Replay<'_, S> {
    /// Rebuilds a person's command from the signed request and the bytes that it names.
    pub(super) fn of_person(&mut self, prepared: &Prepared) -> Result<Command, DecisionError> {
        let asked = prepared.request()?;
        let RecordedRequest { envelope, request, particulars, .. } = asked;
        let root = self.root()?;
        self.authentic(asked, prepared.header.time, &root)?;
        let mut statements: Vec<Envelope> = match particulars.get("statements") {
            Some(inline) => serde_json::from_value(inline.clone())?,
            None => Vec::new(),
        };
        let mut attachments = Vec::new();
        let own = envelope.encode()?;
        for digest in &prepared.header.blobs {
            let bytes = self.store.blob(digest)?;
            if let Ok(file) = StatusFile::decode(&bytes) {
                statements.extend([Some(file.base), file.tightening].into_iter().flatten());
            } else if bytes != own {
                match Envelope::decode(&bytes) {
                    Ok(statement) => statements.push(statement),
                    Err(_) => attachments.push(bytes),
                }
            }
        }
        let sent = Sent { request, envelope, statements: &statements, attachments: &attachments };
        let admitted = admit(&self.state, &root, self.store, &sent);
        admitted.map(|admitted| admitted.command).map_err(DecisionError::from)
    }

    /// Verifies the signature again, with the keys that the person had then.
    pub(super) fn authentic(
        &mut self,
        asked: &RecordedRequest,
        time: Moment,
        root: &TrustRoot,
    ) -> Result<(), DecisionError> {
        let RecordedRequest { envelope, request, vouched, .. } = asked;
        let person =
            self.state.identity.enrolled(request.person.into()).ok_or("its sender was not enrolled")?;
        let enrolment = match self.enrolments.entry(person.entry) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(new) => new.insert(enrolment_at(self.store, person.entry)?),
        };
        // The server checked the time when the request arrived, which was before the decision.
        let moment = time.min(before(request.expires));
        let counts =
            |key: &&evidence::ssh::SshKey| !self.state.identity.is_revoked(key.fingerprint(), moment);
        let keys: Vec<_> = enrolment.keys_for(Purpose::SignIn).filter(counts).collect();
        let verified = request.verify_vouched(envelope, vouched.as_ref(), root.installation, &keys, moment);
        verified.map(drop).map_err(DecisionError::from)
    }

    /// Rebuilds the first statements of an installation. No person was enrolled yet who could have sent them.
    pub(super) fn founding(&self, entry: &Entry, event: &Event) -> Result<Command, DecisionError> {
        let blob = |digest: &Digest| self.store.blob(digest);
        match event {
            Event::Rooted(facts) => {
                let envelope = Envelope::decode(&blob(&facts.envelope)?)?;
                // The first root, or the root under which a restored ledger began anew. No person could have sent that
                // one either.
                let root = match self.state.identity.root() {
                    None => TrustRoot::open(&envelope),
                    Some(_) => self.root()?.next(&envelope),
                };
                let root = root?;
                let rooted = domain::identity::Rooted::of(&root, facts.envelope);
                let root = domain::identity::SetRoot {
                    issued: root.issued,
                    runners: runner_names(&root),
                    root: rooted?,
                };
                Ok(Command::SetRoot(root))
            }
            Event::StatusSet(facts) => {
                let root = self.root()?;
                let file = StatusFile::decode(&blob(&facts.file)?)?;
                let opened = file.open(&root)?;
                Ok(status_command(opened, facts.file, root.version))
            }
            Event::Enrolled(_) => {
                let root = self.root()?;
                let particulars = entry.particulars.as_ref().ok_or("its particulars were erased")?;
                let value: Value = particulars.decode("particulars")?;
                let statement = value.pointer("/statements/0").cloned().unwrap_or_default();
                let envelope: Envelope = serde_json::from_value(statement)?;
                let enrolment = Enrolment::open(&envelope, &root)?;
                let facts = domain::identity::Enrolled::of(&enrolment, root.version);
                Ok(Command::Enrol(domain::identity::Enrol { enrolment: facts?, issued: enrolment.issued }))
            }
            Event::EnvironmentSet(facts) => {
                let root = self.root()?;
                let envelope = Envelope::decode(&blob(&facts.envelope)?)?;
                let statement = evidence::environment::Environment::open(&envelope, &root)?;
                let environment = gate::EnvironmentSet::of(&statement, facts.envelope, root.version);
                let command = gate::SetEnvironment { environment, issued: statement.issued };
                Ok(Command::SetEnvironment(command))
            }
            _ => Err("it is no founding statement".into()),
        }
    }

    /// Rebuilds the command of a runner's receipt, or of an agent's report or observation.
    pub(super) fn of_machine(&self, event: &Event) -> Result<Command, DecisionError> {
        let root = self.root()?;
        let open = |digest: &Digest| -> Result<Envelope, DecisionError> {
            Ok(Envelope::decode(&self.store.blob(digest)?)?)
        };
        match event {
            Event::Reported(facts) => {
                let admitted = admit_receipt(&self.state, &root, self.store, &open(&facts.envelope)?);
                admitted.map(|(admitted, _)| admitted.command).map_err(DecisionError::from)
            }
            Event::AgentReported(facts) => {
                let admitted = admit_report(&self.state, &root, self.store, &open(&facts.envelope)?);
                admitted.map(|(admitted, _)| admitted.command).map_err(DecisionError::from)
            }
            Event::RollbackRequested(facts) => {
                let by_hand = facts.by_hand.as_ref().ok_or("no machine could have caused it")?;
                let parts = (open(&by_hand.report)?, open(&facts.request)?, open(&by_hand.enrolment)?);
                let parts = (&parts.0, &parts.1, &parts.2);
                let admitted = admit_by_hand(&self.state, &root, self.store, parts);
                admitted.map(|(admitted, _)| admitted.command).map_err(DecisionError::from)
            }
            Event::Observed(facts) => {
                let admitted = admit_observation(&self.state, &root, self.store, &open(&facts.envelope)?);
                admitted.map(|(admitted, _)| admitted.command).map_err(DecisionError::from)
            }
            _ => Err("no machine could have caused it".into()),
        }
    }
}

/// The last moment at which something is valid that ends at `end`.
fn before(end: Moment) -> Moment {
    Moment::from_millis(end.millis().saturating_sub(1)).unwrap_or_default()
}
