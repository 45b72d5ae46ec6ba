//! `countersign cancel`: ends a run that is not wanted any more, and the steps that runners execute for it.

use clap::Args;
use client::access::Access;
use client::id_prefix::IdPrefix;
use client::request::Parts;
use client::session;
use domain::RunId;
use domain::gate::GateOutcome;
use policy::Reason;
use serde_json::json;

use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;

/// Arguments of `cancel`.
#[derive(Debug, Args)]
pub struct Cancel {
    #[command(flatten)]
    data_dir: DataDir,
    /// The run: its id or the first digits of it; `countersign status` shows the runs that have not ended.
    run: IdPrefix,
}

/// Cancels the run.
pub fn run(verb: &Cancel, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let run = runtime()?.block_on(verb.run.run(&session::client(&access)?))?;
    send(&access, run, output)
}

/// Cancels a run of the commit that the server names for it, and of no other commit.
pub fn send(access: &Access, run: RunId, output: Output) -> Result<(), Failure> {
    let view = runtime()?.block_on(session::client(access)?.run(run))?;
    let commit = view.commit;
    if view.state != wire::RunState::Running {
        let what = format!("run {run} of commit {commit} has ended already: {}", view.state);
        let remedy =
            "there is nothing left to cancel; `countersign status` shows the outcome of its releases";
        let finding =
            Reason { code: "run-ended".into(), what: what.clone(), remedy: remedy.into(), finding: None };
        return Err(Failure::decided(GateOutcome::Fail, what, vec![finding]));
    }
    let sent = sending::send(access, "cancel", json!({ "run": run, "commit": commit }), Parts::default())?;
    let said = json!({ "run": run, "commit": commit, "entry": sent.outcome.entry });
    output.print(&said, |_| {
        format!("run {run} of commit {commit} has ended, recorded as entry {}", sent.outcome.entry)
    })
}
