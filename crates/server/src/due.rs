//! What is due on a machine, as it is handed out: complete plans out of the state, with the bytes they need.

use domain::release::Stage;
use domain::{Place, RunId, State};
use evidence::dsse::Envelope;
use evidence::return_order::ReturnOrder;
use evidence::run_order::RunOrder;
use evidence::{Digest, Moment, Name};
use judge::{Store as _, enrolment_envelope_at};
use wire::{AgentWork, RUNNER_WORK_MAX, RunnerWork};

use crate::edge::{EdgeError, Gatekeeper};

/// What is due on a runner, with the repository that whoever asked has named.
///
/// # Errors
/// `EdgeError` when an entry cannot be read.
pub fn on_runner(keeper: &Gatekeeper, state: &State, runner: &Name) -> Result<Vec<RunnerWork>, EdgeError> {
    let repository = |run: RunId| -> Result<Option<String>, EdgeError> {
        let Some(source) = state.source.of(run) else { return Ok(None) };
        let particulars = keeper.particulars(source.entry)?;
        Ok(particulars.get("repository").and_then(|path| path.as_str()).map(str::to_owned))
    };
    let due = state.build.outstanding(runner).take(RUNNER_WORK_MAX);
    due.map(|due| Ok(RunnerWork { due: due.clone(), repository: repository(due.run)? })).collect()
}

/// By what a runner sees that people asked for a run; `None` when there is nothing to do for it.
///
/// # Errors
/// `EdgeError` when the evidence on disk cannot be read.
pub fn order(
    keeper: &Gatekeeper,
    state: &State,
    run: RunId,
    now: Moment,
) -> Result<Option<RunOrder>, EdgeError> {
    judge::run_order(state, &keeper.store(), run, now).map_err(failed)
}

/// What is due at a place.
///
/// # Errors
/// `EdgeError` when the evidence on disk cannot be read.
pub fn at_place(keeper: &Gatekeeper, state: &State, place: &Place) -> Result<Option<AgentWork>, EdgeError> {
    let Some(standing) = state.release.at(place) else { return Ok(None) };
    if let Some((returning, _)) = &standing.returning {
        let unknown = || failed("the person who asked is no longer enrolled");
        let person = state.identity.enrolled(returning.person).ok_or_else(unknown)?;
        let store = keeper.store();
        let read = |digest: &Digest| {
            let bytes = store.blob(digest).map_err(failed)?;
            Envelope::decode(&bytes).map_err(failed)
        };
        let status = state.identity.status().ok_or_else(|| failed("no status is in force"))?;
        let order = ReturnOrder {
            v: 1,
            project: place.project.clone(),
            service: place.service.clone(),
            environment: place.environment.clone(),
            release: returning.release,
            artifact: returning.artifact,
            roots: state.identity.roots().iter().map(read).collect::<Result<_, _>>()?,
            status: evidence::status::StatusFile::decode(&store.blob(&status.2).map_err(failed)?)
                .map_err(failed)?,
            enrolment: enrolment_envelope_at(&store, person.entry).map_err(failed)?.0,
            request: read(&returning.request)?,
        };
        return Ok(Some(AgentWork::Return(Box::new(order))));
    }
    let due = standing.open.as_ref().and_then(|open| match open.stage {
        Stage::Due(bundle) => {
            Some(AgentWork::Release { bundle, release: open.facts.release, artifact: open.facts.artifact })
        }
        _ => None,
    });
    Ok(due)
}

fn failed(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Evidence(error.to_string())
}
