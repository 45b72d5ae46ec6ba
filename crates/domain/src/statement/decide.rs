//! Decisions about statements.
//!
//! Invariant: a decision here reads ids, digests and times only. The server has verified the signature and the key
//! before it sends the command. Whether a statement counts for a release is decided at the gate, not here.

use evidence::{Moment, Name};

use super::event::{Stated, StatedSecret};
use super::state::State;
use crate::event::Event;
use crate::identity;
use crate::refusal::{Reason, Refusal};

/// Submits a person's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitStatement {
    /// Facts to record.
    pub stated: Stated,
    /// Fingerprint of the signing key.
    pub key: String,
}

/// Decides whether a statement is recorded.
///
/// # Errors
/// `Refusal` with every reason.
pub fn submit(
    identity: &identity::State,
    state: &State,
    command: &SubmitStatement,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let stated = &command.stated;
    let mut reasons = Vec::new();
    let (scope, roles) = (&stated.scope, stated.kind.rules().roles);
    let has = |role: &&str| {
        let role: Option<Name> = role.parse().ok();
        role.is_some_and(|role| {
            identity.has_role(stated.person, &role, &scope.project, scope.environment.as_ref(), moment)
        })
    };
    if !roles.iter().any(has) {
        let what =
            format!("a {} for {scope} needs a person in role {}", stated.kind.as_str(), roles.join(" or "));
        reasons.push(Reason::new(
            "statement-role-missing",
            what,
            "have somebody sign it who has the role there",
        ));
    }
    if identity.is_revoked(&command.key, moment) {
        let what = format!("key {} is revoked", command.key);
        reasons.push(Reason::new("key-revoked", what, "enrol a new key"));
    }
    if identity.withdraws(&stated.statement) {
        let what = "the status in force withdraws this very statement";
        reasons.push(Reason::new("statement-withdrawn", what, "sign a new one if it is still meant"));
    }
    if stated.expires <= moment || stated.not_before > moment.later_by(evidence::request::CLOCK_SKEW_MAX) {
        let what = "the statement has ended, or begins later";
        reasons.push(Reason::new("expired", what, "check the clock and sign anew"));
    }
    if state.count(&scope.project, moment) >= STATEMENTS_MAX {
        let what = format!(
            "project `{}` has {STATEMENTS_MAX} statements in force, the highest number",
            scope.project
        );
        reasons.push(Reason::new(
            "statements-too-many",
            what,
            "mend findings, or wait until statements have ended",
        ));
    }
    reasons.extend(stated.secret.as_ref().and_then(|secret| number_fault(state, secret)));
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::Stated(stated.clone())]), Err)
}

/// Why a version of a secret is not the next one of its place.
fn number_fault(state: &State, secret: &StatedSecret) -> Option<Reason> {
    let StatedSecret { place, name, number, .. } = secret;
    let known = state.numbers(place);
    if !known.contains_key(name) && known.len() >= SECRETS_MAX {
        let what = format!("{place} has {SECRETS_MAX} secrets, the highest number");
        return Some(Reason::new("secrets-too-many", what, "put another value into one that is there"));
    }
    let next = known.get(name).copied().unwrap_or_default().saturating_add(1);
    (*number != next).then(|| {
        let what = format!("the next version of secret `{name}` of {place} is {next}, not {number}");
        Reason::new("secret-number-taken", what, "put it again: somebody else has put a version meanwhile")
    })
}

/// Highest number of secrets of a place.
pub const SECRETS_MAX: usize = 256;
/// Highest number of statements in force of a project.
pub const STATEMENTS_MAX: usize = 1_024;
