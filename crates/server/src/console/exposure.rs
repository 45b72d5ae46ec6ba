//! Releases that run or wait, with their findings as they stand now.
//!
//! Invariant: places come from a situation, which holds those that the reader may read. A finding is settled only by a statement
//! that would count at a gate now, and whose signer is not behind the change. At most [`READ_MAX`] bundles are read for one page; a release beyond them is said to be unread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{RunId, State};
use evidence::{CommitId, Digest, Place};
use review::contents::{Contents, Found};
use review::standing::{Counting, Standing};
use review::tally::{Tally, is_critical, is_grave};
use rusqlite::Connection;
use wire::{PlaceView, ReleaseKind, ReleaseStage, ReleaseView, RunningReleaseView};

use super::reading::Reading;
use super::situation::Situation;
use super::{commits, counting, judged, running, uncovered};
use crate::http::problem::Failure;
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
    /// The release in words: `release 9`, or `release 1 again (rollback 3)`.
    pub named: String,
    /// Author of its commit.
    pub author: Option<String>,
    /// People who may waive a finding of it, as far as that is known of a release that waits.
    pub may_waive: Option<Vec<String>>,
    /// For open findings: why a waiver with the same rule does not cover them.
    pub uncovered: BTreeMap<Digest, String>,
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

/// The places where an open finding runs that is grave, and the word for these findings: critical, if all are.
pub fn grave(all: &[Exposure]) -> (Vec<String>, &'static str) {
    let running: Vec<&Exposure> =
        all.iter().filter(|found| !found.waits && found.tally().grave > 0).collect();
    let mut open = running.iter().flat_map(|found| found.findings());
    let is_other = open.any(|(found, standing)| {
        standing.is_open() && is_grave(&found.finding) && !is_critical(&found.finding)
    });
    (running.iter().map(|found| found.place_words()).collect(), if is_other { "grave" } else { "critical" })
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
    let mut found = Exposure::of(at, state, &view.place, (now.release, false), contents);
    found.author = author(at, now.run, &now.commit);
    found.named = running::words(at, view, now)?;
    Ok(Some(found))
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
    let author = row.and_then(|row| author(at, row.run, &row.commit));
    if let (ReleaseStage::Due, Some(bundle)) = (open.stage, row.and_then(|row| row.bundle)) {
        let contents = judged::contents(at.shared, bundle, left)?;
        let found = Exposure::of(at, state, &view.place, (open.release, true), contents);
        return Ok(Some(Exposure { author, ..found }));
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
    found.author = author;
    found.may_waive = judged.proven.as_ref().and_then(|proven| proven.may_waive.clone());
    for reason in &judged.judgement.reasons {
        if let Some(id) = reason.finding {
            found.blocks.entry(id).or_default().insert(reason.code.clone());
        }
    }
    Ok(Some(found))
}

/// Author of the commit that a run builds.
fn author(at: &Reading<'_>, run: RunId, commit: &CommitId) -> Option<String> {
    commits::of(at.shared, run, commit).map(|facts| facts.author.clone()).filter(|name| !name.is_empty())
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
            Some(known) if !known.found().is_empty() => counting::at_place(at, state, place),
            _ => Vec::new(),
        };
        let mut found = Self::new(place.clone(), (release, waits), contents, &counting);
        let known = found.contents.as_ref().as_ref();
        found.uncovered = known.map(|known| uncovered::of_contents(at, known, &counting)).unwrap_or_default();
        found
    }

    /// A release whose findings these statements settle.
    pub fn new(
        place: Place,
        (release, waits): (u64, bool),
        contents: Arc<Option<Contents>>,
        counting: &[Arc<Counting>],
    ) -> Self {
        let standings = contents.as_ref().as_ref().map(|known| known.standings(counting)).unwrap_or_default();
        Self {
            place,
            release,
            waits,
            unread: false,
            contents,
            standings,
            blocks: BTreeMap::new(),
            named: format!("release {release}"),
            author: None,
            may_waive: None,
            uncovered: BTreeMap::new(),
        }
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

/// Most bundles that one page reads for the first time. Each has to be checked as a whole.
const READ_MAX: usize = 60;
