//! A release with everything that the ledger says about it.

use evidence::Moment;
use serde::{Deserialize, Serialize};

use super::installation::EntryView;
use super::release::ReleaseView;
use crate::named::NamedPerson;
use crate::states::ReleaseKind;

/// A release or rollback that took the place of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// Release or rollback.
    pub kind: ReleaseKind,
    /// Its number.
    pub release: u64,
    /// Time of the agent's report.
    pub time: Moment,
}

/// A release or rollback with the entries of the ledger about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHistory {
    /// The release.
    pub release: ReleaseView,
    /// Whether it runs now.
    pub current: bool,
    /// Whether it is pending, and no bundle was made for its agent yet.
    pub pending: bool,
    /// The release or rollback that took its place, if it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<Replacement>,
    /// The release that brought the same artifact before, with its evidence; only for a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_back: Option<ReleaseView>,
    /// Entries about it, the oldest first.
    pub entries: Vec<EntryView>,
    /// People whom these entries name.
    pub people: Vec<NamedPerson>,
}
