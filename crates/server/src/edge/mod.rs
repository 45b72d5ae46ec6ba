//! The edge: authenticates submissions of people and machines, and turns each into a command for the writer.
//!
//! Invariant: an unauthenticated sender gets an error and no entry. An invalid submission of a known person becomes a
//! command that refuses it, so that the refusal is recorded. Blobs are durable before the command that names them.

mod bodies;
mod error;
mod machine_keys;

pub use bodies::UPLOAD;
use bodies::{Bodies, particulars};
pub use error::EdgeError;
use error::malformed;
pub(crate) use error::{evidence, unauthenticated};
pub use machine_keys::{claimed, signed_in_time};

use domain::{Command, PersonId, Refusal, State, quota};
use evidence::canonical::CanonicalError;
use evidence::dsse::Envelope;
use evidence::enrolment::Purpose;
use evidence::entry::{Actor, Auth, Entry};
use evidence::request::{Request, RequestError};
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment, Name};
use judge::{Admitted, Sent, enrolment_at};
use ledger::{BLOBS, Blobs};
use serde_json::Value;
use tracing::Span;
use wire::{ByHandReport, Submission};

use crate::disk_space::DiskSpace;
use crate::job::{CommandSource, Job};
use crate::quotas::{Limits, Usage};
use crate::readers::Readers;
use crate::sessions::Sessions;
use crate::store::LedgerStore;

/// Checks submissions against the state and the evidence on disk.
#[derive(Debug)]
pub struct Gatekeeper {
    readers: Readers,
    blobs: Blobs,
    disk_space: DiskSpace,
    limits: Limits,
    usage: Usage,
    sessions: Sessions,
}

impl Gatekeeper {
    /// A gatekeeper for a data directory.
    ///
    /// # Errors
    /// `EdgeError` if the blobs cannot be opened.
    pub fn open(readers: Readers) -> Result<Self, EdgeError> {
        let blobs = Blobs::open(&readers.dir().join(BLOBS))?;
        let disk_space = DiskSpace::of(readers.dir());
        let limits = Limits::read(readers.dir())?;
        Ok(Self {
            readers,
            blobs,
            disk_space,
            limits,
            usage: Usage::default(),
            sessions: Sessions::default(),
        })
    }

    /// The operator's quotas.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The stored bytes, by project and person.
    #[must_use]
    pub(crate) const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The open sessions.
    #[must_use]
    pub(crate) const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The free space on the disk.
    #[must_use]
    pub const fn disk_space(&self) -> &DiskSpace {
        &self.disk_space
    }

    /// Read-only connections to the ledger.
    #[must_use]
    pub const fn readers(&self) -> &Readers {
        &self.readers
    }

