//! `countersign rollback`: a person asks for what ran before, and nothing brings back by itself what they rolled back.
//!
//! Invariant: what is asked for is named before it is signed: artifact, commit and release, and since when it did not
//! run. What was rolled back is not rolled back to.

use clap::Args;
use domain::Place as At;
use evidence::{CommitId, Digest};
use serde::Serialize;
use serde_json::json;
use wire::{Client, PlaceView, ReleaseView, RolledBackView, RunningView};

use super::promote::{look, only, unknown};
use super::{Place, follow, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::request::{self, With};
use crate::review::short;
use crate::signing::ask_for;

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    place: Place,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; if omitted, the only one where something runs.
    at: Option<At>,
    /// Why; it is signed and recorded.
    #[arg(long)]
    reason: Option<String>,
    /// Roll back without asking.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct Done {
    place: At,
    /// Number of the rollback.
    release: u64,
    outcome: String,
    entry: u64,
    /// What runs again.
    to: Target,
    /// What ran, and comes back by nothing but `run --again`.
    from: Target,
    next: String,
}

#[derive(Clone, Debug, Serialize)]
struct Target {
    release: u64,
    commit: CommitId,
    artifact: Digest,
}

/// Asks for what ran before, and waits for the agent's report.
pub fn run(verb: &Rollback, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    let client = home.client()?;
    let runtime = runtime()?;
    let places = runtime.block_on(client.places())?;
    let view = match &verb.at {
        Some(at) => places.into_iter().find(|view| view.place == *at).ok_or_else(|| unknown(at))?,
        None => only(places, |view| view.running.is_some(), "runs something")?,
    };
    let (Some(running), Some(before)) = (&view.running, &view.before) else {
        return Err(Failure::error(format!(
            "nothing ran at {} before what runs now; release another commit with `countersign run COMMIT`",
            view.place
        )));
    };
    // The decision is the domain's; whoever asks is told before they sign.
    if let Some(bar) = view.rolled_back.iter().find(|bar| bar.artifact == before.artifact) {
        return Err(forward(&view, bar));
    }
    let page = shown(&view, running, before);
    ask_for("Roll back?", "nothing was rolled back", &page, verb.yes, output)?;
    let mut arguments = json!({ "place": view.place, "from": running.artifact, "to": before.artifact });
    if let Some(fields) = arguments.as_object_mut() {
        fields.insert("release".into(), json!(before.release));
        fields.extend(verb.reason.iter().map(|reason| ("reason".into(), json!(reason))));
    }
    let sent = request::send(&home, "rollback", arguments, With::default())?;
    let goes_on = format!("the rollback of {} goes on; `countersign status` shows how", view.place);
    let waiting = follow::unless_interrupted(reported(&client, &view.place, sent.outcome.entry), &goes_on);
    let release = runtime.block_on(waiting)?;
    if release.stage != "running" {
        return Err(runtime.block_on(follow::why(&client, &release))?);
    }
    let done = Done {
        place: view.place.clone(),
        release: release.release.unwrap_or_default(),
        outcome: release.stage,
        entry: release.entry,
        to: Target::of(before),
        from: Target::of(running),
        next: "countersign status".into(),
    };
    output.print(&done, |done| {
        format!(
            "{} runs commit {} again, as release {}; `countersign run --again {}` would bring back what it replaced\nnext: {}",
            done.place,
            short(done.to.commit.as_str()),
            done.release,
            done.from.commit,
            done.next
        )
    })
}

impl Target {
    fn of(view: &RunningView) -> Self {
        Self { release: view.release, commit: view.commit.clone(), artifact: view.artifact }
    }
}

/// What is shown before it is signed.
fn shown(view: &PlaceView, running: &RunningView, before: &RunningView) -> String {
    let line = |word: &str, what: &RunningView| {
        let since = what.since.map(|since| format!(", since {since}")).unwrap_or_default();
        format!(
            "{word} release {} of commit {}{since}\n  artifact {}",
            what.release, what.commit, what.artifact
        )
    };
    format!(
        "{}\n{}\n{}\nuntil somebody runs it with --again, nothing releases there what is rolled back",
        view.place,
        line("runs now:", running),
        line("goes back to:", before)
    )
}

/// A second rollback, which would bring back what the first one took away.
fn forward(view: &PlaceView, bar: &RolledBackView) -> Failure {
    Failure::error(format!(
        "what ran at {} before is release {} of commit {}, which rollback {} took away: to go back to that would go \
         forward; `countersign run --again {}` releases it again, or release another commit",
        view.place,
        bar.release,
        short(bar.commit.as_str()),
        bar.by,
        bar.commit
    ))
}

/// Waits for what the agent reports of the rollback that an entry began.
async fn reported(client: &Client, place: &At, entry: u64) -> Result<ReleaseView, Failure> {
    let mut seen = 0;
    loop {
        let view = look(client, place).await?;
        let release = view.releases.iter().find(|release| release.began == entry);
        let release = release.ok_or_else(|| {
            Failure::error("the server does not show the rollback; see `countersign status`")
        })?;
        if release.stage != "due" {
            return Ok(release.clone());
        }
        if view.rollback != release.release {
            let what = "its agent will not do it: the enrolment of whoever asked was withdrawn meanwhile";
            return Err(Failure::error(format!(
                "the rollback of {place} was dropped: {what}; ask for it anew"
            )));
        }
        follow::agent(&view)?;
        seen = client.wait_past(seen).await?;
    }
}
