//! Decisions about observations.
//!
//! Invariant: a decision here reads ids, digests and times only. The server has verified the agent's signature before it
//! sends the command. An observation cannot be forbidden: it is refused only where no agent of that place can have made it,
//! or where one agent makes so many that the ledger would fill.

use evidence::{Moment, Place};

use super::event::Observed;
use super::state::State;
use crate::event::Event;
use crate::gate;
use crate::refusal::{Reason, Refusal};

/// Records an agent's observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observe {
    /// Facts to record.
    pub observed: Observed,
}

/// Decides whether an observation is recorded.
///
/// # Errors
/// `Refusal` with every reason.
pub fn observe(
    gates: &gate::State,
    state: &State,
    command: &Observe,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let observed = &command.observed;
    let facts = |place: &Place| gates.environment(place).map(|environment| &environment.facts);
    let environment = facts(&observed.place);
    // The agents of a preview are those of its template, which may have got others since somebody asked for the preview.
    let template = environment
        .and_then(|facts| facts.preview.as_ref())
        .and_then(|made| facts(&Place { environment: made.template.clone(), ..observed.place.clone() }));
    let is_named =
        |facts: &gate::EnvironmentSet| facts.agents.iter().any(|agent| agent.name == observed.agent);
    let mut reasons = Vec::new();
    if !environment.into_iter().chain(template).any(is_named) {
        let what = format!("the statement of {} names no agent `{}`", observed.place, observed.agent);
        reasons.push(Reason::new("environment-unknown", what, "send one"));
    }
    if state.in_hour(&observed.place, &observed.agent, moment) >= OBSERVATIONS_PER_HOUR {
        let what = format!(
            "agent `{}` made {OBSERVATIONS_PER_HOUR} observations at {} within an hour, the highest number",
            observed.agent, observed.place
        );
        reasons.push(Reason::new("observations-too-many", what, "look into the agent; it sends them later"));
    }
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::Observed(observed.clone())]), Err)
}

/// Highest number of observations of one agent in an hour. A rollout has at most sixteen steps, and every verdict is one.
pub const OBSERVATIONS_PER_HOUR: u32 = 1_000;
