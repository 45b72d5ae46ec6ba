//! Files that differ between two trees, by the tree objects alone.
//!
//! Invariant: a directory whose tree is missing makes the whole comparison unknown, and so do more entries than the limit: a tree
//! that names one subtree often would otherwise have more paths than anybody can read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::tree::{GitMode, TreeItem};
use crate::CommitId;

/// Highest number of entries that a comparison looks at, in both trees.
pub const COMPARED_MAX: usize = 400_000;

/// How a file differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileChange {
    /// Only the later tree has it.
    Added,
    /// Content, mode or sort differ.
    Changed,
    /// Only the earlier tree has it.
    Removed,
}

/// Files by path, with the difference of each. Links and submodules count as files.
pub type FileChanges = BTreeMap<String, FileChange>;

/// The files that differ between the trees `from` and `to`; `None` if `items` does not know a tree, or at the limit. It asks `items` for
/// the trees that differ alone, so equal directories may be missing.
///
/// # Errors
/// The first error of `items`.
pub fn changes<E>(
    from: &CommitId,
    to: &CommitId,
    mut items: impl FnMut(&CommitId) -> Result<Option<Vec<TreeItem>>, E>,
) -> Result<Option<FileChanges>, E> {
    let mut found = FileChanges::new();
    let mut left = COMPARED_MAX;
    let mut open = vec![(String::new(), Some(from.clone()), Some(to.clone()))];
    while let Some((path, old, new)) = open.pop() {
        if old == new {
            continue;
        }
        let mut sides = Vec::new();
        for tree in [old, new] {
            let Some(read) = tree.map_or(Ok(Some(Vec::new())), |tree| items(&tree))? else { return Ok(None) };
            let Some(rest) = left.checked_sub(read.len()) else { return Ok(None) };
            left = rest;
            sides.push(read.into_iter().map(|item| (item.name.clone(), item)).collect::<BTreeMap<_, _>>());
        }
        let [old, new] = sides.as_slice() else { continue };
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let (old, new) = (old.get(name), new.get(name));
            if old.map(|item| (item.mode, &item.id)) == new.map(|item| (item.mode, &item.id)) {
                continue;
            }
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let change = match (old.is_some_and(is_file), new.is_some_and(is_file)) {
                (true, true) => Some(FileChange::Changed),
                (true, false) => Some(FileChange::Removed),
                (false, true) => Some(FileChange::Added),
                (false, false) => None,
            };
            let (old, new) = (directory(old), directory(new));
            if old.is_some() || new.is_some() {
                open.push((path.clone(), old, new));
            }
            if let Some(change) = change {
                found.insert(path, change);
            }
        }
    }
    Ok(Some(found))
}

fn is_file(item: &TreeItem) -> bool {
    item.mode != GitMode::Directory
}

/// The tree of a directory.
fn directory(item: Option<&TreeItem>) -> Option<CommitId> {
    item.filter(|item| item.mode == GitMode::Directory).map(|item| item.id.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::convert::Infallible;

    use super::*;

    /// An id of one repeated digit.
    fn id(digit: char) -> CommitId {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn item(mode: GitMode, name: &str, digit: char) -> TreeItem {
        TreeItem { mode, name: name.to_owned(), id: id(digit) }
    }

    fn compared(trees: &[(char, Vec<TreeItem>)]) -> Option<FileChanges> {
        let find = |tree: &CommitId| trees.iter().find(|(digit, _)| id(*digit) == *tree);
        let read = |tree: &CommitId| Ok::<_, Infallible>(find(tree).map(|(_, items)| items.clone()));
        changes(&id('a'), &id('b'), read).unwrap()
    }

    #[test]
    fn each_way_to_differ_is_found_and_equal_directories_are_not_read() {
        use FileChange::{Added, Changed, Removed};
        use GitMode::{Directory, Executable, Link, Plain, Submodule};
        let trees = [
            (
                'a',
                vec![
                    item(Directory, "equal", '9'),
                    item(Plain, "gone", '1'),
                    item(Plain, "mode", '1'),
                    item(Directory, "sub", 'c'),
                    item(Plain, "swap", '1'),
                    item(Submodule, "vendor", '1'),
                ],
            ),
            (
                'b',
                vec![
                    item(Directory, "equal", '9'),
                    item(Executable, "mode", '1'),
                    item(Link, "new", '1'),
                    item(Directory, "sub", 'd'),
                    item(Directory, "swap", 'c'),
                    item(Submodule, "vendor", '2'),
                ],
            ),
            ('c', vec![item(Plain, "x", '1'), item(Plain, "y", '1')]),
            ('d', vec![item(Plain, "x", '2'), item(Plain, "y", '1')]),
        ];
        let found = compared(&trees).unwrap();
        let found: Vec<_> = found.iter().map(|(path, change)| (path.as_str(), *change)).collect();
        let expected = [
            ("gone", Removed),
            ("mode", Changed),
            ("new", Added),
            ("sub/x", Changed),
            ("swap", Removed),
            ("swap/x", Added),
            ("swap/y", Added),
            ("vendor", Changed),
        ];
        assert_eq!(found, expected);
        assert_eq!(compared(&trees[..3]), None, "the tree of one directory is missing");
        assert_eq!(compared(&[]), None);
    }

    /// A tree of forty directories, each of which is the same tree of forty directories, and so on: 2.6 million paths in a few objects.
    #[test]
    fn attack_a_tree_with_more_paths_than_bytes_is_unknown() {
        let wide = |digit| (10..50).map(|n| item(GitMode::Directory, &format!("d{n}"), digit)).collect();
        let leaves = (10..50).map(|n| item(GitMode::Plain, &format!("f{n}"), '1')).collect();
        let trees = [('a', Vec::new()), ('b', wide('c')), ('c', wide('d')), ('d', wide('e')), ('e', leaves)];
        assert_eq!(compared(&trees), None);
    }
}
