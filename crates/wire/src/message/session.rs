//! The identity of a server, and the right to read from it.

use domain::PersonId;
use evidence::Moment;
use evidence::dsse::Envelope;
use serde::{Deserialize, Serialize};

/// The identity of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntroductionAnswer {
    /// Trust roots from version 1 on; the newest names the ledger's key.
    pub roots: Vec<Envelope>,
    /// The introduction, signed by the ledger's key (`docs/formats/introduction.md`).
    pub introduction: Envelope,
    /// The challenge that a request for a session has to name.
    pub challenge: String,
}

/// A session, which gives a person the right to read for some time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The secret token of the session.
    pub token: String,
    /// End of the session.
    pub expires: Moment,
    /// The person whose session it is, if the request did not name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("expires", &self.expires).finish_non_exhaustive()
    }
}
