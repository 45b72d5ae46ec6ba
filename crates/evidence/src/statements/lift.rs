//! Lifts: a person ends the bar of an artifact that failed its judgement at one place.
//!
//! Invariant: a lift is about exactly one observation, so that a later failure of the same artifact bars it again.

use serde::{Deserialize, Serialize};

use super::rules::{Content, KindRules, Matter};
use super::scope::Scope;
use crate::Digest;

/// The barred release. The only subject of the statement is the observation that barred it, and its scope is one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The artifact.
    pub artifact: Digest,
    /// Number of the release that failed.
    pub release: u64,
}

impl Content for Lift {
    const RULES: KindRules =
        KindRules { roles: &["quality", "release-manager"], days_max: 30, bars_authors: true };

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        if subjects.len() != 1 {
            return Some("it has one subject, the observation that barred the artifact");
        }
        (self.release == 0).then_some("release numbers start at 1")
    }

    fn fault_in(&self, scope: &Scope) -> Option<&'static str> {
        let is_place = scope.service.is_some() && scope.environment.is_some();
        (!is_place).then_some("a bar is of one place: name service and environment")
    }

    fn concerns(&self, _subjects: &[Digest], matter: &Matter<'_>) -> bool {
        self.artifact == matter.artifact
    }

    fn unbars(&self) -> Option<Digest> {
        Some(self.artifact)
    }

    fn summary(&self) -> String {
        format!("the bar of release {} is lifted", self.release)
    }
}
