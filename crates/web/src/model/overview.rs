//! The overview: the things that wait, the things that run, and the things that end soon.

use serde::Serialize;

use super::shared::{Badge, Command, Fact, Time};

/// The overview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Overview {
    /// How things stand, in words: `Three things wait for a person. Nothing in production is unhealthy.`
    pub headline: String,
    /// Things that wait for people: those that are stopped, then the others, the oldest first.
    pub waiting: Vec<Waiting>,
    /// Releases that agents refused lately, whatever ran after them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, serde(default))]
    pub refused: Vec<Waiting>,
    /// The board: what runs where.
    pub board: Board,
    /// The newest runs.
    pub runs: Vec<RunLine>,
    /// Statements, enrolments and approvals that end soon, the first one first.
    pub ending: Vec<Ending>,
    /// Health of the installation: server, runners, agents, witnesses, disk.
    pub health: Vec<Fact>,
}

/// Something that waits for people, or that stops releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Waiting {
    /// Its state.
    pub badge: Badge,
    /// A sentence: `api to production: release 42 is blocked`.
    pub title: String,
    /// The reason, and who may act.
    pub detail: String,
    /// Since when.
    pub since: Option<Time>,
    /// The page about it.
    pub href: String,
    /// The next command.
    pub command: Option<Command>,
}

/// The board: what runs where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Board {
    /// Names of the environments, in the order in which a release reaches them.
    pub environments: Vec<String>,
    /// One row for each service.
    pub services: Vec<ServiceRow>,
}

/// A service on the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct ServiceRow {
    /// Its project.
    pub project: String,
    /// Its name.
    pub service: String,
    /// Facts that its owners state about it, such as whom to ask. Absent if they state nothing.
    pub note: Option<String>,
    /// The page about it.
    pub href: String,
    /// One cell for each environment of the board; `None` where the service has no such environment.
    pub cells: Vec<Option<Cell>>,
}

/// A service in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Cell {
    /// State of what runs there.
    pub badge: Badge,
    /// Subject of the running commit; `None` while nothing runs.
    pub subject: Option<String>,
    /// Number of the running release.
    pub release: Option<u64>,
    /// The running release in words: `release 9`, or `release 1 again (rollback 3)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, serde(default))]
    pub named: Option<String>,
    /// Beginning of the running commit's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, serde(default))]
    pub commit: Option<String>,
    /// Since when it runs.
    pub since: Option<Time>,
    /// The people who approved it.
    pub by: Vec<String>,
    /// The page of the running release, else of the place.
    pub href: String,
    /// The release that waits behind it.
    pub behind: Option<Behind>,
}

/// A release that waits behind the running one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Behind {
    /// Its number.
    pub release: u64,
    /// Its state.
    pub badge: Badge,
    /// Its page.
    pub href: String,
}

/// A run in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct RunLine {
    /// Its state.
    pub badge: Badge,
    /// Subject of its commit, else the beginning of the commit's id.
    pub title: String,
    /// Project, author, duration, and the work that it waits for.
    pub detail: String,
    /// Its start.
    pub since: Option<Time>,
    /// Its page.
    pub href: String,
}

/// Something that ends soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Ending {
    /// Its name: `waiver of RUSTSEC-2026-0031`.
    pub what: String,
    /// Its end.
    pub end: Time,
    /// The page about it.
    pub href: Option<String>,
    /// The command that renews it.
    pub command: Option<Command>,
}
