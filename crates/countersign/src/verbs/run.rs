//! `countersign run`: submits a commit and follows it as far as it gets without people.
//!
//! Invariant: its output and its exit code are about its own run only. It ends when nothing more can happen
//! automatically, and says what is missing. To interrupt it cancels nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use client::approvers;
use client::dossier::Dossier;
use client::home::Home;
use client::missing_pipeline;
use client::outcome::{self, PlaceOutcome, Stand};
use client::output_differences;
use client::pack;
use client::profile::Profile;
use client::project;
use client::project_files;
use client::request::Parts;
use client::review::short;
use client::session;
use domain::RunId;
use domain::gate::GateOutcome;
use evidence::Place;
use evidence::rules::UNTESTED;
use evidence::source_pack::SourcePack;
use evidence::trust_root::Mode;
use evidence::{CommitId, Digest, Name};
use policy::Finding;
use serde::Serialize;
use serde_json::json;
use wire::{Client, NamedPerson, PlaceView, RunFilter, RunState, RunView, WorkState, WorkView};

use super::pipeline_run::{self, Local};
use super::{DataDir, follow, runtime};
use crate::failure::Failure;
use crate::operator::Reach;
use crate::output::Output;
use crate::progress::Progress;
use crate::sending;
use crate::waiting::unless_interrupted;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    data_dir: DataDir,
    /// The commit: a branch, a tag or an id.
    #[arg(default_value = HEAD)]
    commit: String,
    /// The repository; default: the repository of the current directory.
    #[arg(long)]
    repository: Option<PathBuf>,
    /// Name of the project; default: the repository's name.
    #[arg(long)]
    project: Option<Name>,
    /// End once the run is recorded; default: wait until nothing more happens automatically.
    #[arg(long)]
    no_wait: bool,
    /// Build and release the commit again, even if it runs already or was rolled back. A release that waits for people keeps
    /// its approvals. Default: a commit that was run before is only followed.
    #[arg(long)]
    again: bool,
    /// The old form of `pipeline run`.
    #[arg(long, hide = true, value_name = "STEP", num_args = 0.., conflicts_with_all = ["no_wait", "again"])]
    local: Option<Vec<String>>,
    /// As in `pipeline run`.
    #[arg(long, hide = true, requires = "local")]
    out: Option<PathBuf>,
    /// As in `pipeline run`.
    #[arg(long, hide = true, requires = "local")]
    toolchain: Vec<PathBuf>,
    /// As in `pipeline run`.
    #[arg(long, hide = true, requires = "local")]
    allow_network: Vec<sandbox::Allowance>,
}

#[derive(Debug, Serialize)]
struct RunReport {
    run: RunId,
    commit: CommitId,
    state: RunState,
    /// Whether the commit had been run before, so that no run was begun.
    unchanged: bool,
    artifacts: BTreeMap<String, Digest>,
    /// Outcome at each place.
    outcomes: Vec<PlaceOutcome>,
    /// Services for which no environment statement has a place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without_places: Vec<String>,
    places: Vec<PlaceView>,
    /// Warnings for the person who runs the commit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    next: String,
}

