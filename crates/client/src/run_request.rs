//! The request that begins a run: the source pack of a commit, checked before anything is sent.
//!
//! Input: a commit, and the places of its installation. Output: the parts of the request, and what its author should read.
//! Invariant: a commit that breaks a rule, or that no place could take, gives no request.

use std::collections::BTreeSet;

use evidence::git::RefName;
use evidence::preview::PreviewWish;
use evidence::trust_root::TrustRoot;
use evidence::{CommitId, Name};
use serde_json::{Value, json};
use wire::{Client, PlaceView, UPLOAD_BYTES_MAX};

use crate::error::Error;
use crate::pack::{self, Packed};
use crate::project::SourceCommit;
use crate::project_files;
use crate::request::Parts;

/// How runners get a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceWay {
    /// From this repository's path, on one machine.
    Path,
    /// The request uploads it.
    Upload,
    /// From this repository's path, or from what the request uploads, unless that is too large.
    Both,
    /// From the remotes of their operators.
    Remote,
}

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
    way: SourceWay,
) -> Result<RunRequest, Error> {
    let own = places.iter().filter(|view| view.place.project == *source.project);
    let bases: BTreeSet<CommitId> = own.map(|view| view.base.clone()).collect();
    let Packed { pack, warning } = pack::pack(source.repository, source.commit, &bases)?;
    let checked = project_files::can_be_sent(source, &pack, client, places).await?;
    let repository = matches!(way, SourceWay::Path | SourceWay::Both);
    let repository = repository.then(|| runner::path_text(source.repository));
    let upload = || runner::packed(source.repository, source.commit, UPLOAD_BYTES_MAX as u64);
    let upload = match way {
        SourceWay::Upload => Some(upload()?),
        SourceWay::Both => upload().ok(),
        SourceWay::Path | SourceWay::Remote => None,
    };
    let parts = Parts { attachments: vec![pack.encode()?], repository, upload, ..Parts::default() };
    Ok(RunRequest { parts, warning, notes: checked.notes, untested: checked.untested })
}

/// Wishes of the person who asks for a run.
#[derive(Clone, Debug, Default)]
pub struct RunWishes {
    /// Whether to build and release a commit that runs already or was rolled back.
    pub again: bool,
    /// Runners to do without.
    pub without: BTreeSet<Name>,
    /// Ref on which runners have to find the commit.
    pub at_ref: Option<RefName>,
    /// Version of the trust root that chooses the runners, where they have pools.
    pub root: Option<u32>,
    /// The preview that it makes.
    pub preview: Option<PreviewWish>,
}

/// Arguments of the request `run`.
pub fn arguments(source: &SourceCommit<'_>, wishes: &RunWishes) -> Value {
    let without = (!wishes.without.is_empty()).then(|| ("without", json!(wishes.without)));
    let root = wishes.root.map(|version| ("root", json!(version)));
    let always = [
        ("project", json!(source.project)),
        ("commit", json!(source.commit)),
        ("again", json!(wishes.again)),
    ];
    let at_ref = wishes.at_ref.as_ref().map(|name| ("ref", json!(name)));
    let preview = wishes.preview.as_ref().map(|wish| ("preview", json!(wish)));
    let all = always.into_iter().chain(without).chain(root).chain(at_ref).chain(preview);
    all.map(|(field, value)| (field.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
}

/// The version that a request for a run has to name: that of the root, if its runners have pools.
pub fn root_that_chooses(root: &TrustRoot) -> Option<u32> {
    root.runners.iter().any(|runner| runner.pool.is_some()).then_some(root.version)
}
