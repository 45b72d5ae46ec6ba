//! Tree objects: the items of one directory, each `<mode> <name>\0<id>`
//! (<https://git-scm.com/docs/gitformat-pack#_object_types>).
//!
//! Invariant: names are safe to write to a disk: no separators, no dot entries, and no name that git itself would
//! interpret.

use super::object::OBJECT_BYTES_MAX;
use crate::CommitId;

/// Kind of a tree item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GitMode {
    /// A directory.
    Directory,
    /// A file.
    Plain,
    /// An executable file.
    Executable,
    /// A symbolic link.
    Link,
    /// A commit of another repository; it is never followed.
    Submodule,
}

/// One item of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeItem {
    /// Kind of the item.
    pub mode: GitMode,
    /// Name of the item.
    pub name: String,
    /// Id of the object.
    pub id: CommitId,
}

/// Errors of parsing a tree object.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeObjectError {
    /// The object is larger than allowed.
    #[error("tree: more than {OBJECT_BYTES_MAX} bytes")]
    Long,
    /// The bytes do not have the form of a tree.
    #[error("tree: damaged at byte {0}")]
    Shape(usize),
    /// The mode of an item is unknown.
    #[error("tree: `{0}` has a mode that is not known")]
    Mode(String),
    /// The name of an item cannot be written safely.
    #[error("tree: `{0}` cannot be a file's name here")]
    Name(String),
    /// Items are out of order or repeated.
    #[error("tree: `{0}` stands twice or out of order")]
    Order(String),
}

impl GitMode {
    /// Parses a mode as git does (`canon_mode` in `cache.h`): octal, with or without leading zeros. Of the permissions,
    /// only the owner's right to execute counts.
    fn parse(text: &[u8]) -> Option<Self> {
        let octal = |mode: u32, digit: &u8| match digit {
            b'0'..=b'7' if mode <= u16::MAX.into() => Some(mode << 3 | u32::from(digit - b'0')),
            _ => None,
        };
        let mode = text.first().and_then(|_| text.iter().try_fold(0, octal))?;
        match mode & !0o7777 {
            0o040_000 => Some(Self::Directory),
            0o100_000 if mode & 0o100 != 0 => Some(Self::Executable),
            0o100_000 => Some(Self::Plain),
            0o120_000 => Some(Self::Link),
            0o160_000 => Some(Self::Submodule),
            _ => None,
        }
    }
}

/// Parses a tree object whose id was checked. Its ids have `digits` hex digits.
///
/// # Errors
/// `TreeObjectError` names the fault.
pub fn parse_tree(bytes: &[u8], digits: usize) -> Result<Vec<TreeItem>, TreeObjectError> {
    if bytes.len() > OBJECT_BYTES_MAX {
        return Err(TreeObjectError::Long);
    }
    let mut items: Vec<TreeItem> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let damaged = || TreeObjectError::Shape(bytes.len() - rest.len());
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(damaged)?;
        let (head, tail) = rest.split_at(end);
        let (id, tail) =
            tail.get(1..).and_then(|tail| tail.split_at_checked(digits / 2)).ok_or_else(damaged)?;
        let space = head.iter().position(|byte| *byte == b' ').ok_or_else(damaged)?;
        let (mode, name) = head.split_at(space);
        let name = name.get(1..).unwrap_or_default();
        let shown = || String::from_utf8_lossy(name).chars().take(100).collect::<String>();
        let mode = GitMode::parse(mode).ok_or_else(|| TreeObjectError::Mode(shown()))?;
        let name = std::str::from_utf8(name).ok().filter(|name| is_safe(name));
        let name = name.ok_or_else(|| TreeObjectError::Name(shown()))?.to_owned();
        let id = hex::encode(id).parse().map_err(|_| damaged())?;
        let item = TreeItem { mode, name, id };
        if items.last().is_some_and(|last| sort_key(last) >= sort_key(&item)) {
            return Err(TreeObjectError::Order(item.name));
        }
        items.push(item);
        rest = tail;
    }
    Ok(items)
}

/// Git sorts directories as if their names ended in a slash.
fn sort_key(item: &TreeItem) -> Vec<u8> {
    let mut key = item.name.clone().into_bytes();
    if item.mode == GitMode::Directory {
        key.push(b'/');
    }
    key
}

/// Whether a name is not empty, has no separator or control character, and is not `.`, `..` or `.git` in any case.
fn is_safe(name: &str) -> bool {
    let plain = !name.is_empty() && !name.chars().any(|c| c == '/' || c == '\\' || c.is_control());
    plain && name != "." && name != ".." && !name.eq_ignore_ascii_case(".git") && name.len() <= 255
}
