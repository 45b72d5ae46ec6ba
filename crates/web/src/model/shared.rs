//! Values that the models of several pages hold.

use serde::Serialize;

/// A moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Time {
    /// Milliseconds since 1970, for ages and order.
    pub ms: i64,
    /// The same as RFC 3339 text in UTC.
    pub text: String,
}

/// How something stands, told by shape, word and colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It passed, runs, or counts: a circle.
    Pass,
    /// It waits for a person or a machine: a square.
    Wait,
    /// It is stopped, refused or failed: a triangle.
    Stop,
    /// It is frozen: a diamond.
    Frozen,
    /// It is in progress: a ring.
    Busy,
    /// It has ended, was replaced, or does not apply: a line.
    Quiet,
}

/// A state with its word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Badge {
    /// The state.
    pub state: State,
    /// The word that people read: `healthy`, `blocked`, `waits for 1`.
    pub word: String,
}

/// A command that people copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Command {
    /// The whole line.
    pub line: String,
    /// The people who may run it, or another condition. Absent if anybody who reads the page may.
    pub note: Option<String>,
}

/// A name with a value, for the column of facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// The whole value where `value` is shortened, such as a digest, for hover and copy.
    pub whole: Option<String>,
    /// The page about it.
    pub href: Option<String>,
    /// Its state, if it has one.
    pub state: Option<State>,
}

/// A link of the way from commit to production.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Link {
    /// Its title: `commit`, `run 4f9c`, `artifact`, `staging`.
    pub title: String,
    /// Its state.
    pub badge: Badge,
    /// At most two short lines: `signed by Alice`, `2 runners agree`.
    pub lines: Vec<String>,
    /// The page about it.
    pub href: Option<String>,
    /// Whether the page is about this link.
    pub current: bool,
}
