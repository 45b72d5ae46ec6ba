//! Subject and author of commits, and the owners that they name for services, from the source packs of their runs.
//!
//! Invariant: the pack was checked when its run was submitted, and a commit never changes, so what is known stays known.

use std::sync::Arc;

use domain::RunId;
use evidence::CommitId;
use evidence::git::Commit;
use evidence::release_file::{self, ReleaseFile};
use evidence::source_pack::SourcePack;
use judge::Store as _;
use review::ids::short;

use super::commit_facts::CommitFacts;
use crate::shared::Shared;
use crate::views::runs;

/// The facts of the commit that a run builds; `None` if its source cannot be read.
pub fn of(shared: &Shared, run: RunId, commit: &CommitId) -> Option<Arc<CommitFacts>> {
    shared.pages.commits.or_make(commit.clone(), || read(shared, run, commit).ok_or(())).ok()
}

/// The subject of the commit that a run builds, else the beginning of its id.
pub fn subject(shared: &Shared, run: RunId, commit: &CommitId) -> String {
    let facts = of(shared, run, commit).filter(|facts| !facts.subject.is_empty());
    facts.map_or_else(|| short(commit.as_str()).to_owned(), |facts| facts.subject.clone())
}

fn read(shared: &Shared, run: RunId, commit: &CommitId) -> Option<CommitFacts> {
    let pack = shared.views.ask(|rows| runs::pack_of(rows, run)).ok()??;
    let pack = SourcePack::decode(&shared.gatekeeper.store().blob(&pack).ok()?).ok()?;
    let object = pack.commits.get(commit.as_str())?;
    let parsed = Commit::parse(&object.0).ok()?;
    let cut = |text: &str| text.chars().take(TEXT_CHARS).collect::<String>();
    let subject = cut(parsed.message.lines().next().unwrap_or_default().trim());
    let release = pack.files.get(release_file::PATH).and_then(|file| ReleaseFile::parse(&file.0).ok());
    let services = release.into_iter().flat_map(|release| release.services);
    let owners = services.filter_map(|(name, service)| Some((name, service.owner?))).collect();
    Some(CommitFacts { subject, author: cut(&parsed.author.name), owners })
}

const TEXT_CHARS: usize = 200;
