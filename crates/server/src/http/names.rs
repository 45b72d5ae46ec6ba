//! Names of people, as their enrolments state them.

use domain::PersonId;
use wire::NamedPerson;

use crate::shared::Shared;

/// A person with their name, if they are enrolled.
pub fn named(shared: &Shared, person: PersonId) -> NamedPerson {
    let enrolled = shared.intake.state().identity.enrolled(person).map(|person| person.entry);
    NamedPerson { person, name: enrolled.and_then(|entry| name_of(shared, entry)) }
}

/// The name of a person in an enrolment; `None` if the enrolment cannot be read.
pub fn name_of(shared: &Shared, enrolment: u64) -> Option<String> {
    judge::enrolment_at(&shared.gatekeeper.store(), enrolment).ok().map(|enrolment| enrolment.name)
}
