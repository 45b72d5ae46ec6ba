//! The installation: its people, its status and its entries.

use domain::PersonId;
use evidence::enrolment::Grant;
use evidence::entry::{Actor, Auth};
use evidence::status::Freeze;
use evidence::trust_root::Mode;
use evidence::{Digest, Id, Moment, Name};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::place::MachineView;
use crate::named::{FreezeView, WitnessesView};

/// The installation as the server sees it. A client trusts none of it and uses its own pins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Id of the installation.
    pub installation: Id,
    /// Version of the current trust root.
    pub root_version: u32,
    /// Digest of the current trust root.
    pub root: Digest,
    /// Mode of the current trust root.
    pub mode: Mode,
    /// Origin of the ledger.
    pub origin: String,
    /// Number of entries.
    pub entries: u64,
    /// Size of the snapshot from which this server started; 0 if none was used.
    pub snapshot: u64,
    /// Entries that did not fit the state; 0 in a sound ledger.
    pub misfits: u64,
    /// The current status.
    pub status: Option<StatusView>,
    /// The enrolled people.
    pub people: Vec<PersonView>,
    /// End of the current trust root.
    #[serde(default)]
    pub root_expires: Option<Moment>,
    /// Freezes of the current status.
    #[serde(default)]
    pub frozen: Vec<Freeze>,
    /// The same, with the person and time of each freeze's beginning.
    #[serde(default)]
    pub freezes: Vec<FreezeView>,
    /// Digests that the status bars from running anywhere.
    #[serde(default)]
    pub barred: Vec<Digest>,
    /// The runners.
    #[serde(default)]
    pub runners: Vec<MachineView>,
    /// URLs at which people and machines on other hosts reach the server, sorted as preferred; empty if it is reached on its
    /// own host alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Digest of the certificate that they pin there; absent without such addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Digest>,
    /// The witnesses of the current trust root.
    #[serde(default)]
    pub witnesses: Option<WitnessesView>,
}

/// The current status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Its number.
    pub number: u64,
    /// When it expires.
    pub expires: Moment,
    /// Digest of the status file.
    pub file: Digest,
}

/// An enrolled person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    /// Id of the person.
    pub person: PersonId,
    /// Name of the person, as registrars signed it.
    #[serde(default)]
    pub name: Option<String>,
    /// Roles, in words.
    pub roles: Vec<Name>,
    /// The same with the project and environment to which each is bound.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Fingerprints of the person's keys.
    pub keys: Vec<String>,
    /// When the enrolment expires.
    pub expires: Moment,
    /// Digest of the enrolment.
    pub enrolment: Digest,
}

/// One entry, for reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its number.
    pub entry: u64,
    /// Kind of the event.
    pub kind: String,
    /// Time of the entry.
    pub time: Moment,
    /// The actor who caused it.
    pub actor: Actor,
    /// How the actor was authenticated.
    pub auth: Auth,
    /// The entry that this one follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The facts.
    pub facts: Value,
    /// The particulars; `None` if the entry has none or they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub particulars: Option<Value>,
}
