//! The packages of everything that runs and waits, judged once each by advisories.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::Knowledge;
use evidence::{Id, Place};
use review::inventory::Problem;
use review::rescan::{Advisories, AdvisorySource, KnownProblems, news};
use rusqlite::Connection;

use super::{Watched, known, live, package, packages, unread};
use crate::views::error::ViewError;

/// Facts about the documents of a run.
#[derive(Debug, Default)]
pub struct RunFacts {
    /// Numbers of its packages.
    pub packages: BTreeSet<i64>,
    /// Problems that its reports name.
    pub known: KnownProblems,
}

/// Releases that were judged again.
#[derive(Debug)]
pub struct Judged {
    /// The releases: those that run, then those that wait.
    pub watched: Vec<Watched>,
    /// Facts by run.
    pub runs: BTreeMap<Id, RunFacts>,
    /// Problems by the number of the package.
    pub problems: BTreeMap<i64, Vec<Problem>>,
    /// Packages of which the advisories hold nothing, with the ecosystem.
    pub not_held: BTreeMap<String, String>,
    /// The advisories; `None` without any.
    pub knowledge: Option<Knowledge>,
    /// Number of packages.
    pub packages: usize,
    /// Number of documents of these releases that could not be read.
    pub unread: u64,
    /// Numbers of the packages that were judged, by package URL.
    numbers: BTreeMap<String, i64>,
}

impl Judged {
    /// Judges everything at some places.
    ///
    /// # Errors
    /// `ViewError` if the rows or the advisories cannot be read.
    pub fn of(
        rows: &Connection,
        covers: &dyn Fn(&Place) -> bool,
        source: Option<&dyn AdvisorySource>,
    ) -> Result<Self, ViewError> {
        let mut watched = live(rows)?;
        watched.retain(|one| covers(&one.place));
        let ids: BTreeSet<Id> = watched.iter().filter_map(|one| one.run).collect();
        let (mut runs, mut lost) = (BTreeMap::new(), 0);
        for run in ids {
            lost += unread(rows, run)?;
            runs.insert(run, RunFacts { packages: packages(rows, run)?, known: known(rows, run)? });
        }
        let all: BTreeSet<i64> = runs.values().flat_map(|run| run.packages.iter().copied()).collect();
        let mut judged = Self {
            watched,
            runs,
            problems: BTreeMap::new(),
            not_held: BTreeMap::new(),
            knowledge: None,
            packages: all.len(),
            unread: lost,
            numbers: BTreeMap::new(),
        };
        if let Some(source) = source {
            judged.by(rows, source.open()?.as_ref(), &all)?;
        }
        Ok(judged)
    }

    fn by(
        &mut self,
        rows: &Connection,
        advisories: &dyn Advisories,
        all: &BTreeSet<i64>,
    ) -> Result<(), ViewError> {
        let mut named = Vec::new();
        for number in all {
            if let Some(package) = package(rows, *number)? {
                self.numbers.insert(package.purl.clone(), *number);
                named.push(package);
            }
        }
        // In this order advisories of neighbours are read together.
        named.sort();
        let answers = advisories.judge(&named)?;
        for problem in answers.problems {
            let number = problem.component().and_then(|purl| self.numbers.get(purl));
            if let Some(number) = number {
                self.problems.entry(*number).or_default().push(problem);
            }
        }
        self.not_held = answers.not_held;
        self.knowledge = Some(advisories.knowledge());
        Ok(())
    }

    /// Whether the advisories gave an answer about a package of a release.
    #[must_use]
    pub fn has_judged(&self, one: &Watched, purl: &str) -> bool {
        let facts = one.run.and_then(|run| self.runs.get(&run));
        let number = self.numbers.get(purl).filter(|_| !self.not_held.contains_key(purl));
        number.is_some_and(|number| facts.is_some_and(|facts| facts.packages.contains(number)))
    }

    /// The problems of a release that it did not know, or not as grave.
    #[must_use]
    pub fn news(&self, one: &Watched) -> Vec<&Problem> {
        let facts = one.run.and_then(|run| self.runs.get(&run));
        facts.map(|facts| news(&facts.packages, &facts.known, &self.problems).collect()).unwrap_or_default()
    }
}
