//! The release that each agent of a place with several agents has, as far as the ledger says.
//!
//! Invariant: this is derived from the state alone, and says nothing at a place with one agent.

use domain::gate::EnvironmentSet;
use domain::release::{PlaceState, Stage};
use evidence::Name;
use wire::{AgentTurn, AgentTurnView};

/// The turns of the agents of a place, in the order of its statement.
#[must_use]
pub fn of(standing: &PlaceState, facts: &EnvironmentSet) -> Vec<AgentTurnView> {
    if facts.agents.len() < 2 {
        return Vec::new();
    }
    facts.agents.iter().map(|agent| one(standing, &agent.name)).collect()
}

fn one(standing: &PlaceState, agent: &Name) -> AgentTurnView {
    let running = standing.running.as_ref().map(|now| now.release);
    let view = |release, state| AgentTurnView { agent: agent.clone(), release, state };
    if let Some(retreat) = standing.retreat.as_ref().filter(|retreat| retreat.agents.contains(agent)) {
        return view(Some(retreat.release), AgentTurn::Returns);
    }
    if let Some((returning, _)) = &standing.returning {
        if standing.awaited.contains(agent) {
            return view(running.filter(|running| *running != returning.release), AgentTurn::Returns);
        }
        return view(running, AgentTurn::Runs);
    }
    let open = standing.open.as_ref().filter(|open| matches!(open.stage, Stage::Due(_)));
    let Some(open) = open.filter(|open| open.is_shared()) else { return view(running, AgentTurn::Runs) };
    if open.done.iter().any(|done| done.agent == *agent) {
        return view(Some(open.facts.release), AgentTurn::Runs);
    }
    match open.turns.iter().position(|turn| turn == agent) {
        Some(0) => view(running, AgentTurn::Turn),
        Some(_) => view(running, AgentTurn::Waits),
        None => view(running, AgentTurn::Runs),
    }
}
