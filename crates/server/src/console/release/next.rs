//! The next commands about a release, the one that matters most first.

use web::model::Command;
use wire::{ReleaseKind, ReleaseStage};

use super::seen::Seen;
use crate::console::pending::PendingWords;
use crate::console::words::{command, command_for};

/// The next commands.
pub fn commands(seen: &Seen<'_>, words: Option<PendingWords>) -> Vec<Command> {
    let (view, place) = (&seen.view, &seen.view.place);
    let number = view.release.unwrap_or_default();
    if let Some(words) = words {
        let show = command(format!("countersign approve {place} --show"));
        return vec![words.command, show];
    }
    let explain = command(format!("countersign policy explain {place} {number}"));
    let again = command_for(format!("countersign run --again {}", view.commit), "if it is wanted after all");
    let logs = command(format!("countersign logs {place}"));
    if seen.rolled_back_by().is_some() {
        return vec![again];
    }
    match view.stage {
        ReleaseStage::Running if seen.is_current && view.kind == ReleaseKind::Release => {
            let back = command_for(
                format!("countersign rollback {place}"),
                "if the release before should run again",
            );
            vec![logs, explain, back]
        }
        ReleaseStage::Running if seen.is_current => vec![logs],
        ReleaseStage::Returned | ReleaseStage::Failed | ReleaseStage::Refused => {
            vec![logs, command_for("countersign run", "a commit that mends it")]
        }
        ReleaseStage::Unplannable => vec![command("countersign pipeline check")],
        ReleaseStage::Superseded if view.by_rollback.is_some() => {
            vec![command_for(format!("countersign run {}", view.commit), "if it is still wanted")]
        }
        ReleaseStage::RolledBack => vec![again],
        ReleaseStage::Held => vec![explain],
        _ => vec![command(format!("countersign status {place}"))],
    }
}
