//! The edge: turns what a person sent into a command for the writer, with all signatures checked.
//!
//! Invariant: who cannot be authenticated gets an error and no entry; what a known person sent that does
//! not hold becomes a command that refuses it, so that it is on record. Blobs are durable before the
//! command that names them.

use std::collections::BTreeMap;

use domain::identity::{Enrol, Enrolled, Rooted, SetRoot, SetStatus, StatusSet};
use domain::{Command, Event, PersonId, Reason, Refusal, State};
use evidence::canonical::CanonicalError;
use evidence::dsse::{Envelope, EnvelopeError};
use evidence::enrolment::{Enrolment, EnrolmentError, Purpose};
use evidence::entry::{Actor, Auth, Entry};
use evidence::request::{Request, RequestError};
use evidence::status::{Opened, StatusFile};
use evidence::trust_root::{QuorumError, TrustRoot, TrustRootError};
use evidence::{Digest, Moment};
use ledger::{BLOBS, BlobError, Blobs, LedgerError};
use serde::Deserialize;
use serde_json::{Value, json};
use wire::Submission;

use crate::intake::{Job, Origin};
use crate::readers::Readers;

/// Checks what people send against the state and the evidence on disk.
#[derive(Debug)]
pub struct Gatekeeper {
    readers: Readers,
    blobs: Blobs,
}

/// Why a submission was not even put to a decision.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// It cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// Nobody known signed it.
    #[error("{0}")]
    Unauthenticated(String),
    /// The evidence on disk cannot be read.
    #[error("the server's own evidence cannot be read: {0}; run `countersign audit verify`")]
    Evidence(String),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A blob could not be stored or read.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// What the actions of the identity context take.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    statement: Digest,
    #[serde(default)]
    tightening: Option<Digest>,
}

/// A command and the blobs that it names.
type Checked = (Command, Vec<Digest>);

impl Gatekeeper {
    /// A gatekeeper over a data directory.
    ///
    /// # Errors
    /// `EdgeError` when the blobs cannot be opened.
    pub fn open(readers: Readers) -> Result<Self, EdgeError> {
        let blobs = Blobs::open(&readers.dir().join(BLOBS))?;
        Ok(Self { readers, blobs })
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

    /// Checks a submission and answers the job for the writer.
    ///
    /// # Errors
    /// `EdgeError` when it cannot be read or authenticated; refusals are jobs.
    pub fn admit(&self, state: &State, submission: &Submission, now: Moment) -> Result<Job, EdgeError> {
        let bytes = submission.request.encode().map_err(malformed)?;
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(EdgeError::Malformed(format!("a request has at most {REQUEST_BYTES_MAX} bytes")));
        }
        let request = Request::read(&submission.request).map_err(malformed)?;
        self.authenticate(state, &request, &submission.request, now)?;
        let root = self.root(state)?;
        let (command, blobs) = self.command(&request, &submission.statements, &root)?;
        let inline: Vec<_> = submission.statements.iter().filter(|_| blobs.is_empty()).collect();
        let sizes = inline.iter().map(|envelope| envelope.encode().map(|bytes| bytes.len()));
        let bytes: usize = sizes.sum::<Result<_, _>>().map_err(malformed)?;
        if bytes > INLINE_BYTES_MAX {
            return Err(EdgeError::Malformed(format!(
                "statements have {bytes} bytes, at most {INLINE_BYTES_MAX}"
            )));
        }
        let inline: Vec<_> = inline.into_iter().map(to_value).collect::<Result<_, _>>()?;
        let mut particulars = json!({ "request": to_value(&submission.request)? });
        if let (Some(object), false) = (particulars.as_object_mut(), inline.is_empty()) {
            object.insert("statements".into(), inline.into());
        }
        let origin = Origin {
            actor: Actor::Person(request.person),
            auth: Auth::SignedRequest,
            action: request.action.clone(),
            idempotency: Some(request.idempotency()),
            project: None,
        };
        Ok(Job { command, origin, particulars: Some(particulars), blobs })
    }