/// Submits the commit, unless it was run before and nothing is missing.
pub fn run(verb: &Run, output: Output) -> Result<(), Failure> {
    if let Some(steps) = &verb.local {
        return local(verb, steps, output);
    }
    let home = verb.data_dir.home()?;
    let client = session::client(&home)?;
    let runtime = runtime()?;
    let path = project::repository(verb.repository.as_deref())?;
    let project = project::name(verb.project.as_ref(), &path)?;
    let commit = runner::resolve(&path, &verb.commit)?;
    let places = runtime.block_on(client.places())?;
    let mut progress = progress(verb, &path, output);
    let before = match verb.again {
        true => None,
        false => runtime.block_on(standing(&client, &project, &commit, &places))?,
    };
    let unchanged = before.is_some();
    let mut untested = false;
    let run = match before {
        Some(view) => {
            let (run, how) = (view.run, how_far(view.state));
            progress.say(format!(
                "commit {} {how} by run {run}: no new run; `countersign run --again` repeats it",
                short(commit.as_str())
            ));
            run
        }
        None => {
            let check = |pack: &SourcePack| {
                let found =
                    runtime.block_on(project_files::can_be_sent(&path, pack, &project, &client, &places))?;
                found.notes.into_iter().for_each(|note| progress.say(format!("note: {note}")));
                untested = found.untested;
                Ok(())
            };
            let run = send(&home, verb, (&path, &project, &commit), &places, check)?;
            progress.say(format!("run {run} of commit {}", short(commit.as_str())));
            run
        }
    };
    if verb.no_wait {
        let next = format!("countersign logs -f {run}");
        let report = RunReport::new(run, commit, RunState::Running, unchanged, next);
        return output.print(&report, |report| format!("next: {}", report.next));
    }
    let goes_on = format!(
        "run {run} continues; `countersign cancel {run}` ends it, `countersign run {commit}` follows it again"
    );
    let followed = unless_interrupted(to_the_end(&client, run, &mut progress), &goes_on);
    let (view, end) = runtime.block_on(followed)?;
    let mut report = RunReport::new(run, commit, view.state, unchanged, String::new());
    report.artifacts.clone_from(&view.artifacts);
    if let Some(nodes) = end.nodes {
        let node = nodes.first().cloned().unwrap_or_default();
        let command = format!("countersign approve --run {run} --step {node}");
        let mode = runtime.block_on(client.installation())?.mode;
        report.next = if mode == Mode::Solo { command } else { approvers::somebody(&command) };
        return output.print(&report, |report| {
            format!("run {run} waits for people at {}\nnext: {}", nodes.join(", "), report.next)
        });
    }
    let own = |view: &PlaceView| view.place.project == project;
    report.without_places = outcome::without_places(&view, &end.places);
    report.outcomes = outcome::stands(&view, &end.places);
    report.places = end.places.into_iter().filter(own).collect();
    if let Some(failure) = runtime.block_on(failure(&client, &view, &report))? {
        return Err(failure);
    }
    report.next = next(&home, &client, &report.outcomes)?;
    report.notes.extend(untested.then(|| UNTESTED.to_owned()));
    output.print(&report, RunReport::text)
}

const fn how_far(state: RunState) -> &'static str {
    if matches!(state, RunState::Running) { "is being built" } else { "was built" }
}

impl RunReport {
    fn new(run: RunId, commit: CommitId, state: RunState, unchanged: bool, next: String) -> Self {
        Self {
            run,
            commit,
            state,
            unchanged,
            artifacts: BTreeMap::new(),
            outcomes: Vec::new(),
            without_places: Vec::new(),
            places: Vec::new(),
            notes: Vec::new(),
            next,
        }
    }

    fn text(&self) -> String {
        let artifacts = self.artifacts.iter().map(|(name, digest)| format!("artifact {name}: {digest}\n"));
        let outcomes = self.outcomes.iter().map(|at| format!("{}: {}\n", at.place, at.stand.words()));
        let missing = self.without_places.iter().map(|service| {
            format!(
                "service {service} has no place: no environment statement of this installation names it\n"
            )
        });
        let lines: String = artifacts.chain(outcomes).chain(missing).collect();
        let done = if self.unchanged { "nothing was done: this commit was run before\n" } else { "" };
        let notes: String = self.notes.iter().map(|note| format!("note: {note}\n")).collect();
        format!("{lines}{done}{notes}next: {}", self.next)
    }
}

