//! `countersign pipeline`: tries a project's two files before a commit. `check` checks the two files of a working tree
//! against all rules, and shows what a run would do. It needs no commit and no server, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use client::project;
use client::project_files::{self, ProjectFiles};
use client::session;
use client::working_tree;
use evidence::check;
use evidence::pipeline::{ApprovalNode, Image, LimitsInForce, Run, ScanSort, Step, StepDatabase, StepSecret};
use evidence::release_file::{ReleaseFile, Service};
use evidence::rules::{notes, programs};
use evidence::{Digest, Name, pipeline, release_file};
use policy::Reason;
use serde::Serialize;
use wire::PlaceView;

use super::pipeline_run::{self, Local};
use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::operator::Reach;
use crate::output::Output;

/// Subcommands of `pipeline`.
#[derive(Debug, Subcommand)]
pub enum Pipeline {
    /// Check `.countersign/pipeline.yaml` and `.countersign/release.yaml` in the working tree, and show what a run would do.
    /// Exit code 0: all rules are followed; 3: some are not, and each problem is named.
    Check(Check),
    /// Run the pipeline on this machine, on the working tree as it is, in the same sandbox as a runner. It needs no server
    /// and no signature, and its receipts do not count.
    Run(RunHere),
}

/// Arguments of `pipeline run`.
#[derive(Debug, Args)]
pub struct RunHere {
    /// Steps to run, with all steps that they need; default: all steps.
    #[arg(value_name = "STEP")]
    steps: Vec<String>,
    /// The repository; default: the repository of the current directory.
    #[arg(long)]
    repository: Option<PathBuf>,
    /// Name of the project; default: the repository's name.
    #[arg(long)]
    project: Option<Name>,
    /// Empty or new directory that receives the outputs of steps and the artifacts; default: they are discarded.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
}

/// Arguments of `pipeline check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    data_dir: DataDir,
    /// The repository; default: the repository of the current directory.
    #[arg(long)]
    repository: Option<PathBuf>,
    /// Name of the project; default: the repository's name.
    #[arg(long)]
    project: Option<Name>,
}

/// A description of what a run would do.
#[derive(Debug, Serialize)]
struct Plan {
    project: Name,
    steps: Vec<StepPlan>,
    artifacts: BTreeMap<Name, BTreeMap<String, String>>,
    services: BTreeMap<Name, String>,
    /// Checks of new releases, by service.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checks: BTreeMap<Name, Vec<CheckPlan>>,
    /// Places; `None` if no installation is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    places: Option<Vec<PlacePlan>>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StepPlan {
    name: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalNode>,
    /// The image in which the command runs; absent for the host's toolchain.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Image>,
    needs: BTreeSet<Name>,
    /// Outputs of the steps that this step needs, in addition to the commit's files.
    gets: BTreeMap<Name, BTreeSet<String>>,
    network: BTreeSet<String>,
    /// Destinations that it connects to directly.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    connect: BTreeSet<String>,
    /// The secrets that it asks for, by the names of their files.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    secrets: BTreeMap<Name, StepSecret>,
    /// The role that is made for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    outputs: BTreeSet<String>,
    /// Paths of the reports that the runner reads.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    reports: BTreeSet<String>,
    /// Digest of the step with all that it needs, by which a policy names the producer of its reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    producer: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsInForce>,
    /// Scans by the runner itself.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    scan: BTreeSet<ScanSort>,
}

#[derive(Debug, Serialize)]
struct CheckPlan {
    name: Name,
    /// Environments; empty for all.
    environments: BTreeSet<Name>,
    run: Vec<String>,
    reports: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    producer: Option<Digest>,
}

#[derive(Debug, Serialize)]
struct PlacePlan {
    place: String,
    after: Option<Name>,
    automatic: bool,
}

/// Carries out a subcommand.
pub fn run(verb: &Pipeline, output: Output) -> Result<(), Failure> {
    match verb {
        Pipeline::Check(verb) => check(verb, output),
        Pipeline::Run(verb) => {
            let (repository, project) = (verb.repository.as_deref(), verb.project.as_ref());
            let (out, reach) = (verb.out.as_deref(), &verb.reach);
            pipeline_run::run(&Local { repository, project, steps: &verb.steps, out, reach }, output)
        }
    }
}

