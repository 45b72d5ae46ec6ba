//! Enrolments as the ledger has them.

use domain::Event;
use evidence::canonical::CanonicalError;
use evidence::dsse::Envelope;
use evidence::enrolment::Enrolment;

use crate::store::{Store, Unavailable};

/// The enrolment that an entry records.
///
/// # Errors
/// `Unavailable` when the entry does not contain an enrolment.
pub fn enrolment_at(store: &dyn Store, entry: u64) -> Result<Enrolment, Unavailable> {
    enrolment_envelope_at(store, entry).map(|(_, enrolment)| enrolment)
}

/// Like [`enrolment_at`], with the envelope.
pub fn enrolment_envelope_at(store: &dyn Store, entry: u64) -> Result<(Envelope, Enrolment), Unavailable> {
    let recorded = store.entry(entry)?;
    let facts = Event::read("identity.enrolled", &recorded.facts).map_err(Unavailable::of)?;
    let particulars = recorded.particulars.ok_or_else(|| Unavailable(format!("erased in entry {entry}")))?;
    let value: serde_json::Value =
        particulars.decode("particulars").map_err(|error: CanonicalError| Unavailable::of(error))?;
    let statement = value.pointer("/statements/0").cloned().unwrap_or_default();
    let envelope: Envelope = serde_json::from_value(statement).map_err(Unavailable::of)?;
    let enrolment = Enrolment::read(&envelope).map_err(Unavailable::of)?;
    match facts {
        Event::Enrolled(facts) if enrolment.digest().is_ok_and(|digest| digest == facts.digest) => {
            Ok((envelope, enrolment))
        }
        _ => Err(Unavailable(format!("entry {entry} does not hold the enrolment that it records"))),
    }
}