/// The last run of a commit, if another run would change nothing: it is in progress, or its artifacts are settled at
/// every place, or a person rolled them back there.
async fn standing(
    client: &Client,
    project: &Name,
    commit: &CommitId,
    places: &[PlaceView],
) -> Result<Option<RunView>, Failure> {
    let asked =
        RunFilter { project: Some(project.clone()), commit: Some(commit.clone()), ..RunFilter::default() };
    let Some(view) = client.runs(&asked).await?.into_iter().next() else { return Ok(None) };
    let stands = outcome::stands(&view, places);
    let settled = |at: &PlaceOutcome| at.stand.is_settled() || matches!(at.stand, Stand::RolledBack { .. });
    let is_placed = view.services.is_empty() || !stands.is_empty();
    let stays = match view.state {
        RunState::Running => true,
        RunState::Passed => is_placed && stands.iter().all(settled),
        _ => false,
    };
    Ok(stays.then_some(view))
}

/// Checks and sends the signed request and the source; returns the run's id.
fn send(
    home: &Home,
    verb: &Run,
    (path, project, commit): (&Path, &Name, &CommitId),
    places: &[PlaceView],
    check: impl FnOnce(&SourcePack) -> Result<(), Failure>,
) -> Result<RunId, Failure> {
    let own = places.iter().filter(|place| place.place.project == *project);
    let bases: BTreeSet<CommitId> = own.map(|place| place.base.clone()).collect();
    let pack::Packed { pack, warning } = pack::pack(path, commit, &bases)?;
    if let Some(warning) = warning {
        shown::say(&format!("warning: {warning}"));
    }
    check(&pack)?;
    let pack = pack.encode()?;
    let with =
        Parts { attachments: vec![pack], repository: Some(runner::path_text(path)), ..Parts::default() };
    let arguments = json!({ "project": project, "commit": commit, "again": verb.again });
    Ok(sending::send(home, "run", arguments, with)?.request.nonce.into())
}

/// The old form of `pipeline run`. An argument in the place of the commit is a step too, as in `run --local --out DIR build`.
fn local(verb: &Run, steps: &[String], output: Output) -> Result<(), Failure> {
    let first = Some(&verb.commit).filter(|commit| *commit != HEAD);
    let steps: Vec<_> = first.into_iter().chain(steps).cloned().collect();
    let (repository, project) = (verb.repository.as_deref(), verb.project.as_ref());
    let reach = Reach { toolchain: verb.toolchain.clone(), allow_network: verb.allow_network.clone() };
    let out = verb.out.as_deref();
    pipeline_run::run(&Local { repository, project, steps: &steps, out, reach: &reach }, output)
}

/// The point at which nothing more happens automatically.
#[derive(Default)]
struct End {
    places: Vec<PlaceView>,
    /// Approval nodes that the run waits for.
    nodes: Option<Vec<String>>,
}

/// Follows a run and its releases until nothing more happens automatically, and prints each change.
async fn to_the_end(client: &Client, run: RunId, progress: &mut Progress) -> Result<(RunView, End), Failure> {
    let mut seen = 0;
    loop {
        let view = client.run(run).await?;
        for work in &view.works {
            let who = work.runner.as_ref().map_or_else(String::new, |runner| format!(" on {runner}"));
            let state = if work.running { "running".to_owned() } else { work.state.to_string() };
            progress.once(format!("{} {}{who}: {state}", work.kind, work.name));
        }
        if view.state == RunState::Running {
            if let Some(nodes) = follow::nodes(&view) {
                return Ok((view, End { nodes: Some(nodes), ..End::default() }));
            }
            follow::runners(client, &view).await?;
        } else {
            progress.once(format!("run: {}", view.state));
            let places = client.places().await?;
            let stands =
                if view.state == RunState::Passed { outcome::stands(&view, &places) } else { Vec::new() };
            for PlaceOutcome { place, stand } in &stands {
                progress.once(format!("{place}: {}", stand.words()));
                let view = places.iter().find(|view| view.place == *place);
                let probing = view.and_then(|view| view.service.as_ref()?.probing.as_ref());
                if let (Some(why), Stand::Moving { .. }) = (probing, stand) {
                    progress.once(format!("{place}: its probe has not passed yet: {}", shown::line(why)));
                }
            }
            if !stands.iter().any(|at| matches!(at.stand, Stand::Moving { .. })) {
                return Ok((view, End { places, nodes: None }));
            }
            follow::agents(&view, &stands, &places)?;
        }
        let past = client.wait_past(seen);
        // The start of a runner's work is no entry, so nothing in the ledger shows it: the server is asked at intervals.
        if view.works.iter().any(|work| work.state == WorkState::Due && !work.running) {
            let waited = tokio::time::timeout(LOOK_EVERY, past).await;
            seen = waited.unwrap_or(Ok(seen))?;
        } else {
            seen = past.await?;
        }
    }
}

