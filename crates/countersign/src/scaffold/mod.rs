//! First versions of the two files, for a repository that has no `.countersign` yet: how it is built, and how its
//! artifact is released, as far as the repository's own files show.
//!
//! Invariant: no code of the repository is executed, and nothing is written before the caller calls `write`. A fact that
//! cannot be read from the files is mentioned in a comment of the pipeline and not guessed.

mod go;
mod node;
mod python;
mod recipe;
mod rust;
mod service;

use std::fs;
use std::path::{Path, PathBuf};

use client::advisories;
use evidence::release_file::{self, ReleaseFile};
use evidence::{Name, pipeline, rules};

use self::recipe::Recipe;
pub use self::service::Service;
use crate::failure::Failure;

/// The description that a repository begins with.
#[derive(Debug)]
pub struct Described {
    /// Its release file, as read from disk or as prepared.
    pub releases: ReleaseFile,
    /// Files to write; empty if the repository has them.
    pub missing: Vec<(PathBuf, String)>,
    /// Kind of the project, if files are to be written.
    pub kind: Option<&'static str>,
    /// Whether the pipeline has no step that tests.
    pub untested: bool,
    /// Warnings about the files to write.
    pub notes: Vec<String>,
}

impl Described {
    /// Writes the missing files, and returns their paths.
    pub fn write(&self) -> Result<Vec<PathBuf>, Failure> {
        for (path, text) in &self.missing {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            disk::replace("people.file", path, text.as_bytes(), 0o644)?;
        }
        Ok(self.missing.iter().map(|(path, _)| path.clone()).collect())
    }
}

/// Reads the release file of a repository, or prepares both files to start from.
pub fn describe(repository: &Path, project: &Name, service: &Service) -> Result<Described, Failure> {
    let (build, release) = (repository.join(pipeline::PATH), repository.join(release_file::PATH));
    if release.exists() {
        if service.command.is_some() {
            let what = format!("{} is there already and says how the service is started", release.display());
            return Err(Failure::usage(format!("{what}; edit it, and omit --command")));
        }
        let releases = ReleaseFile::parse(&fs::read(&release)?)?;
        let steps = fs::read(&build).ok().and_then(|bytes| pipeline::Pipeline::parse(&bytes).ok());
        let untested = steps.is_some_and(|steps| !rules::is_tested(&steps));
        return Ok(Described { releases, missing: Vec::new(), kind: None, untested, notes: Vec::new() });
    }
    if build.exists() {
        let what = format!("there is {} but no {}", pipeline::PATH, release_file::PATH);
        return Err(Failure::error(format!(
            "{what}; write it: the schema is docs/schema/release.schema.json"
        )));
    }
    let recipe = recipe_of(repository, service)?;
    let judged = advisories::default_file().is_ok_and(|file| file.exists());
    let (steps, services) = (recipe.pipeline(project, judged), recipe.release(project, service));
    // The prepared files must be valid for `run`, so that the same rules read them.
    let read = rules::read(steps.as_bytes(), Some(services.as_bytes()));
    let wrong =
        || Failure::error(read.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    let releases = read.release.clone().filter(|_| read.problems.is_empty()).ok_or_else(wrong)?;
    let untested = read.pipeline.as_ref().is_some_and(|steps| !rules::is_tested(steps));
    let mut notes = read.pipeline.map(|steps| rules::notes(&steps, Some(&releases))).unwrap_or_default();
    notes.extend(service.note());
    let missing = vec![(build, steps), (release, services)];
    Ok(Described { releases, missing, kind: Some(recipe.kind), untested, notes })
}

/// A kind of project: makes a recipe if the repository is of this kind, from the output directory's name and the start
/// command.
type Kind = fn(&Path, &str, Option<&str>) -> Result<Option<Recipe>, Failure>;

/// The recipe of the first kind whose files the repository has.
fn recipe_of(repository: &Path, service: &Service) -> Result<Recipe, Failure> {
    let start = service.start().map(|(command, _)| command);
    if start.is_some_and(|line| line.is_empty() || line.contains('\n')) {
        return Err(Failure::usage(
            "--command is one line for a shell, such as `node server.js --port $PORT`",
        ));
    }
    let out = recipe::out_of(repository);
    let mut known: [Kind; 4] = [rust::recipe, go::recipe, python::recipe, node::recipe];
    let first = start.and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    if ["node", "npm", "npx"].contains(&first) {
        known.rotate_right(1);
    }
    for kind in known {
        if let Some(recipe) = kind(repository, &out, start)? {
            return Ok(recipe);
        }
    }
    if let Some(line) = start {
        return Ok(recipe::plain(&out, line));
    }
    let what = "found no Cargo.toml, go.mod, pyproject.toml, setup.py, requirements.txt or package.json to start from";
    let remedy = format!(
        "give the start command of a service whose files need no building with --command, or write {} and {} yourself; \
         docs/pipeline.md shows how",
        pipeline::PATH,
        release_file::PATH
    );
    Err(Failure::error(format!("`{}`: {what}; {remedy}", repository.display())))
}
