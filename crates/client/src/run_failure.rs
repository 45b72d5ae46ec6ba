//! Why a run did not get as far as it could without people.
//!
//! Input: a run and its outcomes. Output: an error with a finding and a remedy, or nothing. Invariant: a run that only
//! waits for people has not failed.

use domain::gate::GateOutcome;
use policy::Reason;
use review::ids::short;
use review::outcome::{PlaceOutcome, Stand};
use review::run_words;
use wire::{Client, RunState, RunView, WorkState};

use crate::error::Error;
use crate::{output_differences, rollout_end, waiting};

/// The failure of a run that did not get as far as it could without people; `None` if it did.
pub async fn failure(
    client: &Client,
    view: &RunView,
    outcomes: &[PlaceOutcome],
) -> Result<Option<Error>, Error> {
    if view.state != RunState::Passed {
        // The failure is true even without the file list, so a receipt that cannot be read is no further failure.
        let differing = match view.state {
            RunState::Differed => output_differences::files(client, view).await.unwrap_or_default(),
            _ => Vec::new(),
        };
        return Ok(Some(failed(view, &differing)));
    }
    let run = view.run;
    for PlaceOutcome { place, stand } in outcomes {
        match stand {
            Stand::Stopped { release } => return waiting::why(client, release).await.map(Some),
            Stand::Superseded { by, automatic: true } => {
                let what = format!("run {by} proposed another release at {place} before run {run} ran there");
                let remedy = format!(
                    "see `countersign status`; a commit that descends from {} and from the running commit contains both",
                    short(view.commit.as_str())
                );
                let finding = Reason { code: "superseded".into(), what, remedy, finding: None };
                let message = format!("{place}: another run replaced run {run}");
                return Ok(Some(Error::decided(GateOutcome::Fail, message, vec![finding])));
            }
            Stand::Ended { by } => {
                if let Some(ended) = rollout_end::by_rollback(client, place, *by, &view.commit).await? {
                    return Ok(Some(ended.into_error()));
                }
                let what = format!("rollback {by} of {place} ended it before it ran there");
                let remedy =
                    format!("`countersign run {}` releases it there, if it is still wanted", view.commit);
                let finding = Reason { code: "ended-by-rollback".into(), what, remedy, finding: None };
                let message = format!("{place}: somebody rolled back there meanwhile");
                return Ok(Some(Error::decided(GateOutcome::Fail, message, vec![finding])));
            }
            Stand::RolledBack { what } => {
                let said = format!(
                    "release {} of this artifact was rolled back there by {}, as rollback {}",
                    what.release,
                    what.name.clone().unwrap_or_else(|| format!("person {}", what.person)),
                    what.by
                );
                let remedy = format!(
                    "release another commit; or, if it is wanted after all, `countersign run --again {}`",
                    view.commit
                );
                let finding = Reason { code: "rolled-back".into(), what: said, remedy, finding: None };
                let message = format!("{place}: commit {} was rolled back", short(view.commit.as_str()));
                return Ok(Some(Error::decided(GateOutcome::Fail, message, vec![finding])));
            }
            _ => {}
        }
    }
    Ok(nowhere(view, outcomes))
}

/// The failure of a run whose services have no place.
fn nowhere(view: &RunView, outcomes: &[PlaceOutcome]) -> Option<Error> {
    if view.services.is_empty() || !outcomes.is_empty() {
        return None;
    }
    let service = view.services.first().map(String::as_str).unwrap_or_default();
    Some(Error::unusable(format!(
        "run {} built commit {}, but there is no place to release it to: no environment statement names service {} of \
         project `{}`; make its places with `countersign project add`, or one by one with `countersign trust \
         environment {}/{service}/ENVIRONMENT`, then run again; `countersign status` shows the places that there are",
        view.run,
        short(view.commit.as_str()),
        view.services.join(", "),
        view.project,
        view.project,
    )))
}

fn failed(view: &RunView, differing: &[String]) -> Error {
    let differ = format!("the runners' outputs differ: {}", differing.join("; "));
    let bad = view.works.iter().filter(|work| work.state == WorkState::Failed);
    let mut findings: Vec<_> = bad
        .map(|work| {
            let runner = work.runner.as_ref().map(ToString::to_string).unwrap_or_default();
            Reason {
                code: "step-failed".into(),
                what: format!("{} {} failed on {runner}", work.kind, work.name),
                remedy: format!("countersign logs {} {} --runner {runner}", view.run, work.name),
                finding: None,
            }
        })
        .collect();
    let lost = run_words::lost(view);
    let cancelled = format!("{} ended it", run_words::cancelled_by(view));
    if findings.is_empty() {
        let (code, what, remedy) = match view.state {
            RunState::Differed => (
                "runners-differ",
                differ.trim_end_matches([':', ' ']),
                "make the build reproducible: docs/pipeline.md lists the usual causes; SOURCE_DATE_EPOCH is set for it",
            ),
            RunState::Cancelled => {
                ("run-cancelled", cancelled.as_str(), "run the commit again if it is still wanted")
            }
            _ => (
                "runner-lost",
                lost.as_str(),
                "`countersign status` shows which machines are connected; then run the commit again",
            ),
        };
        findings.push(Reason { code: code.into(), what: what.into(), remedy: remedy.into(), finding: None });
    }
    Error::decided(GateOutcome::Fail, format!("run {} {}", view.run, view.state), findings)
}
