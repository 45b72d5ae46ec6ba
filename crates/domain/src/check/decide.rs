//! Decisions about checks.
//!
//! Invariant: every receipt counts once, and only for the release, artifact and runner that it names.

use std::collections::BTreeSet;

use evidence::receipt::Work;
use evidence::release_check::ReleaseCheck;
use evidence::{Name, Place};

use super::event::ChecksLost;
use super::state::{Checks, State};
use crate::event::Event;
use crate::refusal::{Reason, Refusal};
use crate::{artifact, build, release};

/// Makes the checks of the release that runs at a place due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueChecks {
    /// The place.
    pub place: Place,
}

/// The work that checks the release which runs at a place, on every runner of its run. Empty if none is declared.
#[must_use]
pub fn due(artifacts: &artifact::State, releases: &release::State, place: &Place) -> Vec<Event> {
    let standing = releases.at(place);
    let Some(running) = standing.and_then(|standing| standing.running.as_ref()) else { return Vec::new() };
    let built = artifacts.get(running.run, &running.artifact).map(|artifact| &artifact.facts);
    let Some((built, planned)) = built.and_then(|built| Some((built, built.checks.as_ref()?))) else {
        return Vec::new();
    };
    let declared = planned.services.get(&place.service).into_iter().flatten();
    let here = declared
        .filter(|(_, environments)| environments.is_empty() || environments.contains(&place.environment));
    let mut events = Vec::new();
    for (name, _) in here {
        let work = Work::Check(ReleaseCheck {
            place: place.clone(),
            release: running.release,
            artifact: running.artifact,
            name: name.clone(),
        });
        events.extend(planned.runners.iter().map(|runner| {
            Event::Due(build::Due {
                run: running.run,
                project: place.project.clone(),
                commit: built.commit.clone(),
                pipeline: planned.pipeline,
                work: work.clone(),
                runner: runner.clone(),
                nonce: build::nonce(planned.seed, &work, runner),
                needs: std::collections::BTreeMap::new(),
            })
        }));
    }
    events
}

/// Decides whether a report of a check counts.
///
/// # Errors
/// `Refusal` with every reason.
pub fn report(state: &State, check: &ReleaseCheck, command: &build::Report) -> Result<Vec<Event>, Refusal> {
    let checks = state.at(&check.place);
    let found = checks.and_then(|checks| {
        let mut due = checks.due.iter().filter(|_| !checks.lost);
        Some((checks, due.find(|due| due.nonce == command.nonce)?))
    });
    let Some((checks, due)) = found else {
        let what = "no check that is due has this nonce";
        return Err(Reason::new("nothing-due", what, "ask for work again").into());
    };
    build::of_due(due, command, checks.report_of(&due.work, &due.runner).is_some())
}

/// Decides whether the checks of a release end because nobody will report one.
///
/// # Errors
/// `Refusal` when the check is not outstanding.
pub fn lose(state: &State, check: &ReleaseCheck, command: &build::Lose) -> Result<Vec<Event>, Refusal> {
    let outstanding = state.at(&check.place).into_iter().flat_map(Checks::outstanding).any(|due| {
        due.run == command.run
            && due.work == command.work
            && command.runner.as_ref().is_none_or(|runner| due.runner == *runner)
    });
    if !outstanding {
        let what = "this check is not outstanding";
        return Err(Reason::new("nothing-due", what, "ask for work again").into());
    }
    let (place, because) = (check.place.clone(), command.work.clone());
    Ok(vec![Event::ChecksLost(ChecksLost { place, release: check.release, because })])
}

/// Ends the checks that wait for a runner which the trust root no longer names.
#[must_use]
pub fn without(state: &State, runners: &BTreeSet<Name>) -> Vec<Event> {
    let lost = state.places.iter().filter_map(|(place, checks)| {
        let due = checks.outstanding().find(|due| !runners.contains(&due.runner))?;
        let (place, because) = (place.clone(), due.work.clone());
        Some(Event::ChecksLost(ChecksLost { place, release: checks.release, because }))
    });
    lost.collect()
}
