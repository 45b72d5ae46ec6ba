//! What follows by itself: a finished step starts the next step, gate or rollout, in the same transaction.
//!
//! Invariant: pure and finite; each command it answers is decided like any other, with actor `system` and
//! the event as its cause. Nothing follows from the identity context.

use crate::command::Command;
use crate::event::Event;
use crate::state::State;

/// Commands that follow from an event, given the state after it.
#[must_use]
pub fn next(_state: &State, event: &Event) -> Vec<Command> {
    match event {
        Event::Rooted(_) | Event::Enrolled(_) | Event::StatusSet(_) | Event::Refused(_) => Vec::new(),
    }
}
