//! Decisions about gates.
//!
//! Invariant: a verdict counts only for the generation that was asked for. The policy is evaluated outside; this module
//! records the outcome and reads no policy.

use evidence::request::CLOCK_SKEW_MAX;
use evidence::{Digest, Moment};

use super::event::{EnvironmentSet, GateDue, Judged};
use super::preview;
use super::state::State;
use crate::event::Event;
use crate::identity;
use crate::refusal::{Reason, Refusal};
use evidence::Place;

/// Bring an environment statement into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetEnvironment {
    /// Facts of the statement, its signatures checked against the root that they name.
    pub environment: EnvironmentSet,
    /// Time at which it was made.
    pub issued: Moment,
}

/// Asks for a verdict on a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestVerdict {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
}

/// Records a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordVerdict {
    /// Facts to record.
    pub judged: Judged,
}

/// Decides whether an environment statement comes into force.
///
/// # Errors
/// `Refusal` with every reason.
pub fn set_environment(
    identity: &identity::State,
    state: &State,
    command: &SetEnvironment,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let new = &command.environment;
    let mut reasons = Vec::new();
    if identity.root().map(|root| root.version) != Some(new.root) {
        let what = "its signatures were checked against another root than the one in force";
        reasons.push(Reason::new("root-changed", what, "send it again"));
    }
    let number = state.environment(&new.place).map_or(0, |old| old.facts.number);
    if new.number <= number {
        let what = format!("statement number {} is not above {number}, the one in force", new.number);
        reasons.push(Reason::new(
            "environment-not-newer",
            what,
            "amend the statement in force and sign again",
        ));
    }
    reasons.extend(preview::against_statement(state, new));
    if let Some(after) = &new.after {
        let before = Place { environment: after.clone(), ..new.place.clone() };
        if state.environment(&before).is_none() {
            let what = format!("it comes after `{after}`, which has no statement");
            reasons.push(Reason::new(
                "environment-unknown",
                what,
                format!("send the one of `{after}` first"),
            ));
        }
        if comes_after(state, &before, &new.place) {
            let what = format!("`{after}` comes after this environment itself");
            reasons.push(Reason::new("environment-circle", what, "put the environments in an order"));
        }
    }
    if command.issued > moment.later_by(CLOCK_SKEW_MAX) {
        let what = format!("the statement was made at {}, which is still to come", command.issued);
        reasons.push(Reason::new("from-the-future", what, "check the clock of the machine that made it"));
    }
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::EnvironmentSet(new.clone())]), Err)
}

/// Whether a place comes after another one, directly or through others.
fn comes_after(state: &State, place: &Place, other: &Place) -> bool {
    let mut at = place.clone();
    for _ in 0..=state.environments.len() {
        if at == *other {
            return true;
        }
        let Some(after) = state.environment(&at).and_then(|set| set.facts.after.clone()) else {
            return false;
        };
        at.environment = after;
    }
    true
}

/// Makes a gate due in the next generation.
///
/// # Errors
/// `Refusal` when the place has no statement.
pub fn request_verdict(state: &State, command: &RequestVerdict) -> Result<Vec<Event>, Refusal> {
    let unknown = || Reason::new("environment-unknown", "the place has no statement", "send one");
    let environment = state.environment(&command.place).ok_or_else(unknown)?;
    let generation = match state.generations.get(&command.place) {
        Some((release, generation)) if *release == command.release => generation.saturating_add(1),
        _ => 1,
    };
    Ok(vec![Event::GateDue(GateDue {
        place: command.place.clone(),
        release: command.release,
        generation,
        policy: environment.facts.policy,
    })])
}

/// Decides whether a verdict counts. It does so only for the generation that was asked for, under the same policy.
///
/// # Errors
/// `Refusal` when the verdict is stale.
pub fn record_verdict(state: &State, command: &RecordVerdict) -> Result<Vec<Event>, Refusal> {
    let judged = &command.judged;
    let due = state.due.get(&judged.place);
    let same = |due: &GateDue| {
        due.release == judged.release
            && due.generation == judged.generation
            && same_policy(due, &judged.policy)
    };
    if due.is_some_and(same) {
        return Ok(vec![Event::Judged(judged.clone())]);
    }
    let what = "nobody asks for this verdict any more";
    Err(Reason::new("verdict-stale", what, "judge what is due").into())
}

fn same_policy(due: &GateDue, policy: &Digest) -> bool {
    due.policy == *policy
}
