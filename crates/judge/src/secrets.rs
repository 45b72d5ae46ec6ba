//! The secrets of a plan: each is granted to the service, and has a version in force that exactly the place's agents can open.
//!
//! Or its grant names a store, and no version is needed. Invariant: a value has one place. The newest version counts, or none: a
//! version that was withdrawn does not bring back the one before. Agents alone can see whether a value opens; nobody else can see
//! more than who could open it.

use std::collections::BTreeSet;

use evidence::environment::Environment;
use evidence::plan::Plan;
use evidence::seal::SealKey;
use evidence::statements::{SecretVersion, StoreSource};
use evidence::{Moment, Name};

use crate::lanes::{ProvenStatement, counting};
use crate::reasons::Reasons;

/// Adds what is against the secrets of a plan.
pub fn check(
    plan: &Plan,
    environment: &Environment,
    statements: &[ProvenStatement],
    now: Moment,
    reasons: &mut Reasons,
) {
    for (name, least) in plan.needs() {
        granted(plan, name, statements, now, reasons);
        if let Some(from) = place(plan, name, statements, reasons) {
            elsewhere(plan, (name, least), from, reasons);
            continue;
        }
        let versions: Vec<_> = statements.iter().filter_map(|proven| version(proven, name)).collect();
        let place = plan.place();
        let Some(number) = versions.iter().map(|(version, _)| version.number).max() else {
            let what = format!("secret `{name}` of {place} has no version in force");
            reasons.against(MISSING, what, PUT);
            continue;
        };
        let newest: Vec<_> = versions.into_iter().filter(|(version, _)| version.number == number).collect();
        let [(version, proven)] = newest.as_slice() else {
            let what = format!("there are several versions {number} of secret `{name}` of {place}");
            reasons.against(MISSING, what, PUT);
            continue;
        };
        if !proven.void.is_empty() {
            let why = proven.void.join(" and ");
            let what = format!("version {number} of secret `{name}` of {place} does not count: {why}");
            reasons.against(MISSING, what, PUT);
        }
        if u64::from(number) < least {
            let what = format!("the plan needs version {least} of secret `{name}`, and {place} has {number}");
            reasons.against(MISSING, what, PUT);
        }
        for (code, what) in recipients(version, environment) {
            reasons.against(code, format!("version {number} of secret `{name}` {what}"), PUT);
        }
    }
}

/// Adds that nobody lets the service have a secret, or not at this time.
fn granted(plan: &Plan, name: &Name, statements: &[ProvenStatement], now: Moment, reasons: &mut Reasons) {
    let given = counting(statements).filter_map(|proven| proven.statement.gives());
    let given: Vec<_> =
        given.filter(|given| *given.service == plan.service && given.secret == name).collect();
    let (service, place) = (&plan.service, plan.place());
    if given.is_empty() {
        let what = format!("no grant in force lets service {service} have secret `{name}` of {place}");
        reasons.against("secret-not-granted", what, GRANT);
        return;
    }
    if !given.iter().any(|given| given.hours.is_none_or(|hours| hours.has(now))) {
        let hours: Vec<_> = given.iter().filter_map(|given| given.hours).map(ToString::to_string).collect();
        let what = format!("secret `{name}` of {place} is granted to {service} only {}", hours.join(" and "));
        reasons.against("secret-outside-hours", what, GRANT);
    }
}

/// The store that has the value, if a grant names one. Grants that do not count are heard too: the agent has the same ones before
/// it, and which place it reads must not hang on who counts.
fn place<'a>(
    plan: &Plan,
    name: &Name,
    statements: &'a [ProvenStatement],
    reasons: &mut Reasons,
) -> Option<&'a StoreSource> {
    let given = statements.iter().filter_map(|proven| proven.statement.gives());
    let given = given.filter(|given| *given.service == plan.service && given.secret == name);
    let places: BTreeSet<Option<&StoreSource>> = given.map(|given| given.from).collect();
    if places.len() > 1 {
        let what = format!("grants of secret `{name}` of {} name several places of its value", plan.place());
        reasons.against("secret-sources", what, "have all of these grants but those for one place withdrawn");
    }
    places.into_iter().flatten().next()
}

/// Adds what is against a value that lies in a store.
fn elsewhere(plan: &Plan, (name, least): (&Name, u64), from: &StoreSource, reasons: &mut Reasons) {
    let is_authority =
        plan.before.iter().flat_map(|step| step.ssh.values()).any(|one| one.authority == *name);
    if is_authority || plan.databases.values().any(|database| database.credential == *name) {
        let what = format!(
            "secret `{name}` of {} makes roles of databases or certificates, and its grant names {from}",
            plan.place()
        );
        let remedy =
            "have a version of it put, and granted without a store: agents open such a credential themselves";
        reasons.against(MISSING, what, remedy);
    }
    if let Some(version) = from.version.filter(|version| u64::from(*version) < least) {
        let what = format!(
            "the plan needs version {least} of secret `{name}`, and its grant names {version} in {from}"
        );
        reasons.against(MISSING, what, "have a newer version of the store granted");
    }
}

fn version<'a>(proven: &'a ProvenStatement, name: &Name) -> Option<(&'a SecretVersion, &'a ProvenStatement)> {
    let version = proven.statement.secret().filter(|version| version.secret == *name)?;
    Some((version, proven))
}

/// Agents that cannot open a version, and keys that can and are of no agent: a code and a sentence for each.
#[must_use]
pub fn recipients(version: &SecretVersion, environment: &Environment) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for agent in &environment.agents {
        match agent.seal {
            None => found.push((
                MISSING,
                format!("is not sealed to {}, whom the statement gives no seal key", agent.name),
            )),
            Some(seal) if !version.keys.contains_key(&seal) => {
                found.push((MISSING, format!("is not sealed to {}", agent.name)));
            }
            Some(_) => {}
        }
    }
    let seals: BTreeSet<SealKey> = environment.agents.iter().filter_map(|agent| agent.seal).collect();
    let strangers = version.keys.keys().filter(|key| !seals.contains(key));
    found.extend(
        strangers.map(|key| (EXPOSED, format!("can be opened with {key}, which is of no agent there"))),
    );
    found
}

const GRANT: &str =
    "have a person in the role `secret-owner` who is no author of the change grant it to the service";
const PUT: &str = "have a person in the role `secret-owner` put a new version";
const MISSING: &str = "secret-missing";
const EXPOSED: &str = "secret-exposed";
