//! `countersign cancel`: ends a run that is not wanted any more, and with it what its runners are doing.

use clap::Args;
use domain::RunId;
use domain::gate::GateOutcome;
use policy::Finding;
use serde_json::json;

use super::{Place, runtime};
use crate::failure::Failure;
use crate::home::Home;
use crate::ids::Beginning;
use crate::output::Output;
use crate::request::{self, With};

/// Arguments of `cancel`.
#[derive(Debug, Args)]
pub struct Cancel {
    #[command(flatten)]
    place: Place,
    /// The run, or the first digits of its id; `countersign status` shows those that have not ended.
    run: Beginning,
}

/// Asks for the end of a run.
pub fn run(verb: &Cancel, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    let run = runtime()?.block_on(verb.run.run(&home.client()?))?;
    send(&home, run, output)
}

/// Ends a run of the commit that the server shows for it, and no other.
pub fn send(home: &Home, run: RunId, output: Output) -> Result<(), Failure> {
    let view = runtime()?.block_on(home.client()?.run(run))?;
    let commit = view.commit;
    if view.state != "running" {
        let what = format!("run {run} of commit {commit} has ended already: {}", view.state);
        let remedy = "nothing of it is left to end; `countersign status` shows what became of its releases";
        let finding = Finding { code: "run-ended".into(), what: what.clone(), remedy: remedy.into() };
        return Err(Failure::decided(GateOutcome::Fail, what, vec![finding]));
    }
    let sent = request::send(home, "cancel", json!({ "run": run, "commit": commit }), With::default())?;
    let said = json!({ "run": run, "commit": commit, "entry": sent.outcome.entry });
    output.print(&said, |_| {
        format!("run {run} of commit {commit} has ended, on record as entry {}", sent.outcome.entry)
    })
}
