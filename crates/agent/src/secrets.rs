//! The secrets that this agent uses: which version of each, and whether another one may take its place.
//!
//! Invariant: the number of a secret only rises, and each number has one value. Values are sealed here: the process that keeps a
//! service opens them, and ends with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use evidence::bundle::Bundle;
use evidence::plan::Plan;
use evidence::seal::{SealKey, WrappedKey};
use evidence::statements::{SecretVersion, Statement, StoreSource};
use evidence::{Digest, Name};
use judge::CountedVersion;
use serde::{Deserialize, Serialize};
use vault::SealSecret;
use zeroize::Zeroizing;

/// A version of a secret that this agent uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldSecret {
    /// Its number, the highest that was used.
    pub number: u32,
    /// Digest of the sealed value, which lies in a file.
    pub value: Digest,
    /// The key of the value, wrapped to this agent; absent if it was read in a store alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<WrappedKey>,
    /// Digest of the statement that put it, by which a status withdraws it; absent if an older program took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// Whether the newest known status withdraws it: nothing is started with it then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// The store in which it is read instead. Number and value are those that were used before, so that none of them comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StoreSource>,
}

impl HeldSecret {
    /// Whether nothing is started with it. A value that is read in a store is another one than the version that was withdrawn.
    fn is_withdrawn(&self) -> bool {
        self.withdrawn && self.from.is_none()
    }
}

/// Why an agent does not use a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct RefusedSecret {
    /// Code for the report.
    pub code: &'static str,
    /// The reason, in words.
    pub what: String,
}

/// The store of each secret that lies in one.
pub type Places = BTreeMap<Name, StoreSource>;
/// The version of each secret by its name at the place.
pub type HeldSecrets = BTreeMap<Name, HeldSecret>;

/// The versions with which a plan runs: the newest of those that were verified, else those that are held already.
///
/// # Errors
/// `RefusedSecret` names the secret that the agent refuses or does not have.
pub fn chosen(
    needed: &BTreeMap<&Name, u64>,
    (verified, places): (&[CountedVersion], &Places),
    held: &HeldSecrets,
    own: Option<&SealKey>,
) -> Result<HeldSecrets, RefusedSecret> {
    let mut chosen = HeldSecrets::new();
    for (&name, &least) in needed {
        let known = held.get(name);
        let newest = verified
            .iter()
            .filter(|counted| counted.version.secret == *name)
            .max_by_key(|counted| counted.version.number);
        if let Some(from) = places.get(name) {
            chosen.insert(name.clone(), read_in(from, known));
            continue;
        }
        let next = match (newest, known) {
            (Some(version), known) => taken(version, known, own)?,
            (None, Some(known)) => known.clone(),
            (None, None) => {
                return Err(refused(
                    "secret-missing",
                    format!("this agent has no version of secret `{name}`"),
                ));
            }
        };
        if next.is_withdrawn() {
            return Err(refused(WITHDRAWN, withdrawn_words(name, next.number)));
        }
        if next.from.is_none() && u64::from(next.number) < least {
            let what =
                format!("the plan needs version {} of secret `{name}`, and there is {}", least, next.number);
            return Err(refused("secret-missing", what));
        }
        chosen.insert(name.clone(), next);
    }
    Ok(chosen)
}

/// A secret that is read in a store from now on.
fn read_in(from: &StoreSource, known: Option<&HeldSecret>) -> HeldSecret {
    let value = Digest::of(from.to_string().as_bytes());
    let never = HeldSecret { number: 0, value, key: None, statement: None, withdrawn: false, from: None };
    HeldSecret { from: Some(from.clone()), ..known.cloned().unwrap_or(never) }
}

/// The store of each secret of a service that grants of a bundle name. The judge has refused bundles that name several.
pub fn places(bundle: &Bundle) -> Places {
    let read = bundle.lanes.statements.iter().filter_map(|envelope| Statement::read(envelope).ok());
    let read: Vec<_> = read.collect();
    let given = read.iter().filter_map(Statement::gives);
    let given = given.filter(|given| *given.service == bundle.plan.service);
    given.filter_map(|given| Some((given.secret.clone(), given.from?.clone()))).collect()
}

