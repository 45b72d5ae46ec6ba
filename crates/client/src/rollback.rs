//! The rollback of a place: the release that it removes, the one that it returns to, and the pending ones that it ends.
//!
//! Input: the view of a place. Output: the page for the person, the arguments of the request, the agent's
//! report. Invariant: a release that was rolled back cannot be the target.

use domain::release::{FROZEN, UNTIMELY};
use evidence::{CommitId, Digest, Place};
use review::ids::short;
use serde::Serialize;
use serde_json::{Value, json};
use wire::{
    Client, PendingReleaseView, PlaceView, ReleaseKind, ReleaseStage, ReleaseView, RollbackView,
    RunningReleaseView,
};

use crate::error::Error;
use crate::places::look;
use crate::waiting;

/// A rollback that a person may ask for.
#[derive(Debug)]
pub struct Rollback {
    /// The release that is rolled back.
    pub from: Target,
    /// Whether the rolled-back release is in progress and has not run yet.
    is_under_way: bool,
    to: RunningReleaseView,
    /// Other possible targets.
    further: Vec<RunningReleaseView>,
    /// Pending releases of the place that end.
    pub ends: Vec<EndedRelease>,
}

/// A release that a rollback is about.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// Number of the release.
    pub release: u64,
    /// Its commit.
    pub commit: CommitId,
    /// Its artifact.
    pub artifact: Digest,
}

/// A pending release that a rollback ends.
#[derive(Clone, Debug, Serialize)]
pub struct EndedRelease {
    /// Number of the release; a release without a plan has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Its commit.
    pub commit: CommitId,
    /// Its stage before the rollback.
    pub stage: ReleaseStage,
}

impl Rollback {
    /// From a release in progress back to the running one; otherwise from the running release to the latest that ran before
    /// and was not rolled back, or to the release that is named.
    pub fn of(view: &PlaceView, to: Option<u64>) -> Result<Self, Error> {
        let place = &view.place;
        let under_way = view.open.as_ref().filter(|open| is_under_way(open));
        let (from, past): (Target, Vec<&RunningReleaseView>) = match (under_way, &view.running) {
            (Some(open), running) => (Target::of_open(open), running.iter().collect()),
            (None, Some(running)) => (Target::of(running), view.before.iter().chain(&view.earlier).collect()),
            (None, None) => {
                return Err(Error::unusable(format!(
                    "nothing runs at {place}; release a commit with `countersign run COMMIT`"
                )));
            }
        };
        let bar =
            |past: &RunningReleaseView| view.rolled_back.iter().find(|bar| bar.artifact == past.artifact);
        let sound: Vec<&RunningReleaseView> =
            past.iter().copied().filter(|past| bar(past).is_none()).collect();
        let found = match to {
            None => sound.first().copied(),
            Some(number) => past.iter().copied().find(|past| past.release == number),
        };
        let Some(target) = found else { return Err(nothing(view, under_way, &past, to)) };
        // The domain decides about the rollback; this check tells the person before they sign.
        if let Some(bar) = bar(target) {
            return Err(forward(view, bar));
        }
        let further = sound.iter().filter(|past| past.release != target.release);
        Ok(Self {
            is_under_way: under_way.is_some(),
            from,
            to: target.clone(),
            further: further.map(|&past| past.clone()).collect(),
            ends: ends(view),
        })
    }

    /// The release that runs again.
    pub fn to(&self) -> Target {
        Target::of(&self.to)
    }

    /// Arguments of the request `rollback`.
    pub fn arguments(&self, place: &Place, reason: Option<&str>) -> Value {
        arguments(place, &self.from, &self.to(), reason)
    }

    /// The page that is shown before the signature.
    pub fn page(&self, view: &PlaceView) -> String {
        let since =
            |what: &RunningReleaseView| what.since.map(|at| format!(", since {at}")).unwrap_or_default();
        let line = |word: &str, what: &Target, since: &str| {
            format!(
                "{word} release {} of commit {}{since}\n  artifact {}",
                what.release, what.commit, what.artifact
            )
        };
        let runs = view.running.as_ref().filter(|_| !self.is_under_way).map(since).unwrap_or_default();
        let word = if self.is_under_way { "in progress, ends:" } else { "runs now:" };
        let mut lines = vec![
            view.place.to_string(),
            line(word, &self.from, &runs),
            line("goes back to:", &Target::of(&self.to), &since(&self.to)),
        ];
        for past in view.before.iter().filter(|_| !self.is_under_way) {
            if let Some(bar) = view.rolled_back.iter().find(|bar| bar.artifact == past.artifact) {
                let (release, by) = (past.release, bar.by);
                lines.push(format!("not to release {release}, which ran before: rollback {by} removed it"));
            }
        }
        lines.extend(self.ends.iter().map(|ended| ended.words("ends with it")));
        if !self.further.is_empty() {
            let known: Vec<_> = self.further.iter().map(brief).collect();
            lines.push(format!("or, with --to RELEASE, to {}", known.join(", ")));
        }
        lines.push("the place refuses the artifact until somebody runs its commit with --again".into());
        lines.join("\n")
    }
}

