//! What has become of a run at each place where its artifacts go: pure, from what the server shows.
//!
//! Invariant: a run is judged by its own releases, or by another run's release of the very same artifact. What another
//! run brought to a place is never taken for this run's.

use domain::{Place, RunId};
use serde::Serialize;
use wire::{MachineView, PlaceView, ReleaseView, RolledBackView, RunView};

/// Where a run stands at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Stand {
    /// It goes on by itself.
    Moving {
        /// In words.
        what: String,
    },
    /// It runs there, or did until something else took its place.
    Running {
        /// Number of the release.
        release: u64,
        /// The run that released it, where that is another one.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<RunId>,
        /// The release that runs there now, where that is another one.
        #[serde(skip_serializing_if = "Option::is_none")]
        now: Option<u64>,
        /// Whether the place's statement has changed since it was planned.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        outdated: bool,
    },
    /// It waits for people.
    Waiting {
        /// Number of the release.
        release: u64,
        /// How many approved.
        approvals: usize,
        /// How many rejected.
        rejections: usize,
        /// Why its gate did not let it pass when somebody last asked.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<String>,
    },
    /// Its gate, its agent or its plan stands in the way.
    Stopped {
        /// The release.
        release: Box<ReleaseView>,
    },
    /// Another run took its place before it ran.
    Superseded {
        /// That run; the same run when the release was planned anew.
        by: RunId,
        /// Whether people would have had to let it go ahead.
        #[serde(skip)]
        automatic: bool,
    },
    /// A person rolled it back.
    RolledBack {
        /// What they rolled back.
        what: RolledBackView,
    },
    /// Nothing comes here.
    Unreached,
}

/// A place and where a run stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    /// The place.
    pub place: Place,
    /// How it stands.
    #[serde(flatten)]
    pub stand: Stand,
}

/// Where a run that has passed stands at every place of its services, in the order in which it gets there.
pub fn stands(run: &RunView, places: &[PlaceView]) -> Vec<At> {
    let mut own: Vec<&PlaceView> = places
        .iter()
        .filter(|view| {
            view.place.project == run.project
                && run.services.iter().any(|name| *name == view.place.service.as_str())
        })
        .collect();
    own.sort_by_key(|view| (view.place.service.clone(), depth(view, places), view.place.environment.clone()));
    own.iter().map(|view| At { place: view.place.clone(), stand: stand(run, view, places) }).collect()
}

/// Services of a run for which no place has a statement.
pub fn without_places(run: &RunView, places: &[PlaceView]) -> Vec<String> {
    let has = |name: &String| {
        places.iter().any(|view| view.place.project == run.project && view.place.service.as_str() == name)
    };
    run.services.iter().filter(|name| !has(name)).cloned().collect()
}

/// Machines that everything left to do waits for, and that have not been heard of for long.
pub fn gone<'a>(machines: impl Iterator<Item = &'a MachineView>) -> Option<Vec<&'a MachineView>> {
    let all: Vec<_> = machines.collect();
    (!all.is_empty() && all.iter().all(|machine| is_gone(machine))).then_some(all)
}

/// Whether a machine has not been heard of for long.
pub const fn is_gone(machine: &MachineView) -> bool {
    machine.silent_seconds >= if machine.at_work { AT_WORK_SECONDS } else { GONE_SECONDS }
}

impl Stand {
    /// In words, for a line behind the place.
    pub fn words(&self) -> String {
        match self {
            Self::Moving { what } => what.clone(),
            Self::Running { release, by, now, outdated } => {
                let by = by.map(|run| format!(" (of run {run})")).unwrap_or_default();
                let outdated = if *outdated { ", under an older environment statement" } else { "" };
                match now {
                    None => format!("runs release {release}{by}{outdated}"),
                    Some(now) => format!("release {release}{by} ran; release {now} runs there now"),
                }
            }
            Self::Waiting { release, approvals, rejections, reasons } => {
                let votes = match (approvals, rejections) {
                    (0, 0) => String::new(),
                    (approvals, 0) => format!(", {approvals} approved"),
                    (approvals, rejections) => format!(", {approvals} approved, {rejections} rejected"),
                };
                let held = if reasons.is_empty() {
                    String::new()
                } else {
                    format!("; its gate did not pass: {}", reasons.join(", "))
                };
                format!("release {release} waits for people{votes}{held}")
            }
            Self::Stopped { release } => {
                let number = release.release.map(|number| format!(" {number}")).unwrap_or_default();
                format!("release{number} is {}: {}", release.stage, release.reasons.join(", "))
            }
            Self::Superseded { by, .. } => format!("run {by} took its place"),
            Self::RolledBack { what } => {
                format!("release {} was rolled back by rollback {}", what.release, what.by)
            }
            Self::Unreached => "nothing comes here".into(),
        }
    }

