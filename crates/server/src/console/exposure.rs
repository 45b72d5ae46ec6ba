//! Releases that run or wait, with their findings as they stand now.
//!
//! Invariant: places come from a situation, which holds those that the reader may read. A finding is settled only by a statement
//! that would count at a gate now: it is in force, by an enrolled person with a role for it whose key is not revoked, and
//! who is not behind the change. At most [`READ_MAX`] bundles are read for one page; a release beyond them is said to be unread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::State;
use domain::statement::RecordedStatement;
use evidence::dsse::Envelope;
use evidence::{Digest, Name, Place};
use judge::Store as _;
use review::contents::{Contents, Found};
use review::standing::{self, Counting, Standing};
use review::tally::Tally;
use rusqlite::Connection;
use wire::{PlaceView, ReleaseKind, ReleaseStage, ReleaseView, RunningReleaseView};

use super::judged;
use super::reading::Reading;
use super::situation::Situation;
use crate::http::problem::Failure;
use crate::shared::Shared;
use crate::views::releases;

/// A release that runs or waits at a place.
#[derive(Clone, Debug)]
pub struct Exposure {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Whether it waits; otherwise it runs.
    pub waits: bool,
    /// Whether its evidence was not read for this page, so that nothing is known of its contents.
    pub unread: bool,
    /// Its findings and components; `None` if its evidence does not hold, or cannot be collected yet.
    pub contents: Arc<Option<Contents>>,
    /// How each finding stands, in the order of the findings.
    pub standings: Vec<Standing>,
    /// Codes of the gate's reasons that name a finding, for a release that waits.
    pub blocks: BTreeMap<Digest, BTreeSet<String>>,
}

/// Everything that runs, and then everything that waits, by place.
///
/// # Errors
/// `Failure` if the server's own files fail.
pub fn all(at: &Reading<'_>, state: &State, situation: &Situation) -> Result<Vec<Exposure>, Failure> {
    of_places(at, state, &situation.places.iter().collect::<Vec<_>>())
}

/// The same for some places of a situation.
///
/// # Errors
/// `Failure` if the server's own files fail.
pub fn of_places(at: &Reading<'_>, state: &State, places: &[&PlaceView]) -> Result<Vec<Exposure>, Failure> {
    within(at, state, places, READ_MAX)
}

/// The same, for which at most so many bundles are read that no page needed before.
///
/// # Errors
/// `Failure` if the server's own files fail.
pub(super) fn within(
    at: &Reading<'_>,
    state: &State,
    places: &[&PlaceView],
    mut left: usize,
) -> Result<Vec<Exposure>, Failure> {
    let mut found = Vec::new();
    for view in places {
        found.extend(running(at, state, view, &mut left)?);
    }
    for view in places {
        found.extend(waiting(at, state, view, &mut left)?);
    }
    Ok(found)
}

/// The release that runs at a place. A rollback has the contents of the release that had brought the artifact.
fn running(
    at: &Reading<'_>,
    state: &State,
    view: &PlaceView,
    left: &mut usize,
) -> Result<Option<Exposure>, Failure> {
    let Some(now) = &view.running else { return Ok(None) };
    let bundle = bundle_of_running(at, view, now)?;
    let contents = match bundle {
        Some(bundle) => judged::contents(at.shared, bundle, left)?,
        None => Some(Arc::new(None)),
    };
    Ok(Some(Exposure::of(at, state, &view.place, (now.release, false), contents)))
}

/// The bundle of the release that brought what runs; `None` if no gate judged it.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn bundle_of_running(
    at: &Reading<'_>,
    view: &PlaceView,
    now: &RunningReleaseView,
) -> Result<Option<Digest>, Failure> {
    let place = &view.place;
    // The newest releases are there already.
    let brings = |row: &&ReleaseView| row.release == Some(now.release) && row.kind == ReleaseKind::Release;
    if let Some(bundle) = view.releases.iter().find(brings).and_then(|row| row.bundle) {
        return Ok(Some(bundle));
    }
    let find = |rows: &Connection| match releases::one(rows, place, now.release)? {
        Some(row) if row.kind == ReleaseKind::Rollback => releases::brought_back(rows, place, now.release),
        row => Ok(row),
    };
    Ok(at.shared.views.ask(find).map_err(Failure::failed)?.and_then(|release| release.bundle))
}