/// Arguments of the request `rollback`.
pub(crate) fn arguments(place: &Place, from: &Target, to: &Target, reason: Option<&str>) -> Value {
    let (from, back) = (from.artifact, to.artifact);
    let mut arguments =
        json!({ "place": place, "from": from, "to": back, "release": to.release, "ends": true });
    if let Some(fields) = arguments.as_object_mut() {
        fields.extend(reason.map(|reason| ("reason".to_owned(), json!(reason))));
    }
    arguments
}

impl Target {
    fn of(view: &RunningReleaseView) -> Self {
        Self { release: view.release, commit: view.commit.clone(), artifact: view.artifact }
    }

    fn of_open(open: &PendingReleaseView) -> Self {
        Self { release: open.release, commit: open.commit.clone(), artifact: open.artifact }
    }
}

impl EndedRelease {
    /// The release in words; `ends` is the verb.
    pub fn words(&self, ends: &str) -> String {
        let what = match self.release {
            Some(number) => format!("release {number} of commit {}", short(self.commit.as_str())),
            None => format!("the release of commit {}", short(self.commit.as_str())),
        };
        format!("{what}, which is {}, {ends}; `countersign run {}` would bring it", self.stage, self.commit)
    }
}

/// Whether the gate or the agent works on the release.
pub fn is_under_way(open: &PendingReleaseView) -> bool {
    [ReleaseStage::Judging, ReleaseStage::Due].contains(&open.stage)
}

fn brief(past: &RunningReleaseView) -> String {
    format!("release {} of commit {}", past.release, short(past.commit.as_str()))
}

/// Pending releases of a place that the rollback ends besides its own; a person has to ask for them again.
fn ends(view: &PlaceView) -> Vec<EndedRelease> {
    // A release that the agent refused because of a freeze or of the time is tried again, unless a newer release exists.
    let newest = view
        .releases
        .iter()
        .find(|release| release.kind == ReleaseKind::Release)
        .map(|release| release.began);
    let is_waiting = |release: &&ReleaseView| {
        let is_frozen = || {
            release.stage == ReleaseStage::Refused
                && release.reasons.iter().any(|code| code == FROZEN || UNTIMELY.contains(&code.as_str()))
                && Some(release.began) == newest
        };
        let waits =
            [ReleaseStage::Wanted, ReleaseStage::Proposed, ReleaseStage::Held].contains(&release.stage);
        release.kind == ReleaseKind::Release && (waits || is_frozen())
    };
    let ended = |release: &ReleaseView| EndedRelease {
        release: release.release,
        commit: release.commit.clone(),
        stage: release.stage,
    };
    view.releases.iter().filter(is_waiting).map(ended).collect()
}

/// The failure for a place without a target to return to.
fn nothing(
    view: &PlaceView,
    under_way: Option<&PendingReleaseView>,
    past: &[&RunningReleaseView],
    to: Option<u64>,
) -> Error {
    let place = &view.place;
    let barred =
        |past: &&&RunningReleaseView| view.rolled_back.iter().any(|bar| bar.artifact == past.artifact);
    let known: Vec<_> = past.iter().filter(|past| !barred(past)).map(|past| brief(past)).collect();
    if let (Some(number), false) = (to, known.is_empty()) {
        let known = known.join(", ");
        return Error::unusable(format!("{place} cannot go back to release {number}; it can to {known}"));
    }
    if let Some(open) = under_way {
        return Error::unusable(format!(
            "nothing runs at {place} to which it could go back from release {}, which is in progress; \
             `countersign freeze {place}` ends that",
            open.release
        ));
    }
    let bar = past.iter().find_map(|past| view.rolled_back.iter().find(|bar| bar.artifact == past.artifact));
    bar.map_or_else(
        || {
            Error::unusable(format!(
                "nothing ran at {place} before the release that runs now; release another commit with `countersign run COMMIT`"
            ))
        },
        |bar| forward(view, bar),
    )
}

/// The failure for a target that another rollback removed.
fn forward(view: &PlaceView, bar: &RollbackView) -> Error {
    Error::unusable(format!(
        "the release that ran at {} before is {} of commit {}, which rollback {} removed: to go back to that would go \
         forward; `countersign run --again {}` releases it again, or release another commit",
        view.place,
        bar.release,
        short(bar.commit.as_str()),
        bar.by,
        bar.commit
    ))
}

/// Waits for the agent's report on the rollback that an entry began.
pub async fn reported(client: &Client, place: &Place, entry: u64) -> Result<ReleaseView, Error> {
    let mut seen = 0;
    loop {
        let view = look(client, place).await?;
        let release = view.releases.iter().find(|release| release.began == entry);
        let release = release.ok_or_else(|| {
            Error::unusable("the server does not show the rollback; see `countersign status`")
        })?;
        if release.stage == ReleaseStage::Dropped {
            let what = "its agent refuses it: the enrolment of the person who asked was withdrawn meanwhile";
            return Err(Error::unusable(format!(
                "the rollback of {place} was dropped: {what}; ask for it anew"
            )));
        }
        if release.stage != ReleaseStage::Due {
            return Ok(release.clone());
        }
        waiting::agent(&view)?;
        seen = client.wait_past(seen).await?;
    }
}
