//! People: those in files and not in force are enrolled; changed ones are withdrawn and enrolled again, since nobody is enrolled
//! twice.
//!
//! Invariant: nothing of an enrolment is taken over that the registrars have not signed: it could be anybody's.

use std::time::Duration;

use evidence::Digest;
use evidence::enrolment::{EnrolledKey, Enrolment, Grant};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::declaration::{Declared, Part};
use super::super::difference::{Row, Sort, difference};
use super::super::fault::Faults;
use super::super::in_force::{InForce, PersonInForce};
use super::super::leaves::Leaves;
use super::super::people::{DeclaredPerson, role};
use super::super::step::{Plan, Step, Way};
use super::super::values;
use super::super::values::Handles;
use crate::clock::YEAR;
use crate::random;

pub fn plan(
    declared: &Declared,
    in_force: &InForce,
    handles: &Handles,
    way: Way,
    plan: &mut Plan,
    withdrawn: &mut Vec<Digest>,
    faults: &mut Faults,
) -> Vec<Step> {
    let Some(people) = &declared.people else {
        plan.notes.push("no directory `people`: enrolments are not compared".into());
        return Vec::new();
    };
    let mut steps = Vec::new();
    for (name, person) in people {
        let part = Part::Person(name.clone());
        let old = in_force.people.iter().find(|it| it.enrolment.subject == person.subject);
        let signed = old.filter(|old| old.is_signed);
        let known = signed.map(|old| Leaves::of(&values::person(&old.enrolment))).unwrap_or_default();
        match old {
            None => plan.rows.push(Row::whole(Sort::Add, &part, Some(&person.at))),
            Some(old) if !old.is_signed => plan.rows.push(Row {
                key: "signatures".into(),
                from: Some(json!("too few of the registrars signed the enrolment in force")),
                to: Some(json!("a new enrolment")),
                ..Row::whole(Sort::Change, &part, Some(&person.at))
            }),
            Some(_) => {}
        }
        let rows = difference(&part, &person.leaves, &known, &|_, _| false);
        let changes = old.is_none() != signed.is_none()
            || rows.iter().any(|row| row.sort != Sort::Undeclared || way.prune);
        plan.rows.extend(rows);
        if !changes {
            continue;
        }
        if old.is_some_and(|old| old.view.person == way.me) {
            plan.notes.push(format!(
                "{part} is you: a changed enrolment replaces yours, so have somebody else apply it"
            ));
            continue;
        }
        withdrawn.extend(old.map(|old| old.view.enrolment));
        let wanted = if way.prune { person.leaves.clone() } else { known.under(&person.leaves) };
        match enrolment(&wanted.json(), person, old, in_force, way) {
            Ok(enrolment) => steps.push(Step::Person(Box::new(enrolment))),
            Err(what) => faults.add(&person.at, what),
        }
    }
    for old in &in_force.people {
        if people.values().any(|person| person.subject == old.enrolment.subject) {
            continue;
        }
        let part = Part::Person(handles.name(&old.enrolment.subject));
        plan.rows.push(Row::whole(Sort::Undeclared, &part, None));
        if way.prune && old.view.person == way.me {
            plan.notes.push(
                "you are in no file, and nobody withdraws their own enrolment: have somebody else apply it"
                    .into(),
            );
        } else if way.prune {
            withdrawn.push(old.view.enrolment);
        }
    }
    steps
}

fn enrolment(
    values: &Value,
    person: &DeclaredPerson,
    old: Option<&PersonInForce>,
    in_force: &InForce,
    way: Way,
) -> Result<Enrolment, String> {
    let roles: Vec<String> = list(values, "roles")?;
    let mut grants: Vec<Grant> = roles.iter().filter_map(|text| role(text)).collect();
    grants.sort();
    let mut keys: Vec<EnrolledKey> = list(values, "keys")?;
    keys.sort();
    let name = values.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    // The id gives no right. It stays the person's unless the enrolment is unsigned and has that of somebody else.
    let is_free = |old: &&PersonInForce| {
        let id = old.enrolment.person;
        let others = in_force.people.iter().filter(|it| it.enrolment.subject != person.subject);
        old.is_signed || others.into_iter().all(|it| it.enrolment.person != id)
    };
    let id = match old.filter(is_free) {
        Some(old) => old.enrolment.person,
        None => random::id().map_err(|error| error.to_string())?,
    };
    let enrolment = Enrolment {
        v: 1,
        installation: in_force.root.installation,
        person: id,
        subject: person.subject.clone(),
        name,
        emails: list(values, "emails")?,
        keys,
        grants,
        issued: way.now,
        expires: way.now.later_by(Duration::from_secs(YEAR.as_secs())),
        accounts: list(values, "accounts")?,
        eligible: list(values, "eligible")?,
        passkeys: list(values, "passkeys")?,
        openpgp: list(values, "openpgp")?,
    };
    enrolment.envelope().map(|_| enrolment).map_err(|error| error.to_string())
}

fn list<T: DeserializeOwned>(values: &Value, key: &str) -> Result<Vec<T>, String> {
    let value = values.get(key).cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    serde_json::from_value(value).map_err(|error| format!("`{key}`: {error}"))
}
