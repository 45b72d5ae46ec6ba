//! The outputs of a step: its declared outputs, read once and held in memory.
//!
//! Invariant: no declared output is dropped silently. Files, empty directories and links that stay inside their output
//! are kept; every other kind of file in an output is an error that names it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use evidence::link;
use evidence::receipt::{OUTPUTS_MAX, Output};
use evidence::tree_list::path_fault;
use sandbox::{OutputError, OutputKind, Outputs};

/// Files, links and empty directories that steps left, by their paths in the workspace.
pub type RetainedOutputs = BTreeMap<String, RetainedOutput>;

/// A file, link or directory that a step left, with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedOutput {
    /// Its digest, size and kind.
    pub output: Output,
    /// Content of a file, target of a link; empty for a directory.
    pub bytes: Vec<u8>,
}

/// The collected outputs of a step.
#[derive(Debug, Default)]
pub struct CollectedOutputs {
    /// The kept outputs.
    pub outputs: RetainedOutputs,
    /// Properties that are not kept, in words.
    pub notes: Vec<String>,
    /// Declared outputs that cannot be kept.
    pub wrong: Vec<LeftError>,
    bytes: u64,
}

/// Why an output cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LeftError {
    /// It cannot be read, or has a kind that cannot be kept.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// It has a name or content that cannot be kept.
    #[error("output `{0}` {1}")]
    Unfit(String, &'static str),
    /// It is a link that cannot be kept.
    #[error(
        "output `{path}` is a link to `{target}`, which cannot be kept: {why}; make it a relative link to something in \
         `{declared}`, or copy what it points to"
    )]
    Link {
        /// Path of the link.
        path: String,
        /// Target of the link.
        target: String,
        /// The reason.
        why: &'static str,
        /// The declared output that it is part of.
        declared: String,
    },
    /// The outputs are too large.
    #[error("all outputs of a step are more than 2 GiB")]
    Large,
    /// The outputs are too many files.
    #[error("the step left more than {OUTPUTS_MAX} files; pack them into fewer, with `tar` for example")]
    Many,
}

impl RetainedOutput {
    /// A file as an output.
    #[must_use]
    pub fn file(bytes: Vec<u8>, executable: bool) -> Self {
        Self { output: Output::file(&bytes, executable), bytes }
    }
}

impl CollectedOutputs {
    /// Collects the declared outputs of a step.
    pub fn collect(outputs: &Outputs, declared: &BTreeSet<String>) -> Self {
        let mut left = Self::default();
        for declared in declared {
            if let Err(error) = left.take(outputs, declared) {
                left.wrong.push(error);
            }
        }
        left
    }

    /// Bytes that the outputs take in the memory of this process.
    #[must_use]
    pub const fn held(&self) -> u64 {
        self.bytes
    }

    /// Collects a declared output: one file, or a directory with everything below it.
    fn take(&mut self, outputs: &Outputs, declared: &str) -> Result<(), LeftError> {
        let path = Path::new(declared);
        match outputs.open(path) {
            Ok(file) => return self.file(declared, file),
            Err(OutputError::Directory(_)) => {}
            Err(error) => {
                return match outputs.link(path) {
                    Ok(target) => self.link(declared, declared, &target),
                    Err(_) => Err(error.into()),
                };
            }
        }
        for found in outputs.list(path, OUTPUTS_MAX)? {
            let name = found.path.to_str().filter(|name| path_fault(name).is_none());
            let name = name.ok_or_else(|| unfit(&found.path))?;
            match found.kind {
                OutputKind::File { .. } => self.file(name, outputs.open(&found.path)?)?,
                OutputKind::Link(target) => self.link(declared, name, &target)?,
                OutputKind::Directory => {
                    self.store(name, RetainedOutput { output: Output::directory(), bytes: Vec::new() })?
                }
            }
        }
        Ok(())
    }

    /// Reads one file into memory. A sparse file is large but costs the step nothing, so the total size is checked before a
    /// file is read.
    fn file(&mut self, name: &str, file: std::fs::File) -> Result<(), LeftError> {
        let io = |source| OutputError::Io { path: name.into(), source };
        let meta = file.metadata().map_err(io)?;
        self.bytes = self.bytes.saturating_add(meta.len());
        if self.bytes > OUTPUTS_BYTES_MAX {
            return Err(LeftError::Large);
        }
        let mode = meta.permissions().mode();
        if mode & 0o7000 != 0 {
            let text = "its setuid, setgid or sticky bit is not kept, only whether its owner can run it";
            self.notes.push(format!("output `{name}`: {text}"));
        }
        let mut bytes = Vec::new();
        // All processes of the step are dead, so the file cannot grow any more.
        file.take(meta.len()).read_to_end(&mut bytes).map_err(io)?;
        self.store(name, RetainedOutput::file(bytes, mode & 0o100 != 0))
    }

    fn link(&mut self, declared: &str, name: &str, target: &Path) -> Result<(), LeftError> {
        let wrong = |why| LeftError::Link {
            path: name.to_owned(),
            target: printable(target),
            why,
            declared: declared.to_owned(),
        };
        let target = target.to_str().ok_or_else(|| wrong("its target is not UTF-8"))?;
        match link::fault(declared, name, target) {
            Some(why) => Err(wrong(why)),
            None => self.store(
                name,
                RetainedOutput { output: Output::link(target), bytes: target.as_bytes().to_vec() },
            ),
        }
    }

    fn store(&mut self, name: &str, kept: RetainedOutput) -> Result<(), LeftError> {
        self.outputs.insert(name.to_owned(), kept);
        if self.outputs.len() > OUTPUTS_MAX { Err(LeftError::Many) } else { Ok(()) }
    }
}

fn unfit(path: &Path) -> LeftError {
    let why = path.to_str().map_or(Some("has a name that is not UTF-8"), path_fault);
    LeftError::Unfit(printable(path), why.unwrap_or("cannot be kept"))
}

/// A path, escaped for one line of a log.
fn printable(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Most bytes of all outputs of a step.
const OUTPUTS_BYTES_MAX: u64 = 2 << 30;
