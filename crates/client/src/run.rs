//! A run that a person follows: whether another one would change anything, its end, and the command that comes next.
//!
//! Input: a run and a client. Output: the end of the run, or the reasons why it stopped. Invariant: everything is about
//! this run only; nothing here cancels it.

use std::time::Duration;

use domain::RunId;
use evidence::trust_root::Mode;
use evidence::{CommitId, Name, Place};
use review::outcome::{self, PlaceOutcome, Stand};
use review::{approvers, next_step};
use wire::{Client, PlaceView, RunFilter, RunState, RunView, WorkState};

use crate::access::Access;
use crate::dossier::Dossier;
use crate::error::Error;
use crate::pending::PendingGate;
use crate::profile::Profile;
use crate::waiting;

/// The last run of a commit, if another run would change nothing: it is in progress, or its artifacts are settled at
/// every place, or a person rolled them back there.
pub async fn standing(
    client: &Client,
    project: &Name,
    commit: &CommitId,
    places: &[PlaceView],
) -> Result<Option<RunView>, Error> {
    let asked =
        RunFilter { project: Some(project.clone()), commit: Some(commit.clone()), ..RunFilter::default() };
    // The run of a preview goes nowhere else, so it says nothing of the places that stay.
    let stays = |view: &RunView| view.preview.is_none();
    let Some(view) = client.runs(&asked).await?.into_iter().find(stays) else { return Ok(None) };
    let stands = outcome::stands(&view, places);
    let settled = |at: &PlaceOutcome| at.stand.is_settled() || matches!(at.stand, Stand::RolledBack { .. });
    let is_placed = view.services.is_empty() || !stands.is_empty();
    let stays = match view.state {
        RunState::Running => true,
        RunState::Passed => is_placed && stands.iter().all(settled),
        _ => false,
    };
    Ok(stays.then_some(view))
}

/// The point at which nothing more happens automatically.
#[derive(Debug, Default)]
pub struct RunEnd {
    /// Every place, as it was at the end.
    pub places: Vec<PlaceView>,
    /// Approval nodes that the run waits for.
    pub nodes: Option<Vec<String>>,
}

/// Follows a run and its releases until nothing more happens automatically, and hands each change to `once`.
pub async fn follow(
    client: &Client,
    run: RunId,
    mut once: impl FnMut(String),
) -> Result<(RunView, RunEnd), Error> {
    let mut seen = 0;
    loop {
        let view = client.run(run).await?;
        let mut is_at_agent = false;
        for work in &view.works {
            let who = work.runner.as_ref().map_or_else(String::new, |runner| format!(" on {runner}"));
            let state = if work.running { "running".to_owned() } else { work.state.to_string() };
            once(format!("{} {}{who}: {state}", work.kind, work.name));
        }
        if view.state == RunState::Running {
            if let Some(nodes) = waiting::nodes(&view) {
                return Ok((view, RunEnd { nodes: Some(nodes), ..RunEnd::default() }));
            }
            waiting::runners(client, &view).await?;
        } else {
            once(format!("run: {}", view.state));
            let places = client.places().await?;
            let stands =
                if view.state == RunState::Passed { outcome::stands(&view, &places) } else { Vec::new() };
            for PlaceOutcome { place, stand } in &stands {
                once(format!("{place}: {}", stand.words()));
                let view = places.iter().find(|view| view.place == *place);
                is_at_agent |= view.is_some_and(waiting::is_due);
                let probing = view.and_then(|view| view.service.as_ref()?.probing.as_ref());
                if let (Some(why), Stand::Moving { .. }) = (probing, stand) {
                    once(format!("{place}: its probe has not passed yet: {}", shown::line(why)));
                }
            }
            if !stands.iter().any(|at| matches!(at.stand, Stand::Moving { .. })) {
                return Ok((view, RunEnd { places, nodes: None }));
            }
            waiting::agents(&view, &stands, &places)?;
            // Of a run that has passed, only checks of its releases may be due.
            if view.works.iter().any(|work| work.state == WorkState::Due) {
                waiting::runners(client, &view).await?;
            }
        }
        let past = client.wait_past(seen);
        // Neither the start of a runner's work nor what an agent does until its report is an entry, so nothing in the ledger shows
        // it: the server is asked at intervals.
        if is_at_agent || view.works.iter().any(|work| work.state == WorkState::Due && !work.running) {
            let waited = tokio::time::timeout(LOOK_EVERY, past).await;
            seen = waited.unwrap_or(Ok(seen))?;
        } else {
            seen = past.await?;
        }
    }
}

/// The next command for this run. A release whose gate has other reasons than a missing approval needs something else first.
pub async fn next(
    access: &Access,
    client: &Client,
    outcomes: &[PlaceOutcome],
    gates: &[PendingGate],
) -> Result<String, Error> {
    let waits = outcomes.iter().find_map(|at| match at.stand {
        Stand::Waiting { approvals, .. } => Some((&at.place, approvals)),
        _ => None,
    });
    let Some((place, approvals)) = waits else { return Ok("countersign status".into()) };
    if let Some(gate) = gates.iter().find(|gate| gate.place == *place) {
        let others = gate.left.iter().filter(|reason| reason.code != "approvals-missing");
        let others: Vec<_> = others.cloned().collect();
        if !others.is_empty() {
            return Ok(next_step::next(place, &others, &gate.results));
        }
    }
    match approvals {
        0 => approval(access, client, place).await,
        _ => Ok(format!("countersign promote {place}")),
    }
}

/// The command that approves a release, with the names of possible approvers if this person's own approval would not count.
async fn approval(access: &Access, client: &Client, place: &Place) -> Result<String, Error> {
    let command = approvers::command(place);
    let installation = client.installation().await?;
    if installation.mode == Mode::Solo {
        return Ok(command);
    }
    let profile = Profile::of(access)?;
    // If the evidence does not hold, nobody can be named; `approve` then reports why it does not hold.
    let dossier = Dossier::fetch(&profile, client, place).await;
    let Ok(checked) = dossier.as_ref().map_err(drop).and_then(|dossier| dossier.check().map_err(drop)) else {
        return Ok(approvers::somebody(&command));
    };
    let own = approvers::own_change(&checked, &installation.people, profile.person.id());
    Ok(own.map_or(command, |own| own.remedy))
}

/// Interval at which a run is read while its work waits for a runner.
const LOOK_EVERY: Duration = Duration::from_millis(500);
