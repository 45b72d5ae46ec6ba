//! Given people and versions of secrets, when they put or destroy one, then it is recorded or refused.

mod lend;
mod strangers;
mod tell;

use evidence::enrolment::Grant;
use evidence::secret_name::SecretName;

use super::{Destroy, Put, Rotation, SECRETS_MAX, SecretDestroyed, SecretPut, VERSIONS_MAX, Version};
use crate::scenario::{alice, at, bob, codes, digest, founded, happen, id, name, people};
use crate::{Command, Event, PersonId, State};

const DAY: u64 = 86_400;

fn secret(text: &str) -> SecretName {
    text.parse().unwrap()
}

/// A state in which Alice owns the secrets of `shop` and Bob those of `bank`.
pub fn owned() -> State {
    let mut state = founded();
    for (event, project) in people().into_iter().skip(1).zip(["shop", "bank"]) {
        let Event::Enrolled(mut enrolled) = event else { unreachable!("people are enrolled") };
        enrolled.grants =
            vec![Grant { role: name("secret-owner"), project: Some(name(project)), environment: None }];
        state.apply(&Event::Enrolled(enrolled), at(6));
    }
    state
}

fn put(number: u32) -> SecretPut {
    SecretPut {
        secret: secret("shop/registry/token"),
        number,
        value: digest(&format!("value {number}")),
        person: alice(),
        expires: None,
        rotate_days: None,
        honey: false,
    }
}

fn putting(put: SecretPut) -> Command {
    Command::PutSecret(Box::new(Put { put }))
}

fn destroying(number: u32, person: PersonId) -> Command {
    let destroyed = SecretDestroyed { secret: secret("shop/registry/token"), number, person };
    Command::DestroySecret(Destroy { destroyed })
}

fn code(state: &State, change: impl FnOnce(&mut SecretPut)) -> Vec<String> {
    let mut new = put(2);
    change(&mut new);
    codes(state, &putting(new))
}

#[test]
fn an_owner_of_the_project_puts_the_next_version() {
    let mut state = owned();
    happen(&mut state, &putting(put(1)));
    assert_eq!(code(&state, |_| ()), [""; 0]);
    assert_eq!(code(&state, |put| put.number = 1), ["secret-number-taken"]);
    assert_eq!(code(&state, |put| put.number = 3), ["secret-number-taken"], "no number is left out");
    assert_eq!(code(&state, |put| put.number = 0), ["secret-number-taken"]);
    assert_eq!(code(&state, |put| put.person = bob()), ["role-missing"], "he owns another project's");
    assert_eq!(code(&state, |put| put.person = id(77).into()), ["role-missing"]);
    assert_eq!(code(&state, |put| put.expires = Some(at(10))), ["secret-expired"], "an end is half-open");
    assert_eq!(code(&state, |put| put.expires = Some(at(11))), [""; 0]);
    assert_eq!(
        code(&state, |put| put.secret = secret("bank/registry/token")),
        ["role-missing", "secret-number-taken",]
    );
}

/// The sealed value of one secret, put under another name or number, would be lent under the other's grants.
#[test]
fn attack_a_sealed_value_counts_for_one_version() {
    let mut state = owned();
    happen(&mut state, &putting(put(1)));
    let copied = |put: &mut SecretPut| put.value = digest("value 1");
    assert_eq!(code(&state, copied), ["secret-value-used"]);
    assert_eq!(
        code(&state, |put| *put =
            SecretPut { secret: secret("shop/other"), number: 1, value: digest("value 1"), ..put.clone() }),
        ["secret-value-used"]
    );
    happen(&mut state, &destroying(1, alice()));
    assert_eq!(code(&state, copied), ["secret-value-used"], "a destroyed version does not come back");
}

#[test]
fn attack_of_two_puts_at_once_one_counts() {
    let mut state = owned();
    happen(&mut state, &putting(put(1)));
    let second = SecretPut { value: digest("another"), ..put(2) };
    happen(&mut state, &putting(put(2)));
    assert_eq!(codes(&state, &putting(second)), ["secret-number-taken"]);
    let kept = state.secret.get(&secret("shop/registry/token")).unwrap();
    assert_eq!(kept.newest().map(|(number, version)| (number, version.value)), Some((2, digest("value 2"))));
}

