//! A service with everything that its row is made of.
//!
//! Invariant: at most [`READ_MAX`] bundles are read for one page; what is known of others is kept by their digest.

use std::collections::BTreeMap;
use std::sync::Arc;

use evidence::{Digest, Name, Place};
use judge::VerificationContext;
use review::place_state::PlaceState;
use review::posture::{BuildFacts, Evidence, EvidenceFacts, Facts, Pending, PlaceFacts};
use wire::{PlaceView, ReleaseStage, RunState};

use crate::console::exposure::{Exposure, bundle_of_running};
use crate::console::judged;
use crate::console::reading::Reading;
use crate::console::situation::Situation;
use crate::http::problem::Failure;
use crate::views::runs::{self, NewestRun};

/// A service.
#[derive(Debug)]
pub struct Service<'a> {
    /// Its places, in the order of the way to production.
    pub places: Vec<ServicePlace<'a>>,
    /// Its newest run.
    pub run: Option<NewestRun>,
}

/// A place of a service.
#[derive(Debug)]
pub struct ServicePlace<'a> {
    /// The server's view.
    pub view: &'a PlaceView,
    /// The running release with its findings.
    pub exposure: Option<&'a Exposure>,
    /// Facts that its evidence proves.
    pub build: Build,
}

/// The evidence of a running release, as far as it is known.
#[derive(Clone, Debug)]
pub enum Build {
    /// Nothing runs.
    Nothing,
    /// It was not read.
    Unread,
    /// It is missing, or it does not hold.
    Missing,
    /// It holds.
    Holds(Arc<Option<BuildFacts>>),
}

/// All services of a situation, by name.
///
/// # Errors
/// `Failure` if the views or stored evidence cannot be read.
pub fn services<'a>(
    at: &Reading<'_>,
    situation: &'a Situation,
    exposures: &'a [Exposure],
) -> Result<Vec<Service<'a>>, Failure> {
    let mut grouped: BTreeMap<(&Name, &Name), Vec<&PlaceView>> = BTreeMap::new();
    for view in &situation.places {
        grouped.entry((&view.place.project, &view.place.service)).or_default().push(view);
    }
    let running: BTreeMap<&Place, &Exposure> = exposures
        .iter()
        .filter(|exposure| !exposure.waits)
        .map(|exposure| (&exposure.place, exposure))
        .collect();
    let mut left = READ_MAX;
    let mut found = Vec::new();
    for ((project, service), views) in grouped {
        let mut places = Vec::new();
        for view in ordered(views) {
            let build = build(at, view, &mut left)?;
            places.push(ServicePlace { view, exposure: running.get(&view.place).copied(), build });
        }
        let run = at.shared.views.ask(|rows| runs::newest_of_service(rows, project, service));
        found.push(Service { places, run: run.map_err(Failure::failed)? });
    }
    Ok(found)
}

/// Places of one service, each after the one that comes before it.
fn ordered(mut views: Vec<&PlaceView>) -> Vec<&PlaceView> {
    let mut sorted: Vec<&PlaceView> = Vec::new();
    while !views.is_empty() {
        let is_next = |view: &&PlaceView| {
            let after = view.after.as_ref();
            after.is_none_or(|after| !views.iter().any(|other| other.place.environment == *after))
        };
        // Statements may name each other in a circle; then names decide.
        let next = views.iter().position(is_next).unwrap_or_default();
        sorted.push(views.remove(next));
    }
    sorted
}

/// The evidence of what runs at a place.
fn build(at: &Reading<'_>, view: &PlaceView, left: &mut usize) -> Result<Build, Failure> {
    let Some(now) = &view.running else { return Ok(Build::Nothing) };
    let Some(bundle) = bundle_of_running(at, view, now)? else { return Ok(Build::Missing) };
    Ok(match at.shared.pages.builds.or_make_within(bundle, left, || read(at, bundle))? {
        None => Build::Unread,
        Some(known) if known.is_some() => Build::Holds(known),
        Some(_) => Build::Missing,
    })
}

/// The facts of a bundle; `None` if it does not hold.
fn read(at: &Reading<'_>, bundle: Digest) -> Result<Option<BuildFacts>, Failure> {
    let (bundle, anchors) = judged::stored(at.shared, bundle)?;
    let checked = judge::check(&bundle, &anchors, &VerificationContext::default());
    Ok(checked.ok().map(|checked| BuildFacts::of(&checked)))
}

impl Service<'_> {
    /// Its name with its project.
    pub fn name(&self) -> String {
        let place = self.places.first().map(|place| &place.view.place);
        place.map(|place| format!("{}/{}", place.project, place.service)).unwrap_or_default()
    }

    /// The facts that its posture follows from.
    pub fn facts(&self) -> Facts {
        let run: Option<RunState> = self.run.as_ref().map(|run| run.state);
        Facts { places: self.places.iter().map(ServicePlace::facts).collect(), run }
    }

    /// The last place at which something runs; otherwise the last one.
    pub fn last(&self) -> Option<&ServicePlace<'_>> {
        let runs = self.places.iter().rev().find(|place| place.view.running.is_some());
        runs.or_else(|| self.places.last())
    }
}

impl ServicePlace<'_> {
    fn facts(&self) -> PlaceFacts {
        let view = self.view;
        let pending = view.open.as_ref().map(|open| Pending {
            release: open.release,
            held: open.stage == ReleaseStage::Held,
            moves: matches!(open.stage, ReleaseStage::Due | ReleaseStage::Judging)
                || open.stage == ReleaseStage::Proposed && view.automatic,
        });
        let running = view.running.as_ref();
        PlaceFacts {
            environment: view.place.environment.to_string(),
            state: PlaceState::of(view),
            frozen: view.frozen,
            release: running.map(|running| running.release),
            artifact: running.map(|running| running.artifact.to_string()),
            evidence: self.evidence(),
            pending,
        }
    }

    fn evidence(&self) -> Evidence {
        match &self.build {
            Build::Nothing => Evidence::Nothing,
            Build::Unread => Evidence::Unread,
            Build::Missing => Evidence::Missing,
            Build::Holds(known) => match known.as_ref() {
                None => Evidence::Missing,
                Some(_) if self.exposure.is_some_and(|exposure| exposure.unread) => Evidence::Unread,
                Some(facts) => Evidence::Holds(EvidenceFacts {
                    signed: facts.signer.is_some(),
                    runners: facts.runners.len(),
                    grave: self.exposure.map_or(0, |exposure| exposure.tally().grave),
                    scanned: self.exposure.is_some_and(Exposure::is_scanned),
                }),
            },
        }
    }

    /// The facts of its evidence, if it holds.
    pub fn known(&self) -> Option<&BuildFacts> {
        match &self.build {
            Build::Holds(known) => known.as_ref().as_ref(),
            Build::Nothing | Build::Unread | Build::Missing => None,
        }
    }
}

/// Most bundles that one page reads.
const READ_MAX: usize = 60;