/// The failure of a run that did not get as far as it could without people; `None` if it did.
async fn failure(client: &Client, view: &RunView, report: &RunReport) -> Result<Option<Failure>, Failure> {
    if view.state != RunState::Passed {
        // The failure is true even without the file list, so a receipt that cannot be read is no further failure.
        let differing = match view.state {
            RunState::Differed => output_differences::files(client, view).await.unwrap_or_default(),
            _ => Vec::new(),
        };
        return Ok(Some(failed(view, &differing)));
    }
    let run = view.run;
    for PlaceOutcome { place, stand } in &report.outcomes {
        match stand {
            Stand::Stopped { release } => return follow::why(client, release).await.map(Some),
            Stand::Superseded { by, automatic: true } => {
                let what = format!("run {by} proposed another release at {place} before run {run} ran there");
                let remedy = format!(
                    "see `countersign status`; a commit that descends from {} and from the running commit contains both",
                    short(view.commit.as_str())
                );
                let finding = Finding { code: "superseded".into(), what, remedy };
                let message = format!("{place}: another run replaced run {run}");
                return Ok(Some(Failure::decided(GateOutcome::Fail, message, vec![finding])));
            }
            Stand::Ended { by } => {
                let what = format!("rollback {by} of {place} ended it before it ran there");
                let remedy =
                    format!("`countersign run {}` releases it there, if it is still wanted", view.commit);
                let finding = Finding { code: "ended-by-rollback".into(), what, remedy };
                let message = format!("{place}: somebody rolled back there meanwhile");
                return Ok(Some(Failure::decided(GateOutcome::Fail, message, vec![finding])));
            }
            Stand::RolledBack { what } => {
                let said = format!(
                    "release {} of this artifact was rolled back there by {}, as rollback {}",
                    what.release,
                    what.name.clone().unwrap_or_else(|| format!("person {}", what.person)),
                    what.by
                );
                let remedy = format!(
                    "release another commit; or, if it is wanted after all, `countersign run --again {}`",
                    view.commit
                );
                let finding = Finding { code: "rolled-back".into(), what: said, remedy };
                let message = format!("{place}: commit {} was rolled back", short(view.commit.as_str()));
                return Ok(Some(Failure::decided(GateOutcome::Fail, message, vec![finding])));
            }
            _ => {}
        }
    }
    Ok(nowhere(view, report))
}

/// The failure of a run whose services have no place.
fn nowhere(view: &RunView, report: &RunReport) -> Option<Failure> {
    if view.services.is_empty() || !report.outcomes.is_empty() {
        return None;
    }
    let service = view.services.first().map(String::as_str).unwrap_or_default();
    Some(Failure::error(format!(
        "run {} built commit {}, but there is no place to release it to: no environment statement names service {} of \
         project `{}`; make its places with `countersign project add`, or one by one with `countersign trust \
         environment {}/{service}/ENVIRONMENT`, then run again; `countersign status` shows the places that there are",
        view.run,
        short(view.commit.as_str()),
        view.services.join(", "),
        view.project,
        view.project,
    )))
}

