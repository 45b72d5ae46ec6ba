//! The two files that describe a project, checked against all rules before anything is signed, sent or built.

use std::collections::BTreeSet;

use domain::gate::GateOutcome;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::plan::{Destination, Plan};
use evidence::release_file::ReleaseFile;
use evidence::rules::{self, Problem};
use evidence::source_pack::SourcePack;
use evidence::{Name, configuration, dsse, pipeline, release_file};
use policy::Reason;
use review::ids::short;
use scan::reports::ReportFormat;
use wire::{Client, PlaceView};

use crate::ancestry;
use crate::error::Error;
use crate::project::SourceCommit;

/// The description of a project whose files follow the rules.
#[derive(Debug)]
pub struct ProjectFiles {
    /// The pipeline: how the project is built.
    pub pipeline: pipeline::Pipeline,
    /// The release file: how the project is released; `None` if the file is missing.
    pub release: Option<ReleaseFile>,
}

/// Warnings about a commit that may be sent.
#[derive(Debug)]
pub struct SourceWarnings {
    /// One note for each later place that the commit cannot reach.
    pub notes: Vec<String>,
    /// Whether the pipeline has no step that tests.
    pub untested: bool,
}

/// Reads the two files; a refusal names every problem of both.
pub fn sound<'a>(
    of: &str,
    file: impl Fn(&str) -> Option<&'a [u8]>,
    remedy: &str,
) -> Result<ProjectFiles, Error> {
    let Some(steps) = file(pipeline::PATH) else {
        let finding = Reason {
            code: "pipeline-missing".to_owned(),
            what: format!("{of} has no {}", pipeline::PATH),
            remedy: "`countersign init` writes one to start from; docs/pipeline.md describes it".to_owned(),
            finding: None,
        };
        return Err(refused(of, vec![finding]));
    };
    let mut read = rules::read(steps, file(release_file::PATH));
    read.problems.extend(read.pipeline.iter().flat_map(unknown_reports));
    match (read.pipeline, read.problems.is_empty()) {
        (Some(pipeline), true) => Ok(ProjectFiles { pipeline, release: read.release }),
        (_, _) => Err(unsound(of, &read.problems, remedy)),
    }
}

/// Reports of formats that no runner of this version reads.
fn unknown_reports(pipeline: &pipeline::Pipeline) -> Vec<Problem> {
    let all =
        pipeline.steps.iter().flat_map(|(name, step)| step.reports.iter().map(move |report| (name, report)));
    let unknown = all.filter(|(_, report)| ReportFormat::named(report.kind.as_str()).is_none());
    let known = || ReportFormat::all().map(ReportFormat::as_str).collect::<Vec<_>>().join(", ");
    let problem = |(name, report): (&Name, &pipeline::StepReport)| Problem {
        file: pipeline::PATH,
        place: format!("steps.{name}.reports"),
        what: format!("`{}` is no kind of report; known are {}", report.kind, known()),
    };
    unknown.map(problem).collect()
}

/// A refusal that names every problem.
pub fn unsound(of: &str, problems: &[Problem], remedy: &str) -> Error {
    let finding = |problem: &Problem| Reason {
        code: problem.code().to_owned(),
        what: problem.to_string(),
        remedy: remedy.to_owned(),
        finding: None,
    };
    refused(of, problems.iter().map(finding).collect())
}

/// Checks a commit against all rules, and against the places of its project, before it is sent. Returns the warnings
/// that its author should read even so.
pub async fn can_be_sent(
    source: &SourceCommit<'_>,
    pack: &SourcePack,
    client: &Client,
    places: &[PlaceView],
) -> Result<SourceWarnings, Error> {
    let of = format!("commit {}", short(pack.commit.as_str()));
    let file = |name: &str| pack.files.get(name).map(|bytes| bytes.0.as_slice());
    let ProjectFiles { pipeline, release } = sound(&of, file, COMMIT_AGAIN)?;
    let untested = !rules::is_tested(&pipeline);
    let Some(release) = release else { return Ok(SourceWarnings { notes: Vec::new(), untested }) };
    let own: Vec<_> = places.iter().filter(|view| view.place.project == *source.project).cloned().collect();
    if !own.iter().any(|view| release.services.contains_key(&view.place.service)) {
        return Err(nowhere(&of, source.project, &release, places));
    }
    let (mut wrong, notes) = ancestry::of(source.repository, &pack.commit, &release, &own)?;
    wrong.extend(misfits(client, &own, &release).await?);
    if wrong.is_empty() { Ok(SourceWarnings { notes, untested }) } else { Err(refused(&of, wrong)) }
}

