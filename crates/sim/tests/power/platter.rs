//! A simulated disk whose power can be cut: written bytes are visible to the process, synced bytes also survive.
//!
//! The model is that of POSIX, which is stricter than any one file system: bytes survive once their file was synced, names
//! once their directory was synced; each unsynced write and each unsynced name may survive or not, independently.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use fastrand::Rng;

use crate::trace::{APPENDS, Operation};

/// The disk below one directory.
pub struct Platter {
    root: String,
    nodes: Vec<Node>,
    /// Changes of names that were not synced yet.
    unsynced: Vec<Vec<Change>>,
}

enum Node {
    File { durable: Vec<u8>, unsynced: Vec<Write> },
    Dir { now: Names, durable: Names },
    Link(String),
}

type Names = BTreeMap<String, usize>;

#[derive(Clone)]
enum Write {
    Bytes(Option<u64>, Vec<u8>),
    Length(u64),
}

/// A change in a directory: from now on a name is of this node, or removed.
#[derive(Clone)]
struct Change {
    dir: usize,
    name: String,
    node: Option<usize>,
}

/// The unsynced changes that survive a cut.
pub enum Survivors<'a> {
    /// Nothing.
    Nothing,
    /// Each one at random.
    Some(&'a mut Rng),
}

impl Platter {
    pub fn new(root: &str) -> Self {
        let empty = Node::Dir { now: Names::new(), durable: Names::new() };
        Self { root: root.to_owned(), nodes: vec![empty], unsynced: Vec::new() }
    }

    /// Applies an operation of the process; returns whether the disk has changed.
    pub fn act(&mut self, act: &Operation) -> bool {
        match act {
            Operation::Open { path, create, truncate } => {
                let Some((dir, name)) = self.place(path) else { return false };
                match self.names(dir).get(&name).copied() {
                    Some(node) if *truncate => self.write(node, Write::Length(0)),
                    Some(_) => false,
                    None if *create => {
                        let file = Node::File { durable: Vec::new(), unsynced: Vec::new() };
                        self.add(dir, name, file)
                    }
                    None => false,
                }
            }
            Operation::Write { path, offset, bytes } => {
                let offset = (*offset != APPENDS).then_some(*offset);
                self.find(path).is_some_and(|node| self.write(node, Write::Bytes(offset, bytes.clone())))
            }
            Operation::Truncate { path, length } => {
                self.find(path).is_some_and(|node| self.write(node, Write::Length(*length)))
            }
            Operation::Sync { path } => self.find(path).is_some_and(|node| self.sync(node)),
            Operation::Rename { from, to } => {
                let (Some((from_dir, from)), Some((to_dir, to))) = (self.place(from), self.place(to)) else {
                    return false;
                };
                let node = self.names(from_dir).get(&from).copied();
                assert!(node.is_some(), "`{from}` is renamed and was never seen");
                self.change(vec![
                    Change { dir: from_dir, name: from, node: None },
                    Change { dir: to_dir, name: to, node },
                ])
            }
            Operation::Remove { path } => {
                let Some((dir, name)) = self.place(path) else { return false };
                self.change(vec![Change { dir, name, node: None }])
            }
            Operation::MakeDir { path } => {
                let Some((dir, name)) = self.place(path) else { return false };
                let made = Node::Dir { now: Names::new(), durable: Names::new() };
                self.add(dir, name, made)
            }
            Operation::Link { target, path } => {
                let Some((dir, name)) = self.place(path) else { return false };
                self.add(dir, name, Node::Link(target.clone()))
            }
            Operation::Said(_) => false,
        }
    }

    /// Writes the content that a cut would leave now into an empty directory.
    pub fn cut(&self, mut left: Survivors<'_>, into: &Path) {
        let mut dirs: BTreeMap<usize, Names> = BTreeMap::new();
        for (number, node) in self.nodes.iter().enumerate() {
            if let Node::Dir { durable, .. } = node {
                dirs.insert(number, durable.clone());
            }
        }
        for changes in &self.unsynced {
            if left.keeps() {
                changes.iter().for_each(|change| change.apply(dirs.get_mut(&change.dir).unwrap()));
            }
        }
        self.lay(0, &dirs, &mut left, into);
    }

    fn lay(&self, dir: usize, dirs: &BTreeMap<usize, Names>, left: &mut Survivors<'_>, into: &Path) {
        for (name, node) in &dirs[&dir] {
            let path = into.join(name);
            match &self.nodes[*node] {
                Node::Dir { .. } => {
                    fs::create_dir(&path).unwrap();
                    self.lay(*node, dirs, left, &path);
                }
                Node::File { durable, unsynced } => {
                    let mut bytes = durable.clone();
                    unsynced.iter().filter(|_| left.keeps()).for_each(|written| written.apply(&mut bytes));
                    fs::write(&path, bytes).unwrap();
                }
                Node::Link(target) => symlink(target, &path).unwrap(),
            }
        }
    }

    /// Directory and name of a path below the root; `None` for any other path.
    fn place(&self, path: &str) -> Option<(usize, String)> {
        let below = path.strip_prefix(&self.root)?.strip_prefix('/')?;
        let (dir, name) = below.rsplit_once('/').unwrap_or(("", below));
        let mut at = 0;
        for part in dir.split('/').filter(|part| !part.is_empty()) {
            at = *self.names(at).get(part)?;
        }
        Some((at, name.to_owned()))
    }

    fn find(&self, path: &str) -> Option<usize> {
        if path == self.root {
            return Some(0);
        }
        let (dir, name) = self.place(path)?;
        self.names(dir).get(&name).copied()
    }

    fn names(&self, dir: usize) -> &Names {
        match &self.nodes[dir] {
            Node::Dir { now, .. } => now,
            _ => unreachable!("a path goes through something that is no directory"),
        }
    }

    fn add(&mut self, dir: usize, name: String, node: Node) -> bool {
        self.nodes.push(node);
        let node = Some(self.nodes.len() - 1);
        self.change(vec![Change { dir, name, node }])
    }

    fn change(&mut self, changes: Vec<Change>) -> bool {
        for change in &changes {
            if let Node::Dir { now, .. } = &mut self.nodes[change.dir] {
                change.apply(now);
            }
        }
        self.unsynced.push(changes);
        true
    }

    fn write(&mut self, node: usize, written: Write) -> bool {
        match &mut self.nodes[node] {
            Node::File { unsynced, .. } => unsynced.push(written),
            _ => unreachable!("only files are written to"),
        }
        true
    }

    fn sync(&mut self, node: usize) -> bool {
        if let Node::File { durable, unsynced } = &mut self.nodes[node] {
            std::mem::take(unsynced).iter().for_each(|written| written.apply(durable));
            return true;
        }
        let (reached, others) = std::mem::take(&mut self.unsynced)
            .into_iter()
            .partition(|changes: &Vec<Change>| changes.iter().any(|change| change.dir == node));
        self.unsynced = others;
        let reached: Vec<Vec<Change>> = reached;
        for change in reached.iter().flatten() {
            if let Node::Dir { durable, .. } = &mut self.nodes[change.dir] {
                change.apply(durable);
            }
        }
        true
    }
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self.node {
            Some(node) => names.insert(self.name.clone(), node),
            None => names.remove(&self.name),
        };
    }
}

impl Write {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
            Self::Bytes(offset, written) => {
                let at = offset.map_or(bytes.len(), |offset| usize::try_from(offset).unwrap());
                let end = at + written.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[at..end].copy_from_slice(written);
            }
        }
    }
}

impl Survivors<'_> {
    fn keeps(&mut self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Some(chance) => chance.bool(),
        }
    }
}
