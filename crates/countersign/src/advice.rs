//! Advice for a person before they sign: statements in force that would not count under a new trust root, because its
//! signers did not sign them, and people who are enrolled already.
//!
//! Invariant: it decides nothing. Statements that cannot be read are left out, so that a damaged one does not prevent a new
//! root.

use client::access::Access;
use client::clock::now;
use client::{fetched, session};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::enrolment::Enrolment;
use evidence::environment::Environment;
use evidence::status::StatusFile;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Place};
use ledger::{BLOBS, Blobs};

use crate::failure::Failure;
use crate::trust;
use crate::waiting::runtime;

/// One line for each kind of statements that count under the old root and not under the new one, with the way to keep them.
pub fn ended_by(access: &Access, old: &TrustRoot, new: &TrustRoot) -> Result<Vec<String>, Failure> {
    let seen = InForce::seen(access)?;
    let status = status(seen.status.as_ref(), old, new).into_iter();
    Ok(status.chain(places(&seen.places, old, new)).chain(people(&seen.people, old, new)).collect())
}

/// People whose valid enrolment names one of these addresses: one person with two enrolments would count as two people.
pub fn with_address(access: &Access, emails: &[String]) -> Result<Vec<String>, Failure> {
    let seen = InForce::seen(access)?;
    let known = seen.people.iter().filter_map(|(digest, _, enrolment)| {
        let email = enrolment.emails.iter().find(|email| emails.contains(email))?;
        let (name, email) = (shown::line(&enrolment.name), shown::line(email));
        Some(format!(
            "{name} is enrolled with {email} until {}; if this is the same person, who would then count as two people, withdraw \
             that enrolment with `countersign trust status --withdraw {digest}`",
            enrolment.expires
        ))
    });
    Ok(known.collect())
}

/// Statements in force.
struct InForce {
    status: Option<StatusFile>,
    places: Vec<(Place, Envelope)>,
    people: Vec<(Digest, Envelope, Enrolment)>,
}

impl InForce {
    /// As the ledger on this machine has them, else as the server shows them.
    fn seen(access: &Access) -> Result<Self, Failure> {
        match access.ledger() {
            Some(data) => Self::in_ledger(data),
            None => runtime()?.block_on(Self::at_server(access)),
        }
    }

    fn in_ledger(data: &std::path::Path) -> Result<Self, Failure> {
        let state = trust::fold(data)?;
        let (readers, blobs) = (server::Readers::new(data), Blobs::read_only(&data.join(BLOBS)));
        let store = server::LedgerStore::new(&readers, &blobs);
        let status = state.identity.status().and_then(|(_, _, file)| {
            StatusFile::decode(&blobs.read(&file, 2 * ENVELOPE_BYTES_MAX as u64).ok()?).ok()
        });
        let places = state.gate.environments().filter_map(|set| {
            let bytes = blobs.read(&set.facts.envelope, ENVELOPE_BYTES_MAX as u64).ok()?;
            Some((set.facts.place.clone(), Envelope::decode(&bytes).ok()?))
        });
        let people = state.identity.people(now()?).filter_map(|(_, person)| {
            let (envelope, enrolment) = judge::enrolment_envelope_at(&store, person.entry).ok()?;
            Some((person.enrolment, envelope, enrolment))
        });
        Ok(Self { status, places: places.collect(), people: people.collect() })
    }

    async fn at_server(access: &Access) -> Result<Self, Failure> {
        let client = session::client(access)?;
        let mut people = Vec::new();
        for person in client.installation().await?.people {
            if let Ok((envelope, enrolment)) = fetched::enrolment(&client, &person.enrolment).await {
                people.push((person.enrolment, envelope, enrolment));
            }
        }
        let places = fetched::environments(&client).await?;
        Ok(Self {
            status: Some(fetched::status_file(&client).await?),
            places: places.into_iter().map(|(view, envelope)| (view.place, envelope)).collect(),
            people,
        })
    }
}

fn status(file: Option<&StatusFile>, old: &TrustRoot, new: &TrustRoot) -> Option<String> {
    let opened = file?.open(old).ok()?;
    file?.open(new).is_err().then(|| {
        format!(
            "status {} is not signed by enough of the new root's status signers, so no gate can pass: first have it \
             renewed by the others with `countersign trust status --renew`",
            opened.status.number
        )
    })
}

fn places(all: &[(Place, Envelope)], old: &TrustRoot, new: &TrustRoot) -> Option<String> {
    let ended = all
        .iter()
        .filter(|(_, it)| Environment::open(it, old).is_ok() && Environment::open(it, new).is_err());
    let ended: Vec<_> = ended.map(|(place, _)| place.to_string()).collect();
    (!ended.is_empty()).then(|| {
        format!(
            "the statements of {} are not signed by enough of the new root's policy signers, so nothing can be released \
             there: first have each signed by the others with `countersign trust environment PLACE`",
            ended.join(", ")
        )
    })
}

fn people(all: &[(Digest, Envelope, Enrolment)], old: &TrustRoot, new: &TrustRoot) -> Option<String> {
    let ended =
        all.iter().filter(|(_, it, _)| Enrolment::open(it, old).is_ok() && Enrolment::open(it, new).is_err());
    let mut ended: Vec<_> = ended.map(|(_, _, enrolment)| shown::line(&enrolment.name)).collect();
    ended.sort();
    (!ended.is_empty()).then(|| {
        format!(
            "the enrolments of {} are not signed by enough of the new root's registrars, so these people have no rights any \
             more: first withdraw each with `countersign trust status --withdraw`, and have the others enrol them anew",
            ended.join(", ")
        )
    })
}
