//! The people who may approve a release, as far as its evidence shows.
//!
//! Invariant: this advice is given before anything is signed, and it decides nothing: each gate checks again. Under a
//! policy other than the built-in one the approving role is unknown, so no names are listed.

use evidence::policy_files::PolicyFiles;
use evidence::{Id, Place};
use judge::Checked;
use policy::Reason;
use wire::PersonView;

use crate::ids::short;

/// The reason why a person's own approval would not count; `None` if it would.
#[must_use]
pub fn own_change(checked: &Checked<'_>, people: &[PersonView], person: Id) -> Option<Reason> {
    // The evidence holds the enrolment of every change author; a person without one in it cannot be a change author.
    let person = checked.people.enrolled.by_id(person)?;
    checked.is_barred(&person.subject).then(|| Reason {
        code: "own-change".into(),
        what: format!(
            "{} is an author of the change to {} or asked for its run, and does not approve it",
            shown::line(&person.name),
            checked.place
        ),
        remedy: advice(checked, people),
        finding: None,
    })
}

/// The people who have to approve, and the command that they type. `people` are those that the server lists.
fn advice(checked: &Checked<'_>, people: &[PersonView]) -> String {
    match may_approve(checked, people) {
        None => somebody(&command(&checked.place)),
        Some(names) if names.is_empty() => format!(
            "every person with the role {APPROVER} is an author of the change or asked for its run: enrol somebody else \
             (`countersign trust enrol`), or grant another person that role"
        ),
        Some(names) => format!("have {} approve: {}", names.join(" or "), command(&checked.place)),
    }
}

/// The same advice for a case where the people are unknown.
#[must_use]
pub fn somebody(command: &str) -> String {
    format!("have somebody other than the change authors approve: {command}")
}

/// The command by which a person approves at a place.
#[must_use]
pub fn command(place: &Place) -> String {
    format!("countersign approve {place} --reason WHY")
}

/// Names of the people whose approval the built-in policy counts; `None` under another policy.
#[must_use]
pub fn may_approve(checked: &Checked<'_>, people: &[PersonView]) -> Option<Vec<String>> {
    let built_in = PolicyFiles::new(policy::Pack::DEFAULT.files()).digest().ok()?;
    let took_part = |person: &PersonView| {
        checked.people.enrolled.by_id(person.person.id()).is_some_and(|person| {
            checked.is_barred(&person.subject) || checked.people.authors.signed_off.contains(&person.subject)
        })
    };
    let has_role = |person: &PersonView| {
        let place = &checked.place;
        person.grants.iter().any(|grant| {
            grant.role.as_str() == APPROVER
                && grant.project.as_ref().is_none_or(|name| *name == place.project)
                && grant.environment.as_ref().is_none_or(|name| *name == place.environment)
        })
    };
    let found: Vec<_> = people.iter().filter(|person| has_role(person) && !took_part(person)).collect();
    let named = |person: &&PersonView| match &person.name {
        Some(name) if found.iter().filter(|other| other.name == person.name).count() == 1 => {
            shown::line(name)
        }
        Some(name) => format!("{} ({})", shown::line(name), short(&person.person.to_string())),
        None => format!("person {}", person.person),
    };
    (checked.trust.environment.policy == built_in).then(|| found.iter().map(named).collect())
}

/// The role whose approvals the built-in policy counts.
pub const APPROVER: &str = "release-manager";
