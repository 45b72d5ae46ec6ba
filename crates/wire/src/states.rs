//! The states in which runs, works, and releases are shown. Each has one name, in JSON, in the views, and in words.
//!
//! Invariant: an unknown name is an error where it is read; no part of the program compares these names as text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that this program does not know, as a newer server may send it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{found}` is no {what} that this program knows; use a newer program")]
pub struct UnknownName {
    what: &'static str,
    found: String,
}

macro_rules! names {
    ($(#[$doc:meta])* $kind:ident, $what:literal: $($(#[$of:meta])* $variant:ident = $name:literal,)+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $kind {
            $($(#[$of])* $variant,)+
        }

        impl $kind {
            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl FromStr for $kind {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName { what: $what, found: text.to_owned() }),
                }
            }
        }

        impl TryFrom<String> for $kind {
            type Error = UnknownName;

            fn try_from(text: String) -> Result<Self, UnknownName> {
                text.parse()
            }
        }

        impl From<$kind> for &'static str {
            fn from(kind: $kind) -> Self {
                kind.name()
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

names! {
    /// How far a run has come.
    RunState, "state of a run":
    /// Some of it is still to be done.
    Running = "running",
    /// All of it passed.
    Passed = "passed",
    /// A step failed.
    Failed = "failed",
    /// Runners made different bytes of it.
    Differed = "differed",
    /// A person ended it.
    Cancelled = "cancelled",
    /// Some of its work will never be reported.
    Lost = "lost",
}

names! {
    /// A kind of work in a run.
    WorkKind, "kind of work":
    /// A step.
    Step = "step",
    /// An artifact that is put together.
    Artifact = "artifact",
    /// A check of a release that runs.
    Check = "check",
    /// An approval node.
    Approval = "approval",
}

names! {
    /// A kind of release.
    ReleaseKind, "kind of release":
    /// A release.
    Release = "release",
    /// A rollback.
    Rollback = "rollback",
}

names! {
    /// How far a release or rollback has come, or how it ended.
    ReleaseStage, "stage of a release":
    /// A plan is still to be derived.
    Wanted = "wanted",
    /// It is planned.
    Proposed = "proposed",
    /// Its gate is due.
    Judging = "judging",
    /// Its gate did not let it pass.
    Held = "held",
    /// It is due at its agent.
    Due = "due",
    /// It ran.
    Running = "running",
    /// It did not work, and the release before it runs again.
    Returned = "returned",
    /// It did not work, and nothing runs.
    Failed = "failed",
    /// Its agent refused it.
    Refused = "refused",
    /// No plan can be made.
    Unplannable = "unplannable",
    /// Another run or a rollback took its place.
    Superseded = "superseded",
    /// A rollback took it back before it had a number.
    RolledBack = "rolled-back",
    /// It is a rollback of a person who is enrolled no more.
    Dropped = "dropped",
}

names! {
    /// The state of one of several agents of a place.
    AgentTurn, "turn of an agent":
    /// It runs its release.
    Runs = "runs",
    /// It is its turn to begin the release that is due.
    Turn = "turn",
    /// It waits until the agents before it run the release that is due.
    Waits = "waits",
    /// It is to go back.
    Returns = "returns",
}

names! {
    /// The last verdict or report about a release.
    LastOutcome, "outcome of a release":
    /// The gate let it pass.
    Pass = "pass",
    /// The gate did not let it pass.
    Fail = "fail",
    /// The gate could not decide.
    Undecided = "undecided",
    /// Its agent runs it.
    Running = "running",
    /// Its agent went back to the release before it.
    Returned = "returned",
    /// Its agent runs nothing now.
    Failed = "failed",
    /// Its agent refused it.
    Refused = "refused",
    /// No plan can be made.
    Unplannable = "unplannable",
}

/// How far some work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WorkState {
    /// It is to be done.
    Due,
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// Its runner signed that it gave it up.
    GivenUp,
    /// The server says that it will never be reported.
    Lost,
    /// It is an approval node: so many people agreed, of so many.
    Agreed {
        /// People who agreed.
        given: u32,
        /// People who have to.
        needed: u32,
    },
}

impl fmt::Display for WorkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Due => f.write_str("due"),
            Self::Passed => f.write_str("passed"),
            Self::Failed => f.write_str("failed"),
            Self::GivenUp => f.write_str("given-up"),
            Self::Lost => f.write_str("lost"),
            Self::Agreed { given, needed } => write!(f, "{given} of {needed}"),
        }
    }
}

impl FromStr for WorkState {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Ok(match text {
            "due" => Self::Due,
            "passed" => Self::Passed,
            "failed" => Self::Failed,
            "given-up" => Self::GivenUp,
            "lost" => Self::Lost,
            _ => {
                let agreed = text.split_once(" of ");
                let agreed =
                    agreed.and_then(|(given, needed)| Some((given.parse().ok()?, needed.parse().ok()?)));
                let unknown = || UnknownName { what: "state of work", found: text.to_owned() };
                let (given, needed) = agreed.ok_or_else(unknown)?;
                Self::Agreed { given, needed }
            }
        })
    }
}

impl TryFrom<String> for WorkState {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<WorkState> for String {
    fn from(state: WorkState) -> Self {
        state.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    /// Pages, scripts and older programs read these names.
    #[test]
    fn each_state_has_the_name_that_it_always_had() {
        fn same<T: Serialize + for<'de> Deserialize<'de> + FromStr + fmt::Display>(names: &[&str]) {
            for name in names {
                let text = format!("\"{name}\"");
                let state: T = serde_json::from_str(&text).unwrap();
                assert_eq!(serde_json::to_string(&state).unwrap(), text);
                assert_eq!(name.parse::<T>().ok().unwrap().to_string(), *name);
            }
            assert!(serde_json::from_str::<T>("\"else\"").is_err(), "an unknown name is not guessed");
        }
        same::<RunState>(&["running", "passed", "failed", "differed", "cancelled", "lost"]);
        same::<WorkKind>(&["step", "artifact", "check", "approval"]);
        same::<WorkState>(&["due", "passed", "failed", "given-up", "lost", "0 of 2", "12 of 2"]);
        same::<ReleaseKind>(&["release", "rollback"]);
        same::<ReleaseStage>(&[
            "wanted",
            "proposed",
            "judging",
            "held",
            "due",
            "running",
            "returned",
            "failed",
            "refused",
            "unplannable",
            "superseded",
            "rolled-back",
            "dropped",
        ]);
        let outcomes =
            ["pass", "fail", "undecided", "running", "returned", "failed", "refused", "unplannable"];
        same::<LastOutcome>(&outcomes);
        let unknown = "open".parse::<RunState>().unwrap_err().to_string();
        assert_eq!(unknown, "`open` is no state of a run that this program knows; use a newer program");
    }
}
