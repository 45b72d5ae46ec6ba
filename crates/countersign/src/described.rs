//! The two files that describe a project, held against all rules before anything is signed, sent or built.

use domain::gate::Outcome;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::plan::{Destination, Plan};
use evidence::release_file::ReleaseFile;
use evidence::rules::{self, Problem};
use evidence::source_pack::SourcePack;
use evidence::{Name, configuration, dsse, pipeline, release_file};
use policy::Finding;
use wire::{Client, PlaceView};

use crate::failure::Failure;
use crate::review::short;

/// A project whose files follow the rules.
#[derive(Debug)]
pub struct Described {
    /// How it is built.
    pub pipeline: pipeline::Pipeline,
    /// How it is released, where it is.
    pub release: Option<ReleaseFile>,
}

/// Reads the two files; a refusal names every problem of both.
pub fn sound<'a>(
    of: &str,
    file: impl Fn(&str) -> Option<&'a [u8]>,
    remedy: &str,
) -> Result<Described, Failure> {
    let Some(steps) = file(pipeline::PATH) else {
        let finding = Finding {
            code: "pipeline-missing".to_owned(),
            what: format!("{of} has no {}", pipeline::PATH),
            remedy: "`countersign init` writes one to start from; docs/pipeline.md describes it".to_owned(),
        };
        return Err(refused(of, vec![finding]));
    };
    let read = rules::read(steps, file(release_file::PATH));
    match (read.pipeline, read.problems.is_empty()) {
        (Some(pipeline), true) => Ok(Described { pipeline, release: read.release }),
        (_, _) => {
            let finding = |problem: &Problem| Finding {
                code: problem.code().to_owned(),
                what: problem.to_string(),
                remedy: remedy.to_owned(),
            };
            Err(refused(of, read.problems.iter().map(finding).collect()))
        }
    }
}

/// Holds a commit against all rules, and against the places of its project, before it is sent.
pub async fn can_be_sent(
    pack: &SourcePack,
    project: &Name,
    client: &Client,
    places: &[PlaceView],
) -> Result<(), Failure> {
    let of = format!("commit {}", short(pack.commit.as_str()));
    let file = |name: &str| pack.files.get(name).map(|bytes| bytes.0.as_slice());
    let Some(release) = sound(&of, file, COMMIT_AGAIN)?.release else { return Ok(()) };
    let own: Vec<_> = places.iter().filter(|view| view.place.project == *project).cloned().collect();
    // Where a configuration cannot be read, the planner says what does not fit, after the build.
    let misfits = misfits(client, &own, &release).await.unwrap_or_default();
    if misfits.is_empty() { Ok(()) } else { Err(refused(&of, misfits)) }
}

/// A refusal before anything was done.
pub fn refused(of: &str, findings: Vec<Finding>) -> Failure {
    let what = format!("{of} cannot be built or released as its files say; nothing was done");
    Failure::decided(Outcome::Fail, what, findings)
}

/// Why the release file does not fit the configuration of places of the project: a port that neither names, say. It is
/// what the planner would say after the build.
pub async fn misfits(
    client: &Client,
    places: &[PlaceView],
    release: &ReleaseFile,
) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for view in places.iter().filter(|view| release.services.contains_key(&view.place.service)) {
        let envelope = client.blob(&view.envelope, dsse::ENVELOPE_BYTES_MAX).await?;
        let statement = Environment::read(&Envelope::decode(&envelope)?)?;
        let bytes = client.blob(&statement.configuration, configuration::BYTES_MAX).await?;
        let to = Destination {
            installation: statement.installation,
            project: &view.place.project,
            service: &view.place.service,
            environment: &view.place.environment,
            commit: &view.base,
        };
        if let Err(error) = Plan::derive(&to, release, &Configuration::decode(&bytes)?) {
            found.push(Finding {
                code: "release-file-unsound".to_owned(),
                what: format!(
                    "{}: services.{}: at {}: {error}",
                    release_file::PATH,
                    view.place.service,
                    view.place
                ),
                remedy: format!(
                    "mend the file, or the place's configuration with `countersign trust environment {}`",
                    view.place
                ),
            });
        }
    }
    Ok(found)
}

const COMMIT_AGAIN: &str =
    "mend the file (`countersign pipeline check` tells when it is right), commit it and run again";
