//! Decisions about versions of secrets.
//!
//! Invariant: a decision here sees digests of sealed values alone. The server has asked its vault for the key of the value
//! before it sends the command.

use evidence::{Moment, Name};

use super::event::{SecretDestroyed, SecretPut};
use super::state::{Secret, State, VERSIONS_MAX};
use crate::event::Event;
use crate::identity;
use crate::ids::PersonId;
use crate::refusal::{Reason, Refusal};

/// Puts a version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Facts to record.
    pub put: SecretPut,
}

/// Destroys a version of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destroy {
    /// Facts to record.
    pub destroyed: SecretDestroyed,
}

/// Decides whether a version is recorded: check and set, so its number is the one after the highest.
///
/// # Errors
/// `Refusal` with every reason.
pub fn put(
    identity: &identity::State,
    state: &State,
    command: &Put,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let SecretPut { secret, number, value, person, expires, .. } = &command.put;
    let known = state.get(secret);
    let highest = known.map_or(0, Secret::highest);
    let mut reasons: Vec<_> = role(identity, *person, secret.project(), moment).into_iter().collect();
    if highest.checked_add(1) != Some(*number) {
        let what =
            format!("the newest version of {secret} is {highest}, and the request puts version {number}");
        reasons.push(Reason::new(
            "secret-number-taken",
            what,
            "look at the newest version and put the next one",
        ));
    }
    if state.has(value) {
        let what = format!("sealed value {value} is that of a version already");
        reasons.push(Reason::new("secret-value-used", what, "seal the value anew for this version"));
    }
    if expires.is_some_and(|expires| expires <= moment) {
        let what = format!("version {number} of {secret} would have expired already");
        reasons.push(Reason::new("secret-expired", what, "name a later time"));
    }
    if known.is_none() && state.of(secret.project()).count() >= SECRETS_MAX {
        let what = format!("project `{}` has {SECRETS_MAX} secrets, the highest number", secret.project());
        reasons.push(Reason::new(
            "secrets-too-many",
            what,
            "put a new version of one that is not needed any more",
        ));
    }
    let is_full = |known: &Secret| known.versions.len() >= VERSIONS_MAX && known.oldest_destroyed().is_none();
    if known.is_some_and(is_full) {
        let what = format!("{secret} has {VERSIONS_MAX} versions that are not destroyed, the highest number");
        reasons.push(Reason::new("secret-versions-too-many", what, "destroy an old one"));
    }
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::SecretPut(command.put.clone())]), Err)
}

/// Decides whether a version is destroyed.
///
/// # Errors
/// `Refusal` with every reason.
pub fn destroy(
    identity: &identity::State,
    state: &State,
    command: &Destroy,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let SecretDestroyed { secret, number, person } = &command.destroyed;
    let mut reasons: Vec<_> = role(identity, *person, secret.project(), moment).into_iter().collect();
    match state.get(secret).and_then(|secret| secret.versions.get(number)) {
        None => {
            let what = format!("there is no version {number} of {secret}");
            reasons.push(Reason::new("secret-unknown", what, "look at the versions of the secret"));
        }
        Some(version) if version.destroyed => {
            let what = format!("version {number} of {secret} is destroyed already");
            reasons.push(Reason::new("secret-destroyed", what, "there is nothing left to do"));
        }
        Some(_) => {}
    }
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::SecretDestroyed(command.destroyed.clone())]), Err)
}

/// The reason against a person who owns no secrets of a project.
pub(super) fn role(
    identity: &identity::State,
    person: PersonId,
    project: &Name,
    moment: Moment,
) -> Option<Reason> {
    let holds = |role: Name| identity.has_role(person, &role, project, None, moment);
    if ROLE.parse().is_ok_and(holds) {
        return None;
    }
    let what = format!("person {person} does not hold the role `{ROLE}` for project `{project}`");
    Some(Reason::new("role-missing", what, "have somebody do it who holds the role there"))
}

/// Role of people who put, destroy and grant secrets.
pub const ROLE: &str = "secret-owner";
/// Most secrets of a project.
pub const SECRETS_MAX: usize = 1_024;
