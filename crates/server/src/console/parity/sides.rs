//! The running release of a place, as parity compares it.
//!
//! Invariant: the evidence is checked as of the time that its witnesses vouch for; the statement and its configuration are those in
//! force. A side never changes, so it is kept by the digests of both.

use std::sync::Arc;

use domain::State;
use domain::gate::EnvironmentSet;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::{Digest, Place};
use judge::{Store as _, VerificationContext};
use review::parity::ParitySide;
use wire::ReleaseKind;

use crate::console::judged;
use crate::console::reading::Reading;
use crate::http::problem::Failure;
use crate::views::releases;

/// The running release of a place, or why it cannot be compared.
#[derive(Debug)]
pub enum Side {
    /// It can be compared.
    Found(Arc<Option<ParitySide>>),
    /// It cannot; the words say why.
    Nothing(String),
}

impl Side {
    /// The running release.
    pub fn found(&self) -> Option<&ParitySide> {
        match self {
            Self::Found(found) => found.as_ref().as_ref(),
            Self::Nothing(_) => None,
        }
    }

    /// Why it cannot be compared.
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Found(found) if found.is_some() => None,
            Self::Found(_) => Some("the evidence of what runs there does not hold".to_owned()),
            Self::Nothing(why) => Some(why.clone()),
        }
    }
}

/// The running release of a place. At most `left` releases are read.
///
/// # Errors
/// `Failure` if the views or the evidence cannot be read.
pub fn side(at: &Reading<'_>, state: &State, place: &Place, left: &mut usize) -> Result<Side, Failure> {
    let Some(set) = state.gate.environment(place) else {
        return Ok(Side::Nothing(format!("there is no place {place}")));
    };
    let running = state.release.at(place).and_then(|standing| standing.running.as_ref());
    let Some(number) = running.map(|running| running.release) else {
        return Ok(Side::Nothing(format!("nothing runs at {place}")));
    };
    let Some(bundle) = bundle(at, place, number)? else {
        return Ok(Side::Nothing(format!("no gate judged what runs at {place}")));
    };
    let key = (bundle, set.facts.envelope);
    let made = || read(at, &set.facts, bundle, number);
    match at.shared.pages.parities.or_make_within(key, left, made)? {
        Some(found) => Ok(Side::Found(found)),
        None => Ok(Side::Nothing("not read yet: load the page again".to_owned())),
    }
}

/// The evidence of what runs: that of the release itself, or of the one that a rollback brought back.
fn bundle(at: &Reading<'_>, place: &Place, number: u64) -> Result<Option<Digest>, Failure> {
    let row = at.shared.views.ask(|rows| releases::one(rows, place, number)).map_err(Failure::failed)?;
    let row = match row {
        Some(row) if row.kind == ReleaseKind::Rollback => {
            let back = at.shared.views.ask(|rows| releases::brought_back(rows, place, number));
            back.map_err(Failure::failed)?
        }
        row => row,
    };
    Ok(row.and_then(|row| row.bundle))
}

fn read(
    at: &Reading<'_>,
    facts: &EnvironmentSet,
    bundle: Digest,
    number: u64,
) -> Result<Option<ParitySide>, Failure> {
    let (bundle, anchors) = judged::stored(at.shared, bundle)?;
    if judge::check(&bundle, &anchors, &VerificationContext::default()).is_err() {
        return Ok(None);
    }
    let store = at.shared.gatekeeper.store();
    let blob = |digest: &Digest| store.blob(digest).map_err(Failure::failed);
    let envelope = Envelope::decode(&blob(&facts.envelope)?).map_err(Failure::failed)?;
    let statement = Environment::read(&envelope).map_err(Failure::failed)?;
    let configuration = Configuration::decode(&blob(&facts.configuration)?).map_err(Failure::failed)?;
    Ok(Some(ParitySide::of(&bundle, number, &statement, &configuration)))
}
