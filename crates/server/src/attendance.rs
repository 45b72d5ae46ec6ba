//! Attendance: when each runner asked for work last, and the end of runs that wait for one that is gone.
//!
//! Invariant: what is seen here decides nothing by itself; a run ends by a command like any other, which is recorded and
//! replayed. It is kept in memory: a server that has just started waits as long as for a runner that it has just seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{Command, State, build};
use evidence::entry::{Actor, Auth};
use evidence::{Name, NameError};
use judge::CLAIM;
use serde_json::{Value, json};

use crate::http::Shared;
use crate::writer::{Job, Origin};

/// What is known of the runners since this server started.
#[derive(Debug)]
pub struct Attendance {
    since: Instant,
    runners: Mutex<BTreeMap<Name, Attended>>,
}

/// What is known of one runner.
#[derive(Clone, Debug, Default)]
struct Attended {
    /// When it was heard last.
    last: Option<Instant>,
    /// Why a claim in its name was refused since then, which was said.
    problem: Option<String>,
}

impl Attendance {
    /// Nobody was seen yet. Time that a host sleeps does not count.
    pub const fn new(since: Instant) -> Self {
        Self { since, runners: Mutex::new(BTreeMap::new()) }
    }

    /// A runner that the trust root names has shown who it is.
    pub fn saw(&self, runner: &Name, now: Instant) {
        self.lock().insert(runner.clone(), Attended { last: Some(now), problem: None });
    }

    /// A claim in the name of a runner that the trust root names was refused: said once for each reason.
    pub fn refused(&self, runner: &Name, why: &str) {
        let mut runners = self.lock();
        let attended = runners.entry(runner.clone()).or_default();
        if attended.problem.as_deref() != Some(why) {
            shown::say(&format!("warning: a claim in the name of {runner} was refused: {why}"));
            attended.problem = Some(why.to_owned());
        }
    }

    /// The commands that end the runs which wait for a runner that was not heard for so long; one for each run.
    pub fn lost(&self, state: &State, now: Instant, gone_after: Duration) -> Vec<build::Lose> {
        let is_gone = |runner: &Name| {
            let last = self.lock().get(runner).and_then(|attended| attended.last).unwrap_or(self.since);
            now.saturating_duration_since(last) >= gone_after
        };
        let lost = state.build.runs().filter_map(|run| {
            let outstanding = run.due.iter().filter(|due| run.report(&due.work, &due.runner).is_none());
            let mut gone = outstanding.filter(|due| is_gone(&due.runner));
            gone.next().map(|due| build::Lose { run: due.run, work: due.work.clone(), runner: None })
        });
        lost.collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Attended>> {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends runs whose runner is gone, for as long as the server runs.
pub async fn run(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let gone_after = shared.gatekeeper.limits().runner_gone();
        let (state, now) = (shared.intake.state(), Instant::now());
        for lose in shared.attendance.lost(&state, now, gone_after) {
            let (run, minutes) = (lose.run, gone_after.as_secs() / 60);
            let project = state.build.run(run).map(|run| run.started.project.clone());
            let Ok(job) = job(lose, (Actor::System, None), project) else { continue };
            match shared.intake.submit(job).await {
                Ok(_) => {
                    let what = format!("a runner that it waits for was not heard for {minutes} minutes");
                    shown::say(&format!("warning: run {run} is lost: {what}"));
                }
                Err(error) => shown::say(&format!("warning: run {run} could not be ended: {error}")),
            }
        }
    }
}

/// The command that ends a run, as the server asks for it, or a runner by a claim.
pub fn job(
    lose: build::Lose,
    (actor, claim): (Actor, Option<Value>),
    project: Option<Name>,
) -> Result<Job, NameError> {
    let auth = if matches!(actor, Actor::System) { Auth::None } else { Auth::MachineKey };
    let origin = Origin { actor, auth, action: "lose".parse()?, idempotency: None, project };
    let particulars = claim.map(|claim| json!({ CLAIM: claim }));
    Ok(Job { command: Command::Lose(lose), origin, particulars, blobs: Vec::new(), bodies: Vec::new() })
}

const LOOK_EVERY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_lost_once_its_runner_was_silent_for_long_and_not_before() {
        let base = Instant::now();
        let at = |minutes: u64| base + Duration::from_mins(minutes);
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let due = lab::forgery::runs::in_team().asked().due;
        let (project, commit, pipeline, run) =
            (due.project.clone(), due.commit.clone(), due.pipeline, due.run);
        let mut state = State::default();
        let started = build::Started {
            run,
            project,
            commit,
            pipeline,
            steps: BTreeMap::new(),
            artifacts: [].into(),
            services: BTreeMap::new(),
            runners: vec![name("runner-1")],
            seed: due.nonce,
            again: Some(false),
        };
        state.apply(&domain::Event::Started(started), lab::at(0));
        state.apply(&domain::Event::Due(build::Due { runner: name("runner-1"), ..due.clone() }), lab::at(0));
        let attendance = Attendance::new(at(0));
        let lost = |now| attendance.lost(&state, at(now), Duration::from_mins(60));
        assert!(lost(59).is_empty(), "a server that has just started waits");
        attendance.saw(&name("runner-1"), at(30));
        attendance.saw(&name("runner-2"), at(90));
        assert!(lost(89).is_empty());
        assert_eq!(lost(90), [build::Lose { run, work: due.work, runner: None }]);
    }
}
