//! The next commands about a release, the one that matters most first.

use review::rollout_words;
use web::model::{Command, State};
use wire::{ReleaseKind, ReleaseStage};

use super::newer::Newer;
use super::seen::Seen;
use crate::console::acting::MEND;
use crate::console::pending::{PendingWords, TO_LOOK};
use crate::console::words::{command, command_for};

/// The next commands.
pub fn commands(seen: &Seen<'_>, words: Option<PendingWords>, newer: Option<Newer>) -> Vec<Command> {
    let (view, place) = (&seen.view, &seen.view.place);
    let number = view.release.unwrap_or_default();
    if let Some(words) = words {
        let explain = command_for(format!("countersign policy explain {place}"), TO_LOOK);
        let show = command_for(format!("countersign approve {place} --show"), TO_SEE);
        let is_wanted = words.badge.state != State::Wait && explain.line != words.command.line;
        let explain = Some(explain).filter(|_| is_wanted);
        return [words.command].into_iter().chain(explain).chain([show]).collect();
    }
    let explain = command_for(format!("countersign policy explain {place} {number}"), TO_LOOK);
    let logs = command(format!("countersign logs {place}"));
    if seen.is_rolled_back() {
        return of_rolled_back(newer, view.commit.as_str());
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
        ReleaseStage::Held => vec![explain],
        ReleaseStage::Due if seen.waits_for_person() => {
            vec![command_for(rollout_words::promote(place), "release managers")]
        }
        _ => vec![command(format!("countersign status {place}"))],
    }
}

/// The commands about a release that was rolled back: a newer release comes first, and what people took back comes last.
fn of_rolled_back(newer: Option<Newer>, commit: &str) -> Vec<Command> {
    let mend = || command_for(MEND, "if no newer release mends it");
    let first = newer.map_or_else(mend, |newer| newer.command);
    vec![first, command_for(format!("countersign run --again {commit}"), BACK_AGAIN)]
}

/// The note of the command that brings back what people took back.
pub const BACK_AGAIN: &str = "if you want it all the same: brings back the content that was rolled back";
/// The note of the command that shows what an approval signs.
const TO_SEE: &str = "to look at all that an approval signs";

#[cfg(test)]
mod tests {
    use super::{BACK_AGAIN, MEND, Newer, command, command_for, of_rolled_back};
    use crate::console::words::fact;

    #[test]
    fn what_was_rolled_back_is_offered_after_everything_newer() {
        let approve = command_for("countersign approve a/b/c --reason WHY", "alice");
        let newer = Newer { fact: fact("Newer", "release 4 needs one approval"), command: approve.clone() };
        let [first, again] = &*of_rolled_back(Some(newer), "abc") else { unreachable!() };
        assert_eq!(*first, approve);
        assert_eq!(*again, command_for("countersign run --again abc", BACK_AGAIN));
        let [mend, last] = &*of_rolled_back(None, "abc") else { unreachable!() };
        assert_eq!((mend.line.as_str(), last), (MEND, again));
        assert_ne!(*last, command("countersign run --again abc"), "its note says what it brings back");
    }
}
