//! The tree of an image: its layers, applied one after the other
//! (<https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md>).
//!
//! Invariant: an entry changes only its own path, and through no link. A whiteout removes only what lower layers left, and
//! nothing that its own layer holds. The rules are those by which a runner unpacks the images of steps.

use std::collections::{BTreeMap, BTreeSet};

use archive::{Entry, Kind};

use super::path::{directory, joined, name, plain, push};

/// A file, directory or link of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its kind.
    pub kind: NodeKind,
    /// Permissions, with setuid, setgid and the sticky bit.
    pub mode: u32,
    /// Account of the owner, by number.
    pub owner: u64,
    /// Whether a program gets privileges of the kernel when it is run.
    pub has_capabilities: bool,
    /// Place of the layer that it is from, counted from 0.
    pub layer: usize,
}

/// Kinds of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A file with so many bytes.
    File(u64),
    /// A directory.
    Directory,
    /// A link to this path.
    Link(String),
    /// A device or a pipe.
    Special,
}

/// The nodes by their paths.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
    path_bytes: u64,
}

/// The layer that is applied.
#[derive(Debug)]
pub struct Applied {
    number: usize,
    /// Paths that it wrote, and the directories above them: its own whiteouts do not touch them.
    written: BTreeSet<String>,
    /// Directories below which it has hidden all that lower layers left.
    emptied: BTreeSet<String>,
}

/// The effect of an entry.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// A file with content is at this path.
    File(String),
    /// The same path was in the layer before, so that tools may disagree about its content.
    Again(String),
    /// Anything else.
    Other,
}

impl Applied {
    /// A layer that has no entry yet.
    pub const fn new(number: usize) -> Self {
        Self { number, written: BTreeSet::new(), emptied: BTreeSet::new() }
    }
}

impl Tree {
    /// The node at a path. No link is followed.
    #[must_use]
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// All nodes, in the order of their paths.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Bytes of all paths that ever were in the tree, and of the targets of links: a path that is removed again may be kept elsewhere.
    pub const fn path_bytes(&self) -> u64 {
        self.path_bytes
    }

