//! The outcome of a run at each place that its artifacts go to; a pure function of the server's views.
//!
//! Invariant: a run is judged by its own releases, or by another run's release of the very same artifact. A different
//! artifact that another run released is never counted for this run.

use evidence::Place;

use domain::RunId;
use serde::Serialize;
use wire::{
    MachineView, PlaceView, ReleaseKind, ReleaseStage, ReleaseView, RollbackView, RunView, WorkKind,
    WorkState, WorkView,
};

use crate::rollout_words;

/// Position of a run at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Stand {
    /// The release proceeds without people.
    Moving {
        /// The current stage, in words.
        what: String,
    },
    /// The release runs here, or did until a later release replaced it.
    Running {
        /// Number of the release.
        release: u64,
        /// The run that released it, if it is another run.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<RunId>,
        /// The release that runs there now, if it is another release.
        #[serde(skip_serializing_if = "Option::is_none")]
        now: Option<u64>,
        /// Whether the place's statement has changed since the release was planned.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        outdated: bool,
    },
    /// The release waits for people.
    Waiting {
        /// Number of the release.
        release: u64,
        /// Number of approvals.
        approvals: usize,
        /// Number of rejections.
        rejections: usize,
        /// Reasons why its gate did not let it pass at the last attempt.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<String>,
        /// Whether the place is frozen, so that approvals alone are not enough.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        frozen: bool,
    },
    /// The gate, the agent or the plan stopped the release.
    Stopped {
        /// The release.
        release: Box<ReleaseView>,
    },
    /// Another run's release replaced this one before it ran.
    Superseded {
        /// That run; it is the same run if the release was planned anew.
        by: RunId,
        /// Whether people would have had to promote it.
        #[serde(skip)]
        automatic: bool,
    },
    /// The release was pending or in progress when a person rolled the place back.
    Ended {
        /// Number of the rollback.
        by: u64,
    },
    /// A person rolled the release back.
    RolledBack {
        /// The release that was rolled back.
        what: RollbackView,
    },
    /// No release of the run comes to this place.
    Unreached,
}

/// A place, and the position of a run there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceOutcome {
    /// The place.
    pub place: Place,
    /// Position of the run.
    #[serde(flatten)]
    pub stand: Stand,
}

/// The position of a passed run at every place of its services, in the order in which its release reaches them.
#[must_use]
pub fn stands(run: &RunView, places: &[PlaceView]) -> Vec<PlaceOutcome> {
    let mut own: Vec<&PlaceView> = places
        .iter()
        .filter(|view| {
            view.place.project == run.project
                && run.services.iter().any(|name| *name == view.place.service.as_str())
                && match &run.preview {
                    Some(preview) => view.place == *preview,
                    None => view.preview.is_none() && view.previews.is_none(),
                }
        })
        .collect();
    own.sort_by_key(|view| (view.place.service.clone(), depth(view, places), view.place.environment.clone()));
    own.iter()
        .map(|view| PlaceOutcome { place: view.place.clone(), stand: stand(run, view, places) })
        .collect()
}

/// Services of a run for which no place has a statement.
#[must_use]
pub fn without_places(run: &RunView, places: &[PlaceView]) -> Vec<String> {
    let has = |name: &String| {
        places.iter().any(|view| view.place.project == run.project && view.place.service.as_str() == name)
    };
    run.services.iter().filter(|name| !has(name)).cloned().collect()
}

/// The machines that all remaining work waits for, if none of them has been heard of for long.
#[must_use]
pub fn gone<'a>(machines: impl Iterator<Item = &'a MachineView>) -> Option<Vec<&'a MachineView>> {
    let all: Vec<_> = machines.collect();
    (!all.is_empty() && all.iter().all(|machine| is_gone(machine))).then_some(all)
}

/// Whether a machine has not been heard of for long.
#[must_use]
pub const fn is_gone(machine: &MachineView) -> bool {
    machine.silent_seconds >= if machine.at_work { AT_WORK_SECONDS } else { GONE_SECONDS }
}

