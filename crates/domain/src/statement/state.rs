//! The fold of statements in force.
//!
//! Invariant: a project's ended statements leave when its next one comes, so that the state does not grow with the
//! ledger. A new version of a secret takes the place of the one before, and the highest number stays: no number is used twice.

use std::collections::BTreeMap;

use evidence::statements::Scope;
use evidence::{Digest, Moment, Name, Place};
use serde::{Deserialize, Serialize};

use super::event::{Stated, StatedSecret};
use crate::ids::PersonId;

/// Statements as decisions read them, by project and digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) statements: BTreeMap<Name, BTreeMap<Digest, RecordedStatement>>,
    /// The highest number of each secret of each place, also of versions that do not count any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) numbers: BTreeMap<Place, BTreeMap<Name, u32>>,
}

/// A recorded statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedStatement {
    /// Facts as they were recorded.
    pub facts: Stated,
    /// Number of the entry.
    pub entry: u64,
}

impl State {
    /// Whether there is no statement. Such a state is omitted from snapshots, as in those of the first programs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.numbers.is_empty()
    }

    /// Statements whose scope covers a place and that count at a moment, as far as time decides that.
    pub fn at<'a>(
        &'a self,
        place: &'a Place,
        moment: Moment,
    ) -> impl Iterator<Item = &'a RecordedStatement> + use<'a> {
        let of_project = self.statements.get(&place.project).into_iter().flat_map(BTreeMap::values);
        of_project.filter(move |known| {
            let facts = &known.facts;
            facts.scope.covers(place) && facts.not_before <= moment && moment < facts.expires
        })
    }

    /// Statements of a project that can lend secrets to steps, and that count at a moment, as far as time decides that.
    pub fn lending<'a>(
        &'a self,
        project: &Name,
        moment: Moment,
    ) -> impl Iterator<Item = &'a RecordedStatement> + use<'a> {
        let of_project = self.statements.get(project).into_iter().flat_map(BTreeMap::values);
        of_project.filter(move |known| {
            let facts = &known.facts;
            facts.kind.lends() && facts.not_before <= moment && moment < facts.expires
        })
    }

    /// A statement of a project that no status has withdrawn; it may have ended.
    #[must_use]
    pub fn get(&self, project: &Name, statement: &Digest) -> Option<&RecordedStatement> {
        self.statements.get(project)?.get(statement)
    }

    /// Number of a project's statements that have not ended at a moment.
    pub(super) fn count(&self, project: &Name, moment: Moment) -> usize {
        let of_project = self.statements.get(project).into_iter().flat_map(BTreeMap::values);
        of_project.filter(|known| moment < known.facts.expires).count()
    }

    /// Number of a person's statements that have not ended at a moment, in all projects.
    pub(crate) fn by(&self, person: PersonId, moment: Moment) -> usize {
        let all = self.statements.values().flat_map(BTreeMap::values);
        all.filter(|known| known.facts.person == person && moment < known.facts.expires).count()
    }

    /// Number of the statements that have not ended at a moment and can count at a place where one of this scope counts.
    pub(crate) fn beside(&self, scope: &Scope, moment: Moment) -> usize {
        let meets =
            |one: &Option<Name>, other: &Option<Name>| one.is_none() || other.is_none() || one == other;
        let of_project = self.statements.get(&scope.project).into_iter().flat_map(BTreeMap::values);
        let beside = of_project.filter(|known| {
            let other = &known.facts.scope;
            moment < known.facts.expires
                && meets(&scope.service, &other.service)
                && meets(&scope.environment, &other.environment)
        });
        beside.count()
    }

    /// The highest number of each secret of a place.
    #[must_use]
    pub fn numbers(&self, place: &Place) -> BTreeMap<Name, u32> {
        self.numbers.get(place).cloned().unwrap_or_default()
    }

    /// Statements that put the newest version of a secret at a place and count at a moment, as far as time decides that.
    pub fn secrets_at<'a>(
        &'a self,
        place: &'a Place,
        moment: Moment,
    ) -> impl Iterator<Item = &'a RecordedStatement> + use<'a> {
        self.at(place, moment).filter(|known| known.facts.secret.is_some())
    }

    pub(crate) fn stated(&mut self, event: &Stated, entry: u64, moment: Moment) -> bool {
        let of_project = self.statements.entry(event.scope.project.clone()).or_default();
        let replaced = |known: &RecordedStatement| {
            let of = |secret: &StatedSecret| (secret.place.clone(), secret.name.clone());
            event.secret.is_some() && known.facts.secret.as_ref().map(of) == event.secret.as_ref().map(of)
        };
        of_project.retain(|_, known| moment < known.facts.expires && !replaced(known));
        of_project.insert(event.statement, RecordedStatement { facts: event.clone(), entry });
        if let Some(secret) = &event.secret {
            let numbers = self.numbers.entry(secret.place.clone()).or_default();
            numbers.insert(secret.name.clone(), secret.number);
        }
        true
    }

    /// Forgets the statements about one place alone, which is not there any more: a later place of the same name has none of its
    /// secrets, grants and waivers. The numbers of its secrets stay.
    pub(crate) fn forget(&mut self, place: &Place) {
        let Some(of_project) = self.statements.get_mut(&place.project) else { return };
        of_project.retain(|_, known| {
            let Scope { service, environment, .. } = &known.facts.scope;
            service.as_ref() != Some(&place.service) || environment.as_ref() != Some(&place.environment)
        });
        if of_project.is_empty() {
            self.statements.remove(&place.project);
        }
    }

    /// Forgets statements that a status withdraws.
    pub(crate) fn withdraw(&mut self, withdrawn: &[Digest]) {
        for of_project in self.statements.values_mut() {
            of_project.retain(|digest, _| !withdrawn.contains(digest));
        }
        self.statements.retain(|_, of_project| !of_project.is_empty());
    }
}
