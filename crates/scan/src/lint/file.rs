//! A file that rules judge: its path, its text, and its values, which are parsed once for all languages.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::marked::{Marked, MarkedFault, read};
use super::unread::Unread;

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
    /// `Unread` with the reason why it is neither.
    pub fn documents(&self) -> Result<&[Marked], Unread> {
        let documents = self.documents.get_or_init(|| read(&self.text));
        match documents {
            Ok(documents) => Ok(documents),
            Err(fault) if fault.is_form && self.has_braces(fault.line) => Err(Unread::Template),
            Err(fault) => Err(Unread::Fault(fault.to_string())),
        }
    }

    /// Whether a line of a fault, or one of the two before it, has the braces of a template. Braces elsewhere, as in a comment, are not the
    /// reason why a file cannot be read.
    fn has_braces(&self, line: u32) -> bool {
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        let near = self.text.lines().take(line).skip(line.saturating_sub(3));
        near.filter(|line| !line.trim_start().starts_with('#')).any(|line| line.contains("{{"))
    }

    /// Whether a document is of a language. A file that cannot be read is, if its text has each of these keys.
    #[must_use]
    pub fn is_of(&self, is_one: impl Fn(&Marked) -> bool, keys: &[&str]) -> bool {
        match self.documents() {
            Ok(documents) => documents.iter().any(is_one),
            Err(_) => {
                let text = unescaped(&self.text);
                keys.iter().all(|key| has_key(&text, key))
            }
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

/// A text in which letters of ASCII stand for the escapes by which JSON may write them: a key that is written so is the same key.
fn unescaped(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("\\u");
    let (Some(first), true) = (parts.next(), text.contains("\\u")) else { return Cow::Borrowed(text) };
    let mut plain = first.to_owned();
    for part in parts {
        let code = part.get(..4).and_then(|code| u32::from_str_radix(code, 16).ok());
        match code.and_then(char::from_u32).filter(char::is_ascii_graphic) {
            Some(letter) => {
                plain.push(letter);
                plain.push_str(part.get(4..).unwrap_or_default());
            }
            None => {
                plain.push_str("\\u");
                plain.push_str(part);
            }
        }
    }
    Cow::Owned(plain)
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
