//! `countersign rollback`: a person returns a place to the release that ran before. The place refuses the artifact that
//! was rolled back until a person runs its commit with `--again`.
//!
//! Invariant: before the person signs, the target is named: artifact, commit and release, since when it has not run, and
//! which pending releases end. A release that was rolled back cannot be the target.

use clap::Args;
use client::home::Home;
use client::request::Parts;
use client::review::short;
use client::session;
use evidence::Place;
use evidence::{CommitId, Digest};
use serde::Serialize;
use serde_json::json;
use wire::{
    Client, PendingReleaseView, PlaceView, ReleaseKind, ReleaseStage, ReleaseView, RollbackView,
    RunningReleaseView,
};

use super::promote::{look, named, only};
use super::{DataDir, follow, runtime, words};
use crate::consent::ask_for;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;
use crate::waiting::unless_interrupted;

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place where a release runs.
    place: Option<Place>,
    /// Number of the release to return to; default: the latest one that ran there and was not rolled back.
    #[arg(long, value_name = "RELEASE")]
    to: Option<u64>,
    /// Reason for the rollback; it is signed and recorded; default: none.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    /// Roll back without asking; default: show the rollback and ask.
    #[arg(long)]
    yes: bool,
}

/// A rollback that a person may ask for.
#[derive(Debug)]
pub struct Way {
    from: Target,
    /// Whether the rolled-back release is in progress and has not run yet.
    is_under_way: bool,
    to: RunningReleaseView,
    /// Other possible targets.
    further: Vec<RunningReleaseView>,
    /// Pending releases of the place that end.
    ends: Vec<Ended>,
}

#[derive(Debug, Serialize)]
struct RollbackReport {
    place: Place,
    /// Number of the rollback.
    release: u64,
    outcome: ReleaseStage,
    entry: u64,
    /// The release that runs again.
    to: Target,
    /// The release that ran; only `run --again` releases it again.
    from: Target,
    /// Pending releases that ended with the rollback.
    ended: Vec<Ended>,
    next: String,
}

#[derive(Clone, Debug, Serialize)]
struct Target {
    release: u64,
    commit: CommitId,
    artifact: Digest,
}

#[derive(Clone, Debug, Serialize)]
struct Ended {
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<u64>,
    commit: CommitId,
    stage: ReleaseStage,
}

/// Asks for the rollback, and waits for the agent's report.
pub fn run(verb: &Rollback, output: Output) -> Result<(), Failure> {
    let home = verb.data_dir.home()?;
    let places = runtime()?.block_on(session::client(&home)?.places())?;
    let view = match &verb.place {
        Some(at) => named(places, at)?,
        None => only(places, |view| view.running.is_some(), "runs something")?,
    };
    let way = Way::of(&view, verb.to)?;
    ask_for("Roll back?", "nothing was rolled back", &way.shown(&view), verb.yes, output)?;
    carry_out(&home, &view, way, verb.reason.as_deref(), output)
}

/// Sends the signed request and waits for the agent's report.
pub fn carry_out(
    home: &Home,
    view: &PlaceView,
    way: Way,
    reason: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    let (client, runtime) = (session::client(home)?, runtime()?);
    let (from, to) = (way.from.artifact, way.to.artifact);
    let mut arguments =
        json!({ "place": view.place, "from": from, "to": to, "release": way.to.release, "ends": true });
    if let Some(fields) = arguments.as_object_mut() {
        fields.extend(reason.map(|reason| ("reason".to_owned(), json!(reason))));
    }
    let sent = sending::send(home, "rollback", arguments, Parts::default())?;
    let goes_on =
        format!("the rollback of {} continues; `countersign status` shows its progress", view.place);
    let waiting = unless_interrupted(reported(&client, &view.place, sent.outcome.entry), &goes_on);
    let release = runtime.block_on(waiting)?;
    if release.stage != ReleaseStage::Running {
        return Err(runtime.block_on(follow::why(&client, &release))?);
    }
    let report = RollbackReport {
        place: view.place.clone(),
        release: release.release.unwrap_or_default(),
        outcome: release.stage,
        entry: release.entry,
        to: Target::of(&way.to),
        from: way.from,
        ended: way.ends,
        next: "countersign status".into(),
    };
    output.print(&report, |report| {
        let ended: String = report.ended.iter().map(|ended| format!("\n{}", ended.words("has ended"))).collect();
        format!(
            "{} runs commit {} again, as release {}. To release the replaced commit again, run `countersign run --again {}` \
             while no newer commit runs in the first environment; otherwise commit on top of the running commit{ended}\nnext: {}",
            report.place,
            short(report.to.commit.as_str()),
            report.release,
            report.from.commit,
            report.next
        )
    })
}