fn check(verb: &Check, output: Output) -> Result<(), Failure> {
    let path = project::repository(verb.repository.as_deref())?;
    let project = project::name(verb.project.as_ref(), &path)?;
    let mut files = BTreeMap::new();
    for name in [pipeline::PATH, release_file::PATH] {
        match std::fs::read(path.join(name)) {
            Ok(bytes) => drop(files.insert(name, bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::error(format!("cannot read `{name}`: {error}"))),
        }
    }
    let file = |name: &str| files.get(name).map(Vec::as_slice);
    let of = format!("the working tree `{}`", path.display());
    let described = project_files::sound(&of, file, MEND)?;
    let tree = working_tree::paths(&path)?;
    let mut missing = programs::missing(&described.pipeline, &tree);
    missing.extend(described.release.iter().flat_map(|release| programs::missing_of_checks(release, &tree)));
    if !missing.is_empty() {
        return Err(project_files::unsound(&of, &missing, MEND).into());
    }
    let mut plan = plan(project, &described, &tree);
    plan.notes.extend(absent(&described.pipeline)?);
    let views = places(&verb.data_dir, &plan.project, &described)?;
    plan.notes.extend(views.as_ref().err().cloned());
    plan.places = views.ok().flatten();
    output.print(&plan, text)
}

fn plan(project: Name, described: &ProjectFiles, tree: &BTreeSet<String>) -> Plan {
    let ProjectFiles { pipeline, release } = described;
    let steps = pipeline.order().into_iter().filter_map(|name| Some((name, pipeline.steps.get(name)?)));
    let steps = steps.map(|(name, step)| step_plan(name, step, pipeline)).collect();
    let mut notes = notes(pipeline, release.as_ref());
    notes.extend(over_tracked(pipeline, tree));
    let sources = |artifact: &pipeline::Artifact| {
        artifact.files.iter().map(|(to, from)| (to.clone(), format!("{}:{}", from.step, from.path))).collect()
    };
    Plan {
        project,
        steps,
        artifacts: pipeline
            .artifacts
            .iter()
            .map(|(name, artifact)| (name.clone(), sources(artifact)))
            .collect(),
        services: release
            .iter()
            .flat_map(|release| &release.services)
            .map(|(name, service)| (name.clone(), service_plan(service)))
            .collect(),
        checks: release
            .iter()
            .flat_map(|release| &release.services)
            .filter(|(_, service)| !service.checks.is_empty())
            .map(|(name, service)| (name.clone(), check_plans(name, service)))
            .collect(),
        places: None,
        notes,
    }
}

fn check_plans(service: &Name, described: &Service) -> Vec<CheckPlan> {
    let plan = |(name, check): (&Name, &check::Check)| CheckPlan {
        name: name.clone(),
        environments: check.environments.clone(),
        run: words(&check.run),
        reports: check.reports.iter().map(|report| report.path.clone()).collect(),
        producer: check.producer(service, name).ok(),
    };
    described.checks.iter().map(plan).collect()
}

fn words(run: &Run) -> Vec<String> {
    match run {
        Run::Script(text) => vec![text.trim_end().to_owned()],
        Run::Program(words) => words.clone(),
    }
}

/// Programs that steps start with and that a runner on this machine would not find.
fn absent(pipeline: &pipeline::Pipeline) -> Result<Vec<String>, Failure> {
    let dirs = runner::Toolchain::of_host(&[])?.programs();
    let has = |program: &str| {
        let path = Path::new(program);
        if path.is_absolute() { path.exists() } else { dirs.iter().any(|dir| dir.join(program).exists()) }
    };
    let lacks = programs::of_host(pipeline).into_iter().filter(|(_, program)| !has(program));
    Ok(lacks
        .map(|(step, program)| {
            format!(
                "step `{step}` begins with `{program}`, which a runner on this machine would not find; name its toolchain with \
                 --toolchain where runners are started, or install it there"
            )
        })
        .collect())
}

fn step_plan(name: &Name, step: &Step, pipeline: &pipeline::Pipeline) -> StepPlan {
    let needed = step.needs.iter().filter_map(|need| Some((need, pipeline.steps.get(need)?)));
    let gets = needed.filter(|(_, step)| !step.outputs.is_empty());
    StepPlan {
        name: name.clone(),
        run: step.run.as_ref().map(words),
        approval: step.approval.clone(),
        image: pipeline.image_of(step).cloned(),
        needs: step.needs.clone(),
        gets: gets.map(|(need, step)| (need.clone(), step.outputs.clone())).collect(),
        network: step.network.clone(),
        connect: step.connects_to(),
        secrets: step.secrets.clone(),
        database: step.database.as_ref().map(role_words),
        outputs: step.outputs.clone(),
        reports: step.reports.iter().map(|report| report.path.clone()).collect(),
        producer: if step.reports.is_empty() { None } else { pipeline.producer(name).ok() },
        limits: step.is_work().then(|| step.limits.in_force()),
        scan: step.scan.clone(),
    }
}

/// The role that is made for a step, in words.
fn role_words(database: &StepDatabase) -> String {
    let StepDatabase { database: name, owner, credential, .. } = database;
    format!("`{name}` at {} that acts as `{owner}`, made by secret {credential}", database.destination())
}

/// Outputs that have the path of a tracked file. A step that needs the output can only start if both are the same.
fn over_tracked(pipeline: &pipeline::Pipeline, tree: &BTreeSet<String>) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, step) in &pipeline.steps {
        let is_needed = pipeline.steps.values().any(|other| other.needs.contains(name));
        for output in step.outputs.iter().filter(|output| is_needed && tree.contains(*output)) {
            notes.push(format!(
                "step `{name}` leaves `{output}`, which is also a file of the tree: a step that needs `{name}` fails \
                 unless both are the same"
            ));
        }
    }
    notes
}

