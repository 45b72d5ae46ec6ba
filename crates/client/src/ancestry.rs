//! Checks whether a commit builds on the commit that runs at each place, before anything is sent or built.
//!
//! Invariant: a commit that is refused here would only end undecided at a place's gate, after the build. This is no
//! security check: judges check again.

use std::path::Path;

use evidence::CommitId;
use evidence::release_file::ReleaseFile;
use policy::Reason;
use review::ids::short;
use runner::{RepositoryError, is_shallow, resolve, revisions};
use wire::PlaceView;

use crate::error::Error;

/// How a commit relates to the commit that runs at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ancestry {
    /// It is the running commit, or descends from it.
    Builds,
    /// The running commit descends from it.
    Older,
    /// Neither descends from the other. If both have the same parent, the running commit may have been amended.
    Apart { may_be_amended: bool },
    /// The running commit is not in this repository; the text is git's reason.
    Absent(String),
}

/// Why a commit cannot be released to the places of a release file: reasons at first places, which refuse the run,
/// and notes on later places, which do not.
pub fn of(
    path: &Path,
    commit: &CommitId,
    release: &ReleaseFile,
    places: &[PlaceView],
) -> Result<(Vec<Reason>, Vec<String>), Error> {
    let (mut refusing, mut notes) = (Vec::new(), Vec::new());
    for view in places.iter().filter(|view| release.services.contains_key(&view.place.service)) {
        let Some(reason) = reason(view, commit, &ancestry(path, commit, &view.base)?) else { continue };
        if view.after.is_none() {
            refusing.push(reason);
        } else {
            notes.push(format!("{}; it cannot go there: {}", reason.what, reason.remedy));
        }
    }
    Ok((refusing, notes))
}

fn ancestry(path: &Path, commit: &CommitId, base: &CommitId) -> Result<Ancestry, Error> {
    if commit == base {
        return Ok(Ancestry::Builds);
    }
    // A commit descends from another exactly if nothing is reachable from the other that is not reachable from it.
    let none = |from: &CommitId, without: &CommitId| match revisions(path, from, Some(without), 1) {
        Ok(found) => Ok(found.is_empty()),
        Err(RepositoryError::Range(..)) => Ok(false),
        Err(error) => Err(error),
    };
    match (none(base, commit), none(commit, base)) {
        (Err(RepositoryError::Revision(_, words)), _) => Ok(Ancestry::Absent(words)),
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
        (Ok(true), _) => Ok(Ancestry::Builds),
        (Ok(false), Ok(true)) => Ok(Ancestry::Older),
        (Ok(false), Ok(false)) if is_shallow(path) => {
            Ok(Ancestry::Absent("it is a shallow clone, which ends before they meet".to_owned()))
        }
        (Ok(false), Ok(false)) => {
            Ok(Ancestry::Apart { may_be_amended: parent(path, commit) == parent(path, base) })
        }
    }
}

/// The first parent; `None` if the commit is the first of a history.
fn parent(path: &Path, commit: &CommitId) -> Option<CommitId> {
    resolve(path, &format!("{commit}^")).ok()
}

fn reason(view: &PlaceView, commit: &CommitId, ancestry: &Ancestry) -> Option<Reason> {
    let (commit, base, place) = (short(commit.as_str()), short(view.base.as_str()), &view.place);
    let stands = if view.running.is_some() {
        format!("which runs in {place}")
    } else {
        format!("with which {place} began")
    };
    let (code, what, remedy) = match ancestry {
        Ancestry::Builds => return None,
        Ancestry::Older => {
            let back = if view.before.is_some() {
                format!("; or `countersign rollback {place}`, which returns to the release that ran before")
            } else {
                String::new()
            };
            (
                "range-no-ancestor",
                format!("commit {commit} is older than {base}, {stands}"),
                format!(
                    "undo the unwanted changes with `git revert` on top of {base}, and run that commit{back}; \
                     docs/operating/hotfix.md describes the ways"
                ),
            )
        }
        Ancestry::Apart { may_be_amended } => {
            let onto = format!("`git rebase {base}` or `git merge {base}`");
            // A rebase would undo the running commit if the branch only lies beside it, so the advice names its condition.
            let onto = if *may_be_amended {
                format!(
                    "if you amended {base}: `git reset --soft {base}` and `git commit -S`; otherwise: {onto}"
                )
            } else {
                onto
            };
            (
                "range-no-ancestor",
                format!(
                    "commit {commit} does not descend from {base}, {stands}: was it amended or rebased, or is it on another branch?"
                ),
                format!("{onto}. Then run the new commit; docs/operating/hotfix.md describes the ways"),
            )
        }
        Ancestry::Absent(words) => (
            "range-shallow",
            format!("the history back to commit {base}, {stands}, is missing in this repository: {words}"),
            "run from a full clone that has it: `git fetch`, or `git fetch --unshallow` in a shallow clone"
                .to_owned(),
        ),
    };
    Some(Reason { code: code.to_owned(), what, remedy, finding: None })
}
