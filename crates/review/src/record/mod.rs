//! The compact record of one deployment: who, what, when, why, from where, with what, past which gates, in which steps.
//!
//! Input: the server's view of a release, its evidence as far as it holds, and the ledger's entries about it. Output: a
//! value, and text of a page. Invariant: pure, and nothing is stored for it; each step says how it is known. This module
//! deliberately decides nothing: verdicts come from the judgement.

mod agreement;
mod model;
mod proven;
mod steps;
#[cfg(test)]
mod tests;
mod text;
mod told;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use domain::PersonId;
use evidence::Digest;
use evidence::dsse::Envelope;
use judge::{Checked, Judgement};
use wire::ReleaseView;

pub use model::{Barrier, Components, Gates, Known, Proof, Record, RuleRecord, Source, Step, What, Who, Why};
pub use proven::stated;
use steps::{Named, told};
pub use told::Told;
pub use words::Standing;

/// Everything that a record is made of.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The release as the server shows it.
    pub view: &'a ReleaseView,
    /// Whether it runs, and its successor.
    pub standing: Standing,
    /// Its evidence, if there is any.
    pub evidence: Option<(&'a Checked<'a>, &'a Judgement)>,
    /// Why its evidence does not hold, if there is some that does not.
    pub broken: Option<&'a str>,
    /// Digest of that evidence; absent while the release is pending.
    pub bundle: Option<Digest>,
    /// Entries of the ledger about it.
    pub told: &'a [Told],
    /// Signed requests and reports that these entries name, by the digest of the envelope.
    pub envelopes: &'a BTreeMap<Digest, Envelope>,
    /// The name of a person whom the evidence does not name.
    pub named: &'a dyn Fn(PersonId) -> Option<String>,
}

impl Record {
    /// The record of a release.
    #[must_use]
    pub fn of(sources: Sources<'_>) -> Self {
        let Sources { view, standing, evidence, broken, bundle, told: entries, envelopes, named } = sources;
        let by = |person: PersonId| {
            let enrolled = evidence.and_then(|(checked, _)| checked.people.enrolled.by_id(person.id()));
            let known = enrolled.map(|person| person.name.clone()).or_else(|| named(person));
            known.unwrap_or_else(|| format!("person {person}"))
        };
        let by: Named<'_> = &by;
        let environment = evidence.map(|(checked, _)| &checked.trust.environment);
        let mut record = Self {
            v: 1,
            place: view.place.clone(),
            release: view.release,
            kind: view.kind,
            stage: view.stage,
            current: standing.is_current,
            sentence: words::sentence(view, standing),
            who: steps::people(entries, by),
            what: What {
                commit: view.commit.clone(),
                subject: None,
                base: None,
                commits: None,
                artifact: view.artifact,
                configuration: None,
                plan: None,
                replaces: None,
            },
            why: steps::reasons(entries, envelopes, by),
            from: Source {
                project: view.place.project.clone(),
                run: view.run,
                pipeline: None,
                runners: BTreeSet::new(),
                receipts: 0,
                network: BTreeSet::new(),
            },
            with: None,
            gates: None,
            steps: entries.iter().map(|entry| told(entry, envelopes, environment, by)).collect(),
            proof: None,
            missing: None,
        };
        match evidence {
            Some((checked, judgement)) => {
                proven::add(&mut record, proven::Evidence { view, bundle, checked, judgement }, by)
            }
            None => record.missing = Some(words::missing(view, broken)),
        }
        // A report whose signature was not verified names no agent beside what the evidence proves.
        let is_reported = |step: &Step| step.known == Known::Signed && step.kind == REPORTED;
        record.who.agent =
            record.who.agent.filter(|_| evidence.is_none() || record.steps.iter().any(is_reported));
        record.steps.sort_by_key(|step| step.entry);
        record
    }

    /// The record as the page of a log book.
    #[must_use]
    pub fn text(&self) -> String {
        text::text(self)
    }
}

/// Kind of the entries with reports of agents.
const REPORTED: &str = "release.reported";
