//! Git objects of a small project, signed as git signs them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use evidence::git::{ObjectKind, object_id};
use evidence::source_pack::SourcePack;
use evidence::tree_list::{FileMode, TreeFile, TreeList};
use evidence::{Bytes, CommitId, Digest};

use crate::people::Pair;

/// The content of a commit.
#[derive(Clone, Debug)]
pub struct CommitContent<'a> {
    /// Parents.
    pub parents: &'a [CommitId],
    /// Address of author and committer.
    pub email: &'a str,
    /// Message.
    pub message: &'a str,
    /// The signer; `None` for an unsigned commit.
    pub signer: Option<&'a Pair>,
}

/// Makes a commit of these files by somebody, at a constant time: its objects as a pack, and the list of its files.
#[must_use]
pub fn commit(files: &BTreeMap<String, String>, written: &CommitContent<'_>) -> (SourcePack, TreeList) {
    commit_by(files, written, "Somebody", 1_790_000_000)
}

/// The same, by an author with this name, at a time in seconds since 1970.
#[must_use]
pub fn commit_by(
    files: &BTreeMap<String, String>,
    written: &CommitContent<'_>,
    author: &str,
    seconds: u64,
) -> (SourcePack, TreeList) {
    let mut trees = BTreeMap::new();
    let mut below: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut top = Vec::new();
    for (path, text) in files {
        let blob = object(ObjectKind::Blob, text.as_bytes());
        match path.split_once('/') {
            Some((dir, file)) => below.entry(dir.to_owned()).or_default().extend(item("100644", file, &blob)),
            None => top.push((path.clone(), item("100644", path, &blob))),
        }
    }
    for (dir, items) in below {
        let tree = object(ObjectKind::Tree, &items);
        top.push((format!("{dir}/"), item("40000", &dir, &tree)));
        trees.insert(tree.to_string(), Bytes(items));
    }
    top.sort();
    let items: Vec<u8> = top.into_iter().flat_map(|(_, item)| item).collect();
    let tree = object(ObjectKind::Tree, &items);
    trees.insert(tree.to_string(), Bytes(items));
    let bytes = text(&tree, written, author, seconds);
    let id = object(ObjectKind::Commit, &bytes);
    let list = files.iter().map(|(path, text)| TreeFile {
        path: path.clone(),
        mode: FileMode::Plain,
        size: text.len() as u64,
        sha256: Digest::of(text.as_bytes()),
    });
    let pack = SourcePack {
        v: 1,
        commit: id.clone(),
        commits: BTreeMap::from([(id.to_string(), Bytes(bytes))]),
        trees,
        files: files.iter().map(|(path, text)| (path.clone(), Bytes(text.clone().into_bytes()))).collect(),
        compared: None,
    };
    (pack, TreeList::new(list.collect()).unwrap())
}

/// Puts a base and the trees in which the commit of a pack differs from it into the pack.
pub fn compare(pack: &mut SourcePack, base: &SourcePack) {
    pack.commits.extend(base.commits.clone());
    let further = base.trees.iter().filter(|(id, _)| !pack.trees.contains_key(*id));
    pack.compared = Some(further.map(|(id, tree)| (id.clone(), tree.clone())).collect());
}

fn text(tree: &CommitId, written: &CommitContent<'_>, author: &str, seconds: u64) -> Vec<u8> {
    let mut head = format!("tree {tree}\n");
    for parent in written.parents {
        writeln!(head, "parent {parent}").unwrap();
    }
    let person = format!("{author} <{}> {seconds} +0000", written.email);
    write!(head, "author {person}\ncommitter {person}\n").unwrap();
    let unsigned = format!("{head}\n{}\n", written.message);
    let Some(signer) = written.signer else { return unsigned.into_bytes() };
    let armour = signer.armoured("git", unsigned.as_bytes());
    let folded = armour.trim_end().replace('\n', "\n ");
    format!("{head}gpgsig {folded}\n\n{}\n", written.message).into_bytes()
}

fn object(kind: ObjectKind, bytes: &[u8]) -> CommitId {
    object_id(kind, bytes, 40).unwrap()
}

/// One item of a tree object (git's own format): mode, name, the raw id.
fn item(mode: &str, name: &str, id: &CommitId) -> Vec<u8> {
    let hex = id.as_str().as_bytes();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    let raw = hex.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1]));
    [format!("{mode} {name}\0").into_bytes(), raw.collect()].concat()
}