    /// Whether the commit needs nothing done here: it runs, waits for people, or is on its way.
    pub const fn is_settled(&self) -> bool {
        matches!(
            self,
            Self::Moving { .. } | Self::Running { now: None, outdated: false, .. } | Self::Waiting { .. }
        )
    }
}

/// How many places come before one.
fn depth(view: &PlaceView, places: &[PlaceView]) -> usize {
    let mut at = view;
    let mut count = 0;
    while let Some(before) = before(at, places) {
        (at, count) = (before, count + 1);
        if count > places.len() {
            break;
        }
    }
    count
}

fn before<'a>(view: &PlaceView, places: &'a [PlaceView]) -> Option<&'a PlaceView> {
    places.iter().find(|other| {
        other.place.project == view.place.project
            && other.place.service == view.place.service
            && Some(&other.place.environment) == view.after.as_ref()
    })
}

fn stand(run: &RunView, view: &PlaceView, places: &[PlaceView]) -> Stand {
    match release_of(run, view) {
        Some(release) => of_release(run, release, view),
        None if rolled_back(run, view).is_some() => {
            rolled_back(run, view).map_or(Stand::Unreached, |what| Stand::RolledBack { what })
        }
        // It comes once the place before runs it, if that ever does.
        None => match before(view, places).map(|before| (before, stand(run, before, places))) {
            Some((before, Stand::Moving { .. })) => {
                Stand::Moving { what: format!("comes after {}", before.place.environment) }
            }
            _ => Stand::Unreached,
        },
    }
}

/// The newest release of a run at a place; else another run's of the same artifact, where that one counts for it too.
fn release_of<'a>(run: &'a RunView, view: &PlaceView) -> Option<&'a ReleaseView> {
    let here = || run.releases.iter().rev().filter(|r| r.kind == "release" && r.place == view.place);
    let counts = |release: &&ReleaseView| {
        let runs = view.running.as_ref().is_some_and(|running| running.artifact == release.artifact);
        is_moving(&release.stage) || release.stage == "running" && runs || release.entry > run.entry
    };
    here().find(|release| release.run == run.run).or_else(|| here().find(counts))
}

fn is_moving(stage: &str) -> bool {
    ["wanted", "proposed", "judging", "held", "due"].contains(&stage)
}

fn rolled_back(run: &RunView, view: &PlaceView) -> Option<RolledBackView> {
    let made = |bar: &&RolledBackView| run.artifacts.values().any(|artifact| *artifact == bar.artifact);
    view.rolled_back.iter().find(made).cloned()
}

fn of_release(run: &RunView, release: &ReleaseView, view: &PlaceView) -> Stand {
    let number = release.release.unwrap_or_default();
    let moving = |what: String| Stand::Moving { what };
    match release.stage.as_str() {
        "wanted" => moving(match &view.open {
            Some(open) => format!("waits until release {} has ended, which is {}", open.release, open.stage),
            None => "a plan is being derived".into(),
        }),
        "proposed" if view.automatic => moving(format!("release {number} proposed")),
        "judging" => moving(format!("release {number} is being judged")),
        "due" => moving(format!("release {number} is due at its agent")),
        "held" if view.automatic => Stand::Stopped { release: Box::new(release.clone()) },
        "proposed" | "held" => {
            let open = view.open.as_ref().filter(|open| open.release == number);
            Stand::Waiting {
                release: number,
                approvals: open.map_or(0, |open| open.approvals),
                rejections: open.map_or(0, |open| open.rejections),
                reasons: if release.stage == "held" { release.reasons.clone() } else { Vec::new() },
            }
        }
        "running" => {
            let now = view.running.as_ref();
            let here = now.filter(|now| now.artifact == release.artifact);
            match rolled_back(run, view) {
                Some(what) if here.is_none() => Stand::RolledBack { what },
                _ => Stand::Running {
                    release: here.map_or(number, |here| here.release),
                    by: Some(here.map_or(release.run, |here| here.run)).filter(|by| *by != run.run),
                    now: now.filter(|_| here.is_none()).map(|now| now.release),
                    outdated: here
                        .is_some_and(|here| here.statement.is_some_and(|number| number != view.statement)),
                },
            }
        }
        "superseded" => {
            Stand::Superseded { by: release.by.unwrap_or(release.run), automatic: view.automatic }
        }
        "rolled-back" => rolled_back(run, view).map_or(Stand::Unreached, |what| Stand::RolledBack { what }),
        _ => Stand::Stopped { release: Box::new(release.clone()) },
    }
}

/// After how long without a word a machine counts as gone.
const GONE_SECONDS: u64 = 30;
/// The same for an agent that was given a release: all probes of one take an hour at most, and it does not ask while it
/// makes them.
const AT_WORK_SECONDS: u64 = 3_900;
