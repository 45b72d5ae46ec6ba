//! `countersign run`: puts a commit forward and follows it as far as it goes by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use domain::RunId;
use domain::gate::Outcome;
use evidence::{CommitId, Digest, Name};
use policy::Finding;
use serde::Serialize;
use serde_json::json;
use wire::{Client, PlaceView, RunView};

use super::{Place, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::pack;
use crate::progress::Progress;
use crate::project;
use crate::request::{self, With};
use crate::review::short;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    place: Place,
    /// The commit: a branch, a tag, an id.
    #[arg(default_value = "HEAD")]
    commit: String,
    /// The repository; the one you are in when left away.
    #[arg(long)]
    repository: Option<PathBuf>,
    /// The project; the repository's name when left away.
    #[arg(long)]
    project: Option<Name>,
    /// Do not wait for what comes of it.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Serialize)]
struct Started {
    run: RunId,
    commit: CommitId,
    state: String,
    artifacts: BTreeMap<String, Digest>,
    places: Vec<PlaceView>,
    next: String,
}

/// Puts the commit forward.
pub fn run(verb: &Run, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    let client = home.client()?;
    let runtime = runtime()?;
    let path = project::repository(verb.repository.as_deref())?;
    let project = project::name(verb.project.as_ref(), &path)?;
    let commit = runner::resolve(&path, &verb.commit)?;
    let places = runtime.block_on(client.places())?;
    let own = places.iter().filter(|place| place.place.project == project);
    let bases: BTreeSet<CommitId> = own.map(|place| place.base.clone()).collect();
    let pack = pack::pack(&path, &commit, &bases)?.encode()?;
    let with =
        With { attachments: vec![pack], repository: Some(path.display().to_string()), ..With::default() };
    let sent = request::send(&home, "run", json!({ "project": project, "commit": commit }), with)?;
    let run: RunId = sent.request.nonce.into();
    let mut progress = Progress::new(output);
    progress.say(format!("run {run} of commit {}", short(commit.as_str())));
    let mut started = Started {
        run,
        commit,
        state: "running".into(),
        artifacts: BTreeMap::new(),
        places: Vec::new(),
        next: format!("countersign logs -f {run}"),
    };
    if verb.no_wait {
        return output.print(&started, |started| format!("next: {}", started.next));
    }
    let view = runtime.block_on(follow(&client, run, &mut progress))?;
    started.state.clone_from(&view.state);
    started.artifacts.clone_from(&view.artifacts);
    if view.state != "passed" {
        return Err(failed(&view));
    }
    let made: BTreeSet<Digest> = view.artifacts.values().copied().collect();
    let places = runtime.block_on(settle(&client, &project, &made, sent.outcome.entry, &mut progress))?;
    started.next = next(&places);
    if let Some(stuck) = places.iter().find(|place| stuck(place, &made, sent.outcome.entry)) {
        return Err(runtime.block_on(why(&client, stuck))?);
    }
    started.places = places;
    output.print(&started, |started| {
        let artifacts: String =
            started.artifacts.iter().map(|(name, digest)| format!("artifact {name}: {digest}\n")).collect();
        format!("{artifacts}next: {}", started.next)
    })
}

/// Follows a run to its end, and says what happens.
async fn follow(client: &Client, run: RunId, progress: &mut Progress) -> Result<RunView, Failure> {
    let mut seen = 0;
    loop {
        let view = client.run(run).await?;
        for work in &view.works {
            let who = work.runner.as_ref().map_or_else(String::new, |runner| format!(" on {runner}"));
            progress.once(format!("{} {}{who}: {}", work.kind, work.name, work.state));
        }
        if view.state != "running" {
            progress.once(format!("run: {}", view.state));
            return Ok(view);
        }
        seen = client.wait_past(seen).await?;
    }
}

/// Follows the releases until nothing more happens by itself.
async fn settle(
    client: &Client,
    project: &Name,
    made: &BTreeSet<Digest>,
    since: u64,
    progress: &mut Progress,
) -> Result<Vec<PlaceView>, Failure> {
    let mut seen = 0;
    loop {
        let places: Vec<_> =
            client.places().await?.into_iter().filter(|place| place.place.project == *project).collect();
        for place in &places {
            if let Some(words) = words(place, made) {
                progress.once(format!("{}: {words}", place.place));
            }
        }
        if !places.iter().any(|place| moves(place, &places, made, since)) {
            return Ok(places);
        }
        seen = client.wait_past(seen).await?;
    }
}

fn words(place: &PlaceView, made: &BTreeSet<Digest>) -> Option<String> {
    if place.running.as_ref().is_some_and(|running| made.contains(&running.artifact)) {
        return Some("runs it".into());
    }
    let open = place.open.as_ref().filter(|open| made.contains(&open.artifact))?;
    Some(match open.stage.as_str() {
        "proposed" if place.automatic => format!("release {} proposed", open.release),
        "proposed" => format!("release {} waits for people", open.release),
        stage => format!("release {} is {stage}", open.release),
    })
}

/// Whether something at a place goes on without anybody.
fn moves(place: &PlaceView, all: &[PlaceView], made: &BTreeSet<Digest>, since: u64) -> bool {
    if place.running.as_ref().is_some_and(|running| made.contains(&running.artifact))
        || stuck(place, made, since)
    {
        return false;
    }
    if let Some(open) = place.open.as_ref().filter(|open| made.contains(&open.artifact)) {
        return match open.stage.as_str() {
            "proposed" => place.automatic,
            "held" => false,
            _ => true,
        };
    }
    // Nothing is open here yet: it comes when the place before runs it, if it comes at all.
    let before = all.iter().find(|other| {
        other.place.service == place.place.service && Some(&other.place.environment) == place.after.as_ref()
    });
    let last = place.last.as_ref().filter(|last| last.entry > since);
    let unplannable = last.is_some_and(|last| last.outcome == "unplannable");
    match before {
        None => place.wanted || !unplannable && place.open.is_none(),
        Some(before) => {
            moves(before, all, made, since)
                || before.running.as_ref().is_some_and(|running| made.contains(&running.artifact))
                    && !unplannable
        }
    }
}

/// Whether a place refused, or could not keep, what was made.
fn stuck(place: &PlaceView, made: &BTreeSet<Digest>, since: u64) -> bool {
    let Some(last) = place.last.as_ref().filter(|last| last.entry > since) else { return false };
    let held = place.open.as_ref().is_some_and(|open| open.stage == "held" && made.contains(&open.artifact));
    let reported = ["returned", "failed", "refused"].contains(&last.outcome.as_str());
    let runs = place.running.as_ref().is_some_and(|running| made.contains(&running.artifact));
    !runs
        && (held && place.automatic
            || reported && place.open.is_none()
            || last.outcome == "unplannable" && !place.wanted)
}

/// Why a place does not run it, in the words of its gate or agent.
pub async fn why(client: &Client, place: &PlaceView) -> Result<Failure, Failure> {
    let Some(last) = &place.last else { return Ok(Failure::error("nothing is known of it")) };
    let mut findings: Vec<Finding> = Vec::new();
    if let (Some(detail), Some(_)) = (&last.detail, &last.bundle)
        && let Ok(bytes) = client.blob(detail, DETAIL_MAX).await
        && let Ok(judgement) = serde_json::from_slice::<judge::Judgement>(&bytes)
    {
        findings.extend(judgement.reasons);
        findings.extend(judgement.unclear);
    }
    if findings.is_empty() {
        findings.extend(last.reasons.iter().map(|code| Finding {
            code: code.clone(),
            what: format!("so said the {}", if last.bundle.is_some() { "gate" } else { "agent" }),
            remedy: format!("see entry {}, and the agent's log", last.entry),
        }));
    }
    let outcome = if last.outcome == "undecided" { Outcome::Undecided } else { Outcome::Fail };
    let what = match last.outcome.as_str() {
        "fail" => format!("{}: the gate does not let release {} pass", place.place, last.release),
        "undecided" => format!("{}: no decision about release {} could be made", place.place, last.release),
        "returned" => {
            format!("{}: release {} did not work, so what ran before runs again", place.place, last.release)
        }
        "failed" => {
            format!("{}: release {} did not work, and nothing runs there now", place.place, last.release)
        }
        "refused" => format!("{}: the agent refused release {}", place.place, last.release),
        other => format!("{}: {other}", place.place),
    };
    Ok(Failure::decided(outcome, what, findings))
}

fn failed(view: &RunView) -> Failure {
    let bad = view.works.iter().filter(|work| work.state == "failed");
    let mut findings: Vec<_> = bad
        .map(|work| {
            let runner = work.runner.as_ref().map(ToString::to_string).unwrap_or_default();
            Finding {
                code: "step-failed".into(),
                what: format!("{} {} failed on {runner}", work.kind, work.name),
                remedy: format!("countersign logs {} {} --runner {runner}", view.run, work.name),
            }
        })
        .collect();
    if findings.is_empty() {
        let (code, what, remedy) = match view.state.as_str() {
            "differed" => (
                "runners-differ",
                "what the runners made of the commit differs",
                "compare their logs, and make the build give the same bytes each time: SOURCE_DATE_EPOCH is set",
            ),
            "cancelled" => (
                "run-cancelled",
                "somebody ended it; the entry that ended it names them",
                "run the commit again, when it is wanted after all",
            ),
            _ => (
                "runner-lost",
                "the trust root no longer names a runner that it waited for",
                "run the commit again",
            ),
        };
        findings.push(Finding { code: code.into(), what: what.into(), remedy: remedy.into() });
    }
    Failure::decided(Outcome::Fail, format!("run {} {}", view.run, view.state), findings)
}

/// What to type next.
pub fn next(places: &[PlaceView]) -> String {
    let waits = places.iter().find(|place| {
        !place.automatic
            && place.open.as_ref().is_some_and(|open| ["proposed", "held"].contains(&open.stage.as_str()))
    });
    match waits {
        Some(place) if place.open.as_ref().is_some_and(|open| open.approvals > 0) => {
            format!("countersign promote {}", place.place)
        }
        Some(place) => format!("countersign approve {} --reason WHY", place.place),
        None => "countersign status".into(),
    }
}

const DETAIL_MAX: usize = 4 * 1024 * 1024;
