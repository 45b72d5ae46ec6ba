//! Uses of secrets of a place, as its agent tells them: with which versions a service runs, and which ones are not used.
//!
//! Invariant: a line says what the agent said, and nothing is handed out for it. Only an agent of the place is heard, and only about
//! versions and releases that are on record, so that it cannot make lines without end.

use std::collections::BTreeMap;

use evidence::entry::Actor;
use evidence::records::{Alert, AlertSort, Body, SecretUsed};
use evidence::secret_name::SecretName;
use evidence::{Name, Place};

use super::decision::ReadingDecision;
use crate::state::State;

/// An agent tells which versions it uses. The server has verified the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell {
    /// The agent.
    pub agent: Name,
    /// Its place.
    pub place: Place,
    /// Number of the release that runs; absent if the agent does not say.
    pub release: Option<u64>,
    /// The versions that no line names yet for this agent and release.
    pub versions: Vec<ToldVersion>,
}

/// A version of a secret of the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldVersion {
    /// The secret.
    pub secret: SecretName,
    /// Its name at the place.
    pub name: Name,
    /// Its number.
    pub number: u32,
    /// Code of the reason for which it is not used; absent if it is used.
    pub refused: Option<Name>,
    /// Whether this agent has never used the secret before. Only alerts rest on it.
    pub first: bool,
}

/// The lines of what an agent tells.
pub(super) fn tell(state: &State, tell: &Tell) -> ReadingDecision {
    let environment = state.gate.environment(&tell.place);
    let is_agent = environment
        .is_some_and(|environment| environment.facts.agents.iter().any(|agent| agent.name == tell.agent));
    let highest = state.release.at(&tell.place).map_or(0, |standing| standing.highest);
    let is_known = tell.release.is_none_or(|release| release <= highest);
    let numbers = state.statement.numbers(&tell.place);
    let on_record = |told: &&ToldVersion| {
        let is_stated = numbers.get(&told.name).is_some_and(|highest| told.number <= *highest);
        is_agent && is_known && is_stated
    };
    let lines = tell.versions.iter().take(VERSIONS_MAX).filter(on_record);
    let lines = lines.flat_map(|told| lines_of(tell, told)).collect();
    ReadingDecision { lent: Ok(BTreeMap::new()), lines }
}

fn lines_of(tell: &Tell, told: &ToldVersion) -> impl Iterator<Item = Body> + use<> {
    let ToldVersion { secret, number, refused, first, .. } = told.clone();
    let Tell { agent, place, release, .. } = tell.clone();
    let who = Actor::Machine(agent);
    let is_first = first && refused.is_none();
    let alert = Alert {
        sort: AlertSort::FirstUse,
        secret: secret.clone(),
        number: Some(number),
        who: who.clone(),
        run: None,
        step: None,
        place: Some(place.clone()),
    };
    let used = SecretUsed {
        secret,
        number: Some(number),
        who,
        run: None,
        step: None,
        place: Some(place),
        release,
        allowed: refused.is_none(),
        reasons: refused.into_iter().collect(),
        reason: None,
        from: None,
    };
    std::iter::once(Body::from(used)).chain(is_first.then(|| Body::from(alert)))
}

/// Most versions of one report. A plan names fewer secrets.
const VERSIONS_MAX: usize = 256;
