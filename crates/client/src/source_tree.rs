//! The files of a directory, as a scan reads them: those that a commit made now would contain, or, outside of a
//! repository, all of them.
//!
//! Invariant: nothing outside of the directory is read, whatever links say. A link is followed only if its name is that of a
//! lockfile or a manifest, since any other leads to a file that is read itself. A file that is not read is named.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use evidence::Moment;
use scan::links::{self, LinkFault};

use crate::error::Error;
use crate::working_tree;

/// A file of the tree.
#[derive(Debug)]
pub struct TreeFile {
    /// Path below the directory.
    pub path: String,
    /// Content, or the reason why it is not read.
    pub content: Result<Vec<u8>, String>,
    /// Whether a link leads to the content.
    pub is_link: bool,
}

/// Calls `with` for each file below a directory, or for the one file that the path names, in the order of their paths.
///
/// # Errors
/// `Error` when the directory cannot be listed, or `with` fails.
pub fn each(path: &Path, mut with: impl FnMut(TreeFile) -> Result<(), Error>) -> Result<(), Error> {
    let meta = fs::metadata(path)
        .map_err(|error| Error::unusable(format!("cannot read `{}`: {error}", path.display())))?;
    if meta.is_file() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        return with(TreeFile { path: name, content: content(path), is_link: false });
    }
    let paths = match working_tree::listed(path)? {
        Some(paths) => paths,
        None => walk(path)?,
    };
    for name in paths {
        let file = path.join(&name);
        match fs::symlink_metadata(&file) {
            // A file that git knows may be deleted. A name that is not UTF-8 is not found either, but it is there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !name.contains('\u{fffd}') => {}
            Err(_) if name.contains('\u{fffd}') => {
                with(TreeFile::unread(name, "its name is not UTF-8; rename it"))?;
            }
            Ok(meta) if meta.is_symlink() => {
                if scan::components::format_of(&name).is_some() {
                    let content = linked(path, &name);
                    with(TreeFile { path: name, content, is_link: true })?;
                }
            }
            Ok(meta) if meta.is_dir() => {
                with(TreeFile::unread(name, "it is another repository; scan it by itself"))?;
            }
            Ok(meta) if meta.is_file() => {
                with(TreeFile { path: name, content: content(&file), is_link: false })?;
            }
            Ok(_) => with(TreeFile::unread(name, "it is no plain file"))?,
            Err(error) => with(TreeFile::unread(name, &error.to_string()))?,
        }
    }
    Ok(())
}

impl TreeFile {
    fn unread(path: String, why: &str) -> Self {
        Self { path, content: Err(why.to_owned()), is_link: false }
    }
}

/// The content that a link below the directory leads to.
fn linked(top: &Path, name: &str) -> Result<Vec<u8>, String> {
    let target =
        |path: &str| fs::read_link(top.join(path)).ok().map(|target| target.to_string_lossy().into_owned());
    let found = links::resolve(name, target).map_err(|fault| fault.to_string())?;
    let file = top.join(found);
    let is_file = fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file());
    if is_file { content(&file) } else { Err(LinkFault::Nothing.to_string()) }
}

/// Time of the last commit of the directory's repository, and its id; `None` outside of a repository.
#[must_use]
pub fn last_commit(path: &Path) -> Option<(String, Moment)> {
    let line = working_tree::last_commit(path)?;
    let (id, seconds) = line.split_once(' ')?;
    let moment = Moment::from_millis(seconds.trim().parse::<u64>().ok()?.checked_mul(1_000)?).ok()?;
    Some((id.to_owned(), moment))
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    content_of(fs::File::open(path).map_err(|error| error.to_string())?)
}

impl TreeFile {
    /// A file with the bytes of a reader.
    pub fn of(path: &str, reader: impl std::io::Read) -> Self {
        Self { path: path.to_owned(), content: content_of(reader), is_link: false }
    }
}

fn content_of(reader: impl std::io::Read) -> Result<Vec<u8>, String> {
    let most = scan::INPUT_BYTES_MAX as u64;
    let mut bytes = Vec::new();
    reader.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most { Err(format!("it has more than {most} bytes")) } else { Ok(bytes) }
}

/// All files below a directory, but none of a repository's own.
fn walk(top: &Path) -> Result<BTreeSet<String>, Error> {
    let mut found = BTreeSet::new();
    let mut open = vec![top.to_path_buf()];
    while let Some(directory) = open.pop() {
        let fault = |error| Error::unusable(format!("cannot list `{}`: {error}", directory.display()));
        for entry in fs::read_dir(&directory).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let kind = entry.file_type().map_err(fault)?;
            let path = entry.path();
            if kind.is_dir() {
                open.extend((entry.file_name() != ".git").then_some(path));
            } else if let Ok(below) = path.strip_prefix(top) {
                found.insert(below.to_string_lossy().into_owned());
            }
        }
        if found.len() > FILES_MAX {
            return Err(Error::unusable(format!(
                "`{}` has more than {FILES_MAX} files; name a directory below it",
                top.display()
            )));
        }
    }
    Ok(found)
}

const FILES_MAX: usize = 1_000_000;
