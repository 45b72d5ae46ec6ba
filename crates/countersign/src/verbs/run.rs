//! `countersign run`: submits a commit and follows it as far as it gets without people.
//!
//! Invariant: its output and its exit code are about its own run only. It ends when nothing more can happen
//! automatically, and says what is missing. To interrupt it cancels nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use client::access::Access;
use client::pending::{self, PendingGate};
use client::previews::{self, PreviewAsked, Wanted};
use client::profile::Profile;
use client::project::{self, SourceCommit};
use client::run_request::{self, RunRequest, RunWishes, SourceWay};
use client::{log_tail, missing_pipeline, run, run_failure, run_reports, session};
use domain::RunId;
use evidence::git::RefName;
use evidence::preview::PreviewWish;
use evidence::rules::UNTESTED;
use evidence::trust_root::Mode;
use evidence::{CommitId, Digest, Name};
use review::approvers;
use review::ids::short;
use review::outcome::{self, PlaceOutcome, Stand};
use review::results::ReportCounts;
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Runtime;
use wire::{Client, PlaceView, RunState};

use super::pipeline_run::{self, Local};
use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::operator::Reach;
use crate::output::Output;
use crate::progress::Progress;
use crate::sending;
use crate::trust;
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
    /// Build and release the commit again, even if it runs already or was rolled back. A release that waits for people is
    /// replaced by one with the new reports, which is approved anew. Default: a commit that was run before is only followed.
    #[arg(long)]
    again: bool,
    /// Do without a runner, for instance because it is down; may be given several times. A new run of the commit begins. Policies
    /// still say how many runners have to build it.
    #[arg(long, value_name = "RUNNER")]
    without: Vec<Name>,
    /// Ref that has to contain the commit, such as `main` or `refs/tags/v1`: each runner fetches it from its operator's remote and
    /// refuses the work otherwise; default: none, and the run counts as one of an unknown ref.
    #[arg(long = "ref", value_name = "REF", value_parser = ref_name)]
    at_ref: Option<RefName>,
    /// Send the commit's files to the server, for runners without a remote of the project; default: they are sent outside solo
    /// mode and if the server is on another machine, unless `--ref` is given.
    #[arg(long, conflicts_with = "at_ref")]
    upload: bool,
    /// Make a preview of the commit, or bring it to the one of this name, instead of releasing it to places that stay. Default name: of
    /// the branch or tag, else of the commit's id.
    #[arg(long, value_name = "NAME", num_args = 0..=1, conflicts_with = "again")]
    preview: Option<Option<Name>>,
    /// The template that allows the preview: its environment, or PROJECT/SERVICE/ENVIRONMENT if several services have one of that name;
    /// default: the only template of the project that allows the name.
    #[arg(long, value_name = "ENVIRONMENT", requires = "preview")]
    template: Option<String>,
    /// The old form of `pipeline run`.
    #[arg(long, hide = true, value_name = "STEP", num_args = 0.., conflicts_with_all = ["no_wait", "again", "without"])]
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
    /// Reports of the run's steps, in numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reports: Vec<ReportCounts>,
    /// Gates of the releases that wait for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<PendingGate>,
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
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let runtime = runtime()?;
    let path = project::repository(verb.repository.as_deref())?;
    let project = project::name(verb.project.as_ref(), &path)?;
    let commit = runner::resolve(&path, &verb.commit)?;
    let places = runtime.block_on(client.places())?;
    let mut progress = progress(verb, &path, output);
    let (preview, places) = reached(verb, &access, (&project, &commit), places)?;
    let before = match preview.is_some() || verb.again || !verb.without.is_empty() {
        true => None,
        false => runtime.block_on(run::standing(&client, &project, &commit, &places))?,
    };
    let unchanged = before.is_some();
    let (run, untested) = match before {
        Some(view) => {
            let (run, how) = (view.run, how_far(view.state));
            progress.say(format!(
                "commit {} {how} by run {run}: no new run; `countersign run --again` repeats it",
                short(commit.as_str())
            ));
            (run, false)
        }
        None => {
            let source = SourceCommit { repository: &path, project: &project, commit: &commit };
            let mode = runtime.block_on(client.installation())?.mode;
            let way = way(verb, &access, mode);
            let request = runtime.block_on(run_request::prepare(&source, &client, &places, way))?;
            let arguments = run_request::arguments(&source, &wishes(verb, &access, preview)?);
            begin(&access, (&commit, arguments), request, &mut progress)?
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
    let follow = async { Ok(run::follow(&client, run, |line| progress.once(line)).await?) };
    let (view, end) = runtime.block_on(unless_interrupted(follow, &goes_on))?;
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
    report.reports = runtime.block_on(run_reports::reports(&client, &view)).unwrap_or_default();
    if let Some(failure) = runtime.block_on(run_failure::failure(&client, &view, &report.outcomes))? {
        report.reports.iter().for_each(|counts| progress.say(format!("report {}", counts.line())));
        let logs = runtime.block_on(log_tail::of_failed(&client, &view));
        return Err(Failure::from(failure).with_logs(logs));
    }
    report.gates = gates(&runtime, &access, &client, &report)?;
    report.next = runtime.block_on(run::next(&access, &client, &report.outcomes, &report.gates))?;
    report.notes.extend(untested.then(|| UNTESTED.to_owned()));
    output.print(&report, RunReport::text)
}

/// The gates of the releases of this run that wait for people.
fn gates(
    runtime: &Runtime,
    access: &Access,
    client: &Client,
    report: &RunReport,
) -> Result<Vec<PendingGate>, Failure> {
    let waits = |view: &&PlaceView| {
        let at = report.outcomes.iter().find(|at| at.place == view.place);
        at.is_some_and(|at| matches!(at.stand, Stand::Waiting { .. }))
    };
    let waiting: Vec<_> = report.places.iter().filter(waits).cloned().collect();
    Ok(runtime.block_on(pending::gates(&Profile::of(access)?, client, &waiting)))
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
            reports: Vec::new(),
            gates: Vec::new(),
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
        let reports = self.reports.iter().map(|counts| format!("report {}\n", counts.line()));
        let gates = self.gates.iter().flat_map(PendingGate::lines).map(|line| format!("{line}\n"));
        let lines: String = artifacts.chain(reports).chain(outcomes).chain(missing).chain(gates).collect();
        let done = if self.unchanged { "nothing was done: this commit was run before\n" } else { "" };
        let notes: String = self.notes.iter().map(|note| format!("note: {note}\n")).collect();
        format!("{lines}{done}{notes}next: {}", self.next)
    }
}

