//! Commands, and the one function that decides them.
//!
//! Invariant: deciding changes nothing. Signatures and blobs were checked at the edge, before the writer;
//! what the edge found wrong arrives as reasons, so that it is refused on record like anything else.

use evidence::Moment;

use crate::event::Event;
use crate::identity;
use crate::refusal::Refusal;
use crate::state::State;

/// Something that a person, a machine or the flow asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Bring a trust root into force.
    SetRoot(identity::SetRoot),
    /// Enrol a person.
    Enrol(identity::Enrol),
    /// Bring a status statement into force.
    SetStatus(identity::SetStatus),
    /// Refuse what the edge could not make sense of.
    Refuse(Refusal),
}

/// Decides a command at a moment: the events that follow, or why none do.
///
/// # Errors
/// `Refusal` with every reason.
pub fn decide(state: &State, command: &Command, moment: Moment) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::SetRoot(command) => identity::set_root(&state.identity, command, moment),
        Command::Enrol(command) => identity::enrol(&state.identity, command, moment),
        Command::SetStatus(command) => identity::set_status(&state.identity, command, moment),
        Command::Refuse(refusal) => Err(refusal.clone()),
    }
}
