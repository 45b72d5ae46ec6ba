//! The files of a directory that declares an installation.
//!
//! Invariant: no file outside of the directory is read, through no link either, and all reading is bounded. YAML files where the
//! layout has none are faults, because a misspelled name would declare nothing; files of other sorts are left alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fault::{At, Faults};
use super::node::{self, Node};
use crate::error::Error;

/// The file that makes a directory one that declares an installation.
pub const MAIN: &str = "configuration.yaml";
/// People and thresholds of groups.
pub const TRUST: &str = "trust.yaml";
/// Public keys, and hosts of machines.
pub const KEYS: &str = "keys.yaml";
/// Freezes, and what may run nowhere.
pub const STATUS: &str = "status.yaml";
/// Directories, each with the depth at which its files are.
const FOLDERS: [(&str, usize); 5] =
    [("classes", 1), ("overrides", 1), ("environments", 3), ("people", 1), ("statements", 1)];
/// Directories whose files other files name.
const NAMED: [&str; 2] = ["policies", "windows"];

/// A directory that was read.
#[derive(Debug)]
pub struct Directory {
    /// Its path.
    pub path: PathBuf,
    /// Its files, parsed, by their paths below it.
    pub files: BTreeMap<String, Node>,
}

impl Directory {
    /// Reads a directory.
    ///
    /// # Errors
    /// `Error` if it cannot be read or declares no installation. Faults of files are added to `faults`.
    pub fn read(dir: &Path, faults: &mut Faults) -> Result<Self, Error> {
        let path = std::fs::canonicalize(dir).map_err(|error| unreadable(dir, &error))?;
        if !path.join(MAIN).is_file() {
            return Err(Error::unusable(format!(
                "`{}` has no file `{MAIN}`, so it declares no installation; `countersign apply --export DIR` writes what is in \
                 force into a new directory",
                dir.display()
            )));
        }
        let mut walk = Walk { root: path.clone(), found: Vec::new(), entries: 0 };
        walk.enter(&path, "", faults)?;
        let mut files = BTreeMap::new();
        for name in walk.found {
            if let Some(text) = text(&path.join(&name), &name, faults)
                && let Some(node) = node::parse(&name, &text, faults)
            {
                files.insert(name, node);
            }
        }
        Ok(Self { path, files })
    }

    /// The files of a folder, each with the parts of its name below it.
    pub fn folder<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (Vec<&'a str>, &'a str, &'a Node)> {
        self.files.iter().filter_map(move |(name, node)| {
            let below = name.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".yaml")?;
            Some((below.split('/').collect(), name.as_str(), node))
        })
    }

    /// Whether a folder has a file.
    #[must_use]
    pub fn has(&self, folder: &str) -> bool {
        self.folder(folder).next().is_some()
    }
}

struct Walk {
    root: PathBuf,
    found: Vec<String>,
    entries: usize,
}

impl Walk {
    fn enter(&mut self, dir: &Path, prefix: &str, faults: &mut Faults) -> Result<(), Error> {
        let depth = prefix.matches('/').count();
        let entries = std::fs::read_dir(dir).map_err(|error| unreadable(dir, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(dir, &error))?;
            self.entries += 1;
            if self.entries > ENTRIES_MAX || depth > DEPTH_MAX {
                return Err(Error::unusable(format!(
                    "`{}` has more than {ENTRIES_MAX} files, or some more than {DEPTH_MAX} deep; keep the files of an installation in \
                     a directory for nothing else",
                    self.root.display()
                )));
            }
            let name = match entry.file_name().into_string() {
                Ok(name) => name,
                Err(name) => {
                    let name = format!("{prefix}{}", shown::line(&name.to_string_lossy()));
                    faults.add(&At::file(&name), "its name is no text in UTF-8; rename the file");
                    continue;
                }
            };
            if name.starts_with('.') {
                continue;
            }
            let name = format!("{prefix}{name}");
            let path = entry.path();
            let real = std::fs::canonicalize(&path).map_err(|error| unreadable(&path, &error))?;
            if !real.starts_with(&self.root) {
                faults.add(&At::file(&name), "it is a link out of the directory; copy the file here");
                continue;
            }
            if real.is_dir() {
                if entry.file_type().is_ok_and(|sort| sort.is_symlink()) {
                    faults.add(&At::file(&name), "it is a link to a directory; name the directory itself");
                    continue;
                }
                self.enter(&path, &format!("{name}/"), faults)?;
            } else if is_yaml(&name) && !NAMED.iter().any(|folder| below(folder, &name)) {
                match is_in_layout(&name) {
                    true => self.found.push(name),
                    false => faults.add(&At::file(&name), LAYOUT),
                }
            }
        }
        Ok(())
    }
}

fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

fn below(folder: &str, name: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn is_in_layout(name: &str) -> bool {
    let depth = name.matches('/').count();
    let folder = FOLDERS.iter().any(|(folder, files)| below(folder, name) && depth == *files);
    name.ends_with(".yaml") && (folder || [MAIN, TRUST, KEYS, STATUS].contains(&name))
}

fn text(path: &Path, name: &str, faults: &mut Faults) -> Option<String> {
    let read = disk::read_bounded(path, FILE_BYTES_MAX).map(|(bytes, _)| String::from_utf8(bytes));
    match read {
        Ok(Ok(text)) => Some(text),
        Ok(Err(_)) => {
            faults.add(&At::file(name), "it is no text in UTF-8");
            None
        }
        Err(error) => {
            faults.add(&At::file(name), format!("cannot be read: {error}"));
            None
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::unusable(format!("cannot read `{}`: {error}", path.display()))
}

const LAYOUT: &str = "no file of this name declares anything; known are configuration.yaml, trust.yaml, keys.yaml, status.yaml, \
                      environments/PROJECT/SERVICE/ENVIRONMENT.yaml, classes/CLASS.yaml, overrides/ENVIRONMENT.yaml, people/NAME.yaml \
                      and statements/NAME.yaml";
const ENTRIES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 16;
const FILE_BYTES_MAX: u64 = 256 * 1024;
