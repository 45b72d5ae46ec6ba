//! The machines that a run or a release waits for, and the reasons why a release does not go on.
//!
//! Input: views of the server. Output: an error if the wait would never end, or the reasons of a gate or agent. Invariant:
//! nothing here changes or cancels anything.

use domain::gate::GateOutcome;
use domain::release::UNTIMELY;
use evidence::dsse::Envelope;
use evidence::report::AgentReport;
use policy::Reason;
use review::outcome::{self, PlaceOutcome, Stand};
use review::{release_words, witnesses};
use wire::{Client, LastOutcome, MachineView, PlaceView, ReleaseStage, ReleaseView, RunView, WorkState};

use crate::error::Error;
use crate::rollout_end;

/// The approval nodes that a run waits for, if it waits for nothing else.
pub fn nodes(view: &RunView) -> Option<Vec<String>> {
    let is_open = |state: WorkState| matches!(state, WorkState::Agreed { given, needed } if given != needed);
    let open: Vec<_> =
        view.works.iter().filter(|work| is_open(work.state)).map(|work| work.name.clone()).collect();
    let is_busy = view.works.iter().any(|work| work.state == WorkState::Due);
    (!is_busy && !open.is_empty()).then_some(open)
}

/// Fails if all remaining work of a run waits for runners that are gone.
pub async fn runners(client: &Client, view: &RunView) -> Result<(), Error> {
    let due: Vec<_> = view.works.iter().filter(|work| work.state == WorkState::Due).collect();
    let all = client.installation().await?.runners;
    let machines =
        due.iter().filter_map(|work| all.iter().find(|machine| Some(&machine.name) == work.runner.as_ref()));
    let Some(gone) = outcome::gone(machines) else { return Ok(()) };
    let run = view.run;
    let reason = |machine: &&MachineView| Reason {
        code: "runner-gone".into(),
        what: format!(
            "runner {} has not asked for work for {} seconds",
            machine.name, machine.silent_seconds
        ),
        remedy: format!(
            "start it: the run then continues, and `countersign run {}` follows it; or `countersign cancel {run}`",
            view.commit
        ),
        finding: None,
    };
    let mut reasons: Vec<_> = gone.iter().map(reason).collect();
    reasons.dedup();
    let message = format!("run {run} waits for runners that are gone; it has not ended");
    Err(Error::decided(GateOutcome::Undecided, message, reasons))
}

/// Fails if all releases of a run that are in progress wait for agents that are gone.
pub fn agents(view: &RunView, stands: &[PlaceOutcome], places: &[PlaceView]) -> Result<(), Error> {
    let waits = |at: &&PlaceOutcome| matches!(at.stand, Stand::Moving { .. });
    let moving =
        stands.iter().filter(waits).filter_map(|at| places.iter().find(|place| place.place == at.place));
    // A place that comes after another place waits for that place and not for its own agent.
    let due: Vec<_> = moving.filter(|place| is_due(place) || place.wanted).collect();
    let all_due = due.iter().all(|place| is_due(place));
    let Some(gone) = outcome::gone(due.iter().flat_map(|place| &place.agents)).filter(|_| all_due) else {
        return Ok(());
    };
    let reasons = gone.iter().map(|machine| absent(machine)).collect();
    let message = format!("run {} waits for agents that are gone; its releases stay due", view.run);
    Err(Error::decided(GateOutcome::Undecided, message, reasons))
}

/// Fails if a release or rollback is due at a place whose agents are gone.
pub fn agent(place: &PlaceView) -> Result<(), Error> {
    let Some(gone) = outcome::gone(place.agents.iter()).filter(|_| is_due(place)) else { return Ok(()) };
    let message = format!("{}: its agent is gone; the release or rollback stays due there", place.place);
    Err(Error::decided(GateOutcome::Undecided, message, gone.iter().map(|machine| absent(machine)).collect()))
}

/// Whether a release or rollback is due at the agents of a place.
pub fn is_due(place: &PlaceView) -> bool {
    place.rollback.is_some() || place.open.as_ref().is_some_and(|open| open.stage == ReleaseStage::Due)
}

fn absent(machine: &MachineView) -> Reason {
    Reason {
        code: "agent-gone".into(),
        what: format!("agent {} has not asked for work for {} seconds", machine.name, machine.silent_seconds),
        remedy: "start it: it then does what is due; `countersign status` shows the progress".into(),
        finding: None,
    }
}

/// Why a release does not run, in the words of its gate or agent.
pub async fn why(client: &Client, release: &ReleaseView) -> Result<Error, Error> {
    let mut reasons: Vec<Reason> = Vec::new();
    let is_verdict = release.stage == ReleaseStage::Held;
    if let (Some(detail), true) = (&release.detail, is_verdict)
        && let Ok(bytes) = client.blob(detail, DETAIL_MAX).await
        && let Ok(judgement) = serde_json::from_slice::<judge::Judgement>(&bytes)
    {
        reasons.extend(judgement.reasons);
        reasons.extend(judgement.unclear);
    }
    if reasons.is_empty() {
        let said = if is_verdict { None } else { reported(client, release).await };
        if let Some(ended) = rollout_end::of(client, release, said.as_deref()).await? {
            return Ok(ended.into_error());
        }
        let what = said.unwrap_or_else(|| {
            format!("reported by the {}", if is_verdict { "gate" } else { "agent, without a reason" })
        });
        let remedy = match is_verdict {
            true => format!("see entry {}", release.entry),
            false => format!("see `countersign logs {}` for more of the service's log", release.place),
        };
        reasons.extend(release.reasons.iter().map(|code| Reason {
            code: code.clone(),
            what: what.clone(),
            remedy: remedy.clone(),
            finding: None,
        }));
    }
    if release.stage == ReleaseStage::Held && release.reasons.iter().any(|code| code == "frozen") {
        let remedy = "it is tried again automatically once the freeze is lifted";
        reasons.iter_mut().filter(|reason| reason.code == "frozen").for_each(|reason| {
            reason.remedy = format!("{}; {remedy}", reason.remedy);
        });
    }
    if [ReleaseStage::Held, ReleaseStage::Refused].contains(&release.stage) {
        reasons.iter_mut().filter(|reason| UNTIMELY.contains(&reason.code.as_str())).for_each(|reason| {
            reason.remedy =
                format!("{}; it is tried again automatically when its time has come", reason.remedy);
        });
    }
    if reasons.iter().any(|reason| reason.code == "not-witnessed") {
        witnesses::advise(&mut reasons, client.installation().await?.witnesses);
    }
    let outcome = if release.outcome == Some(LastOutcome::Undecided) {
        GateOutcome::Undecided
    } else {
        GateOutcome::Fail
    };
    Ok(Error::decided(outcome, release_words::title(release), reasons))
}

/// The reason of a failure, in the words of the agent's signed report.
async fn reported(client: &Client, release: &ReleaseView) -> Option<String> {
    let bytes = client.blob(&release.detail?, DETAIL_MAX).await.ok()?;
    let report = AgentReport::read(&Envelope::decode(&bytes).ok()?).ok()?;
    Some(report.detail).filter(|detail| !detail.is_empty())
}

const DETAIL_MAX: usize = 4 * 1024 * 1024;
