//! Releases judged again: the problems of what runs and what waits that its release did not know.
//!
//! Input: packages and known problems of releases, and answers of a newer snapshot of advisories. Output: problems. Invariant:
//! nothing is executed. A problem that the release's own evidence names at least as bad is no news.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use evidence::document::Knowledge;
use evidence::document::findings::Severity;

use crate::inventory::{Package, Problem};

/// A snapshot of advisories.
pub trait Advisories: Send {
    /// Its source, digest and date.
    fn knowledge(&self) -> Knowledge;

    /// Judges packages.
    ///
    /// # Errors
    /// `AdvisoriesFault` if the snapshot is damaged.
    fn judge(&self, packages: &[Package]) -> Result<Answers, AdvisoriesFault>;
}

/// The place of the newest snapshot.
pub trait AdvisorySource: Send + Sync + fmt::Debug {
    /// Opens it.
    ///
    /// # Errors
    /// `AdvisoriesFault` if it is missing or damaged.
    fn open(&self) -> Result<Box<dyn Advisories>, AdvisoriesFault>;
}

/// Answers about packages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Problems, each with the package URL of its component in its place.
    pub problems: Vec<Problem>,
    /// Packages whose ecosystem the snapshot holds no record of, with the name of the ecosystem: nothing is known of those.
    pub not_held: BTreeMap<String, String>,
}

/// Why advisories cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the advisories cannot be read: {0}; have `countersign osv sync` make them anew")]
pub struct AdvisoriesFault(pub String);

/// Problems that a release knew, with their severities, and whether they were known to be exploited.
pub type KnownProblems = BTreeMap<evidence::Digest, (Severity, bool)>;

/// The problems of a release's packages that are new, or worse than the release knew.
pub fn news<'a>(
    packages: &'a BTreeSet<i64>,
    known: &'a KnownProblems,
    problems: &'a BTreeMap<i64, Vec<Problem>>,
) -> impl Iterator<Item = &'a Problem> {
    let all = packages.iter().filter_map(move |package| problems.get(package)).flatten();
    all.filter(move |problem| is_news(known.get(&problem.id).copied(), problem))
}

/// Whether a problem is new, or worse than it was known to be.
#[must_use]
pub fn is_news(known: Option<(Severity, bool)>, problem: &Problem) -> bool {
    let (severity, exploited) = (problem.finding.severity, problem.finding.exploited);
    known.is_none_or(|(before, was_exploited)| severity > before || (exploited && !was_exploited))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::document::findings::{Class, Severity};
    use lab::documents;

    use super::{BTreeMap, BTreeSet, KnownProblems, Problem, news};

    #[test]
    fn a_problem_is_news_if_it_is_unknown_or_became_worse() {
        let (id, finding) = documents::findings(&[("GHSA-1", Class::Dependency, Severity::High)])
            .findings
            .pop_first()
            .unwrap();
        let of = |severity, exploited| {
            let mut finding = finding.clone();
            (finding.severity, finding.exploited) = (severity, exploited);
            BTreeMap::from([(7, vec![Problem { id, finding }])])
        };
        let packages: BTreeSet<i64> = [3, 7].into();
        let known: KnownProblems = [(id, (Severity::High, false))].into();
        for (severity, exploited, is_new) in [
            (Severity::High, false, false),
            (Severity::Medium, false, false),
            (Severity::Critical, false, true),
            (Severity::High, true, true),
        ] {
            let found = of(severity, exploited);
            assert_eq!(news(&packages, &known, &found).count() == 1, is_new, "{severity:?} {exploited}");
            assert_eq!(news(&packages, &KnownProblems::new(), &found).count(), 1);
            assert_eq!(news(&[3].into(), &KnownProblems::new(), &found).count(), 0, "not its package");
        }
    }
}
