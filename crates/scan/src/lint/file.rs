//! A file that rules judge: its path, its text, and its values, which are parsed once for all languages.

use std::cell::OnceCell;

use super::marked::{Marked, MarkedFault, read};

/// A file of the tree.
#[derive(Debug)]
pub struct LintFile {
    path: String,
    text: String,
    documents: OnceCell<Result<Vec<Marked>, MarkedFault>>,
}

impl LintFile {
    /// A file with this path and text.
    #[must_use]
    pub fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, documents: OnceCell::new() }
    }

    /// Path in the tree.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The documents, as YAML or JSON.
    ///
    /// # Errors
    /// A sentence that says why it is neither.
    pub fn documents(&self) -> Result<&[Marked], String> {
        let documents = self.documents.get_or_init(|| read(&self.text));
        match documents {
            Ok(documents) => Ok(documents),
            Err(_) if self.text.contains("{{") => Err(TEMPLATE.to_owned()),
            Err(fault) => Err(fault.to_string()),
        }
    }

    /// Whether a document is of a language. What cannot be read is, if its text has each of these keys.
    #[must_use]
    pub fn is_of(&self, is_one: impl Fn(&Marked) -> bool, keys: &[&str]) -> bool {
        match self.documents() {
            Ok(documents) => documents.iter().any(is_one),
            Err(_) => keys.iter().all(|key| has_key(&self.text, key)),
        }
    }
}

/// The name of a file, without its directory, in small letters.
#[must_use]
pub fn name_of(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase()
}

/// Whether a path ends in one of these, in any case.
#[must_use]
pub fn ends_in(path: &str, ends: &[&str]) -> bool {
    let name = name_of(path);
    ends.iter().any(|end| name.ends_with(end))
}

/// Whether a text has this key somewhere, followed by a colon.
pub fn has_key(text: &str, key: &str) -> bool {
    text.match_indices(key).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().chars().next_back();
        let after = text.get(at + key.len()..).unwrap_or_default();
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        !before.is_some_and(is_name) && after.trim_start_matches(['"', '\'']).trim_start().starts_with(':')
    })
}

/// Why a template cannot be judged.
pub const TEMPLATE: &str =
    "it is a template; write what it makes into a file of a step, and let the scan need that step";