fn failed(view: &RunView, differing: &[String]) -> Failure {
    let differ = format!("the runners' outputs differ: {}", differing.join("; "));
    let bad = view.works.iter().filter(|work| work.state == WorkState::Failed);
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
    let lost = lost(view);
    let cancelled = format!("{} ended it", cancelled_by(view));
    if findings.is_empty() {
        let (code, what, remedy) = match view.state {
            RunState::Differed => (
                "runners-differ",
                differ.trim_end_matches([':', ' ']),
                "compare their logs, and make the build reproducible; SOURCE_DATE_EPOCH is set for it",
            ),
            RunState::Cancelled => {
                ("run-cancelled", cancelled.as_str(), "run the commit again if it is still wanted")
            }
            _ => (
                "runner-lost",
                lost.as_str(),
                "`countersign status` shows which machines are connected; then run the commit again",
            ),
        };
        findings.push(Finding { code: code.into(), what: what.into(), remedy: remedy.into() });
    }
    Failure::decided(GateOutcome::Fail, format!("run {} {}", view.run, view.state), findings)
}

/// The person who cancelled a run.
fn cancelled_by(view: &RunView) -> String {
    match &view.cancelled_by {
        Some(NamedPerson { name: Some(name), .. }) => shown::line(name),
        Some(NamedPerson { person, .. }) => format!("person {person}"),
        None => "somebody".to_owned(),
    }
}

/// The reason why a run cannot end automatically, and who reported it.
fn lost(view: &RunView) -> String {
    let of = |state: WorkState| view.works.iter().find(|work| work.state == state);
    let runner = |work: &WorkView| work.runner.as_ref().map_or("a runner".to_owned(), Name::to_string);
    match (of(WorkState::GivenUp), of(WorkState::Lost)) {
        (Some(work), _) => {
            format!("{} gave up {} {}: it could not report it", runner(work), work.kind, work.name)
        }
        (None, Some(work)) => format!(
            "the server reports that {} {} will not be finished: its runner was silent for an hour, or gave it up",
            work.kind, work.name
        ),
        (None, None) => "a runner that it waited for is no longer in the trust root".to_owned(),
    }
}

/// A progress that begins with a warning about uncommitted changes, because forgetting them is the most usual mistake.
fn progress(verb: &Run, repository: &Path, output: Output) -> Progress {
    let mut progress = Progress::new(output);
    if verb.commit == "HEAD" && missing_pipeline::has_uncommitted(repository) {
        progress
            .say("files have changed since HEAD; what is not committed is not part of this run".to_owned());
    }
    progress
}

/// The next command for this run.
fn next(home: &Home, client: &Client, outcomes: &[PlaceOutcome]) -> Result<String, Failure> {
    let waits = outcomes.iter().find_map(|at| match at.stand {
        Stand::Waiting { approvals, .. } => Some((&at.place, approvals)),
        _ => None,
    });
    match waits {
        Some((place, 1..)) => Ok(format!("countersign promote {place}")),
        Some((place, 0)) => approval(home, client, place),
        None => Ok("countersign status".into()),
    }
}

/// The command that approves a release, with the names of possible approvers if this person's own approval would not count.
fn approval(home: &Home, client: &Client, place: &Place) -> Result<String, Failure> {
    let command = approvers::command(place);
    let installation = runtime()?.block_on(client.installation())?;
    if installation.mode == Mode::Solo {
        return Ok(command);
    }
    let profile = Profile::of(home)?;
    // If the evidence does not hold, nobody can be named; `approve` then reports why it does not hold.
    let dossier = runtime()?.block_on(Dossier::fetch(&profile, client, place));
    let Ok(checked) = dossier.as_ref().map_err(drop).and_then(|dossier| dossier.check().map_err(drop)) else {
        return Ok(approvers::somebody(&command));
    };
    let own = approvers::own_change(&checked, &installation.people, profile.person.id());
    Ok(own.map_or(command, |own| own.remedy))
}

const HEAD: &str = "HEAD";
/// Interval at which a run is read while its work waits for a runner.
const LOOK_EVERY: Duration = Duration::from_millis(500);
