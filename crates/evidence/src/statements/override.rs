//! Overrides: two people let one release begin outside the windows of its place, or before the end of its soak time.
//!
//! Invariant: an override names one release, its plan and what it lifts, and lasts a few hours. One alone lifts nothing: the judge
//! counts people with an equal content. A freeze is not among what can be lifted.

use serde::{Deserialize, Serialize};

use super::lifted::Lifted;
use super::rules::{Content, KindRules, Matter};
use super::scope::Scope;
use crate::Digest;

/// The rules about time that an override lifts for one release. The only subject of the statement is the artifact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Number of the release.
    pub release: u64,
    /// Digest of its plan.
    pub plan: Digest,
    /// The rules that it lifts, sorted.
    pub lifts: Vec<Lifted>,
}

impl Content for Override {
    const RULES: KindRules = KindRules { roles: &["release-manager"], days_max: 1, bars_authors: true };
    const HOURS_MAX: Option<u64> = Some(4);
    const LIFTS: bool = true;

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        if subjects.len() != 1 {
            return Some("it has one subject, the artifact");
        }
        let sorted = self.lifts.is_sorted_by(|a, b| a < b);
        (self.lifts.is_empty() || !sorted).then_some("`lifts` is empty, not sorted, or names something twice")
    }

    fn fault_in(&self, scope: &Scope) -> Option<&'static str> {
        let is_one = scope.service.is_some() && scope.environment.is_some();
        (!is_one).then_some("it counts at one place, so its scope names a service and an environment")
    }

    fn concerns(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        subjects == [matter.artifact]
    }

    fn lifts(&self, rule: Lifted, release: u64, plan: &Digest) -> bool {
        self.release == release && self.plan == *plan && self.lifts.contains(&rule)
    }

    fn summary(&self) -> String {
        let lifted: Vec<_> = self.lifts.iter().map(|lifted| lifted.words()).collect();
        format!("release {} may begin without {}", self.release, lifted.join(" and "))
    }
}