/// A version, unless it is older than the one that is held, or was not sealed to this agent.
///
/// # Errors
/// `RefusedSecret` says why it is not used.
pub fn taken(
    counted: &CountedVersion,
    known: Option<&HeldSecret>,
    own: Option<&SealKey>,
) -> Result<HeldSecret, RefusedSecret> {
    let SecretVersion { secret, number, value, keys } = &counted.version;
    if let Some(known) = known {
        if *number < known.number {
            let what = format!(
                "version {number} of secret `{secret}` is older than {}, which was used",
                known.number
            );
            return Err(refused("secret-older", what));
        }
        if *number == known.number && *value != known.value {
            let what = format!("version {number} of secret `{secret}` was used, and had another value");
            return Err(refused("secret-older", what));
        }
    }
    let own = own.ok_or_else(|| {
        let what = "this agent has no seal key; `countersign agent key` makes one, which the statement then has to name";
        refused(UNOPENED, what)
    })?;
    let key = keys.get(own).ok_or_else(|| {
        refused(UNOPENED, format!("version {number} of secret `{secret}` is not sealed to this agent"))
    })?;
    let (key, statement) = (Some(key.clone()), Some(counted.statement));
    Ok(HeldSecret { number: *number, value: *value, key, statement, withdrawn: false, from: None })
}

/// Why nothing is started with these secrets: the plan names one whose version was withdrawn.
pub fn withdrawn(plan: &Plan, held: &HeldSecrets) -> Option<String> {
    named_by(plan).find_map(|name| {
        let one = held.get(&name).filter(|one| one.is_withdrawn())?;
        Some(format!("{WITHDRAWN}: {}", withdrawn_words(&name, one.number)))
    })
}

fn withdrawn_words(name: &Name, number: u32) -> String {
    format!(
        "version {number} of secret `{name}` was withdrawn, and no newer one is in use; have a person put a new version"
    )
}

/// Names of the secrets with which the process of a plan runs: its own, and the one by which its role is made.
pub fn named_by(plan: &Plan) -> impl Iterator<Item = Name> {
    let role = plan.database.as_ref().and_then(|name| plan.databases.get(name));
    let credential = role.map(|database| database.credential.clone());
    plan.secrets.values().map(|reference| reference.secret.clone()).chain(credential)
}

/// Names of the secrets that a release gets, or that its agent needs.
pub fn needed_by(plan: &Plan) -> impl Iterator<Item = Name> {
    plan.needs().into_keys().cloned().collect::<Vec<_>>().into_iter()
}

/// The versions of secrets that a bundle carries.
pub fn versions(bundle: &Bundle) -> Vec<CountedVersion> {
    let read = bundle.lanes.statements.iter().filter_map(|envelope| {
        let statement = Statement::read(envelope).ok()?;
        let version = statement.secret()?.clone();
        Some(CountedVersion { statement: envelope.payload_digest(), version })
    });
    read.collect()
}

fn refused(code: &'static str, what: impl Into<String>) -> RefusedSecret {
    RefusedSecret { code, what: what.into() }
}

/// Public half of the seal key in an agent's directory, if it has one.
pub fn own_seal(dir: &Path) -> Option<SealKey> {
    let text = Zeroizing::new(fs::read_to_string(dir.join(SEAL_FILE)).ok()?);
    text.parse::<SealSecret>().ok()?.public().ok()
}

/// Name of the file of an agent's seal key.
pub const SEAL_FILE: &str = "seal.key";
/// Code for a version that a status withdraws.
pub const WITHDRAWN: &str = "secret-withdrawn";
/// Code for a value that this agent cannot open.
pub const UNOPENED: &str = "secret-unopened";

#[cfg(test)]
mod tests {
    use evidence::Bytes;

    use super::*;

    fn seal(text: &str) -> SealKey {
        text.parse().unwrap()
    }

    fn own() -> SealKey {
        seal("x25519:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=")
    }

    fn key() -> WrappedKey {
        WrappedKey { enc: Bytes(vec![1; 32]), bytes: Bytes(vec![2; 48]) }
    }

    fn version(number: u32, value: &[u8]) -> CountedVersion {
        let secret = "database".parse().unwrap();
        let version =
            SecretVersion { secret, number, value: Digest::of(value), keys: [(own(), key())].into() };
        CountedVersion { statement: Digest::of(&number.to_be_bytes()), version }
    }