fn service_plan(service: &Service) -> String {
    let how = match &service.process {
        None => "files are installed".to_owned(),
        Some(process) => {
            let port = process.port.map_or_else(String::new, |port| format!(" on port {port}"));
            format!("runs {}{port}", process.command.join(" "))
        }
    };
    let probe = match (&service.probe.http, &service.probe.command) {
        (Some(path), _) => format!("GET {path}"),
        (None, words) => words.clone().unwrap_or_default().join(" "),
    };
    format!("artifact {}, {how}, probe {probe}", service.artifact)
}

/// The places that the services would reach; `None` if no installation is found, an error in words if one is found but
/// does not answer.
fn places(
    data_dir: &DataDir,
    project: &Name,
    described: &ProjectFiles,
) -> Result<Result<Option<Vec<PlacePlan>>, String>, Failure> {
    let Some(release) = &described.release else { return Ok(Ok(None)) };
    let Ok(access) = data_dir.access() else { return Ok(Ok(None)) };
    if access.host().is_ok_and(|home| !home.url_file().exists()) {
        return Ok(Ok(None));
    }
    let unknown = |error: &dyn std::fmt::Display| {
        let at = access.data().map_or_else(String::new, |data| format!(" at `{}`", data.display()));
        Ok(Err(format!("the places of the installation{at} are not shown: {error}")))
    };
    let client = match session::client(&access) {
        Ok(client) => client,
        Err(error) => return unknown(&error),
    };
    let asked = runtime()?.block_on(async {
        tokio::time::timeout(PATIENCE, async {
            let all = client.places().await?;
            let own: Vec<PlaceView> = all.into_iter().filter(|view| view.place.project == *project).collect();
            let misfits = project_files::misfits(&client, &own, release).await?;
            Ok::<_, Failure>((own, misfits))
        })
        .await
    });
    match asked {
        Err(_) => unknown(&"the server does not answer"),
        Ok(Err(error)) => unknown(&error.message()),
        Ok(Ok((_, misfits))) if !misfits.is_empty() => {
            Err(project_files::refused("the working tree", misfits).into())
        }
        Ok(Ok((own, _))) => {
            let names = |service: &Name| own.iter().any(|view| view.place.service == *service);
            if !own.is_empty() && !release.services.keys().any(names) {
                let reasons = vec![renamed(release, project, &own)];
                return Err(project_files::refused("the working tree", reasons).into());
            }
            let reached = own.iter().filter(|view| release.services.contains_key(&view.place.service));
            Ok(Ok(Some(reached.map(place_plan).collect())))
        }
    }
}

