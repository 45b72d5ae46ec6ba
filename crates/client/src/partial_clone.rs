//! Partial clones: the objects of a commit's tree that are missing in the clone are fetched before anything is sent.
//!
//! The person's own git fetches, from the remote and with the settings of this clone, as any of their git commands
//! would. Runners never fetch, since a repository's settings can name programs to run. No hook runs.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use evidence::CommitId;
use runner::{missing, promisor};

use crate::error::Error;

/// Fetches the objects of a commit's tree that are missing in a partial clone.
pub fn complete(path: &Path, commit: &CommitId) -> Result<(), Error> {
    let Some(remote) = promisor(path)? else { return Ok(()) };
    let mut before = usize::MAX;
    // A clone without trees learns the ids of the next level only once it has this level.
    for _ in 0..LEVELS_MAX {
        let lacking = missing(path, commit)?;
        if lacking.is_empty() {
            return Ok(());
        }
        let lines = lacking.join("\n");
        fetch(path, &remote, &lines).map_err(|words| incomplete(path, lacking.len(), &words))?;
        before = before.min(lacking.len());
    }
    Err(incomplete(path, before, "the remote sent none of them"))
}

fn fetch(path: &Path, remote: &str, objects: &str) -> Result<(), String> {
    let mut command = runner::program::of_person("git");
    command.arg("-C").arg(path).args([
        "-c",
        "fetch.negotiationAlgorithm=noop",
        "-c",
        "core.hooksPath=/dev/null",
    ]);
    command.args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no"]);
    command.args(["--no-auto-maintenance", "--filter=blob:none", "--stdin", "--end-of-options", remote]);
    command.env("GIT_TERMINAL_PROMPT", "0");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |error: std::io::Error| format!("cannot run `git`: {error}");
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(objects.as_bytes()).and_then(|()| input.write_all(b"\n")).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn incomplete(path: &Path, count: usize, words: &str) -> Error {
    let shown = path.display();
    Error::unusable(format!(
        "`{shown}` is a partial clone in which {count} objects of the commit are missing, and git could not fetch them: {words}; \
         complete the clone with `git -C {shown} fetch --refetch --no-filter`"
    ))
}

const LEVELS_MAX: usize = 64;
