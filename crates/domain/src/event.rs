//! Everything that can ever happen: the table of contents of the product.
//!
//! Invariant: variants are only added; a kind that is not in this table, or facts that are not canonical,
//! stop whoever reads them. Facts are ids, digests, enums, numbers and times; names and free text are
//! particulars and never stand here.

use evidence::canonical::CanonicalError;
use evidence::entry::Payload;
use evidence::{Id, Name};
use serde::{Deserialize, Serialize};

use crate::RULES;
use crate::identity;
use crate::ids::PersonId;

macro_rules! events {
    ($($(#[$doc:meta])* $kind:literal => $variant:ident($facts:ty),)*) => {
        /// Something that happened, as its facts.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $variant($facts),)*
        }

        impl Event {
            /// Name of the kind, as headers carry it.
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
    /// A known person's command was refused.
    "refused" => Refused(Refused),
}

/// Why an entry cannot be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Written by a newer program.
    #[error("events of kind `{0}` are not known to this program; use the one that wrote them or a newer one")]
    Unknown(String),
    /// Decided by rules that this program does not know.
    #[error(
        "the ledger holds decisions by rules {0}, this program knows rules up to {RULES}; use the newer one"
    )]
    Rules(u32),
    /// The facts do not have the shape of their kind.
    #[error(transparent)]
    Facts(#[from] CanonicalError),
}

/// A known person's command was refused; the texts and the request are particulars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Who asked.
    pub person: PersonId,
    /// What was asked.
    pub action: Name,
    /// Codes of every reason.
    pub reasons: Vec<String>,
}

impl Event {
    /// What the entry is about, for its header.
    #[must_use]
    pub fn subject(&self) -> Option<Id> {
        match self {
            Self::Rooted(rooted) => Some(rooted.installation),
            Self::Enrolled(enrolled) => Some(enrolled.person.id()),
            Self::StatusSet(_) => None,
            Self::Refused(refused) => Some(refused.person.id()),
        }
    }
}