impl Way {
    /// From a release in progress back to the running one; otherwise from the running release to the latest that ran before
    /// and was not rolled back, or to the release that is named.
    pub fn of(view: &PlaceView, to: Option<u64>) -> Result<Self, Failure> {
        let place = &view.place;
        let under_way = view.open.as_ref().filter(|open| is_under_way(open));
        let (from, past): (Target, Vec<&RunningReleaseView>) = match (under_way, &view.running) {
            (Some(open), running) => (Target::of_open(open), running.iter().collect()),
            (None, Some(running)) => (Target::of(running), view.before.iter().chain(&view.earlier).collect()),
            (None, None) => {
                return Err(Failure::error(format!(
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

    /// The page that is shown before the signature.
    pub fn shown(&self, view: &PlaceView) -> String {
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

impl Target {
    fn of(view: &RunningReleaseView) -> Self {
        Self { release: view.release, commit: view.commit.clone(), artifact: view.artifact }
    }

    fn of_open(open: &PendingReleaseView) -> Self {
        Self { release: open.release, commit: open.commit.clone(), artifact: open.artifact }
    }
}

impl Ended {
    fn words(&self, ends: &str) -> String {
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
fn ends(view: &PlaceView) -> Vec<Ended> {
    // A release that the agent refused because of a freeze is tried again afterwards, unless a newer release exists.
    let newest = view
        .releases
        .iter()
        .find(|release| release.kind == ReleaseKind::Release)
        .map(|release| release.began);
    let is_waiting = |release: &&ReleaseView| {
        let is_frozen = || {
            release.stage == ReleaseStage::Refused
                && release.reasons.iter().any(|code| code == "frozen")
                && Some(release.began) == newest
        };
        let waits =
            [ReleaseStage::Wanted, ReleaseStage::Proposed, ReleaseStage::Held].contains(&release.stage);
        release.kind == ReleaseKind::Release && (waits || is_frozen())
    };
    let ended = |release: &ReleaseView| Ended {
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
) -> Failure {
    let place = &view.place;
    let barred =
        |past: &&&RunningReleaseView| view.rolled_back.iter().any(|bar| bar.artifact == past.artifact);
    let known: Vec<_> = past.iter().filter(|past| !barred(past)).map(|past| brief(past)).collect();
    if let (Some(number), false) = (to, known.is_empty()) {
        let known = known.join(", ");
        return Failure::error(format!("{place} cannot go back to release {number}; it can to {known}"));
    }
    if let Some(open) = under_way {
        return Failure::error(format!(
            "nothing runs at {place} to which it could go back from release {}, which is in progress; \
             `countersign freeze {place}` ends that",
            open.release
        ));
    }
    let bar = past.iter().find_map(|past| view.rolled_back.iter().find(|bar| bar.artifact == past.artifact));
    bar.map_or_else(
        || {
            Failure::error(format!(
                "nothing ran at {place} before the release that runs now; release another commit with `countersign run COMMIT`"
            ))
        },
        |bar| forward(view, bar),
    )
}

/// The failure for a target that another rollback removed.
fn forward(view: &PlaceView, bar: &RollbackView) -> Failure {
    Failure::error(format!(
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
async fn reported(client: &Client, place: &Place, entry: u64) -> Result<ReleaseView, Failure> {
    let mut seen = 0;
    loop {
        let view = look(client, place).await?;
        let release = view.releases.iter().find(|release| release.began == entry);
        let release = release.ok_or_else(|| {
            Failure::error("the server does not show the rollback; see `countersign status`")
        })?;
        if release.stage == ReleaseStage::Dropped {
            let what = "its agent refuses it: the enrolment of the person who asked was withdrawn meanwhile";
            return Err(Failure::error(format!(
                "the rollback of {place} was dropped: {what}; ask for it anew"
            )));
        }
        if release.stage != ReleaseStage::Due {
            return Ok(release.clone());
        }
        follow::agent(&view)?;
        seen = client.wait_past(seen).await?;
    }
}