    fn held(number: u32, value: &[u8]) -> HeldSecrets {
        let (value, statement) = (Digest::of(value), Some(Digest::of(&number.to_be_bytes())));
        let held = HeldSecret { number, value, key: Some(key()), statement, withdrawn: false, from: None };
        [("database".parse().unwrap(), held)].into()
    }

    fn needed(name: &Name, least: u64) -> BTreeMap<&Name, u64> {
        [(name, least)].into()
    }

    fn code(
        least: u64,
        verified: &[CountedVersion],
        known: &HeldSecrets,
        own: Option<&SealKey>,
    ) -> Result<u32, &'static str> {
        let places = Places::new();
        let chosen = chosen(&needed(&"database".parse().unwrap(), least), (verified, &places), known, own)
            .map_err(|fault| fault.code)?;
        Ok(chosen.values().next().map(|held| held.number).unwrap_or_default())
    }

    #[test]
    fn the_newest_version_is_used_and_without_one_what_is_held() {
        let (own, none) = (own(), HeldSecrets::new());
        assert_eq!(code(1, &[version(1, b"a"), version(2, b"b")], &none, Some(&own)), Ok(2));
        assert_eq!(code(1, &[version(2, b"b")], &held(2, b"b"), Some(&own)), Ok(2), "used again");
        assert_eq!(code(1, &[version(3, b"c")], &held(2, b"b"), Some(&own)), Ok(3));
        assert_eq!(code(1, &[], &held(2, b"b"), None), Ok(2), "a rollback needs no server");
        assert_eq!(code(1, &[], &none, Some(&own)), Err("secret-missing"));
    }

    /// The versions that were used before stay in memory, so that no lower version comes back by a way through a store.
    #[test]
    fn attack_a_version_that_was_replaced_by_a_store_and_comes_back() {
        let name: Name = "database".parse().unwrap();
        let places: Places = [(name.clone(), "bao:secret/shop/db#password".parse().unwrap())].into();
        let read = |known: &HeldSecrets| chosen(&needed(&name, 1), (&[], &places), known, None).unwrap();
        let first = read(&HeldSecrets::new());
        assert_eq!((first[&name].number, first[&name].from.is_some()), (0, true), "no version is needed");
        let after = read(&held(2, b"b"));
        assert_eq!((after[&name].number, after[&name].from.is_some()), (2, true));
        assert_eq!(code(1, &[version(1, b"a")], &after, Some(&own())), Err("secret-older"));
        assert_eq!(code(1, &[version(3, b"c")], &after, Some(&own())), Ok(3));
        assert_eq!(code(1, &[], &after, None), Ok(2), "a rollback reads where it was read");
    }

    #[test]
    fn attack_a_version_that_was_replaced() {
        assert_eq!(code(1, &[version(1, b"a")], &held(2, b"b"), Some(&own())), Err("secret-older"));
    }

    #[test]
    fn attack_another_value_under_a_number_that_was_used() {
        assert_eq!(code(1, &[version(2, b"x")], &held(2, b"b"), Some(&own())), Err("secret-older"));
    }

    #[test]
    fn attack_a_version_below_the_one_that_the_plan_needs() {
        assert_eq!(code(3, &[version(2, b"b")], &HeldSecrets::new(), Some(&own())), Err("secret-missing"));
        assert_eq!(code(3, &[], &held(2, b"b"), Some(&own())), Err("secret-missing"));
    }

    #[test]
    fn attack_a_rollback_with_a_version_that_was_withdrawn() {
        let mut known = held(2, b"b");
        assert_eq!(code(1, &[], &known, Some(&own())), Ok(2));
        known.values_mut().for_each(|one| one.withdrawn = true);
        assert_eq!(code(1, &[], &known, Some(&own())), Err("secret-withdrawn"));
        assert_eq!(code(1, &[version(3, b"c")], &known, Some(&own())), Ok(3), "a newer one takes its place");
    }

    #[test]
    fn attack_a_version_for_another_agent() {
        let other = seal("x25519:CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=");
        assert_eq!(code(1, &[version(1, b"a")], &HeldSecrets::new(), Some(&other)), Err(UNOPENED));
        assert_eq!(code(1, &[version(1, b"a")], &HeldSecrets::new(), None), Err(UNOPENED));
    }
}
