//! Orders of people about a rollout under way: pause it, let it go on, begin its next step.
//!
//! Invariant: an order is about the release that is due at the agent, under its plan. The agent judges the order again, and it
//! alone knows the step in force: the ledger records that a person asked.

use evidence::Moment;

use super::decide::missing_role;
use super::event::AdvanceRequested;
use super::state::{Stage, State};
use crate::event::Event;
use crate::identity;
use crate::refusal::{Reason, Refusal};

/// Asks for something about a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The request.
    pub requested: AdvanceRequested,
}

/// Decides whether an order about a rollout is handed to the agent.
///
/// # Errors
/// `Refusal` with every reason.
pub fn advance(
    identity: &identity::State,
    state: &State,
    command: &Advance,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let asked = &command.requested;
    let mut reasons = missing_role(identity, asked.person, &asked.place, moment);
    let open = state.at(&asked.place).and_then(|standing| standing.open.as_ref());
    let is_it = open.is_some_and(|open| {
        matches!(open.stage, Stage::Due(_))
            && (open.facts.release, open.facts.plan) == (asked.release, asked.plan)
    });
    let is_left = state.at(&asked.place).is_some_and(|standing| standing.returning.is_some());
    if !is_it || is_left {
        let what = format!("release {} is not under way at {} with that plan", asked.release, asked.place);
        reasons.push(Reason::new("no-rollout", what, "look again with `countersign status`"));
    }
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::AdvanceRequested(asked.clone())]), Err)
}
