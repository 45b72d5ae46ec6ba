//! Advice for a person before they sign: statements in force that would not count under a new trust root, because its
//! signers did not sign them, and people who are enrolled already.
//!
//! Invariant: it decides nothing. Statements that cannot be read are left out, so that a damaged one does not prevent a new
//! root.

use std::path::Path;

use client::clock::now;
use client::home::Home;
use domain::State;
use evidence::Moment;
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::enrolment::Enrolment;
use evidence::environment::Environment;
use evidence::status::StatusFile;
use evidence::trust_root::TrustRoot;
use ledger::{BLOBS, Blobs};

use crate::failure::Failure;
use crate::trust;

/// One line for each kind of statements that count under the old root and not under the new one, with the way to keep them.
pub fn ended_by(home: &Home, old: &TrustRoot, new: &TrustRoot) -> Result<Vec<String>, Failure> {
    let state = trust::fold(home.data())?;
    let blobs = Blobs::read_only(&home.data().join(BLOBS));
    let status = status(&state, &blobs, old, new).into_iter();
    let lines = status.chain(places(&state, &blobs, old, new)).chain(people(home, &state, old, new)?);
    Ok(lines.collect())
}

fn status(state: &State, blobs: &Blobs, old: &TrustRoot, new: &TrustRoot) -> Option<String> {
    let (number, _, file) = state.identity.status()?;
    let file = StatusFile::decode(&blobs.read(&file, 2 * ENVELOPE_BYTES_MAX as u64).ok()?).ok()?;
    (file.open(old).is_ok() && file.open(new).is_err()).then(|| {
        format!(
            "status {number} is not signed by enough of the new root's status signers, so no gate can pass: first have it \
             renewed by the others with `countersign trust status --renew`"
        )
    })
}

fn places(state: &State, blobs: &Blobs, old: &TrustRoot, new: &TrustRoot) -> Option<String> {
    let ended = state.gate.environments().filter(|set| {
        let bytes = blobs.read(&set.facts.envelope, ENVELOPE_BYTES_MAX as u64).ok();
        let envelope = bytes.and_then(|bytes| Envelope::decode(&bytes).ok());
        envelope.is_some_and(|it| Environment::open(&it, old).is_ok() && Environment::open(&it, new).is_err())
    });
    let ended: Vec<_> = ended.map(|set| set.facts.place.to_string()).collect();
    (!ended.is_empty()).then(|| {
        format!(
            "the statements of {} are not signed by enough of the new root's policy signers, so nothing can be released \
             there: first have each signed by the others with `countersign trust environment PLACE`",
            ended.join(", ")
        )
    })
}

fn people(home: &Home, state: &State, old: &TrustRoot, new: &TrustRoot) -> Result<Option<String>, Failure> {
    let readers = server::Readers::new(home.data());
    let blobs = Blobs::read_only(&home.data().join(BLOBS));
    let store = server::LedgerStore::new(&readers, &blobs);
    let ended = state.identity.people(now()?).filter_map(|(_, person)| {
        let (envelope, enrolment) = judge::enrolment_envelope_at(&store, person.entry).ok()?;
        let ends = Enrolment::open(&envelope, old).is_ok() && Enrolment::open(&envelope, new).is_err();
        ends.then(|| shown::line(&enrolment.name))
    });
    let mut ended: Vec<_> = ended.collect();
    ended.sort();
    Ok((!ended.is_empty()).then(|| {
        format!(
            "the enrolments of {} are not signed by enough of the new root's registrars, so these people have no rights any \
             more: first withdraw each with `countersign trust status --withdraw`, and have the others enrol them anew",
            ended.join(", ")
        )
    }))
}

/// People whose valid enrolment names one of these addresses: one person with two enrolments would count as two people.
pub fn with_address(data: &Path, emails: &[String], now: Moment) -> Result<Vec<String>, Failure> {
    let (readers, blobs) = (server::Readers::new(data), Blobs::read_only(&data.join(BLOBS)));
    let store = server::LedgerStore::new(&readers, &blobs);
    let state = trust::fold(data)?;
    let known = state.identity.people(now).filter_map(|(_, person)| {
        let enrolment = judge::enrolment_at(&store, person.entry).ok()?;
        let email = enrolment.emails.iter().find(|email| emails.contains(email))?;
        let (name, email) = (shown::line(&enrolment.name), shown::line(email));
        Some(format!(
            "{name} is enrolled with {email} until {}; if this is the same person, who would then count as two people, withdraw \
             that enrolment with `countersign trust status --withdraw {}`",
            person.expires, person.enrolment
        ))
    });
    Ok(known.collect())
}
