//! An agent's reports about its service: the state, and the output.
//!
//! Invariant: information for people, sent under the agent's claim. None of it is signed or recorded, no decision uses it,
//! and a server keeps a bounded part in memory.

use std::collections::BTreeMap;

use evidence::{Bytes, Moment, Name};
use serde::{Deserialize, Serialize};

use crate::rollout_now::RolloutNow;

/// State of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// The enclosure of its processes: `namespace`, `namespace-host-proc`, `descendants`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Why it does not run now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
    /// How often this release has ended by itself or did not start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// Time of the first such event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// Cause of the last such event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Time of the last such event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time: Option<Moment>,
    /// Why a release that is being probed has not passed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<String>,
    /// Number of the release that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Bytes on disk of everything that the agent keeps for it. Only agents of previews count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<u64>,
    /// The last rollout, as its agent measures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutNow>,
    /// The number of each secret with which it runs, and of each that the agent uses for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<Name, u32>,
    /// Why the newest version of a secret is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_refused: Option<String>,
    /// The versions that are not used, by the names of their secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets_unused: BTreeMap<Name, UnusedSecretView>,
}

/// A version of a secret that an agent does not use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusedSecretView {
    /// Its number.
    pub number: u32,
    /// Code of the reason.
    pub code: Name,
    /// Whether the service was given it, and did not run with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_tried: bool,
}

/// The secrets with which one agent's service runs, as it last reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSecretsView {
    /// The agent.
    pub agent: Name,
    /// The number of each secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<Name, u32>,
    /// Why the newest version of a secret is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// The message of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceReport {
    /// State of the service.
    pub service: ServiceView,
    /// New output.
    pub log: LogPiece,
}

/// A piece of a service's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPiece {
    /// The agent process that counts the bytes: its start time in milliseconds.
    pub stream: u64,
    /// Number of bytes of that stream before this piece.
    pub from: u64,
    /// Whether the agent has nothing older.
    pub is_oldest: bool,
    /// The bytes; empty if nothing is new.
    pub bytes: Bytes,
}

/// The part that the server wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLogPosition {
    /// Number of bytes of the stream that it has; 0 asks for the oldest part.
    pub log: u64,
}

/// A part of a service's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLogView {
    /// The bytes.
    pub bytes: Bytes,
    /// Position from which to ask next.
    pub next: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
