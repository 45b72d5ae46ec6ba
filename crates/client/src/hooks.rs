//! Hooks of git that let this program scan a commit before it is made, and commits before they are pushed.
//!
//! Invariant: a hook that this program did not write is never changed. A hook whose program is gone refuses, and says why.

use std::fs;
use std::path::{Path, PathBuf};

use crate::changes::Repository;
use crate::error::Error;
use shown::shell;

/// Hooks that this program can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Before a commit: the index is scanned.
    PreCommit,
    /// Before a push: the commits that the remote does not have are scanned.
    PrePush,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 2] = [Self::PreCommit, Self::PrePush];

    /// The name that git knows it by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
        }
    }
}

/// Writes a hook of a repository, and answers its path.
///
/// # Errors
/// `Error` when another program's hook is there, or the file cannot be written.
pub fn install(repository: &Repository, hook: Hook, program: &Path) -> Result<PathBuf, Error> {
    let dir = directory(repository)?;
    let file = dir.join(hook.as_str());
    if fs::symlink_metadata(&file).is_ok() && !is_ours(&file) {
        let (shown, name) = (file.display(), hook.as_str());
        let call = shell::path(program);
        return Err(Error::unusable(format!(
            "`{shown}` is another program's hook, and was not changed; to scan as well, add this line to it: \
             {call} hook run {name} \"$@\" || exit 1"
        )));
    }
    disk::make_dir(&dir)?;
    disk::replace("people.file", &file, script(hook, program, &file).as_bytes(), 0o755)?;
    Ok(file)
}

/// Removes a hook that this program wrote; `None` if no such hook is there.
///
/// # Errors
/// `Error` when the file cannot be removed.
pub fn remove(repository: &Repository, hook: Hook) -> Result<Option<PathBuf>, Error> {
    let file = directory(repository)?.join(hook.as_str());
    if !is_ours(&file) {
        return Ok(None);
    }
    fs::remove_file(&file)?;
    Ok(Some(file))
}

/// The directory in which git looks for the hooks of a repository. A worktree has that of its repository.
fn directory(repository: &Repository) -> Result<PathBuf, Error> {
    let dir = repository.git_path("hooks")?;
    if dir.exists() && !dir.is_dir() {
        return Err(Error::unusable(format!(
            "`{}`, which `core.hooksPath` names, is no directory: git runs no hooks here; \
             `git config --unset core.hooksPath` lets it run them again",
            dir.display()
        )));
    }
    Ok(dir)
}

/// Whether this program wrote a file. A link leads to a file that somebody else keeps.
fn is_ours(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok_and(|meta| meta.is_file())
        && fs::read_to_string(file).is_ok_and(|text| text.lines().nth(1) == Some(MARK))
}

fn script(hook: Hook, program: &Path, file: &Path) -> String {
    let name = hook.as_str();
    let call = shell::path(program);
    let gone = format!(
        "countersign: {} is gone, so nothing was scanned and the {} is refused; install countersign and run \
         `countersign hook install` again, or remove the hook {}",
        program.display(),
        if hook == Hook::PreCommit { "commit" } else { "push" },
        file.display()
    );
    let gone = shell::word(&gone);
    format!(
        "#!/bin/sh\n{MARK}\nif [ ! -x {call} ]; then\n    printf '%s\\n' {gone} >&2\n    exit 1\nfi\n\
         exec {call} hook run {name} \"$@\"\n"
    )
}

/// Second line of each hook that this program writes.
const MARK: &str = "# Written by `countersign hook install`; `countersign hook remove` removes it.";