    /// The path of the node that a path leads to when programs in the image open it; `None` if there is no node, or too many
    /// links.
    #[must_use]
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut steps = u64::MAX;
        self.walk(path, &mut steps).ok().flatten()
    }

    /// Whether a path leads to a node, which counts as true if it takes more than these steps: then nobody knows.
    #[must_use]
    pub fn leads(&self, path: &str, steps: &mut u64) -> bool {
        !matches!(self.walk(path, steps), Ok(None))
    }

    /// The path of the node that a path leads to. Each part of a path and of a link is a step.
    fn walk(&self, path: &str, steps: &mut u64) -> Result<Option<String>, OutOfSteps> {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let (mut found, mut hops) = (String::new(), 0);
        while let Some(part) = rest.pop() {
            *steps = steps.checked_sub(1).ok_or(OutOfSteps)?;
            match part.as_str() {
                "" | "." => continue,
                // The root is above itself.
                ".." => found = directory(&found).to_owned(),
                part => {
                    let below = joined(&found, part);
                    let Some(node) = self.nodes.get(&below) else { return Ok(None) };
                    match &node.kind {
                        NodeKind::Link(target) => {
                            hops += 1;
                            if hops > HOPS_MAX {
                                return Ok(None);
                            }
                            if target.starts_with('/') {
                                found.clear();
                            }
                            rest.extend(target.split('/').rev().map(str::to_owned));
                        }
                        _ => found = below,
                    }
                }
            }
        }
        Ok(Some(found))
    }

    /// Applies an entry. The error is a sentence about it.
    ///
    /// # Errors
    /// The fault.
    pub fn apply(&mut self, entry: &Entry, layer: &mut Applied) -> Result<Change, EntryFault> {
        let path = plain(&entry.path)?;
        if path.is_empty() {
            return if entry.kind == Kind::Directory { Ok(Change::Other) } else { Err(EntryFault::Root) };
        }
        if let Some(hidden) = name(&path).strip_prefix(WHITEOUT) {
            let hidden = hidden.to_owned();
            self.whiteout(directory(&path), &hidden, layer)?;
            return Ok(Change::Other);
        }
        self.make_directories(directory(&path), layer)?;
        let is_again = layer.written.contains(&path) && entry.kind != Kind::Directory;
        let node = self.made(entry, &path, layer)?;
        if entry.kind == Kind::HardLink
            && let Some(other) = self.nodes.get_mut(&plain(&entry.target)?)
        {
            // Both names are one file.
            (other.mode, other.has_capabilities) = (node.mode, node.has_capabilities);
        }
        let is_file = entry.kind == Kind::File;
        let is_directory = node.kind == NodeKind::Directory;
        if !(is_directory && self.nodes.get(&path).is_some_and(|old| old.kind == NodeKind::Directory)) {
            self.remove(&path);
        }
        self.insert(path.clone(), node);
        layer.written.insert(path.clone());
        Ok(match (is_again, is_file) {
            (true, _) => Change::Again(path),
            (false, true) => Change::File(path),
            (false, false) => Change::Other,
        })
    }

    fn made(&self, entry: &Entry, path: &str, layer: &Applied) -> Result<Node, EntryFault> {
        let kind = match entry.kind {
            Kind::File => NodeKind::File(entry.size),
            Kind::Directory => NodeKind::Directory,
            Kind::Special => NodeKind::Special,
            Kind::Link => {
                if entry.target.is_empty()
                    || entry.target.contains(&0)
                    || entry.target.len() > TARGET_BYTES_MAX
                {
                    return Err(EntryFault::Target);
                }
                let mut target = String::new();
                push(&mut target, &entry.target);
                NodeKind::Link(target)
            }
            Kind::HardLink => {
                let target = plain(&entry.target)?;
                let found = self.nodes.get(&target).filter(|node| node.kind != NodeKind::Directory);
                let found = found.filter(|_| target != path).ok_or(EntryFault::HardLink)?;
                // Both names are one file, and this one is of this layer. Runtimes differ in whether the rights of this header count, so
                // those of both do.
                return Ok(Node {
                    mode: found.mode | entry.mode,
                    has_capabilities: found.has_capabilities || entry.has_capabilities,
                    layer: layer.number,
                    ..found.clone()
                });
            }
        };
        let Entry { mode, owner, has_capabilities, .. } = *entry;
        Ok(Node { kind, mode, owner, has_capabilities, layer: layer.number })
    }

    /// Makes the directories that no entry describes, as every tool does that unpacks.
    fn make_directories(&mut self, path: &str, layer: &mut Applied) -> Result<(), EntryFault> {
        let mut missing = Vec::new();
        let mut above = path;
        while !above.is_empty() && !layer.written.contains(above) {
            match self.nodes.get(above).map(|node| &node.kind) {
                Some(NodeKind::Directory) => {}
                Some(NodeKind::Link(_)) => return Err(EntryFault::ThroughLink),
                Some(_) => return Err(EntryFault::ThroughFile),
                None => missing.push(above.to_owned()),
            }
            above = directory(above);
        }
        // A path that this layer wrote may be another kind of node.
        if !above.is_empty() && self.nodes.get(above).is_none_or(|node| node.kind != NodeKind::Directory) {
            return Err(EntryFault::ThroughFile);
        }
        for path in missing {
            let node = Node {
                kind: NodeKind::Directory,
                mode: 0o755,
                owner: 0,
                has_capabilities: false,
                layer: layer.number,
            };
            self.insert(path, node);
        }
        let mut above = path;
        while !above.is_empty() && layer.written.insert(above.to_owned()) {
            above = directory(above);
        }
        Ok(())
    }

    /// Removes what lower layers left at a name, or with the opaque whiteout, in a whole directory.
    fn whiteout(&mut self, parent: &str, hidden: &str, layer: &mut Applied) -> Result<(), EntryFault> {
        if ["", ".", ".."].contains(&hidden) {
            return Err(EntryFault::Whiteout);
        }
        let mut above = parent;
        while !above.is_empty() {
            match self.nodes.get(above).map(|node| &node.kind) {
                Some(NodeKind::Link(_)) => return Err(EntryFault::ThroughLink),
                Some(NodeKind::Directory) | None => above = directory(above),
                Some(_) => return Err(EntryFault::ThroughFile),
            }
        }
        if hidden == OPAQUE {
            self.empty(parent, layer);
        } else if !hidden.starts_with(WHITEOUT) {
            // Marks of a file system that layers should not hold hide nothing.
            let path = joined(parent, hidden);
            self.empty(&path, layer);
            if !layer.written.contains(&path) {
                self.nodes.remove(&path);
            }
        }
        Ok(())
    }

    /// Removes what lower layers left below a directory. A second time there is nothing to remove: all that is there is of this layer.
    /// Otherwise a layer that hides what it wrote into one large directory again and again would keep a scan busy for days.
    fn empty(&mut self, path: &str, layer: &mut Applied) {
        let is_root = path.is_empty();
        if !is_root && self.nodes.get(path).is_none_or(|node| node.kind != NodeKind::Directory) {
            return;
        }
        let mut above = path;
        while !layer.emptied.contains(above) {
            if above.is_empty() {
                let below = self.below(path).filter(|path| !layer.written.contains(*path));
                let below: Vec<String> = below.map(str::to_owned).collect();
                for path in &below {
                    self.nodes.remove(path);
                }
                layer.emptied.insert(path.to_owned());
                return;
            }
            above = directory(above);
        }
    }

    /// Removes a node and everything below it.
    fn remove(&mut self, path: &str) {
        if self.nodes.get(path).is_some_and(|node| node.kind == NodeKind::Directory) {
            let below: Vec<String> = self.below(path).map(str::to_owned).collect();
            for path in &below {
                self.nodes.remove(path);
            }
        }
        self.nodes.remove(path);
    }

    fn below(&self, path: &str) -> impl Iterator<Item = &str> {
        let start = if path.is_empty() { String::new() } else { format!("{path}/") };
        let range = self.nodes.range(start.clone()..);
        range.map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(&start))
    }

    fn insert(&mut self, path: String, node: Node) {
        let target = if let NodeKind::Link(target) = &node.kind { target.len() } else { 0 };
        self.path_bytes = self.path_bytes.saturating_add((path.len() + target) as u64);
        self.nodes.insert(path, node);
    }
}

/// More steps than allowed.
struct OutOfSteps;

/// Why an entry cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// Its path is unsound.
    #[error(transparent)]
    Path(#[from] super::path::PathFault),
    /// It is something else than a directory at the root.
    #[error("is the root, and no directory")]
    Root,
    /// A part of its path is a link.
    #[error("lies below a link, and tools do not agree where that is")]
    ThroughLink,
    /// A part of its path is no directory.
    #[error("lies below something that is no directory")]
    ThroughFile,
    /// It is a link to nothing.
    #[error("is a link whose target is empty, too long or has a NUL")]
    Target,
    /// It is a hard link to no file.
    #[error("is a hard link to no file of the image")]
    HardLink,
    /// It hides nothing that has a name.
    #[error("is a whiteout that hides no name of its directory")]
    Whiteout,
}

const WHITEOUT: &str = ".wh.";
/// The name of the opaque whiteout behind its first `.wh.`.
const OPAQUE: &str = ".wh..opq";
/// As many links as Linux follows.
const HOPS_MAX: usize = 40;
const TARGET_BYTES_MAX: usize = 4_096;
