//! Every event of the product: the table of contents of everything that the ledger can record.
//!
//! Invariant: variants are only added. A reader stops at a kind that is not in this table, and at facts that are not
//! canonical. Facts are ids, digests, enums, numbers and times. Names and free text are particulars and never facts.

use evidence::canonical::CanonicalError;
use evidence::entry::Payload;
use evidence::{Digest, Id, Name};
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;
use crate::record::Recorded;
use crate::rules::RULES;
use crate::{
    approval, artifact, build, check, gate, identity, observation, release, secret, source, statement,
};

macro_rules! events {
    ($($(#[$doc:meta])* $kind:literal => $variant:ident($facts:ty),)*) => {
        /// A recorded change, as its facts.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $variant($facts),)*
        }

        impl Event {
            /// Name of the kind, as it is written in headers.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            /// The facts as a payload, with a salt from the caller.
            ///
            /// # Errors
            /// `CanonicalError` when the facts are larger than a payload may be.
            pub fn facts(&self, salt: [u8; 16]) -> Result<Payload, CanonicalError> {
                match self {
                    $(Self::$variant(facts) => Payload::new($kind, facts, salt),)*
                }
            }

            /// Reads an event back from its kind and facts.
            ///
            /// # Errors
            /// `EventError` when the kind is unknown or the facts are not canonical.
            pub fn read(kind: &str, facts: &Payload) -> Result<Self, EventError> {
                match kind {
                    $($kind => Ok(Self::$variant(facts.decode($kind)?)),)*
                    other => Err(EventError::Unknown(other.chars().take(80).collect())),
                }
            }
        }
    };
}

events! {
    /// A trust root came into force.
    "identity.rooted" => Rooted(identity::Rooted),
    /// A person was enrolled.
    "identity.enrolled" => Enrolled(identity::Enrolled),
    /// A status statement came into force.
    "identity.status-set" => StatusSet(identity::StatusSet),
    /// A commit was submitted, and its signer is known.
    "source.taken" => Taken(source::Taken),
    /// A run started.
    "build.started" => Started(build::Started),
    /// Work is due on a runner.
    "build.due" => Due(build::Due),
    /// A runner reported work.
    "build.reported" => Reported(build::Reported),
    /// A person agreed at an approval node.
    "build.agreed" => Agreed(build::Agreed),
    /// A run ended.
    "build.ended" => Ended(build::Ended),
    /// An artifact was built.
    "artifact.built" => Built(artifact::Built),
    /// A person made a statement.
    "statement.made" => Stated(statement::Stated),
    /// A version of a secret was put.
    "secret.put" => SecretPut(secret::SecretPut),
    /// A version of a secret was destroyed.
    "secret.destroyed" => SecretDestroyed(secret::SecretDestroyed),
    /// An environment statement came into force.
    "gate.environment-set" => EnvironmentSet(gate::EnvironmentSet),
    /// A person asked for the end of a preview.
    "gate.preview-ending" => PreviewEnding(gate::PreviewEnding),
    /// A gate is due.
    "gate.due" => GateDue(gate::GateDue),
    /// A gate was judged.
    "gate.judged" => Judged(gate::Judged),
    /// A person approved or rejected.
    "approval.given" => Given(approval::Given),
    /// An artifact is wanted at a place.
    "release.wanted" => Wanted(release::Wanted),
    /// A release was proposed.
    "release.proposed" => Proposed(release::Proposed),
    /// No plan could be derived.
    "release.unplannable" => Unplannable(release::Unplannable),
    /// A person let a release go ahead.
    "release.promoted" => Promoted(release::Promoted),
    /// A release is due at its agent.
    "release.due" => ReleaseDue(release::ReleaseDue),
    /// A release is held by its gate.
    "release.held" => Held(release::Held),
    /// An agent reported a release.
    "release.reported" => AgentReported(release::Reported),
    /// An agent observed something at its place.
    "observation.made" => Observed(observation::Observed),
    /// A person asked for a rollback.
    "release.returning" => RollbackRequested(release::RollbackRequested),
    /// A person asked for something about a rollout under way.
    "release.advanced" => AdvanceRequested(release::AdvanceRequested),
    /// Nobody will do the remaining checks of a release.
    "check.lost" => ChecksLost(check::ChecksLost),
    /// Lines that no decision reads were recorded.
    "record.made" => Recorded(Recorded),
    /// A snapshot of the state was recorded.
    "ledger.snapshotted" => Snapshotted(Snapshotted),
    /// A known person's command was refused; or more such refusals happened than are recorded one by one.
    "refused" => Refused(Refused),
}

/// Why an entry cannot be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// A newer program wrote the entry.
    #[error("events of kind `{0}` are not known to this program; use the one that wrote them or a newer one")]
    Unknown(String),
    /// This program does not know the rules of the decision.
    #[error(
        "the ledger holds decisions by rules {0}, this program knows rules up to {RULES}; use the newer one"
    )]
    Rules(u32),
    /// The facts do not have the form of their kind.
    #[error(transparent)]
    Facts(#[from] CanonicalError),
}

