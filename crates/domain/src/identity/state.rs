//! The fold of identities: the root, the people enrolled now, and the status in force.
//!
//! Invariant: each event function applies its event and returns whether the event fitted; `false` counts as a misfit.
//! The fold has no clock: queries take the moment.

use std::collections::BTreeMap;

use evidence::enrolment::{Grant, Purpose};
use evidence::status::{Freeze, Revocation};
use evidence::{Digest, Moment, Name};
use serde::{Deserialize, Serialize};

use super::event::{Enrolled, EnrolledKey, Rooted, StatusSet};
use crate::ids::PersonId;
use evidence::Place;

/// Identities as decisions read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) root: Option<Rooted>,
    /// Digests of the envelopes of all roots, from version 1 on.
    pub(super) roots: Vec<Digest>,
    pub(super) people: BTreeMap<PersonId, Person>,
    pub(super) status: Option<StatusSet>,
}

/// A person who is enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Digest of the person's subject, which never changes.
    pub subject: Digest,
    /// Keys, each named by its fingerprint.
    pub keys: Vec<EnrolledKey>,
    /// Roles.
    pub grants: Vec<Grant>,
    /// End of the enrolment's validity.
    pub expires: Moment,
    /// Digest of the enrolment.
    pub enrolment: Digest,
    /// Number of the entry that enrolled the person, counted from 0. The signed statement is found there.
    pub entry: u64,
}

impl State {
    /// The trust root in force.
    #[must_use]
    pub const fn root(&self) -> Option<&Rooted> {
        self.root.as_ref()
    }

    /// Digests of the envelopes of all trust roots from version 1 on, blobs.
    #[must_use]
    pub fn roots(&self) -> &[Digest] {
        &self.roots
    }

    /// A person whose enrolment is neither expired nor withdrawn at the moment.
    #[must_use]
    pub fn person(&self, person: PersonId, moment: Moment) -> Option<&Person> {
        self.people.get(&person).filter(|person| person.expires > moment)
    }

    /// A person whose enrolment is not withdrawn; it may have expired.
    #[must_use]
    pub fn enrolled(&self, person: PersonId) -> Option<&Person> {
        self.people.get(&person)
    }

    /// All people whose enrolment is valid at the moment.
    pub fn people(&self, moment: Moment) -> impl Iterator<Item = (PersonId, &Person)> {
        self.people
            .iter()
            .filter(move |(_, person)| person.expires > moment)
            .map(|(id, person)| (*id, person))
    }

    /// Number of the status in force; 0 before the first one.
    #[must_use]
    pub fn status_number(&self) -> u64 {
        self.status.as_ref().map_or(0, |status| status.number)
    }

    /// Number, end of validity and file of the status in force.
    #[must_use]
    pub fn status(&self) -> Option<(u64, Moment, Digest)> {
        self.status.as_ref().map(|status| (status.number, status.expires, status.file))
    }

    /// Whether any key is revoked at the moment.
    #[must_use]
    pub fn revokes(&self, moment: Moment) -> bool {
        let status = self.status.as_ref();
        status
            .is_some_and(|status| status.revoked.iter().any(|revocation| revocation.invalid_since <= moment))
    }

    /// Whether a key is revoked at the moment.
    #[must_use]
    pub fn is_revoked(&self, key: &str, moment: Moment) -> bool {
        let revoked = self.status.as_ref().map(|status| status.revoked.as_slice()).unwrap_or_default();
        revoked.iter().any(|revocation| revocation.key == key && revocation.invalid_since <= moment)
    }

    /// Whether the status in force withdraws a statement.
    #[must_use]
    pub fn withdraws(&self, statement: &Digest) -> bool {
        self.status.as_ref().is_some_and(|status| status.withdrawn.contains(statement))
    }

    /// Whether releases to a place are frozen by the status in force.
    #[must_use]
    pub fn is_frozen(&self, place: &Place) -> bool {
        self.freezes().iter().any(|freeze| freeze.covers(&place.project, &place.service, &place.environment))
    }

    /// Revocations of the current status.
    #[must_use]
    pub fn revocations(&self) -> &[Revocation] {
        self.status.as_ref().map(|status| status.revoked.as_slice()).unwrap_or_default()
    }

    /// Freezes of the status in force.
    #[must_use]
    pub fn freezes(&self) -> &[Freeze] {
        self.status.as_ref().map(|status| status.frozen.as_slice()).unwrap_or_default()
    }

    /// Digests that the status in force bars from running anywhere.
    #[must_use]
    pub fn barred(&self) -> &[Digest] {
        self.status.as_ref().map(|status| status.barred.as_slice()).unwrap_or_default()
    }

    /// Whether the person holds a role for a project and environment at the moment.
    #[must_use]
    pub fn has_role(
        &self,
        person: PersonId,
        role: &Name,
        project: &Name,
        environment: Option<&Name>,
        moment: Moment,
    ) -> bool {
        let covers = |grant: &Grant| {
            grant.role == *role
                && grant.project.as_ref().is_none_or(|name| name == project)
                && grant.environment.as_ref().is_none_or(|name| Some(name) == environment)
        };
        self.person(person, moment).is_some_and(|person| person.grants.iter().any(covers))
    }

    /// Whether a person holds any role in a project, for any environment.
    #[must_use]
    pub fn works_on(&self, person: PersonId, project: &Name, moment: Moment) -> bool {
        let covers = |grant: &Grant| grant.project.as_ref().is_none_or(|name| name == project);
        self.person(person, moment).is_some_and(|person| person.grants.iter().any(covers))
    }

    /// Whether a person holds any role in every project.
    #[must_use]
    pub fn works_everywhere(&self, person: PersonId, moment: Moment) -> bool {
        let is_for_all = |grant: &Grant| grant.project.is_none();
        self.person(person, moment).is_some_and(|person| person.grants.iter().any(is_for_all))
    }

    pub(crate) fn rooted(&mut self, event: &Rooted) -> bool {
        let follows = self.root.as_ref().map_or(1, |root| root.version + 1) == event.version;
        self.root = Some(event.clone());
        self.roots.push(event.envelope);
        follows
    }

    pub(crate) fn enrol(&mut self, event: &Enrolled, entry: u64) -> bool {
        let person = Person {
            subject: event.subject,
            keys: event.keys.clone(),
            grants: event.grants.clone(),
            expires: event.expires,
            enrolment: event.digest,
            entry,
        };
        let replaces = self.people.insert(event.person, person);
        replaces.is_none_or(|old| old.subject == event.subject)
    }

    pub(crate) fn status_set(&mut self, event: &StatusSet) -> bool {
        let rises = self.status.as_ref().is_none_or(|status| status.number < event.number);
        self.people.retain(|_, person| !event.withdrawn.contains(&person.enrolment));
        self.status = Some(event.clone());
        rises
    }
}

impl Person {
    /// Whether one of the person's keys serves a purpose.
    #[must_use]
    pub fn has_key(&self, fingerprint: &str, purpose: Purpose) -> bool {
        self.keys.iter().any(|key| key.fingerprint == fingerprint && key.purposes.contains(&purpose))
    }
}
