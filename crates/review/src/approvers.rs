//! The people who may approve a release, as far as its evidence shows.
//!
//! Invariant: this advice is given before anything is signed, and it decides nothing: each gate checks again. Under a
//! policy other than the built-in one the approving role is unknown, so no names are listed.

use evidence::policy_files::PolicyFiles;
use evidence::statements::StatementKind;
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
    let signed_off = |person: &PersonView| {
        let person = checked.people.enrolled.by_id(person.person.id());
        person.is_some_and(|person| checked.people.authors.signed_off.contains(&person.subject))
    };
    let found = people.iter().filter(|person| may(checked, person, &[APPROVER]) && !signed_off(person));
    (checked.trust.environment.policy == built_in).then(|| names(&found.collect::<Vec<_>>()))
}

/// Names of the people whose waiver would count: each gate demands one of these roles, under every policy.
#[must_use]
pub fn may_waive(checked: &Checked<'_>, people: &[PersonView]) -> Vec<String> {
    let roles = StatementKind::Waiver.rules().roles;
    names(&people.iter().filter(|person| may(checked, person, roles)).collect::<Vec<_>>())
}

/// Whether a role is one of those whose people may approve or waive something.
#[must_use]
pub fn decides(role: &str) -> bool {
    role == APPROVER || StatementKind::Waiver.rules().roles.contains(&role)
}

/// Whether a person has one of these roles at the place, and did not take part in the change.
fn may(checked: &Checked<'_>, person: &PersonView, roles: &[&str]) -> bool {
    let place = &checked.place;
    let has_role = person.grants.iter().any(|grant| {
        roles.contains(&grant.role.as_str())
            && grant.project.as_ref().is_none_or(|name| *name == place.project)
            && grant.environment.as_ref().is_none_or(|name| *name == place.environment)
    });
    let enrolled = checked.people.enrolled.by_id(person.person.id());
    has_role && !enrolled.is_some_and(|person| checked.is_barred(&person.subject))
}

/// Names of people, with the beginning of the id where two have the same name.
fn names(found: &[&PersonView]) -> Vec<String> {
    let named = |person: &&PersonView| match &person.name {
        Some(name) if found.iter().filter(|other| other.name == person.name).count() == 1 => {
            shown::line(name)
        }
        Some(name) => format!("{} ({})", shown::line(name), short(&person.person.to_string())),
        None => format!("person {}", person.person),
    };
    found.iter().map(named).collect()
}

/// The role whose approvals the built-in policy counts.
pub const APPROVER: &str = "release-manager";
