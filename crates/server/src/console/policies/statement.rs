//! The environment statement that puts a policy in force: since when, by whom, and the one with another policy before it.
//!
//! Invariant: signatures were verified when the statement was recorded. Names are those of people whom the reader may see.

use domain::gate::{Environment, EnvironmentSet};
use domain::{Event, State};
use evidence::dsse::Envelope;
use evidence::entry::Header;
use evidence::{Moment, Place};
use judge::Store as _;
use wire::PersonView;

use crate::console::reading::Reading;
use crate::console::situation::Situation;
use crate::console::words::list;
use crate::http::problem::Failure;
use crate::views::search::{self, Conditions};

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From this moment on it is in force.
    pub since: Moment,
    /// Names of its signers, or their keys.
    names: Vec<String>,
}

impl Statement {
    /// The statement of a place.
    ///
    /// # Errors
    /// `Failure` if its entry cannot be read.
    pub fn read(at: &Reading<'_>, set: &Environment, people: &[PersonView]) -> Result<Self, Failure> {
        let store = at.shared.gatekeeper.store();
        let entry = store.entry(set.entry).map_err(Failure::failed)?;
        let header = Header::decode(&entry.header).map_err(Failure::failed)?;
        let envelope = store.blob(&set.facts.envelope).ok();
        let envelope = envelope.and_then(|bytes| Envelope::decode(&bytes).ok());
        let named = |key: &str| {
            let person = people.iter().find(|person| person.keys.iter().any(|known| known == key));
            person.and_then(|person| person.name.clone()).unwrap_or_else(|| shown::brief(key, KEY_CHARS))
        };
        let signatures = envelope.iter().flat_map(Envelope::signatures);
        Ok(Self { since: header.time, names: signatures.map(|signature| named(&signature.keyid)).collect() })
    }

    /// The signers in one line.
    pub fn signers(&self) -> String {
        if self.names.is_empty() { "not readable".to_owned() } else { list(&self.names, NAMES_MAX) }
    }
}

/// The people whom the reader may see.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn people(at: &Reading<'_>, state: &State) -> Result<Vec<PersonView>, Failure> {
    Ok(Situation::read(at, state)?.people_until(at, state, Moment::LAST))
}

/// The newest statement of a place that named another policy, among the newest ones of its project.
///
/// # Errors
/// `Failure` if the views or the ledger cannot be read.
pub fn before(at: &Reading<'_>, set: &Environment) -> Result<Option<EnvironmentSet>, Failure> {
    let place: &Place = &set.facts.place;
    let conditions = Conditions {
        kind: Some(KIND.to_owned()),
        project: Some(place.project.clone()),
        before: Some(set.entry),
        ..Conditions::default()
    };
    let found = at.shared.views.ask(|rows| search::find(rows, &conditions, LOOKED_MAX, &|_| true));
    let store = at.shared.gatekeeper.store();
    for number in found.map_err(Failure::failed)?.numbers() {
        let entry = store.entry(number).map_err(Failure::failed)?;
        if let Ok(Event::EnvironmentSet(older)) = Event::read(KIND, &entry.facts)
            && older.place == *place
            && older.policy != set.facts.policy
        {
            return Ok(Some(older));
        }
    }
    Ok(None)
}

/// Kind of the entries with statements.
const KIND: &str = "gate.environment-set";
/// Number of older statements of the project that are read.
const LOOKED_MAX: usize = 50;
const NAMES_MAX: usize = 4;
const KEY_CHARS: usize = 24;
