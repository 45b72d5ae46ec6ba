//! The request that begins a run: the source pack of a commit, checked before anything is sent.
//!
//! Input: a commit, and the places of its installation. Output: the parts of the request, and what its author should read.
//! Invariant: a commit that breaks a rule, or that no place could take, gives no request.

use std::collections::BTreeSet;

use evidence::CommitId;
use serde_json::{Value, json};
use wire::{Client, PlaceView};

use crate::error::Error;
use crate::pack::{self, Packed};
use crate::project::SourceCommit;
use crate::project_files;
use crate::request::Parts;

/// A request that begins a run, before its signature.
#[derive(Debug)]
pub struct RunRequest {
    /// The source pack, and the path of the repository.
    pub parts: Parts,
    /// Why the history back to some base is missing in the pack.
    pub warning: Option<String>,
    /// One note for each later place that the commit cannot reach.
    pub notes: Vec<String>,
    /// Whether the pipeline has no step that tests.
    pub untested: bool,
}

/// Packs a commit and checks it against all rules and against the places of its project.
pub async fn prepare(
    source: &SourceCommit<'_>,
    client: &Client,
    places: &[PlaceView],
) -> Result<RunRequest, Error> {
    let own = places.iter().filter(|view| view.place.project == *source.project);
    let bases: BTreeSet<CommitId> = own.map(|view| view.base.clone()).collect();
    let Packed { pack, warning } = pack::pack(source.repository, source.commit, &bases)?;
    let checked = project_files::can_be_sent(source, &pack, client, places).await?;
    let repository = Some(runner::path_text(source.repository));
    let parts = Parts { attachments: vec![pack.encode()?], repository, ..Parts::default() };
    Ok(RunRequest { parts, warning, notes: checked.notes, untested: checked.untested })
}

/// Arguments of the request `run`; `again` builds and releases a commit that runs already or was rolled back.
pub fn arguments(source: &SourceCommit<'_>, again: bool) -> Value {
    json!({ "project": source.project, "commit": source.commit, "again": again })
}
