//! Runs that wait for a runner that is gone: the server ends them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Command, build};
use evidence::entry::{Actor, Auth};
use evidence::receipt::Work;
use evidence::{Name, NameError};
use judge::CLAIM;
use serde_json::{Value, json};
use tracing::{Span, error, warn};

use crate::job::{CommandSource, Job};
use crate::shared::Shared;

/// Ends runs whose runner is gone, for as long as the server runs.
pub async fn run(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let gone_after = shared.gatekeeper.limits().runner_gone();
        let (state, now) = (shared.intake.state(), Instant::now());
        for lose in shared.attendance.lost(&state, now, gone_after) {
            let (run, minutes) = (lose.run, gone_after.as_secs() / 60);
            let project = match &lose.work {
                Work::Check(check) => Some(check.place.project.clone()),
                Work::Step(_) | Work::Artifact(_) => {
                    state.build.run(run).map(|run| run.started.project.clone())
                }
            };
            let named = format!("{} `{}`", lose.work.kind(), lose.work.label());
            let Ok(job) = job(lose, (Actor::System, None), project) else { continue };
            match shared.intake.submit(job).await {
                Ok(_) => {
                    warn!(%run, "{named} of run {run} is lost: its runner was not heard for {minutes} minutes");
                }
                Err(error) => error!(%run, "run {run} could not be ended: {error}"),
            }
        }
    }
}

/// The job that ends a run, in the name of the server, or of a runner by its claim.
pub fn job(
    lose: build::Lose,
    (actor, claim): (Actor, Option<Value>),
    project: Option<Name>,
) -> Result<Job, NameError> {
    let auth = if matches!(actor, Actor::System) { Auth::None } else { Auth::MachineKey };
    let origin = CommandSource { actor, auth, action: "lose".parse()?, idempotency: None, project };
    let particulars = claim.map(|claim| json!({ CLAIM: claim }));
    Ok(Job {
        command: Command::Lose(lose),
        origin,
        particulars,
        blobs: Vec::new(),
        bodies: Vec::new(),
        span: Span::none(),
    })
}

const LOOK_EVERY: Duration = Duration::from_secs(30);
