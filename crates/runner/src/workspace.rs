//! The content of a step's workspace: the commit's files, and the outputs of the steps that it needs.
//!
//! Invariant: no file replaces another one. If two files have the same path, they are equal, or the step does not begin
//! and the reason names the path and both sides.

use std::collections::BTreeMap;
use std::path::Path;

use evidence::receipt::OutputKind;
use evidence::tree_list::{FileMode, below_a_file};
use evidence::{Digest, Name};
use sandbox::{Input, InputKind};

use crate::outputs::{RetainedOutput, RetainedOutputs};
use crate::source::Source;

/// Why a step's workspace cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// An input does not match its digest.
    #[error("input `{0}` does not match its digest; run the commit again")]
    Changed(String),
    /// Two steps left different content at one path, or one left a file where the other left a directory.
    #[error(
        "steps `{first}` and `{second}` both left `{path}`, and not the same; give their outputs different paths, or \
         need only one of them"
    )]
    Steps {
        /// The path.
        path: String,
        /// One of the steps.
        first: Name,
        /// The other step.
        second: Name,
    },
    /// An output would hide a file of the commit.
    #[error(
        "output `{path}` of a needed step would replace `{tracked}` of the commit; write it to another path"
    )]
    Tracked {
        /// The output.
        path: String,
        /// The file of the commit.
        tracked: String,
    },
}

/// The outputs of several steps, in one directory.
///
/// # Errors
/// `WorkspaceError::Steps` if two of them left different content at one path.
pub fn merge(left: &BTreeMap<Name, RetainedOutputs>) -> Result<RetainedOutputs, WorkspaceError> {
    let mut from: BTreeMap<String, (&Name, &RetainedOutput)> = BTreeMap::new();
    let clash = |path: &str, first: &Name, second: &Name| WorkspaceError::Steps {
        path: path.to_owned(),
        first: first.clone(),
        second: second.clone(),
    };
    for (step, outputs) in left {
        for (path, kept) in outputs {
            match from.get(path) {
                Some((first, other)) if *other != kept => return Err(clash(path, first, step)),
                Some(_) => {}
                None => drop(from.insert(path.clone(), (step, kept))),
            }
        }
    }
    if let Some((below, file)) = below_a_file(&from, |(_, kept)| kept.output.kind == OutputKind::Directory) {
        let step_of = |path| from.get(path).map(|(step, _)| *step);
        if let (Some(first), Some(second)) = (step_of(file), step_of(below)) {
            return Err(clash(file, first, second));
        }
    }
    Ok(from.into_iter().map(|(path, (_, kept))| (path, kept.clone())).collect())
}

/// The source, and on top of it the outputs of needed steps.
///
/// # Errors
/// `WorkspaceError` if an output would hide a file.
pub fn inputs<'a>(
    source: &'a Source,
    retained: &'a RetainedOutputs,
) -> Result<Vec<Input<'a>>, WorkspaceError> {
    let mut inputs = source.inputs();
    for (path, kept) in retained {
        let output = &kept.output;
        if Digest::of(&kept.bytes) != output.sha256 || kept.bytes.len() as u64 != output.size {
            return Err(WorkspaceError::Changed(path.clone()));
        }
        let kind = match output.kind {
            OutputKind::File if output.executable => InputKind::Executable,
            OutputKind::File => InputKind::Plain,
            OutputKind::Link(_) => InputKind::Link,
            OutputKind::Directory => InputKind::Directory,
        };
        match tracked(source, path, kind) {
            None => inputs.push(Input { path: Path::new(path), kind, bytes: &kept.bytes }),
            Some(tracked) if tracked == path && is_same(source, path, kind, &kept.bytes) => {}
            Some(tracked) => {
                return Err(WorkspaceError::Tracked { path: path.clone(), tracked: tracked.to_owned() });
            }
        }
    }
    Ok(inputs)
}

/// The file of the commit that an output at a path would hide, or that is in its way.
fn tracked<'a>(source: &'a Source, path: &str, kind: InputKind) -> Option<&'a str> {
    let list = &source.list;
    let parents = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    if let Some(file) = parents.chain([path]).find_map(|parent| list.file(parent)) {
        return Some(&file.path);
    }
    let below = format!("{path}/");
    let at = list.files().partition_point(|file| file.path.as_bytes() < below.as_bytes());
    let inside = list.files().get(at).filter(|file| file.path.starts_with(&below));
    inside.filter(|_| kind != InputKind::Directory).map(|file| file.path.as_str())
}

fn is_same(source: &Source, path: &str, kind: InputKind, bytes: &[u8]) -> bool {
    let mode = match kind {
        InputKind::Plain => FileMode::Plain,
        InputKind::Executable => FileMode::Executable,
        InputKind::Link => FileMode::Link,
        InputKind::Directory => return false,
    };
    source.list.file(path).is_some_and(|file| file.mode == mode) && source.file(path) == Some(bytes)
}
