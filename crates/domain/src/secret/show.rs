//! The reading of a secret by a person.
//!
//! Invariant: an owner of the project's secrets may read one, for a reason that is recorded, and it is always an alert. Anybody
//! else is told nothing of the secret, not even whether there is one.

use evidence::Moment;
use evidence::entry::Actor;
use evidence::records::{Alert, AlertSort, Body, SecretUsed};
use evidence::secret_name::SecretName;

use super::decide::role;
use super::decision::{LentValue, LentVersion, ReadingDecision};
use super::lend::codes;
use super::state::State;
use crate::identity;
use crate::ids::PersonId;
use crate::refusal::{Reason, Refusal};

/// A person asks for the value of a secret. The server has verified the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Show {
    /// The person.
    pub person: PersonId,
    /// The secret.
    pub secret: SecretName,
    /// The version; absent for the newest.
    pub number: Option<u32>,
    /// The person's reason, 1 to 500 bytes.
    pub reason: String,
    /// Whether the vault has its root key.
    pub is_open: bool,
}

/// Decides whether a person may read a value. An expired version may be read: its owner may have to know what it was.
pub(super) fn show(
    identity: &identity::State,
    state: &State,
    show: &Show,
    moment: Moment,
) -> ReadingDecision {
    let Show { person, secret, number, reason, is_open } = show;
    let mut reasons: Vec<_> = role(identity, *person, secret.project(), moment).into_iter().collect();
    let is_stranger = !reasons.is_empty();
    if !is_open {
        let what = "the vault is sealed: the server has no root key";
        reasons.push(Reason::new("vault-sealed", what, "give the server its root key and start it again"));
    }
    let known = state.get(secret);
    // Somebody without the role does not learn which secrets there are.
    let open_to = known.filter(|_| !is_stranger);
    let found = open_to.and_then(|known| match number {
        Some(number) => known.versions.get(number).map(|version| (*number, version)),
        None => known.newest(),
    });
    match found {
        None if is_stranger => {}
        None => {
            let what = format!("there is no such version of {secret}");
            reasons.push(Reason::new("secret-unknown", what, "look at the versions of the secret"));
        }
        Some((number, version)) if version.destroyed => {
            let what = format!("version {number} of {secret} was destroyed");
            reasons.push(Reason::new("secret-destroyed", what, "nobody can read it any more"));
        }
        Some(_) => {}
    }
    let found = found.map(|(number, version)| LentVersion { number, value: version.value });
    let (who, number) = (Actor::Person(person.id()), found.map(|found| found.number));
    let used = SecretUsed {
        secret: secret.clone(),
        number,
        who: who.clone(),
        run: None,
        step: None,
        place: None,
        release: None,
        allowed: reasons.is_empty(),
        reasons: codes(&reasons),
        reason: Some(reason.clone()),
        from: None,
    };
    let alert = |sort| {
        let (secret, who) = (secret.clone(), who.clone());
        Body::from(Alert { sort, secret, number, who, run: None, step: None, place: None })
    };
    let seen = reasons.is_empty().then(|| alert(AlertSort::SeenByPerson));
    let honey = known.is_some_and(|known| known.honey).then(|| alert(AlertSort::HoneyToken));
    let lines = std::iter::once(Body::from(used)).chain(seen).chain(honey).collect();
    let lent = match (Refusal::of(reasons), found) {
        (None, Some(found)) => Ok([(secret.clone(), LentValue::Version(found))].into()),
        (Some(refusal), _) => Err(refusal),
        (None, None) => Err(Reason::new("secret-unknown", "there is no such version", "look again").into()),
    };
    ReadingDecision { lent, lines }
}