/// The preview that the person asks for.
fn wanted(
    verb: &Run,
    access: &Access,
    (project, commit): (&Name, &CommitId),
    places: &[PlaceView],
) -> Result<Option<Wanted>, Failure> {
    let Some(name) = &verb.preview else { return Ok(None) };
    let revision = verb.commit.as_str();
    let (template, name) = (verb.template.as_deref(), name.as_ref());
    let asked = PreviewAsked { project, template, name, revision, commit };
    let (root, pin) = trust::pinned_root_of(access)?;
    let client = session::client(access)?;
    Ok(Some(runtime()?.block_on(previews::want(&client, places, (&root, &pin), &asked))?))
}

/// The wish for a preview, and the places that the run can reach: that of the template for a preview, else those that stay.
fn reached(
    verb: &Run,
    access: &Access,
    of: (&Name, &CommitId),
    places: Vec<PlaceView>,
) -> Result<(Option<PreviewWish>, Vec<PlaceView>), Failure> {
    if let Some(Wanted { template, wish, .. }) = wanted(verb, access, of, &places)? {
        return Ok((Some(wish), vec![template]));
    }
    let stays = |view: &PlaceView| view.preview.is_none() && view.previews.is_none();
    Ok((None, places.into_iter().filter(stays).collect()))
}

/// The wishes of the person, and the trust root that chooses the runners.
fn wishes(verb: &Run, access: &Access, preview: Option<PreviewWish>) -> Result<RunWishes, Failure> {
    let (root, _) = trust::root_of(access)?;
    let without = verb.without.iter().cloned().collect();
    Ok(RunWishes {
        again: verb.again,
        without,
        at_ref: verb.at_ref.clone(),
        root: run_request::root_that_chooses(&root),
        preview,
    })
}

/// Sends the signed request and the source; returns the run's id, and whether the pipeline has no step that tests.
fn begin(
    access: &Access,
    (commit, arguments): (&CommitId, Value),
    request: RunRequest,
    progress: &mut Progress,
) -> Result<(RunId, bool), Failure> {
    if let Some(warning) = request.warning {
        shown::say(&format!("warning: {warning}"));
    }
    request.notes.into_iter().for_each(|note| progress.say(format!("note: {note}")));
    let sent = sending::send(access, "run", arguments, request.parts)?;
    let run = RunId::from(sent.request.nonce);
    progress.say(format!("run {run} of commit {}", short(commit.as_str())));
    Ok((run, request.untested))
}

/// How runners get the commit. A path of this machine is of use only to runners on it, which are beside their server; in solo
/// mode all are.
fn way(verb: &Run, access: &Access, mode: Mode) -> SourceWay {
    match access {
        _ if verb.upload => SourceWay::Upload,
        Access::Host(_) if mode == Mode::Solo || verb.at_ref.is_some() => SourceWay::Path,
        Access::Host(_) => SourceWay::Both,
        Access::Remote(_) if verb.at_ref.is_none() => SourceWay::Upload,
        Access::Remote(_) => SourceWay::Remote,
    }
}

fn ref_name(text: &str) -> Result<RefName, String> {
    let what = format!("`{text}` names no ref; `main`, `refs/heads/main` or `refs/tags/v1` would");
    runner::full_name(text).ok_or(what)
}

/// The old form of `pipeline run`. An argument in the place of the commit is a step too, as in `run --local --out DIR build`.
fn local(verb: &Run, steps: &[String], output: Output) -> Result<(), Failure> {
    let first = Some(&verb.commit).filter(|commit| *commit != HEAD);
    let steps: Vec<_> = first.into_iter().chain(steps).cloned().collect();
    let (repository, project) = (verb.repository.as_deref(), verb.project.as_ref());
    let reach =
        Reach { toolchain: verb.toolchain.clone(), allow_network: verb.allow_network.clone(), images: None };
    let out = verb.out.as_deref();
    pipeline_run::run(&Local { repository, project, steps: &steps, out, reach: &reach }, output)
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

const HEAD: &str = "HEAD";