/// The release that waits at a place, or is rolled out there.
fn waiting(
    at: &Reading<'_>,
    state: &State,
    view: &PlaceView,
    left: &mut usize,
) -> Result<Option<Exposure>, Failure> {
    let Some(open) = &view.open else { return Ok(None) };
    let row = view.releases.iter().find(|row| row.release == Some(open.release));
    if let (ReleaseStage::Due, Some(bundle)) = (open.stage, row.and_then(|row| row.bundle)) {
        let contents = judged::contents(at.shared, bundle, left)?;
        return Ok(Some(Exposure::of(at, state, &view.place, (open.release, true), contents)));
    }
    let judged = judged::pending(at.shared, state, &view.place, at.now)?;
    let contents = judged.proven.as_ref().and_then(|proven| proven.contents.clone());
    let mut found = Exposure::of(
        at,
        state,
        &view.place,
        (open.release, true),
        Some(contents.unwrap_or_else(|| Arc::new(None))),
    );
    for reason in &judged.judgement.reasons {
        if let Some(id) = reason.finding {
            found.blocks.entry(id).or_default().insert(reason.code.clone());
        }
    }
    Ok(Some(found))
}

impl Exposure {
    fn of(
        at: &Reading<'_>,
        state: &State,
        place: &Place,
        (release, waits): (u64, bool),
        contents: Option<Arc<Option<Contents>>>,
    ) -> Self {
        let Some(contents) = contents else { return Self::unread(place.clone(), (release, waits)) };
        let counting = match contents.as_ref() {
            Some(known) if !known.found().is_empty() => counting(at, state, place),
            _ => Vec::new(),
        };
        Self::new(place.clone(), (release, waits), contents, &counting)
    }

    /// A release whose findings these statements settle.
    pub fn new(
        place: Place,
        (release, waits): (u64, bool),
        contents: Arc<Option<Contents>>,
        counting: &[Arc<Counting>],
    ) -> Self {
        let standings = contents.as_ref().as_ref().map(|known| known.standings(counting)).unwrap_or_default();
        Self { place, release, waits, unread: false, contents, standings, blocks: BTreeMap::new() }
    }

    /// A release whose evidence was not read.
    pub fn unread(place: Place, named: (u64, bool)) -> Self {
        Self { unread: true, ..Self::new(place, named, Arc::new(None), &[]) }
    }

    /// Its findings, each with how it stands.
    pub fn findings(&self) -> impl Iterator<Item = (&Found, &Standing)> {
        let found = self.contents.as_ref().as_ref().map(Contents::found).unwrap_or_default();
        found.iter().zip(&self.standings)
    }

    /// Counts of its findings.
    pub fn tally(&self) -> Tally {
        Tally::of(self.findings().map(|(found, standing)| (&found.finding, standing)))
    }

    /// Whether a report of findings was read.
    pub fn is_scanned(&self) -> bool {
        self.contents.as_ref().as_ref().is_some_and(|known| known.findings.is_some())
    }

    /// The place in words: `api in production`.
    pub fn place_words(&self) -> String {
        format!("{} in {}", self.place.service, self.place.environment)
    }
}

/// Statements about findings that count at a place now.
fn counting(at: &Reading<'_>, state: &State, place: &Place) -> Vec<Arc<Counting>> {
    let settles = |known: &&RecordedStatement| standing::settles(known.facts.kind);
    let may = |known: &&RecordedStatement| {
        let mut roles = known.facts.kind.rules().roles.iter().filter_map(|role| role.parse::<Name>().ok());
        roles.any(|role| {
            let environment = Some(&place.environment);
            state.identity.has_role(known.facts.person, &role, &place.project, environment, at.now)
        })
    };
    let all = state.statement.at(place, at.now).filter(settles).filter(may);
    let read = all.filter_map(|known| statement(at.shared, known.facts.envelope));
    read.filter(|known| !state.identity.is_revoked(&known.key, at.now)).collect()
}

/// A statement by the digest of its envelope; `None` if it cannot be read.
fn statement(shared: &Shared, envelope: Digest) -> Option<Arc<Counting>> {
    let read = || {
        let bytes = shared.gatekeeper.store().blob(&envelope).ok()?;
        Counting::of(&Envelope::decode(&bytes).ok()?)
    };
    shared.pages.exposure.statements.or_make(envelope, || read().ok_or(())).ok()
}

/// Most bundles that one page reads for the first time. Each has to be checked as a whole.
const READ_MAX: usize = 60;
