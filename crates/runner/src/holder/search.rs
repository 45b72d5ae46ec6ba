//! The search of a step's outputs for the values of its secrets, before they leave the holder.
//!
//! Invariant: each declared output and report is searched, its name and the target of a link too. An answer never has a value.

use std::io::{self, Read as _};
use std::path::Path;

use evidence::receipt::OUTPUTS_MAX;
use mask::{Masker, Search};
use sandbox::{OutputError, OutputKind, Outputs, Secret};

/// Where the step left values, in words.
pub fn found(outputs: &Outputs, leaves: &[String], masker: &Masker, secrets: &[Secret]) -> Vec<String> {
    let searcher = Searcher { outputs, masker, secrets };
    let mut found = Vec::new();
    for path in leaves {
        searcher.below(Path::new(path), &mut found);
        if found.len() >= FOUND_MAX {
            found.truncate(FOUND_MAX);
            break;
        }
    }
    found
}

struct Searcher<'a> {
    outputs: &'a Outputs,
    masker: &'a Masker,
    secrets: &'a [Secret],
}

impl Searcher<'_> {
    fn below(&self, path: &Path, found: &mut Vec<String>) {
        match self.file(path) {
            Err(OutputError::Directory(_)) => {}
            Err(error) => return self.link(path, &error, found),
            Ok(fault) => return found.extend(fault),
        }
        match self.outputs.list(path, OUTPUTS_MAX) {
            Err(error) => self.unreadable(path, &error, found),
            Ok(files) => {
                for file in files {
                    let text = file.path.as_os_str().as_encoded_bytes();
                    let target = match &file.kind {
                        OutputKind::Link(target) => target.as_os_str().as_encoded_bytes(),
                        _ => b"",
                    };
                    if self.masker.finds(text) || self.masker.finds(target) {
                        found.push(self.said(&file.path, "has in its name or target the value of a secret"));
                    } else if matches!(file.kind, OutputKind::File { .. }) {
                        match self.file(&file.path) {
                            Ok(fault) => found.extend(fault),
                            Err(error) => self.unreadable(&file.path, &error, found),
                        }
                    }
                    if found.len() >= FOUND_MAX {
                        return;
                    }
                }
            }
        }
    }

    fn link(&self, path: &Path, error: &OutputError, found: &mut Vec<String>) {
        match self.outputs.link(path) {
            Ok(target) if self.masker.finds(target.as_os_str().as_encoded_bytes()) => {
                found.push(self.said(path, "has in its target the value of a secret"));
            }
            Ok(_) => {}
            Err(_) => self.unreadable(path, error, found),
        }
    }

    /// The runner meets the same error and writes it into the log, unless it would show a value.
    fn unreadable(&self, path: &Path, error: &OutputError, found: &mut Vec<String>) {
        if self.masker.finds(error.to_string().as_bytes()) {
            found.push(self.said(path, "cannot be read, and its name has the value of a secret"));
        }
    }

    /// A sentence about the secrets that a file has, if it has any.
    fn file(&self, path: &Path) -> Result<Option<String>, OutputError> {
        if !self.has(path, self.masker)? {
            return Ok(None);
        }
        let mut names = Vec::new();
        for secret in self.secrets {
            if Masker::new([secret.bytes.as_slice()]).is_ok_and(|own| self.has(path, &own).unwrap_or(true)) {
                names.push(format!("`{}`", secret.name));
            }
        }
        Ok(Some(self.said(path, &format!("has the value of secret {}", names.join(", ")))))
    }

    fn has(&self, path: &Path, masker: &Masker) -> Result<bool, OutputError> {
        let mut file = self.outputs.open(path)?;
        let mut search = Search::new(masker);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) if search.push(buffer.get(..count).unwrap_or_default()) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(OutputError::Io { path: path.into(), source }),
            }
        }
    }

    fn said(&self, path: &Path, what: &str) -> String {
        let name = self.masker.masked(path.as_os_str().as_encoded_bytes());
        format!("{CODE}: output `{}` {what}", String::from_utf8_lossy(&name).escape_debug())
    }
}

/// The code of an output that has a value.
const CODE: &str = "secret-in-output";
/// Most sentences about one step.
const FOUND_MAX: usize = 20;
