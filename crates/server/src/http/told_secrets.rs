//! The record of uses of secrets of places, as their agents tell them in reports.
//!
//! Invariant: each use is recorded once for an agent, a release, a version and an outcome, also if a report comes twice or the server
//! was started again: what is not in memory is looked for among the lines that are on record. An agent gets its answer after the
//! line is durable.

use std::sync::Arc;

use domain::secret::{Reading, Tell, ToldVersion};
use evidence::entry::Actor;
use evidence::secret_name::SecretName;
use evidence::{Name, Place};

use super::freshness::up_to_date;
use super::problem::Failure;
use super::requester::blocking;
use crate::secret_uses::AgentSecrets;
use crate::shared::Shared;
use crate::views::records;

/// Records what is new in a report of an agent, which was verified.
///
/// # Errors
/// `Failure` if it cannot be recorded now; the agent then sends its report again.
pub async fn record(
    shared: &Arc<Shared>,
    agent: Name,
    place: Place,
    secrets: AgentSecrets,
) -> Result<(), Failure> {
    let uses = &shared.secret_uses;
    if uses.is_known(&place, &agent, &secrets) {
        return Ok(());
    }
    let _turn = uses.turn.lock().await;
    if uses.is_known(&place, &agent, &secrets) {
        return Ok(());
    }
    if !secrets.is_empty() {
        let at = Arc::clone(shared);
        let (by, of, told) = (agent.clone(), place.clone(), secrets.clone());
        let tell = blocking(move || unrecorded(&at, by, of, &told)).await?;
        if !tell.versions.is_empty() {
            shared.intake.read(Reading::Tell(Box::new(tell))).await?;
        }
    }
    uses.learn(place, agent, secrets);
    Ok(())
}

/// The versions of a report that no line names yet.
fn unrecorded(shared: &Shared, agent: Name, place: Place, told: &AgentSecrets) -> Result<Tell, Failure> {
    up_to_date(shared)?;
    let state = shared.intake.state();
    let highest = state.release.at(&place).map_or(0, |standing| standing.highest);
    // A number that nobody gave says nothing, and would make a line each time that another one is invented.
    let release = told.release.filter(|release| *release <= highest);
    let who = Actor::Machine(agent.clone());
    let mut versions = Vec::new();
    for (name, number, refused) in told.versions() {
        let secret = SecretName::at_place(&place.project, name);
        let found = shared.views.ask(|rows| {
            let told = (number, release, refused.is_none());
            let known = records::is_told(rows, (&secret, &who, &place), told)?;
            Ok((known, records::is_first(rows, &secret, &who, Some(&place))?))
        });
        let (known, first) = found.map_err(Failure::failed)?;
        if !known {
            let (name, refused) = (name.clone(), refused.cloned());
            versions.push(ToldVersion { secret, name, number, refused, first });
        }
    }
    Ok(Tell { agent, place, release, versions })
}
