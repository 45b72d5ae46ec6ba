//! A report as the signer of a statement saw it: its name, and not its content.

use serde::{Deserialize, Serialize};

use crate::Name;
use crate::document::Maker;

/// A report, by the work that leaves it. The place at which a statement counts says of which environment a check is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum SeenReport {
    /// Of a step of the build.
    Step {
        /// The step.
        step: Name,
        /// Path of the report in the workspace.
        path: String,
    },
    /// Of a check of the release in the environment before.
    Check {
        /// The check.
        check: Name,
        /// Path of the report in the workspace.
        path: String,
    },
}

impl SeenReport {
    /// The report of this work with this path.
    #[must_use]
    pub fn of(maker: &Maker, path: &str) -> Self {
        let path = path.to_owned();
        match maker {
            Maker::Step(step) => Self::Step { step: step.clone(), path },
            Maker::Check(check) => Self::Check { check: check.clone(), path },
        }
    }

    pub(super) const fn path(&self) -> &String {
        match self {
            Self::Step { path, .. } | Self::Check { path, .. } => path,
        }
    }
}

impl std::fmt::Display for SeenReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Step { step, path } => write!(f, "{path} of step {step}"),
            Self::Check { check, path } => write!(f, "{path} of check {check}"),
        }
    }
}
