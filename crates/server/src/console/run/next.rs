//! The next commands about a run, the one that matters most first.

use review::ids::short;
use web::model::Command;
use wire::{RunState, WorkState};

use super::seen::Seen;
use super::why;
use crate::console::words::{command, command_for};

/// The next commands.
pub fn commands(seen: &Seen<'_>) -> Vec<Command> {
    let view = &seen.row.view;
    let (run, commit) = (view.run, &view.commit);
    let failed = view.works.iter().filter(|work| work.state == WorkState::Failed);
    let mut next: Vec<Command> = failed
        .filter_map(|work| {
            let runner = work.runner.as_ref()?;
            Some(command(format!("countersign logs {run} {} --runner {runner}", work.name)))
        })
        .take(LOGS_MAX)
        .collect();
    next.extend(why::open_nodes(seen).iter().map(|node| why::agree(run, node)));
    next.push(match view.state {
        RunState::Running => command_for(format!("countersign run {commit}"), "to follow it in a terminal"),
        RunState::Passed => {
            command_for(format!("countersign run --again {commit}"), "to build and release the commit anew")
        }
        _ => command_for(format!("countersign run {}", short(commit.as_str())), "to build the commit anew"),
    });
    next.extend((view.state == RunState::Running).then(|| {
        command_for(format!("countersign cancel {run}"), "to end it: what it built is not released")
    }));
    next
}

/// Most commands that show a log.
const LOGS_MAX: usize = 3;