/// Nothing could come of the run, because no place belongs to one of its services.
fn nowhere(of: &str, project: &Name, release: &ReleaseFile, places: &[PlaceView]) -> Error {
    let services: Vec<_> = release.services.keys().map(Name::as_str).collect();
    let what = format!("there is no place to release {of} to; nothing was done");
    let projects: BTreeSet<_> = places.iter().map(|view| view.place.project.as_str()).collect();
    if !projects.contains(project.as_str()) {
        let projects: Vec<_> = projects.into_iter().collect();
        let known = match projects.as_slice() {
            [] => "it has none yet".to_owned(),
            known => format!("it has {}: if one of them is meant, name it with --project", known.join(", ")),
        };
        return Error::unusable(format!(
            "{what}: this installation shows you no project `{project}`; {known}; `countersign project add` takes this \
             repository as another one"
        ));
    }
    let first = services.first().copied().unwrap_or_default();
    Error::unusable(format!(
        "{what}: no environment statement names service {} of project `{project}`; was it renamed? The places are {}. Make \
         new ones with `countersign trust environment {project}/{first}/ENVIRONMENT`, and run again",
        services.join(", "),
        names(places.iter().filter(|view| view.place.project == *project))
    ))
}

/// A list of places, for messages.
pub fn names<'a>(places: impl Iterator<Item = &'a PlaceView>) -> String {
    places.map(|view| view.place.to_string()).collect::<Vec<_>>().join(", ")
}

/// A refusal that was decided on this machine, before anything was sent.
pub fn refused(of: &str, reasons: Vec<Reason>) -> Error {
    let what = format!("{of} cannot be built or released; nothing was done");
    Error::decided(GateOutcome::Fail, what, reasons)
}

/// Why the release file does not fit the configuration of the project's places, for example because neither names a
/// port. The planner would report the same after the build.
pub async fn misfits(
    client: &Client,
    places: &[PlaceView],
    release: &ReleaseFile,
) -> Result<Vec<Reason>, Error> {
    let mut found = Vec::new();
    for view in places.iter().filter(|view| release.services.contains_key(&view.place.service)) {
        let (statement, configuration) = configured(client, view).await.map_err(|failure| {
            Error::unusable(format!(
                "the configuration of {} cannot be read, so it is unknown whether the project fits it, and nothing was \
                 done: {}; `countersign audit verify` on the server's machine tells whether its files are whole",
                view.place,
                failure
            ))
        })?;
        let to = Destination {
            installation: statement.installation,
            project: &view.place.project,
            service: &view.place.service,
            environment: &view.place.environment,
            commit: &view.base,
        };
        if let Err(error) = Plan::derive(&to, release, &configuration) {
            found.push(Reason {
                code: "release-file-unsound".to_owned(),
                what: format!(
                    "{}: services.{}: at {}: {error}",
                    release_file::PATH,
                    view.place.service,
                    view.place
                ),
                remedy: format!(
                    "correct the file, or the place's configuration with `countersign trust environment {}`",
                    view.place
                ),
                finding: None,
            });
        }
    }
    Ok(found)
}

/// The statement of a place and the configuration that the statement names.
pub(crate) async fn configured(
    client: &Client,
    view: &PlaceView,
) -> Result<(Environment, Configuration), Error> {
    let envelope = client.blob(&view.envelope, dsse::ENVELOPE_BYTES_MAX).await?;
    let statement = Environment::read(&Envelope::decode(&envelope)?)?;
    let bytes = client.blob(&statement.configuration, configuration::BYTES_MAX).await?;
    Ok((statement, Configuration::decode(&bytes)?))
}

const COMMIT_AGAIN: &str =
    "correct the file (`countersign pipeline check` checks it), commit it and run again";
