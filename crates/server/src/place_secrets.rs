//! The secrets of a place as its agents get them between releases.
//!
//! Invariant: nothing here can be opened by the server. The order is a pure function of the state and the blobs.

use std::collections::BTreeSet;

use domain::statement::RecordedStatement;
use domain::{PersonId, State};
use evidence::dsse::Envelope;
use evidence::secrets_order::SecretsOrder;
use evidence::statements::Statement;
use evidence::status::StatusFile;
use evidence::{Digest, Moment, Place};
use judge::{Store as _, enrolment_envelope_at};

use crate::edge::{EdgeError, Gatekeeper};

/// The newest version of each secret of a place, as far as its signer is still enrolled, and the grants to its service.
///
/// # Errors
/// `EdgeError` if the evidence on disk cannot be read.
pub fn order(
    keeper: &Gatekeeper,
    state: &State,
    place: &Place,
    now: Moment,
) -> Result<SecretsOrder, EdgeError> {
    let store = keeper.store();
    let read = |digest: &Digest| {
        let bytes = store.blob(digest).map_err(failed)?;
        Envelope::decode(&bytes).map_err(failed)
    };
    let unknown = || failed("the installation has no status and no trust root yet");
    let (status, root) =
        (state.identity.status().ok_or_else(unknown)?, state.identity.root().ok_or_else(unknown)?);
    let enrolled = |known: &&RecordedStatement| state.identity.person(known.facts.person, now).is_some();
    let known: Vec<_> = state.statement.secrets_at(place, now).filter(enrolled).collect();
    let grants = grants(state, place, now, &read)?;
    let signers = grants.iter().map(|(known, _)| *known).filter(enrolled).chain(known.iter().copied());
    let people: BTreeSet<PersonId> = signers.map(|known| known.facts.person).collect();
    let people = people.into_iter().filter_map(|person| state.identity.enrolled(person));
    let enrolments = people.map(|person| enrolment_envelope_at(&store, person.entry).map(|found| found.0));
    let enrolments: Vec<_> = enrolments.collect::<Result<_, _>>().map_err(failed)?;
    let statements = known.iter().map(|known| read(&known.facts.envelope)).collect::<Result<_, _>>()?;
    Ok(SecretsOrder {
        v: 1,
        installation: root.installation,
        place: place.clone(),
        numbers: state.statement.numbers(place),
        roots: state.identity.roots().iter().map(read).collect::<Result<_, _>>()?,
        status: StatusFile::decode(&store.blob(&status.2).map_err(failed)?).map_err(failed)?,
        enrolments: sorted(enrolments),
        statements: sorted(statements),
        grants: sorted(grants.into_iter().map(|(_, envelope)| envelope).collect()),
    })
}

/// Grants that let the place's service have a secret, as far as time decides that.
fn grants<'a>(
    state: &'a State,
    place: &'a Place,
    now: Moment,
    read: &impl Fn(&Digest) -> Result<Envelope, EdgeError>,
) -> Result<Vec<(&'a RecordedStatement, Envelope)>, EdgeError> {
    let mut found = Vec::new();
    for known in state.statement.at(place, now).filter(|known| known.facts.kind.lends()) {
        let envelope = read(&known.facts.envelope)?;
        let statement = Statement::read(&envelope).map_err(failed)?;
        if statement.gives().is_some_and(|given| *given.service == place.service) {
            found.push((known, envelope));
        }
    }
    Ok(found)
}

fn sorted(mut envelopes: Vec<Envelope>) -> Vec<Envelope> {
    envelopes.sort_by_key(Envelope::payload_digest);
    envelopes
}

fn failed(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::Evidence(error.to_string())
}
