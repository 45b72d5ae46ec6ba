//! Runners and agents on pages: whether each is there, and when it was heard.

use review::duration;
use review::outcome::is_gone;
use web::model::{Badge, State};
use wire::MachineView;

use super::words::badge;

/// Whether a machine is there.
pub fn presence(machine: &MachineView) -> Badge {
    if is_gone(machine) { badge(State::Stop, "gone") } else { badge(State::Pass, "there") }
}

/// The time at which a machine was heard, in words.
pub fn heard(machine: &MachineView) -> String {
    match (machine.at_work, machine.silent_seconds) {
        (true, _) => "at work".to_owned(),
        (false, 0) => "heard just now".to_owned(),
        (false, seconds) => format!("heard {} ago", duration::words(seconds.saturating_mul(1_000))),
    }
}
