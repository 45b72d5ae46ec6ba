//! Everything of an installation that files can declare, as it is in force.
//!
//! Input: a client, the root, the person's pin. Invariant: roots are walked from the pinned one; status and statements of places are
//! verified under it, and their payloads are those that they name; enrolments are verified too. Statements of people are shown as
//! the server shows them, by their digests: what they are worth, server and judges decide.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use evidence::configuration::{self, Configuration};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::enrolment::Enrolment;
use evidence::environment::Environment;
use evidence::pin::Pin;
use evidence::policy_files;
use evidence::statements::Statement;
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use evidence::windows::{self, Windows};
use evidence::{Digest, Place};
use wire::{Client, PersonView, PlaceView, StatementState};

use super::statements::KINDS;
use crate::error::Error;
use crate::{fetched, statements};

/// An installation as it is in force.
#[derive(Debug)]
pub struct InForce {
    /// The trust root.
    pub root: TrustRoot,
    /// The status.
    pub status: Status,
    /// Enrolled people.
    pub people: Vec<PersonInForce>,
    /// Places.
    pub places: BTreeMap<Place, PlaceInForce>,
    /// Statements of the kinds that files may have.
    pub statements: Vec<StatementInForce>,
    /// Policies by digest.
    pub policies: BTreeMap<Digest, Vec<u8>>,
}

/// A person.
#[derive(Debug)]
pub struct PersonInForce {
    /// As the server shows them.
    pub view: PersonView,
    /// The enrolment.
    pub enrolment: Enrolment,
    /// Whether those who may have signed it. If not, nothing of it is taken over.
    pub is_signed: bool,
}

/// A place.
#[derive(Debug)]
pub struct PlaceInForce {
    /// As the server shows it.
    pub view: PlaceView,
    /// Its statement.
    pub statement: Environment,
    /// Whether those who may have signed it. If not, because the root names others since, nothing of it is taken over.
    pub is_signed: bool,
    /// The statement as signed.
    pub envelope: Envelope,
    /// Its configuration.
    pub configuration: Configuration,
    /// Its windows.
    pub windows: Option<Windows>,
}

/// A statement.
#[derive(Debug)]
pub struct StatementInForce {
    /// Digest of its payload.
    pub digest: Digest,
    /// The statement.
    pub statement: Statement,
}

impl InForce {
    /// Asks the server for all of it.
    ///
    /// # Errors
    /// `Error` if something cannot be had, or is not signed by those who may.
    pub async fn fetch(client: &Client, root: &TrustRoot, pin: &Pin) -> Result<Self, Error> {
        let status = statements::status_in(&fetched::status_file(client).await?, root, Some(pin))?;
        let mut people = Vec::new();
        for view in client.installation().await?.people {
            if status.withdrawn.contains(&view.enrolment) {
                continue;
            }
            let (envelope, enrolment) = fetched::enrolment(client, &view.enrolment).await?;
            let is_signed = Enrolment::open(&envelope, root).is_ok();
            people.push(PersonInForce { view, enrolment, is_signed });
        }
        let (mut places, mut policies) = (BTreeMap::new(), BTreeMap::new());
        let (mut seen, mut stated) = (BTreeSet::new(), Vec::new());
        // A preview comes and goes with a request: no file declares it.
        let stays = |(view, _): &(PlaceView, _)| view.preview.is_none();
        for (view, envelope) in fetched::environments(client).await?.into_iter().filter(stays) {
            let (statement, is_signed) = statement(&envelope, &view.place, root, pin)?;
            if let Entry::Vacant(new) = policies.entry(statement.policy) {
                new.insert(client.blob(&statement.policy, policy_files::BYTES_MAX).await?);
            }
            let bytes = client.blob(&statement.configuration, configuration::BYTES_MAX).await?;
            let windows = match &statement.windows {
                Some(digest) => Some(Windows::decode(&client.blob(digest, windows::BYTES_MAX).await?)?),
                None => None,
            };
            for shown in &view.statements {
                let stands = [StatementState::InForce, StatementState::Later].contains(&shown.state);
                let known = KINDS.iter().any(|kind| kind.as_str() == shown.kind);
                if stands
                    && known
                    && seen.insert(shown.statement)
                    && !status.withdrawn.contains(&shown.statement)
                {
                    stated.push(one(client, shown.statement, &shown.envelope).await?);
                }
            }
            let configuration = Configuration::decode(&bytes)?;
            let place = view.place.clone();
            let found = PlaceInForce { view, statement, is_signed, envelope, configuration, windows };
            places.insert(place, found);
        }
        Ok(Self { root: root.clone(), status, people, places, statements: stated, policies })
    }
}

/// The statement of a place, and whether it counts under the root. One that does not count any more is only compared, so that
/// it can be signed anew.
fn statement(
    envelope: &Envelope,
    place: &Place,
    root: &TrustRoot,
    pin: &Pin,
) -> Result<(Environment, bool), Error> {
    let error = match statements::statement_in(envelope, place, root, Some(pin)) {
        Ok(statement) => return Ok((statement, true)),
        Err(error) => error,
    };
    let shown = Environment::read(envelope)?;
    let seen = statements::seen_of(pin, place).map_or(0, |known| known.number);
    let is_its = shown.installation == root.installation && shown.place() == *place;
    match is_its && shown.number >= seen && shown.number - seen <= LEAP_MAX {
        true => Ok((shown, false)),
        false => Err(error),
    }
}

async fn one(client: &Client, digest: Digest, envelope: &Digest) -> Result<StatementInForce, Error> {
    let envelope = Envelope::decode(&client.blob(envelope, ENVELOPE_BYTES_MAX).await?)?;
    if envelope.payload_digest() != digest {
        return Err(Error::unusable(format!("the server shows another statement than {digest}")));
    }
    let statement = Statement::read(&envelope)
        .map_err(|error| Error::unusable(format!("the server shows statement {digest}: {error}")))?;
    Ok(StatementInForce { digest, statement })
}

/// Largest step from the number that the person has seen to one that is not signed by those who may.
const LEAP_MAX: u64 = 10_000;