    /// Whether a recorded entry answers this very request: same action and arguments.
    ///
    /// # Errors
    /// `EdgeError` when the entry cannot be read.
    pub fn is_same(&self, entry: u64, submission: &Submission) -> Result<bool, EdgeError> {
        let new = Request::read(&submission.request).map_err(malformed)?;
        let recorded = self.particulars(entry)?.get("request").cloned().unwrap_or_default();
        let recorded: Envelope = serde_json::from_value(recorded).map_err(evidence)?;
        let recorded = Request::read(&recorded).map_err(evidence)?;
        Ok(recorded.action == new.action && recorded.arguments == new.arguments)
    }

    /// The refusal that an entry records; `None` when it records something else.
    ///
    /// # Errors
    /// `EdgeError` when the entry cannot be read.
    pub fn refusal(&self, entry: u64) -> Result<Option<Refusal>, EdgeError> {
        let refusal = self.particulars(entry)?.get("refusal").cloned();
        refusal.map(|value| serde_json::from_value(value).map_err(evidence)).transpose()
    }

    /// The trust root in force, read from its blob.
    ///
    /// # Errors
    /// `EdgeError` when there is none or it cannot be read.
    pub fn root(&self, state: &State) -> Result<TrustRoot, EdgeError> {
        let root = state.identity.root().ok_or_else(|| evidence("no trust root is in force"))?;
        let bytes = self.blobs.read(&root.envelope, evidence::dsse::ENVELOPE_BYTES_MAX as u64)?;
        let envelope = Envelope::decode(&bytes).map_err(evidence)?;
        TrustRoot::read(&envelope).map_err(evidence)
    }

    fn authenticate(
        &self,
        state: &State,
        request: &Request,
        envelope: &Envelope,
        now: Moment,
    ) -> Result<(), EdgeError> {
        let id = PersonId::from(request.person);
        let person = state.identity.person(id, now);
        let person = person.ok_or_else(|| {
            let what =
                format!("person {id} is not enrolled here, or the enrolment has ended or was withdrawn");
            EdgeError::Unauthenticated(what)
        })?;
        let installation = state.identity.root().map(|root| root.installation);
        let installation = installation.ok_or_else(|| evidence("no trust root is in force"))?;
        let enrolment = self.enrolment(person.entry)?;
        let keys: Vec<_> = enrolment
            .keys_for(Purpose::SignIn)
            .filter(|key| !state.identity.is_revoked(key.fingerprint(), now))
            .collect();
        request
            .verify(envelope, installation, &keys, now)
            .map(drop)
            .map_err(|error: RequestError| EdgeError::Unauthenticated(error.to_string()))
    }

    /// The enrolment that an entry records.
    fn enrolment(&self, entry: u64) -> Result<Enrolment, EdgeError> {
        let recorded = self.entry(entry)?;
        let facts = Event::read("identity.enrolled", &recorded.facts);
        let statement =
            particulars_of(entry, recorded)?.pointer("/statements/0").cloned().unwrap_or_default();
        let envelope: Envelope = serde_json::from_value(statement).map_err(evidence)?;
        let enrolment = Enrolment::read(&envelope).map_err(evidence)?;
        match facts {
            Ok(Event::Enrolled(facts)) if Ok(facts.digest) == enrolment.digest().map_err(|_| ()) => {
                Ok(enrolment)
            }
            _ => Err(evidence(format!("entry {entry} does not hold the enrolment that it records"))),
        }
    }

    fn particulars(&self, entry: u64) -> Result<Value, EdgeError> {
        particulars_of(entry, self.entry(entry)?)
    }

    fn entry(&self, entry: u64) -> Result<Entry, EdgeError> {
        let entries = self.readers.with(|reader| reader.entries(entry, entry + 1))?;
        entries.into_iter().next().ok_or_else(|| evidence(format!("entry {entry} is missing")))
    }

