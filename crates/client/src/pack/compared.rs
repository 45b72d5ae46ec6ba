//! The trees in which a commit and its bases differ, so that judges find which files changed.
//!
//! Invariant: a pack has all of these trees of a base, or none of them: then nobody can tell what changed.

use std::collections::{BTreeMap, BTreeSet};

use evidence::git::{ObjectKind, TreeItem, changes, parse_tree};
use evidence::source_pack::SourcePack;
use evidence::{Bytes, CommitId};

use super::history::History;
use crate::error::Error;

/// Adds the trees to a pack whose files have theirs. Returns the first base that could not be compared.
pub(super) fn compare(
    history: &mut History<'_>,
    pack: &mut SourcePack,
    tree: &CommitId,
    bases: &BTreeSet<CommitId>,
    bytes_max: usize,
) -> Result<Option<CommitId>, Error> {
    let mut compared = BTreeMap::new();
    let mut large = None;
    let mut left = bytes_max;
    for base in bases {
        let from = history.commit(base)?.tree.clone();
        let mut read = BTreeMap::new();
        let mut size = 0;
        let known = changes(&from, tree, |id| -> Result<Option<Vec<TreeItem>>, Error> {
            // A partial clone may lack trees of the base, and an old one may have names that nobody writes to a disk.
            let read_tree = history.repository.object(ObjectKind::Tree, id).ok();
            let parsed = read_tree.and_then(|body| Some((parse_tree(&body, id.as_str().len()).ok()?, body)));
            let Some((items, body)) = parsed else { return Ok(None) };
            let is_new = !read.contains_key(id.as_str()) && !compared.contains_key(id.as_str());
            if is_new && !pack.trees.contains_key(id.as_str()) {
                size += body.len().div_ceil(3) * 4 + id.as_str().len() + 6;
                read.insert(id.to_string(), Bytes(body));
            }
            Ok((size <= left).then_some(items))
        })?;
        if known.is_none() {
            large.get_or_insert_with(|| base.clone());
            continue;
        }
        left -= size;
        compared.extend(read);
    }
    pack.compared = Some(compared);
    Ok(large)
}
