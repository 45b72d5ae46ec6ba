//! The project that a person works on: its repository, and its name.
//!
//! Invariant: one directory always gives the same name. A name that `init` or `project add` was given and that the
//! directory would not give is kept in the repository's own git configuration, so that later commands need no flag.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use evidence::{CommitId, Name};

use crate::error::Error;

/// A commit of a project in a repository on this machine.
#[derive(Clone, Copy, Debug)]
pub struct SourceCommit<'a> {
    /// The repository.
    pub repository: &'a Path,
    /// The project.
    pub project: &'a Name,
    /// The commit.
    pub commit: &'a CommitId,
}

/// The repository to work on: the one named, else the one that contains the current directory.
pub fn repository(given: Option<&Path>) -> Result<PathBuf, Error> {
    let here = given.map_or_else(std::env::current_dir, |path| Ok(path.to_path_buf()))?;
    toplevel(&here)?.ok_or_else(|| {
        let remedy = match given {
            Some(_) => "name one with --repository",
            None => "go into one, or name it with --repository",
        };
        Error::unusable(format!("`{}` lies in no git repository; {remedy}", here.display()))
    })
}

/// The top of the repository that contains a directory, under its own name: a work tree, or a bare repository. `None` if
/// the directory is in no repository; an error, in git's words, if git rejects the repository.
pub fn toplevel(dir: &Path) -> Result<Option<PathBuf>, Error> {
    let dir = std::fs::canonicalize(dir).map_err(|error| {
        Error::unusable(format!("cannot look for a repository in `{}`: {error}", dir.display()))
    })?;
    let found =
        dir.ancestors().find(|dir| std::fs::symlink_metadata(dir.join(".git")).is_ok() || is_bare(dir));
    let Some(found) = found else { return Ok(None) };
    // Inside of `.git`, the repository is the directory above.
    let within = found.file_name().is_some_and(|name| name == ".git") && is_bare(found);
    let top = found.parent().filter(|_| within).unwrap_or(found);
    runner::verify(top)?;
    Ok(Some(top.to_path_buf()))
}

/// Whether a directory is a repository without a work tree, by git's own criteria (`is_git_directory` in setup.c).
pub fn is_bare(dir: &Path) -> bool {
    std::fs::symlink_metadata(dir.join("HEAD")).is_ok()
        && ["objects", "refs"].iter().all(|name| dir.join(name).is_dir())
}

/// The project's name: the one given, else the one kept in the repository, else the directory's name turned into a
/// valid one.
pub fn name(given: Option<&Name>, repository: &Path) -> Result<Name, Error> {
    if let Some(name) = given.cloned().or_else(|| kept(repository)) {
        return Ok(name);
    }
    let dir = directory(repository);
    label(&dir).ok_or_else(|| {
        let rule = "a name has letters `a` to `z`, digits and hyphens, and begins with a letter";
        Error::unusable(format!(
            "the directory `{dir}` does not give a valid project name: {rule}; name the project with --project"
        ))
    })
}

/// A line for the person if the project's name differs from its directory's.
pub fn renamed(name: &Name, repository: &Path) -> Option<String> {
    let dir = directory(repository);
    (dir != name.as_str()).then(|| format!("project: {name} (its directory is `{dir}`)"))
}

/// Keeps a name that the directory does not give.
pub fn keep(name: &Name, repository: &Path) -> Result<(), Error> {
    if kept(repository).or_else(|| label(&directory(repository))).as_ref() == Some(name) {
        return Ok(());
    }
    let output = git(repository, &["config", "--local", KEY, name.as_str()]).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::unusable(format!("git cannot keep the project's name in `{}`: {said}", repository.display())))
}

/// Whether git ignores a file.
pub fn is_ignored(file: &Path) -> bool {
    let dir = file.parent().unwrap_or(file);
    let found = git(dir, &["check-ignore", "-q"]).arg(file).output();
    found.is_ok_and(|output| output.status.success())
}

/// Makes git ignore an untracked file, by a pattern in the repository's own `info/exclude`, which no commit contains
/// (gitignore(5)). Returns whether git ignores the file afterwards.
pub fn ignore(file: &Path, pattern: &str) -> bool {
    is_ignored(file) || (exclude(file, pattern).is_some() && is_ignored(file))
}

fn exclude(file: &Path, pattern: &str) -> Option<()> {
    let dir = file.parent()?;
    let found = git(dir, &["rev-parse", "--git-path", "info/exclude"]).output().ok()?;
    let exclude =
        dir.join(String::from_utf8(found.stdout).ok().filter(|_| found.status.success())?.trim_end());
    let mut text = match std::fs::read_to_string(&exclude) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(_) => return None,
    };
    // A `.gitignore` that includes the files again has priority: one more line would not change that.
    if text.lines().any(|line| line.trim_end() == pattern) {
        return None;
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("# evidence that countersign saves here\n{pattern}\n"));
    disk::make_dir(exclude.parent()?).ok()?;
    disk::replace("people.file", &exclude, text.as_bytes(), 0o644).ok()
}

/// A text turned into a name if possible: lower case, with a hyphen for each run of other characters.
pub fn label(text: &str) -> Option<Name> {
    let mut label = String::new();
    for c in text.to_lowercase().chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() && !label.is_empty() {
            label.push(c);
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    label.truncate(NAME_BYTES_MAX);
    label.trim_end_matches('-').parse().ok()
}

fn kept(repository: &Path) -> Option<Name> {
    let output = git(repository, &["config", "--local", "--get", KEY]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The name of a repository's directory, without the `.git` of a bare repository.
fn directory(repository: &Path) -> String {
    let name = repository.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.strip_suffix(".git").map(str::to_owned).unwrap_or(name)
}

fn git(repository: &Path, arguments: &[&str]) -> Command {
    let mut command = runner::program::of_person("git");
    command.arg("-C").arg(repository).args(arguments).stdin(Stdio::null());
    command
}

/// The git setting that keeps the name.
const KEY: &str = "countersign.project";
/// Longest name (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn directories_give_names() {
        for (dir, name) in [
            ("shop", Some("shop")),
            ("2024-app", Some("app")),
            ("My Süße %20 #1?", Some("my-s-e-20-1")),
            ("sh\u{fffd}p", Some("sh-p")),
            ("--a__b..c--", Some("a-b-c")),
            ("UPPER", Some("upper")),
            ("2024", None),
            ("山田", None),
            ("", None),
        ] {
            assert_eq!(label(dir).as_ref().map(evidence::Name::as_str), name, "{dir}");
        }
        let long = label(&"ab-".repeat(40)).map(|name| name.as_str().len());
        assert_eq!(long, Some(62), "cut to what a name can have, without a hyphen at its end");
    }
}