    fn command(
        &self,
        request: &Request,
        statements: &[Envelope],
        root: &TrustRoot,
    ) -> Result<Checked, EdgeError> {
        let known: BTreeMap<_, _> =
            statements.iter().map(|envelope| (envelope.payload_digest(), envelope)).collect();
        let action = request.action.as_str();
        if !ACTIONS.contains(&action) {
            let what = format!("`{action}` is no action; known are {}", ACTIONS.join(", "));
            return Err(EdgeError::Malformed(what));
        }
        let named: Named = serde_json::from_value(request.arguments.clone())
            .map_err(|error| EdgeError::Malformed(format!("arguments of `{action}`: {error}")))?;
        let find = |digest: &Digest| {
            let what = || EdgeError::Malformed(format!("statement {digest} is named but was not sent"));
            known.get(digest).copied().ok_or_else(what)
        };
        if named.tightening.is_some() && action != "set-status" {
            return Err(EdgeError::Malformed(format!("`{action}` takes no tightening")));
        }
        let statement = find(&named.statement)?;
        let expected = 1 + usize::from(named.tightening.is_some());
        if statements.len() != expected {
            return Err(EdgeError::Malformed(format!(
                "{expected} statements are named, {} were sent",
                statements.len()
            )));
        }
        match action {
            "enrol" => enrol(statement, root),
            "set-root" => self.set_root(statement, root),
            _ => {
                let tightening = named.tightening.as_ref().map(find).transpose()?.cloned();
                self.set_status(StatusFile { base: statement.clone(), tightening }, root)
            }
        }
    }

    fn set_root(&self, envelope: &Envelope, root: &TrustRoot) -> Result<Checked, EdgeError> {
        match root.next(envelope) {
            Ok(next) => {
                let blob = self.blobs.put(&envelope.encode().map_err(malformed)?)?;
                let facts = Rooted::of(&next, blob).map_err(malformed)?;
                Ok((Command::SetRoot(SetRoot { root: facts, issued: next.issued }), vec![blob]))
            }
            Err(error @ TrustRootError::Threshold { .. }) => Ok(refuse("holders-missing", &error, MORE_SIGN)),
            Err(error @ TrustRootError::Succession { .. }) => {
                Ok(refuse("root-out-of-order", &error, "amend the root in force and sign again"))
            }
            Err(error) => Ok(refuse("root-unsound", &error, SIGN_AGAIN)),
        }
    }

    fn set_status(&self, file: StatusFile, root: &TrustRoot) -> Result<Checked, EdgeError> {
        match file.open(root) {
            Ok(opened) => {
                let blob = self.blobs.put(&file.encode().map_err(malformed)?)?;
                Ok(status_command(opened, blob, root.version))
            }
            Err(error) => Ok(refuse("status-unsound", &error, SIGN_AGAIN)),
        }
    }
}

pub fn status_command(opened: Opened, blob: Digest, root: u32) -> Checked {
    let issued = opened.status.issued;
    (Command::SetStatus(SetStatus { status: StatusSet::of(opened, blob, root), issued }), vec![blob])
}

fn enrol(envelope: &Envelope, root: &TrustRoot) -> Result<Checked, EdgeError> {
    match Enrolment::open(envelope, root) {
        Ok(enrolment) => {
            let facts = Enrolled::of(&enrolment, root.version).map_err(malformed)?;
            Ok((Command::Enrol(Enrol { enrolment: facts, issued: enrolment.issued }), Vec::new()))
        }
        Err(error @ EnrolmentError::Quorum(QuorumError::Threshold { .. })) => {
            Ok(refuse("registrars-missing", &error, MORE_SIGN))
        }
        Err(error) => Ok(refuse("enrolment-unsound", &error, SIGN_AGAIN)),
    }
}

fn particulars_of(number: u64, entry: Entry) -> Result<Value, EdgeError> {
    let payload = entry.particulars.ok_or_else(|| evidence(format!("entry {number} has no particulars")))?;
    payload.decode("particulars").map_err(|error: CanonicalError| evidence(error))
}

fn refuse(code: &str, error: &dyn std::fmt::Display, remedy: &str) -> Checked {
    (Command::Refuse(Reason::new(code, error.to_string(), remedy).into()), Vec::new())
}

fn to_value(envelope: &Envelope) -> Result<Value, EdgeError> {
    serde_json::to_value(envelope).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Malformed(error.to_string())
}

fn evidence(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Evidence(error.to_string())
}

impl From<EnvelopeError> for EdgeError {
    fn from(error: EnvelopeError) -> Self {
        malformed(error)
    }
}

const ACTIONS: [&str; 3] = ["enrol", "set-root", "set-status"];
/// Largest request envelope in bytes: with its statements and a refusal it has to fit into particulars.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Most bytes of statements that lie in particulars; larger kinds are blobs.
const INLINE_BYTES_MAX: usize = 32 * 1024;
const MORE_SIGN: &str =
    "have the others sign the same file with `countersign trust sign FILE` and send it again";
const SIGN_AGAIN: &str = "mend the statement, have it signed and send it again";
