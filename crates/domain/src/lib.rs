//! The domain: the events that can happen, the rules that allow them, and the commands that follow.
//!
//! `decide` turns a command into events or a refusal and changes nothing. `State::apply` accepts every event. `flow`
//! turns an event into the commands that follow from it. Invariant: all of this is a pure function of its arguments, so
//! the same log gives the same state, byte for byte. The crate deliberately contains no I/O, clock, randomness, async
//! code, hash order or policy engine.

pub mod approval;
pub mod artifact;
pub mod build;
pub mod check;
pub mod gate;
pub mod identity;
pub mod observation;
pub mod quota;
pub mod record;
pub mod release;
pub mod secret;
pub mod source;
pub mod statement;

#[cfg(test)]
mod by_hand_tests;
mod command;
#[cfg(test)]
mod ended_tests;
mod event;
mod flow;
#[cfg(test)]
mod flow_tests;
mod ids;
#[cfg(test)]
mod preview_tests;
mod refusal;
mod rules;
#[cfg(test)]
mod scenario;
pub mod snapshot;
mod state;
#[cfg(test)]
mod turns_tests;
#[cfg(test)]
mod untimely_tests;

pub use command::{Command, decide};
pub use event::{Event, EventError, Refused};
pub use flow::next;
pub use ids::{PersonId, RunId};
pub use refusal::{Reason, Refusal};
pub use rules::RULES;
pub use secret::read;
pub use state::State;