impl Stand {
    /// The position in words, for a line that begins with the place.
    #[must_use]
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
            Self::Waiting { release, approvals, rejections, reasons, frozen } => {
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
                let frozen = if *frozen { "; the place is frozen" } else { "" };
                format!("release {release} waits for people{votes}{held}{frozen}")
            }
            Self::Stopped { release } => {
                let number = release.release.map(|number| format!(" {number}")).unwrap_or_default();
                format!("release{number} is {}: {}", release.stage, release.reasons.join(", "))
            }
            Self::Superseded { by, .. } => format!("run {by} took its place"),
            Self::RolledBack { what } => {
                format!("release {} was rolled back by rollback {}", what.release, what.by)
            }
            Self::Ended { by } => format!("rollback {by} ended it before it ran"),
            Self::Unreached => "nothing comes here".into(),
        }
    }

    /// Whether nobody needs to act: the release runs, waits for people, or is in progress.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(
            self,
            Self::Moving { .. } | Self::Running { now: None, outdated: false, .. } | Self::Waiting { .. }
        )
    }
}

/// Number of places that come before one.
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
        // Its release is proposed once the place before runs the artifact, if that happens.
        None => match before(view, places).map(|before| (before, stand(run, before, places))) {
            Some((before, Stand::Moving { .. })) => {
                Stand::Moving { what: format!("comes after {}", before.place.environment) }
            }
            Some((before, Stand::Running { .. })) if is_checked(run, &before.place) => {
                Stand::Moving { what: format!("comes after the checks in {}", before.place.environment) }
            }
            _ => Stand::Unreached,
        },
    }
}

/// Whether a check of a release of the run at a place is still due.
fn is_checked(run: &RunView, place: &Place) -> bool {
    let of_place = format!("{}.{}.", place.service, place.environment);
    let is_due = |work: &&WorkView| work.kind == WorkKind::Check && work.state == WorkState::Due;
    run.works.iter().filter(is_due).any(|work| work.name.starts_with(&of_place))
}

/// The newest release of a run at a place; else another run's release of the same artifact, if that counts for this run.
fn release_of<'a>(run: &'a RunView, view: &PlaceView) -> Option<&'a ReleaseView> {
    let here =
        || run.releases.iter().rev().filter(|r| r.kind == ReleaseKind::Release && r.place == view.place);
    let counts = |release: &&ReleaseView| {
        let runs = view.running.as_ref().is_some_and(|running| running.artifact == release.artifact);
        is_moving(release.stage)
            || release.stage == ReleaseStage::Running && runs
            || release.entry > run.entry
    };
    here().find(|release| release.run == run.run).or_else(|| here().find(counts))
}

const fn is_moving(stage: ReleaseStage) -> bool {
    use ReleaseStage::{Due, Held, Judging, Proposed, Wanted};
    matches!(stage, Wanted | Proposed | Judging | Held | Due)
}

fn rolled_back(run: &RunView, view: &PlaceView) -> Option<RollbackView> {
    let made = |bar: &&RollbackView| run.artifacts.values().any(|artifact| *artifact == bar.artifact);
    view.rolled_back.iter().find(made).cloned()
}