#[test]
fn a_version_is_destroyed_once_and_its_number_stays() {
    let mut state = owned();
    happen(&mut state, &putting(put(1)));
    happen(&mut state, &putting(put(2)));
    assert_eq!(state.secret.values().len(), 2);
    assert_eq!(codes(&state, &destroying(2, bob())), ["role-missing"]);
    assert_eq!(codes(&state, &destroying(3, alice())), ["secret-unknown"]);
    happen(&mut state, &destroying(2, alice()));
    assert_eq!(codes(&state, &destroying(2, alice())), ["secret-destroyed"]);
    assert_eq!(state.secret.values(), [digest("value 1")].into(), "the vault forgets the key of the other");
    assert_eq!(codes(&state, &putting(SecretPut { value: digest("x"), ..put(2) })), ["secret-number-taken"]);
    let newest = state.secret.get(&secret("shop/registry/token")).unwrap().newest();
    assert!(
        newest.is_some_and(|(number, version)| number == 2 && version.destroyed),
        "no older one comes back"
    );
    assert!(destroying(1, alice()).is_allowed_when_disk_full());
    assert!(!putting(put(3)).is_allowed_when_disk_full());
}

#[test]
fn attack_secrets_and_versions_are_bounded() {
    let mut state = owned();
    for number in 1..=VERSIONS_MAX as u32 {
        happen(&mut state, &putting(put(number)));
    }
    let next = put(VERSIONS_MAX as u32 + 1);
    assert_eq!(codes(&state, &putting(next.clone())), ["secret-versions-too-many"]);
    happen(&mut state, &destroying(5, alice()));
    happen(&mut state, &putting(next));
    let kept = state.secret.get(&secret("shop/registry/token")).unwrap();
    assert_eq!((kept.versions.len(), kept.versions.contains_key(&5), kept.highest()), (64, false, 65));
    for n in 1..SECRETS_MAX {
        let more =
            SecretPut { secret: secret(&format!("shop/s{n}")), value: digest(&n.to_string()), ..put(1) };
        happen(&mut state, &putting(more));
    }
    happen(&mut state, &destroying(6, alice()));
    let more = SecretPut { secret: secret("shop/more"), value: digest("more"), ..put(1) };
    assert_eq!(codes(&state, &putting(more)), ["secrets-too-many"]);
    assert_eq!(codes(&state, &putting(put(66))), [""; 0], "a known one takes a new version");
}

#[test]
fn rotation_warns_and_then_is_due() {
    let mut state = owned();
    happen(&mut state, &putting(SecretPut { rotate_days: Some(90), ..put(1) }));
    let at_day = |state: &State, day: u64, seconds: u64| {
        state.secret.get(&secret("shop/registry/token")).unwrap().rotation(at(10 + day * DAY + seconds))
    };
    let due = at(10 + 90 * DAY);
    assert_eq!(at_day(&state, 80, DAY - 1), Rotation::Fresh);
    assert_eq!(at_day(&state, 81, 0), Rotation::Soon(due));
    assert_eq!(at_day(&state, 89, DAY - 1), Rotation::Soon(due));
    assert_eq!(at_day(&state, 90, 0), Rotation::Due(due));
    happen(&mut state, &putting(SecretPut { rotate_days: Some(1), ..put(2) }));
    assert_eq!(at_day(&state, 0, 0), Rotation::Soon(at(10 + DAY)), "a day's cadence warns from its start");
    happen(&mut state, &putting(put(3)));
    assert_eq!(
        at_day(&state, 3_000, 0),
        Rotation::Fresh,
        "the newest version says whether there is a cadence"
    );
}

#[test]
fn a_version_expires_at_its_end_and_facts_without_choices_are_short() {
    let mut state = owned();
    happen(&mut state, &putting(SecretPut { expires: Some(at(50)), honey: true, ..put(1) }));
    let known = state.secret.get(&secret("shop/registry/token")).unwrap();
    let expired = |version: &Version, seconds| version.has_expired(at(seconds));
    assert!(known.honey);
    assert!(known.newest().is_some_and(|(_, version)| !expired(version, 49) && expired(version, 50)));
    let facts = serde_json::to_value(put(1)).unwrap();
    let fields: Vec<_> = facts.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["number", "person", "secret", "value"]);
    let of = |project: &str| state.secret.of(&name(project)).count();
    assert_eq!((of("shop"), of("bank"), State::default().secret.is_empty()), (1, 0, true));
}
