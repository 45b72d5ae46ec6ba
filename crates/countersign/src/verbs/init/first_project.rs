//! The project that an installation begins with: the repository of the current directory.

use std::path::PathBuf;

use client::project;
use evidence::{CommitId, Name};

use super::arguments::Init;
use crate::failure::Failure;
use crate::scaffold::{self, Described};

/// The project that an installation starts with.
pub struct FirstProject {
    pub name: Name,
    pub repository: PathBuf,
    pub described: Described,
    pub baseline: CommitId,
}

/// The repository of the current directory, described; `None` outside of a repository.
pub fn first_project(verb: &Init) -> Result<Option<FirstProject>, Failure> {
    let here = std::env::current_dir()?;
    let named = verb.repository.is_some() || verb.project.is_some();
    if verb.bare && named {
        return Err(Failure::usage(
            "with --bare no project is made; omit the options of the project, or omit --bare",
        ));
    }
    let path = project::toplevel(verb.repository.as_deref().unwrap_or(&here))?;
    let Some(path) = path.filter(|_| !verb.bare) else {
        if named {
            project::repository(verb.repository.as_deref())?;
        }
        return Ok(None);
    };
    if project::is_bare(&path) {
        let what = format!("`{}` is a bare repository, in which no files can be written", path.display());
        return Err(Failure::error(format!("{what}; go into a clone of it, or use --bare")));
    }
    let name = project::name(verb.project.as_ref(), &path)?;
    let baseline = runner::resolve(&path, "HEAD").map_err(|error| match error {
        runner::RepositoryError::Revision(_, words) if words.contains(UNBORN) => Failure::error(format!(
            "`{}` has no commit yet: commit something first, or use --bare",
            path.display()
        )),
        other => other.into(),
    })?;
    let described = scaffold::describe(&path, &name, &verb.service)?;
    Ok(Some(FirstProject { name, repository: path, described, baseline }))
}

/// Git's message for a branch without a commit.
const UNBORN: &str = "Needed a single revision";