/// A known person's command was refused. The texts and the request are particulars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The person who sent the request.
    pub person: PersonId,
    /// The requested action.
    pub action: Name,
    /// Codes of all reasons.
    pub reasons: Vec<String>,
    /// Number of refusals that were counted instead of recorded: within a minute, only the first few refusals of a
    /// person get entries. If present, the entry records this count and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
}

/// A snapshot was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshotted {
    /// Number of entries that the state contains.
    pub size: u64,
    /// Root hash of the ledger at that size.
    pub root: Digest,
    /// Digest of the state as canonical JSON, a blob.
    pub state: Digest,
    /// Rules of the program that made the snapshot.
    pub rules: u32,
}

impl Event {
    /// Id of the subject of the entry, for its header.
    #[must_use]
    pub fn subject(&self) -> Option<Id> {
        match self {
            Self::Rooted(rooted) => Some(rooted.installation),
            Self::Enrolled(enrolled) => Some(enrolled.person.id()),
            Self::Taken(taken) => Some(taken.run.id()),
            Self::Started(started) => Some(started.run.id()),
            Self::Due(due) => Some(due.run.id()),
            Self::Reported(reported) => Some(reported.run.id()),
            Self::Agreed(agreed) => Some(agreed.run.id()),
            Self::Ended(ended) => Some(ended.run.id()),
            Self::Built(built) => Some(built.run.id()),
            Self::StatusSet(_)
            | Self::EnvironmentSet(_)
            | Self::PreviewEnding(_)
            | Self::GateDue(_)
            | Self::Judged(_)
            | Self::Given(_)
            | Self::Stated(_)
            | Self::Wanted(_)
            | Self::Proposed(_)
            | Self::Unplannable(_)
            | Self::Promoted(_)
            | Self::ReleaseDue(_)
            | Self::Held(_)
            | Self::AgentReported(_)
            | Self::Observed(_)
            | Self::RollbackRequested(_)
            | Self::AdvanceRequested(_)
            | Self::ChecksLost(_)
            | Self::SecretPut(_)
            | Self::SecretDestroyed(_)
            | Self::Recorded(_)
            | Self::Snapshotted(_) => None,
            Self::Refused(refused) => Some(refused.person.id()),
        }
    }
}

impl Event {
    /// Blobs that the facts name. They must be stored before the event is appended.
    #[must_use]
    pub fn blobs(&self) -> Vec<Digest> {
        let mut blobs = match self {
            Self::Rooted(rooted) => vec![rooted.envelope],
            Self::StatusSet(status) => vec![status.file],
            Self::Taken(taken) => vec![taken.pack, taken.request],
            Self::Reported(reported) => {
                let artifact = reported.artifact.into_iter().flat_map(|(manifest, layer)| [manifest, layer]);
                let reports = reported.documents.iter().copied();
                [reported.envelope, reported.log, reported.tree]
                    .into_iter()
                    .chain(artifact)
                    .chain(reports)
                    .collect()
            }
            Self::Agreed(agreed) => vec![agreed.request],
            Self::Built(built) => vec![built.manifest, built.layer, built.tree],
            Self::EnvironmentSet(set) => vec![set.envelope, set.policy, set.configuration],
            Self::Judged(judged) => {
                judged.bundle.into_iter().chain(judged.input).chain([judged.verdict]).collect()
            }
            Self::Given(given) => vec![given.envelope],
            Self::Stated(stated) => {
                let sealed = stated.secret.as_ref().map(|secret| secret.value);
                sealed.into_iter().chain([stated.envelope]).collect()
            }
            Self::SecretPut(put) => vec![put.value],
            Self::Proposed(proposed) => vec![proposed.plan, proposed.provenance],
            Self::Promoted(promoted) => vec![promoted.request],
            Self::ReleaseDue(due) => vec![due.bundle],
            Self::AgentReported(reported) => vec![reported.envelope],
            Self::Observed(observed) => vec![observed.envelope],
            Self::RollbackRequested(returning) => {
                let proof = returning.by_hand.iter().flat_map(|by_hand| [by_hand.report, by_hand.enrolment]);
                proof.chain([returning.request]).collect()
            }
            Self::AdvanceRequested(asked) => vec![asked.request],
            Self::PreviewEnding(asked) => vec![asked.request],
            Self::Snapshotted(snapshotted) => vec![snapshotted.state],
            Self::Enrolled(_)
            | Self::Started(_)
            | Self::Due(_)
            | Self::Ended(_)
            | Self::GateDue(_)
            | Self::Wanted(_)
            | Self::Unplannable(_)
            | Self::Held(_)
            | Self::ChecksLost(_)
            | Self::SecretDestroyed(_)
            | Self::Recorded(_)
            | Self::Refused(_) => Vec::new(),
        };
        blobs.sort();
        blobs.dedup();
        blobs
    }
}
