//! What an agent says of the service that it runs: how it is, and what it prints.
//!
//! Invariant: a courtesy for people, sent under the agent's claim. Nothing of it is signed, on record or decided
//! from, and a server keeps a bounded part in memory.

use evidence::Place;
use evidence::{Bytes, Moment};
use serde::{Deserialize, Serialize};

use crate::client::{Client, ClientError};

/// How a service is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// What holds its processes together: `namespace`, `namespace-host-proc`, `descendants`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Why it does not run now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
    /// How often this release has ended by itself or did not start.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// When that happened first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// How it ended the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time: Option<Moment>,
    /// Why a release that is probed now has not passed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<String>,
}

/// What an agent sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceReport {
    /// How the service is.
    pub service: ServiceView,
    /// What it printed.
    pub log: LogPiece,
}

/// A piece of what a service printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPiece {
    /// Which life of the agent counts the bytes: its first moment in milliseconds.
    pub stream: u64,
    /// How many bytes of that stream came before.
    pub from: u64,
    /// Whether the agent has nothing older.
    pub is_oldest: bool,
    /// The bytes; none when there is nothing new.
    pub bytes: Bytes,
}

/// What the server wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceHeard {
    /// How many bytes of the stream it has; 0 asks for the oldest that there is.
    pub log: u64,
}

/// Part of what a service printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLogView {
    /// The bytes.
    pub bytes: Bytes,
    /// Where to ask from next.
    pub next: u64,
}

impl Client {
    /// Says how the service of a place is, in the name of its agent.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn tell_service(
        &self,
        place: &Place,
        report: &ServiceReport,
    ) -> Result<ServiceHeard, ClientError> {
        self.post(&format!("work/services/{place}"), report).await
    }

    /// What the service of a place printed, from a place in its log on; waits a while when there is nothing new.
    ///
    /// # Errors
    /// `ClientError` when there is no answer.
    pub async fn service_log(
        &self,
        place: &Place,
        from: u64,
        wait: bool,
    ) -> Result<ServiceLogView, ClientError> {
        self.get(&format!("service-logs/{place}?from={from}&wait={wait}")).await
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