    /// The blobs.
    #[must_use]
    pub const fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Checks that a known person signed a request, before any other part of the submission is decoded.
    ///
    /// # Errors
    /// `EdgeError` if it is malformed or cannot be authenticated.
    pub fn signed(&self, state: &State, envelope: &Envelope, now: Moment) -> Result<Request, EdgeError> {
        let bytes = envelope.encode().map_err(malformed)?;
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(EdgeError::Malformed(format!("a request has at most {REQUEST_BYTES_MAX} bytes")));
        }
        let request = Request::read(envelope).map_err(malformed)?;
        self.authenticate(state, request.person.into(), &request, envelope, now)?;
        Ok(request)
    }

    /// Whether the ledger contains a request: other people may read it there and send it again.
    ///
    /// # Errors
    /// `EdgeError` if the ledger cannot be read.
    pub fn is_recorded(&self, request: &Request) -> Result<bool, EdgeError> {
        Ok(self.readers.with(|reader| reader.by_idempotency(&request.idempotency()))?.is_some())
    }

    /// Checks a submission and returns the job for the writer.
    ///
    /// # Errors
    /// `EdgeError` if it is malformed or cannot be authenticated; a refusal is a job.
    pub fn admit(&self, state: &State, submission: &Submission, now: Moment) -> Result<Job, EdgeError> {
        let request = self.signed(state, &submission.request, now)?;
        let root = self.root(state)?;
        let bodies = Bodies::of(submission)?;
        let attachments: Vec<Vec<u8>> = submission.attachments.iter().map(|bytes| bytes.0.clone()).collect();
        let sent = Sent {
            request: &request,
            envelope: &submission.request,
            statements: &submission.statements,
            attachments: &attachments,
        };
        let mut admitted = judge::admit(state, &root, &self.store(), &sent)?;
        let left_out = bodies.are_left_out(&request.action);
        let over = self.over_bytes(&request, &admitted);
        let refused = || self.refused_already(state, &admitted.command, now);
        if let Some(refusal) = over.or_else(|| if left_out { refused() } else { None }) {
            // No body is stored: the refusal names the bodies by their digests.
            admitted.command = Command::Refuse(refusal);
            admitted.blobs = Vec::new();
        }
        let blobs = self.store_blobs(&admitted)?;
        let is_inline = blobs.is_empty() && !(left_out && matches!(admitted.command, Command::Refuse(_)));
        if is_inline && bodies.statements > INLINE_BYTES_MAX {
            let limit = format!("statements have {} bytes, at most {INLINE_BYTES_MAX}", bodies.statements);
            return Err(EdgeError::Malformed(match &admitted.command {
                Command::Refuse(refusal) => format!("{refusal}; and too large to be recorded: {limit}"),
                _ => limit,
            }));
        }
        let inline = if is_inline { submission.statements.as_slice() } else { &[] };
        let origin = CommandSource {
            actor: Actor::Person(request.person),
            auth: Auth::SignedRequest,
            action: request.action.clone(),
            idempotency: Some(request.idempotency()),
            project: admitted.project,
        };
        let particulars = Some(particulars(submission, inline)?);
        let bodies = if left_out { bodies.digests } else { Vec::new() };
        Ok(Job { command: admitted.command, origin, particulars, blobs, bodies, span: Span::none() })
    }

    /// The refusal if the command's blobs would exceed the quota of its project or person.
    fn over_bytes(&self, request: &Request, admitted: &Admitted) -> Option<Refusal> {
        let stores = matches!(
            admitted.command,
            Command::Run(_) | Command::MakePreview(_) | Command::SetEnvironment(_)
        );
        let over = || self.usage.over(admitted.project.as_ref(), request.person.into(), &self.limits);
        if stores { Refusal::of(over()) } else { None }
    }

    /// The refusal if the command would be refused now. The writer decides again, and its decision counts; this check only
    /// saves storing the bodies of refused commands.
    fn refused_already(&self, state: &State, command: &Command, now: Moment) -> Option<Refusal> {
        let over = quota::exceeded(state, command, self.limits.counted(), now);
        over.or_else(|| domain::decide(state, command, now).err())
    }

    /// Checks a runner's receipt and returns the job for the writer.
    ///
    /// # Errors
    /// `EdgeError` if it is malformed, cannot be authenticated, or names blobs that were not sent.
    pub fn admit_receipt(&self, state: &State, envelope: &Envelope, now: Moment) -> Result<Job, EdgeError> {
        let root = self.root(state)?;
        let (admitted, receipt) = judge::admit_receipt(state, &root, &self.store(), envelope)?;
        let runner = root.runners.iter().find(|runner| runner.name == receipt.runner);
        signed_in_time(runner, envelope, now)?;
        self.job_of(receipt.runner, "report", admitted)
    }

    /// Checks an agent's report and returns the job for the writer.
    ///
    /// # Errors
    /// `EdgeError` if it is malformed or cannot be authenticated.
    pub fn admit_report(&self, state: &State, envelope: &Envelope, now: Moment) -> Result<Job, EdgeError> {
        let root = self.root(state)?;
        let (admitted, report) = judge::admit_report(state, &root, &self.store(), envelope)?;
        if let Some(set) = state.gate.environment(&report.place()) {
            signed_in_time(Some(&self.named_agent(state, set, &root, &report.agent)?), envelope, now)?;
        }
        self.job_of(report.agent, "agent-report", admitted)
    }

    /// Checks a rollback that an agent carried out by hand and returns the job for the writer.
    ///
    /// # Errors
    /// `EdgeError` if it is malformed or cannot be authenticated.
    pub fn admit_by_hand(&self, state: &State, sent: &ByHandReport, now: Moment) -> Result<Job, EdgeError> {
        let root = self.root(state)?;
        let parts = (&sent.report, &sent.request, &sent.enrolment);
        let (admitted, report) = judge::admit_by_hand(state, &root, &self.store(), parts)?;
        if let Some(set) = state.gate.environment(&report.place()) {
            signed_in_time(Some(&self.named_agent(state, set, &root, &report.agent)?), &sent.report, now)?;
        }
        self.job_of(report.agent, "agent-report", admitted)
    }

    /// Checks an agent's observation and returns the job for the writer.
    ///
    /// # Errors
    /// `EdgeError` if it is malformed or cannot be authenticated.
    pub fn admit_observation(
        &self,
        state: &State,
        envelope: &Envelope,
        now: Moment,
    ) -> Result<Job, EdgeError> {
        let root = self.root(state)?;
        let (admitted, observation) = judge::admit_observation(state, &root, &self.store(), envelope)?;
        if let Some(set) = state.gate.environment(&observation.place) {
            signed_in_time(Some(&self.named_agent(state, set, &root, &observation.agent)?), envelope, now)?;
        }
        self.job_of(observation.agent, "observation", admitted)
    }

    fn job_of(&self, machine: Name, action: &str, admitted: Admitted) -> Result<Job, EdgeError> {
        let key = admitted.blobs.first().map(|bytes| Digest::of(bytes));
        let blobs = self.store_blobs(&admitted)?;
        let origin = CommandSource {
            actor: Actor::Machine(machine),
            auth: Auth::MachineKey,
            action: action.parse().map_err(malformed)?,
            idempotency: key,
            project: admitted.project,
        };
        Ok(Job {
            command: admitted.command,
            origin,
            particulars: None,
            blobs,
            bodies: Vec::new(),
            span: Span::none(),
        })
    }

    /// Makes the bytes of a command durable, and rejects a command that names missing blobs.
    fn store_blobs(&self, admitted: &Admitted) -> Result<Vec<Digest>, EdgeError> {
        if let Command::Report(report) = &admitted.command {
            let artifact = report.artifact.iter().flat_map(|(manifest, layer)| [*manifest, *layer]);
            let named = [report.log, report.tree].into_iter().chain(artifact);
            if let Some(missing) = named.into_iter().find(|digest| !self.blobs.has(digest)) {
                return Err(EdgeError::Malformed(format!("blob {missing} is named but was not sent")));
            }
        }
        self.disk_space.for_command(&admitted.command)?;
        let mut blobs = Vec::new();
        for bytes in &admitted.blobs {
            blobs.push(self.blobs.put(bytes)?);
        }
        blobs.sort();
        blobs.dedup();
        Ok(blobs)
    }

    /// The ledger's bytes, as the judge reads them.
    #[must_use]
    pub const fn store(&self) -> LedgerStore<'_> {
        LedgerStore::new(&self.readers, &self.blobs)
    }

    /// Whether a recorded entry answers this very request: the same action and arguments.
    ///
    /// # Errors
    /// `EdgeError` if the entry cannot be read.
    pub fn is_same(&self, entry: u64, submission: &Submission) -> Result<bool, EdgeError> {
        let new = Request::read(&submission.request).map_err(malformed)?;
        let recorded = self.particulars(entry)?.get("request").cloned().unwrap_or_default();
        let recorded: Envelope = serde_json::from_value(recorded).map_err(evidence)?;
        let recorded = Request::read(&recorded).map_err(evidence)?;
        Ok(recorded.action == new.action && recorded.arguments == new.arguments)
    }

    /// The refusal that an entry records; `None` if it records something else.
    ///
    /// # Errors
    /// `EdgeError` if the entry cannot be read.
    pub fn refusal(&self, entry: u64) -> Result<Option<Refusal>, EdgeError> {
        let refusal = self.particulars(entry)?.get("refusal").cloned();
        refusal.map(|value| serde_json::from_value(value).map_err(evidence)).transpose()
    }

    /// The current trust root, read from its blob.
    ///
    /// # Errors
    /// `EdgeError` if it is missing or cannot be read.
    pub fn root(&self, state: &State) -> Result<TrustRoot, EdgeError> {
        let root = state.identity.root().ok_or_else(|| evidence("there is no trust root yet"))?;
        let bytes = self.blobs.read(&root.envelope, evidence::dsse::ENVELOPE_BYTES_MAX as u64)?;
        let envelope = Envelope::decode(&bytes).map_err(evidence)?;
        TrustRoot::read(&envelope).map_err(evidence)
    }

    /// All trust roots, from version 1 on.
    ///
    /// # Errors
    /// `EdgeError` if one of them cannot be read.
    pub(crate) fn roots(&self, state: &State) -> Result<Vec<Envelope>, EdgeError> {
        let read = |digest: &Digest| {
            let bytes = self.blobs.read(digest, evidence::dsse::ENVELOPE_BYTES_MAX as u64)?;
            Envelope::decode(&bytes).map_err(evidence)
        };
        state.identity.roots().iter().map(read).collect()
    }

    /// Checks that this known person signed a request; returns the fingerprint of the key.
    pub(crate) fn authenticate(
        &self,
        state: &State,
        id: PersonId,
        request: &Request,
        envelope: &Envelope,
        now: Moment,
    ) -> Result<String, EdgeError> {
        let person = state.identity.person(id, now);
        let person = person.ok_or_else(|| {
            let what =
                format!("person {id} is not enrolled here, or the enrolment has ended or was withdrawn");
            EdgeError::Unauthenticated(what)
        })?;
        let installation = state.identity.root().map(|root| root.installation);
        let installation = installation.ok_or_else(|| evidence("there is no trust root yet"))?;
        let enrolment = enrolment_at(&self.store(), person.entry)?;
        let keys: Vec<_> = enrolment
            .keys_for(Purpose::SignIn)
            .filter(|key| !state.identity.is_revoked(key.fingerprint(), now))
            .collect();
        request
            .verify(envelope, installation, &keys, now)
            .map(|key| key.fingerprint().to_owned())
            .map_err(|error: RequestError| EdgeError::Unauthenticated(error.to_string()))
    }

    /// The particulars of an entry.
    ///
    /// # Errors
    /// `EdgeError` if they are missing.
    pub fn particulars(&self, entry: u64) -> Result<Value, EdgeError> {
        particulars_of(entry, self.entry(entry)?)
    }

    fn entry(&self, entry: u64) -> Result<Entry, EdgeError> {
        let entries = self.readers.with(|reader| reader.entries(entry, entry + 1))?;
        entries.into_iter().next().ok_or_else(|| evidence(format!("entry {entry} is missing")))
    }
}

fn particulars_of(number: u64, entry: Entry) -> Result<Value, EdgeError> {
    let payload = entry.particulars.ok_or_else(|| evidence(format!("entry {number} has no particulars")))?;
    payload.decode("particulars").map_err(|error: CanonicalError| evidence(error))
}

/// Largest request envelope in bytes: with its statements and a refusal it has to fit into particulars.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Most bytes of statements that are recorded in particulars; larger kinds are blobs.
const INLINE_BYTES_MAX: usize = 32 * 1024;
