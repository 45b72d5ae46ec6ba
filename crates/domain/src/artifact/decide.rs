//! Decisions about artifacts: the artifacts of a run exist once all its runners agree on the bytes.
//!
//! Invariant: if the runners differ in any artifact or in the tree, the run ends without any artifact.

use std::collections::BTreeSet;

use evidence::receipt::Work;

use super::event::{Built, PlannedChecks};
use crate::build::{self, Ended, Progress, RunOutcome};
use crate::event::Event;
use crate::ids::RunId;
use crate::refusal::{Reason, Refusal};

/// Concludes a run once a step failed or every report arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conclude {
    /// The run.
    pub run: RunId,
}

/// Decides how a run ends. A run that still waits for reports gives no events.
///
/// # Errors
/// `Refusal` when there is no such run.
pub fn conclude(state: &build::State, command: Conclude) -> Result<Vec<Event>, Refusal> {
    let gone = || Reason::new("no-such-run", "there is no such run, or it has ended", "see its entries");
    let run = state.run(command.run).ok_or_else(gone)?;
    let end = |outcome, because| Event::Ended(Ended { run: command.run, outcome, because });
    if let Some(failed) = run.reported.iter().find(|report| !report.passed) {
        return Ok(vec![end(RunOutcome::Failed, Some(failed.work.clone()))]);
    }
    let started = &run.started;
    let assembled = started.artifacts.iter().all(|name| {
        let work = Work::Artifact(name.clone());
        started.runners.iter().all(|runner| run.report(&work, runner).is_some())
    });
    if !run.steps_passed() || !assembled {
        return Ok(Vec::new());
    }
    let trees: BTreeSet<_> = run.reported.iter().map(|report| report.tree).collect();
    if trees.len() > 1 {
        return Ok(vec![end(RunOutcome::Differed, None)]);
    }
    let mut events = Vec::new();
    for name in &started.artifacts {
        match built(run, name) {
            Some(built) => events.push(Event::Built(built)),
            None => return Ok(vec![end(RunOutcome::Differed, Some(Work::Artifact(name.clone())))]),
        }
    }
    events.push(end(RunOutcome::Passed, None));
    Ok(events)
}

/// An artifact on which all runners agree.
fn built(run: &Progress, name: &evidence::Name) -> Option<Built> {
    let started = &run.started;
    let work = Work::Artifact(name.clone());
    let reports: Vec<_> = run.reported.iter().filter(|report| report.work == work).collect();
    let distinct: BTreeSet<_> = reports.iter().map(|report| report.artifact).collect();
    let (Some((manifest, layer)), 1) = (reports.first()?.artifact, distinct.len()) else { return None };
    let counts = |work: &Work| match work {
        Work::Step(_) => true,
        Work::Artifact(other) => other == name,
        Work::Check(_) => false,
    };
    let receipts: BTreeSet<_> =
        run.reported.iter().filter(|report| counts(&report.work)).map(|report| report.envelope).collect();
    let services: Vec<_> = started
        .services
        .iter()
        .filter(|(_, artifact)| *artifact == name)
        .map(|(service, _)| service.clone())
        .collect();
    let checks = started.checks.iter().filter(|(service, _)| services.contains(service));
    let checks: build::ServiceChecks =
        checks.map(|(service, checks)| (service.clone(), checks.clone())).collect();
    let checks = (!checks.is_empty()).then(|| PlannedChecks {
        services: checks,
        pipeline: started.pipeline,
        runners: started.checkers.clone().unwrap_or_else(|| started.runners.clone()),
        seed: started.seed,
    });
    Some(Built {
        run: started.run,
        project: started.project.clone(),
        name: name.clone(),
        commit: started.commit.clone(),
        manifest,
        layer,
        tree: reports.first()?.tree,
        receipts: receipts.into_iter().collect(),
        services,
        again: started.again,
        preview: started.preview.clone(),
        checks,
    })
}