/// The finding for a release file whose services have no places, in a project that has places.
fn renamed(release: &ReleaseFile, project: &Name, own: &[PlaceView]) -> Reason {
    let services: Vec<_> = release.services.keys().map(Name::as_str).collect();
    Reason {
        code: "release-file-unsound".to_owned(),
        what: format!(
            "{}: no environment statement names service {} of project `{project}`; was it renamed? The places are {}",
            release_file::PATH,
            services.join(", "),
            project_files::names(own.iter())
        ),
        remedy: "give the service the name that its places have, or make new ones with `countersign trust environment PLACE`"
            .to_owned(), finding: None }
}

fn place_plan(view: &PlaceView) -> PlacePlan {
    PlacePlan { place: view.place.to_string(), after: view.after.clone(), automatic: view.automatic }
}

fn text(plan: &Plan) -> String {
    let mut lines = vec![format!("project {}", plan.project), "steps, in this order:".to_owned()];
    for step in &plan.steps {
        lines.extend(step_lines(step));
    }
    for (name, files) in &plan.artifacts {
        lines.push(format!("artifact {name}"));
        lines.extend(files.iter().map(|(to, from)| format!("  {to} from {from}")));
    }
    for (name, how) in &plan.services {
        lines.push(format!("service {name}: {how}"));
        lines.extend(plan.checks.get(name).into_iter().flatten().map(check_line));
    }
    for place in plan.places.iter().flatten() {
        let after = place.after.as_ref().map_or_else(|| "first".to_owned(), |after| format!("after {after}"));
        let how = if place.automatic { "begins by itself" } else { "waits for people" };
        lines.push(format!("place {}: {after}, {how}", place.place));
    }
    lines.extend(plan.notes.iter().map(|note| format!("note: {note}")));
    lines.push(
        "all rules are followed; next: countersign pipeline run, or commit and countersign run".to_owned(),
    );
    lines.join("\n")
}

fn check_line(check: &CheckPlan) -> String {
    let environments = check.environments.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    let at = if environments.is_empty() { "every environment".to_owned() } else { environments };
    let reports = check.reports.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let producer = check.producer.map(|digest| format!(" (producer {digest})")).unwrap_or_default();
    let run = check.run.join(" ").lines().collect::<Vec<_>>().join("; ");
    format!("  check {} after a release to {at}: {run}; reports: {reports}{producer}", check.name)
}

fn step_lines(step: &StepPlan) -> Vec<String> {
    let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    let after = step.needs.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    let after = if after.is_empty() { String::new() } else { format!(", after {after}") };
    if let Some(ApprovalNode { role, count }) = &step.approval {
        lines.push(format!("  {}{after}: {count} with role {role} approve", step.name));
        return lines;
    }
    lines.push(format!("  {}{after}", step.name));
    let run = step.run.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
    lines.extend(run.lines().map(|line| format!("    $ {line}")));
    lines.extend(step.image.iter().map(|image| format!("    in the image {image}")));
    if !step.scan.is_empty() {
        let sorts = step.scan.iter().map(|sort| sort.as_str()).collect::<Vec<_>>().join(", ");
        lines.push(format!("    the runner scans: {sorts}"));
    }
    lines.extend(step.gets.iter().map(|(need, outputs)| format!("    gets from {need}: {}", list(outputs))));
    if !step.network.is_empty() {
        lines.push(format!("    may reach: {}", list(&step.network)));
    }
    if !step.connect.is_empty() {
        lines.push(format!("    connects to: {}", list(&step.connect)));
    }
    lines.extend(step.secrets.iter().map(|(file, asked)| {
        let also = asked.env.iter().map(|name| format!(" and in the variable {name}")).collect::<String>();
        format!("    has the secret {} in /run/secrets/{file}{also}, if it is granted", asked.secret)
    }));
    lines.extend(step.database.iter().map(|role| format!("    has a role of {role}")));
    if !step.outputs.is_empty() {
        lines.push(format!("    leaves: {}", list(&step.outputs)));
    }
    if let Some(producer) = &step.producer {
        lines.push(format!("    reports: {} (producer {producer})", list(&step.reports)));
    }
    if let Some(limits) = &step.limits {
        lines.push(format!(
            "    limits: {} s, {} MiB memory, {} MiB workspace, {} processes",
            limits.time_seconds, limits.memory_mib, limits.workspace_mib, limits.processes
        ));
    }
    lines
}

const MEND: &str = "correct the file; docs/pipeline.md describes it";
const PATIENCE: Duration = Duration::from_secs(5);
