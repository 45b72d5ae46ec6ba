//! The part of the gate input that is about the change: its commits, and the pipeline files in which it differs.
//!
//! Invariant: what a pack does not show is absent, so that a policy can tell "nothing" from "unknown". Packs from before files were
//! compared give neither files nor trailers: the input of their bundles stays as it is.

use std::collections::BTreeSet;

use evidence::CommitId;
use evidence::git::{Commit, FileChange};
use evidence::pipeline_files::{PipelineSort, sort_of};
use serde::Serialize;

use crate::checked::Checked;

#[derive(Serialize)]
pub struct SourceInput<'a> {
    commit: &'a CommitId,
    signer: Option<&'a str>,
    base: &'a CommitId,
    range: Vec<CommitInput<'a>>,
    files: usize,
    /// Omitted if the pack does not show which files changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline_files: Option<Vec<PipelineFileInput>>,
}

#[derive(Serialize)]
struct CommitInput<'a> {
    commit: &'a CommitId,
    signer: Option<&'a str>,
    /// Omitted without such a trailer.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    assisted: BTreeSet<&'a str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    addresses: BTreeSet<&'a str>,
}

#[derive(Serialize)]
struct PipelineFileInput {
    path: String,
    sort: PipelineSort,
    change: FileChange,
}

impl<'a> SourceInput<'a> {
    pub fn of(checked: &'a Checked<'_>) -> Self {
        let pack = &checked.source.pack;
        let signer = |commit| {
            let signer = checked.people.enrolled.signer(commit, &checked.ledger.records.pack);
            signer.map(|person| person.subject.as_str())
        };
        let is_compared = pack.trees.is_some();
        let commits = checked.source.range.iter().filter_map(|id| Some((id, pack.commits.get(id)?)));
        let range = commits.map(|(id, commit)| CommitInput {
            commit: id,
            signer: signer(commit),
            assisted: commit.assisted.iter().filter(|_| is_compared).map(String::as_str).collect(),
            addresses: if is_compared { addresses(commit) } else { BTreeSet::new() },
        });
        Self {
            commit: &pack.id,
            signer: pack.commit().and_then(signer),
            base: &checked.source.base,
            range: range.collect(),
            files: checked.bundle.tree.files().len(),
            pipeline_files: pack.changes(&checked.source.base).map(|changes| {
                let files = changes.into_iter().filter_map(|(path, change)| {
                    let sort = sort_of(&path)?;
                    Some(PipelineFileInput { path, sort, change })
                });
                files.collect()
            }),
        }
    }
}

/// Addresses of all people and tools whom a commit names as its authors.
fn addresses(commit: &Commit) -> BTreeSet<&str> {
    commit.people().map(|person| person.email.as_str()).filter(|email| !email.is_empty()).collect()
}
