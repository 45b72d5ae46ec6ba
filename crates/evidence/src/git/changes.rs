//! Files that differ between two trees, by the tree objects alone.
//!
//! Invariant: a directory whose tree is missing makes the whole comparison unknown, and so do more entries or longer paths than the
//! limits: a tree that names one subtree often would otherwise have more paths than anybody can read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::tree::{GitMode, TreeItem};
use crate::CommitId;

/// Highest number of entries that a comparison looks at, in both trees.
pub const COMPARED_MAX: usize = 400_000;
/// Bytes of the paths of all differences: trees within trees have longer paths than all of them have bytes.
const PATH_BYTES_MAX: usize = 128 << 20;

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
    let (mut left, mut path_bytes_left) = (COMPARED_MAX, PATH_BYTES_MAX);
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
            let Some(rest) = path_bytes_left.checked_sub(path.len()) else { return Ok(None) };
            path_bytes_left = rest;
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

    /// The items of a tree, each as `SORT NAME DIGIT`.
    fn tree(items: &str) -> Vec<TreeItem> {
        let one = |text: &str| {
            let mut words = text.split(' ');
            let mode = match words.next().unwrap() {
                "dir" => GitMode::Directory,
                "program" => GitMode::Executable,
                "link" => GitMode::Link,
                "module" => GitMode::Submodule,
                _ => GitMode::Plain,
            };
            item(mode, words.next().unwrap(), words.next().unwrap().chars().next().unwrap())
        };
        items.split(", ").map(one).collect()
    }

    fn compared(trees: &[(char, Vec<TreeItem>)]) -> Option<FileChanges> {
        let find = |tree: &CommitId| trees.iter().find(|(digit, _)| id(*digit) == *tree);
        let read = |tree: &CommitId| Ok::<_, Infallible>(find(tree).map(|(_, items)| items.clone()));
        changes(&id('a'), &id('b'), read).unwrap()
    }

    #[test]
    fn each_way_to_differ_is_found_and_equal_directories_are_not_read() {
        use FileChange::{Added, Changed, Removed};
        let trees = [
            ('a', tree("dir equal 9, plain gone 1, plain mode 1, dir sub c, plain swap 1, module vendor 1")),
            ('b', tree("dir equal 9, program mode 1, link new 1, dir sub d, dir swap c, module vendor 2")),
            ('c', tree("plain x 1, plain y 1")),
            ('d', tree("plain x 2, plain y 1")),
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
    /// Ten thousand directories, each within the one before, and many files in the last one: every path has more than two megabytes.
    #[test]
    fn attack_a_tree_with_longer_paths_than_memory_is_unknown() {
        let deep = 10_000;
        let number = |n: usize| format!("{n:040x}").parse::<CommitId>().unwrap();
        let (old, name) = (number(deep + 1), "d".repeat(250));
        let read = |tree: &CommitId| {
            if *tree == old {
                return Ok::<_, Infallible>(Some(Vec::new()));
            }
            let depth = usize::from_str_radix(tree.as_str(), 16).unwrap();
            let below = |n| TreeItem { mode: GitMode::Directory, name: name.clone(), id: number(n) };
            let files = || (0..1_000).map(|n| item(GitMode::Plain, &format!("f{n}"), '1')).collect();
            Ok(Some(if depth < deep { vec![below(depth + 1)] } else { files() }))
        };
        assert_eq!(changes(&old, &number(0), read).unwrap(), None);
    }
}
