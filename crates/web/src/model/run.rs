//! One run: the work of runners on one commit.

use serde::Serialize;

use super::shared::{Badge, Command, Fact, Link, Time};

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Its project.
    pub project: String,
    /// Subject of its commit.
    pub subject: String,
    /// Its state.
    pub badge: Badge,
    /// Facts of the line below the title: who asked for it, when, and how long it took.
    pub sub: Vec<String>,
    /// The commit.
    pub commit: String,
    /// Why it does not go on by itself, or why it ended: `step test failed on runner-1`. Absent if nothing needs saying.
    pub why: Option<String>,
    /// The next command, such as the one that repeats it.
    pub next: Vec<Command>,
    /// Its steps, artifacts, approval nodes and checks.
    pub graph: Graph,
    /// Its runners side by side.
    pub runners: Vec<RunnerColumn>,
    /// Tests that reports name, by report.
    pub tests: Vec<TestLine>,
    /// Artifacts that it made.
    pub artifacts: Vec<Fact>,
    /// Logs.
    pub logs: Vec<LogLink>,
    /// Its releases, by place.
    pub releases: Vec<Link>,
}

/// The graph of a run's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Graph {
    /// Its nodes, each after all that it needs.
    pub nodes: Vec<Node>,
    /// Start of the run.
    pub start: Option<Time>,
    /// Its end.
    pub end: Option<Time>,
}

/// A step, artifact, approval node or check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Node {
    /// Its name.
    pub name: String,
    /// `step`, `artifact`, `approval` or `check`.
    pub kind: String,
    /// Names of the nodes that it needs.
    pub needs: Vec<String>,
    /// Its state.
    pub badge: Badge,
    /// From the moment at which it was due, in milliseconds from the start of the run.
    pub from_ms: Option<u64>,
    /// Until the last runner reported it.
    pub until_ms: Option<u64>,
    /// Whether the run would have ended earlier without it.
    pub critical: bool,
    /// Address of its log.
    pub href: Option<String>,
}

/// One runner of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct RunnerColumn {
    /// Its name.
    pub name: String,
    /// One cell for each piece of work, in the order of the graph; `None` where it has none.
    pub works: Vec<Option<Output>>,
}

/// The result of one piece of work on one runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Output {
    /// Name of the work.
    pub work: String,
    /// Its state.
    pub badge: Badge,
    /// Time that it took, in milliseconds.
    pub took_ms: Option<u64>,
    /// Whether its outputs equal those of the other runners; `None` if there is nothing to compare.
    pub equal: Option<bool>,
    /// Facts of the receipt: memory, network contacted, sandbox.
    pub facts: Vec<Fact>,
    /// Address of its log.
    pub log: Option<String>,
}

/// The tests of one report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct TestLine {
    /// The step or check, and the report.
    pub report: String,
    /// State with its word: `1,412 passed`.
    pub badge: Badge,
    /// Names of failed tests, at most as many as a page shows.
    pub failed: Vec<String>,
}

/// A log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct LogLink {
    /// Name of the work.
    pub work: String,
    /// The runner.
    pub runner: String,
    /// Its page.
    pub href: String,
    /// Its state: `complete`, `live`.
    pub badge: Badge,
}