fn of_release(run: &RunView, release: &ReleaseView, view: &PlaceView) -> Stand {
    let number = release.release.unwrap_or_default();
    let moving = |what: String| Stand::Moving { what };
    match release.stage {
        ReleaseStage::Wanted => moving(match &view.open {
            Some(open) => format!("waits until release {} has ended, which is {}", open.release, open.stage),
            None => "a plan is being derived".into(),
        }),
        ReleaseStage::Proposed if view.automatic => moving(format!("release {number} proposed")),
        ReleaseStage::Judging => moving(format!("release {number} is being judged")),
        ReleaseStage::Due => moving(match rollout_words::now(view).filter(|now| now.release == number) {
            Some(now) => format!("release {number}: {}", rollout_words::stage(now, &view.place)),
            None => format!("release {number} is due at its agent"),
        }),
        ReleaseStage::Held if view.automatic => Stand::Stopped { release: Box::new(release.clone()) },
        ReleaseStage::Proposed | ReleaseStage::Held => {
            let open = view.open.as_ref().filter(|open| open.release == number);
            Stand::Waiting {
                release: number,
                approvals: open.map_or(0, |open| open.approvals),
                rejections: open.map_or(0, |open| open.rejections),
                reasons: if release.stage == ReleaseStage::Held {
                    release.reasons.clone()
                } else {
                    Vec::new()
                },
                frozen: view.frozen,
            }
        }
        ReleaseStage::Running => {
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
        ReleaseStage::Superseded if release.by_rollback.is_some() => {
            Stand::Ended { by: release.by_rollback.unwrap_or_default() }
        }
        ReleaseStage::Superseded => {
            Stand::Superseded { by: release.by.unwrap_or(release.run), automatic: view.automatic }
        }
        ReleaseStage::RolledBack => {
            rolled_back(run, view).map_or(Stand::Unreached, |what| Stand::RolledBack { what })
        }
        _ => Stand::Stopped { release: Box::new(release.clone()) },
    }
}

/// Seconds without contact after which a machine counts as gone.
const GONE_SECONDS: u64 = 30;
/// The same for an agent that works on a release: all probes of one release take an hour at most, and the work itself
/// may delay the agent's requests.
const AT_WORK_SECONDS: u64 = 3_900;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evidence::{Digest, Id, Moment};
    use wire::{MachineView, PlaceView, ReleaseKind, ReleaseView, RunState, RunView, RunningReleaseView};

    use super::{PlaceOutcome, Stand, gone, stands, without_places};

    fn run(n: u8) -> domain::RunId {
        Id::from_random([n; 16]).into()
    }

    fn release(of: u8, stage: &str, number: u64, began: u64) -> ReleaseView {
        ReleaseView {
            place: "shop/api/dev".parse().unwrap(),
            kind: ReleaseKind::Release,
            release: Some(number),
            run: run(of),
            artifact: Digest::of(b"artifact"),
            commit: "11".repeat(20).parse().unwrap(),
            stage: stage.parse().unwrap(),
            outcome: None,
            reasons: vec!["a-reason".into()],
            warnings: Vec::new(),
            detail: None,
            bundle: None,
            began,
            entry: began + 1,
            time: Moment::from_millis(1).unwrap(),
            by: Some(run(9)),
            by_rollback: None,
            replaced: false,
        }
    }

    fn place(automatic: bool, running: Option<(u64, &[u8])>) -> PlaceView {
        let digest = Digest::of(b"x");
        let commit: evidence::CommitId = "11".repeat(20).parse().unwrap();
        let running = running.map(|(release, artifact)| RunningReleaseView {
            artifact: Digest::of(artifact),
            commit: commit.clone(),
            release,
            run: run(7),
            statement: Some(1),
            since: None,
        });
        PlaceView {
            place: "shop/api/dev".parse().unwrap(),
            after: None,
            automatic,
            statement: 1,
            envelope: digest,
            entry: None,
            running,
            before: None,
            earlier: Vec::new(),
            base: commit,
            open: None,
            wanted: false,
            last: None,
            releases: Vec::new(),
            highest: 0,
            rollback: None,
            rolled_back: Vec::new(),
            bars: Vec::new(),
            drift: Vec::new(),
            baseline: Vec::new(),
            frozen: false,
            windows: None,
            previews: None,
            preview: None,
            agents: Vec::new(),
            turns: Vec::new(),
            service: None,
            agent_secrets: Vec::new(),
            checks: Vec::new(),
            statements: Vec::new(),
        }
    }

    fn stand(releases: Vec<ReleaseView>, place: PlaceView) -> Stand {
        let view = RunView {
            preview: None,
            run: run(7),
            project: "shop".parse().unwrap(),
            commit: "11".repeat(20).parse().unwrap(),
            state: RunState::Passed,
            works: Vec::new(),
            artifacts: BTreeMap::from([("api".into(), Digest::of(b"artifact"))]),
            services: vec!["api".into(), "elsewhere".into()],
            cancelled_by: None,
            entry: 10,
            releases,
        };
        assert_eq!(without_places(&view, std::slice::from_ref(&place)), ["elsewhere"]);
        let [PlaceOutcome { stand, .. }] = stands(&view, &[place]).try_into().unwrap();
        stand
    }

    #[test]
    fn a_run_is_judged_by_its_own_release_whatever_another_one_brought() {
        // The outcome of another run's release must not count for this run, be it good or bad.
        let other = |stage| ReleaseView { artifact: Digest::of(b"other"), ..release(8, stage, 5, 20) };
        for (stage, others) in [("returned", "running"), ("running", "failed")] {
            let found =
                stand(vec![release(7, stage, 4, 15), other(others)], place(true, Some((5, b"other"))));
            match found {
                Stand::Stopped { release } => assert_eq!((stage, release.release), ("returned", Some(4))),
                Stand::Running { release, now, .. } => {
                    assert_eq!((stage, release, now), ("running", 4, Some(5)))
                }
                other => assert_eq!(format!("{other:?}"), stage),
            }
        }
    }

    #[test]
    fn what_stands_is_told_from_what_does_not() {
        let automatic = |stage| stand(vec![release(7, stage, 4, 15)], place(true, None));
        let by_people = |stage| stand(vec![release(7, stage, 4, 15)], place(false, None));
        for stage in ["wanted", "judging", "due"] {
            assert!(
                matches!(automatic(stage), Stand::Moving { .. }) && automatic(stage).is_settled(),
                "{stage}"
            );
        }
        for stage in ["proposed", "held"] {
            assert!(matches!(by_people(stage), Stand::Waiting { release: 4, .. }), "{stage}");
        }
        assert!(matches!(automatic("proposed"), Stand::Moving { .. }));
        for stage in ["held", "failed", "refused", "returned", "unplannable"] {
            assert!(
                matches!(automatic(stage), Stand::Stopped { .. }) && !automatic(stage).is_settled(),
                "{stage}"
            );
        }
        assert!(matches!(automatic("superseded"), Stand::Superseded { automatic: true, .. }));
        assert!(!automatic("superseded").is_settled());
        assert_eq!(stand(Vec::new(), place(true, None)), Stand::Unreached, "nothing of it is here");
    }

    #[test]
    fn another_runs_release_of_the_same_artifact_counts_where_it_stands() {
        let runs = stand(vec![release(8, "running", 3, 2)], place(true, Some((3, b"artifact"))));
        assert!(
            matches!(runs, Stand::Running { release: 3, now: None, outdated: false, .. })
                && runs.is_settled()
        );
        let mut amended = place(true, Some((3, b"artifact")));
        amended.statement = 2;
        assert!(!stand(vec![release(8, "running", 3, 2)], amended).is_settled(), "its statement has changed");
        // A failure from before this run began says nothing about this run.
        assert_eq!(stand(vec![release(8, "failed", 3, 2)], place(true, None)), Stand::Unreached);
        assert!(matches!(stand(vec![release(8, "failed", 3, 12)], place(true, None)), Stand::Stopped { .. }));
    }

    #[test]
    fn a_machine_is_gone_when_all_that_is_left_waits_for_it() {
        let machine = |silent_seconds, at_work| MachineView {
            name: "runner-1".parse().unwrap(),
            silent_seconds,
            at_work,
        };
        let is_gone = |machines: &[MachineView]| gone(machines.iter()).is_some();
        assert!(is_gone(&[machine(30, false)]));
        assert!(!is_gone(&[machine(29, false)]) && !is_gone(&[]));
        assert!(!is_gone(&[machine(30, false), machine(0, false)]), "another one goes on");
        assert!(!is_gone(&[machine(3_000, true)]), "it makes probes");
        assert!(is_gone(&[machine(4_000, true)]));
    }
}
