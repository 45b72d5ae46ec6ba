//! The form that all documents share: errors, tools, limits and texts.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{self, CanonicalError};
use crate::{Digest, Moment};

/// Largest document in bytes. A larger one is an error and is never cut.
pub const BYTES_MAX: usize = 1024 * 1024;
/// Longest short text in bytes: rules, names, versions, package URLs, paths.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Longest sentence in bytes: a tool's message. Translators cut longer ones at a character.
pub const MESSAGE_BYTES_MAX: usize = 400;
/// Longest text about all tools of a document in bytes.
pub(super) const TOOL_BYTES_MAX: usize = 400;
/// Highest number of tools in one document.
pub const TOOLS_MAX: usize = 16;

/// A tool, as its report names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Name.
    pub name: String,
    /// Version, if the report states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Dated knowledge from outside, such as a mirror of advisories.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knowledge {
    /// Name of the source, as the runner's operator chose it.
    pub source: String,
    /// Digest of all of it.
    pub digest: Digest,
    /// Newest time of a change in it.
    pub modified: Moment,
}

/// Errors of making, reading and joining documents.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are no document of this kind.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A rule of the format is broken.
    #[error("{document}: {what}")]
    Rule {
        /// Title of its kind.
        document: &'static str,
        /// The rule, with the entry that breaks it.
        what: String,
    },
    /// Documents of several runners have to be equal, and are not.
    #[error("{document}s differ: {what}")]
    Differs {
        /// Title of their kind.
        document: &'static str,
        /// The first difference.
        what: String,
    },
}

/// A canonical document.
pub trait Document: Serialize + DeserializeOwned + Sized {
    /// The title of its kind in errors, such as `tests document`.
    const TITLE: &'static str;

    /// Checks order and limits.
    ///
    /// # Errors
    /// `DocumentError::Rule` names the rule and the entry.
    fn check(&self) -> Result<(), DocumentError>;

    /// Tools that made it.
    fn tools(&self) -> &BTreeSet<Tool>;

    /// Counts of its entries by sort, as a receipt states them.
    fn items(&self) -> BTreeMap<String, u64>;

    /// Identities of its entries that failed, which a statement can settle one by one.
    fn failing(&self) -> BTreeSet<Digest> {
        BTreeSet::new()
    }

    /// Facts for policies: the field of the gate input with the name of the kind. `None` for a kind that the judge joins
    /// with other evidence first.
    ///
    /// # Errors
    /// `serde_json::Error` when JSON cannot express them.
    fn facts(&self) -> Result<Option<Value>, serde_json::Error> {
        Ok(None)
    }

    /// One document of two, in which nothing is lost: the worse of both in every respect. The result does not depend on
    /// their order.
    #[must_use]
    fn merge(self, other: Self) -> Self;

    /// The same, where this document is more trusted than the other one: people read its texts.
    #[must_use]
    fn over(self, other: Self) -> Self {
        self.merge(other)
    }

    /// An entry that cannot be what both documents say about it.
    fn contradiction(&self, _other: &Self) -> Option<String> {
        None
    }

    /// One document of two runners' documents of the same report.
    ///
    /// # Errors
    /// `DocumentError::Differs` where they contradict each other, or where the kind demands that they are equal.
    fn join(self, other: Self) -> Result<Self, DocumentError> {
        Ok(self.merge(other))
    }

    /// Parses a document.
    ///
    /// # Errors
    /// `DocumentError` names the fault.
    fn decode(bytes: &[u8]) -> Result<Self, DocumentError> {
        let document: Self = canonical::decode(Self::TITLE, bytes, BYTES_MAX)?;
        document.check()?;
        Ok(document)
    }

    /// Encodes the document into its canonical bytes.
    ///
    /// # Errors
    /// `DocumentError` when a rule is broken or the document is too large.
    fn encode(&self) -> Result<Vec<u8>, DocumentError> {
        self.check()?;
        let bytes = canonical::encode(Self::TITLE, self)?;
        if bytes.len() > BYTES_MAX {
            let what = format!("it has {} bytes, at most {BYTES_MAX} are allowed", bytes.len());
            return Err(DocumentError::Rule { document: Self::TITLE, what });
        }
        Ok(bytes)
    }
}

impl Tool {
    /// A tool with its version.
    #[must_use]
    pub fn new(name: &str, version: Option<&str>) -> Self {
        Self { name: text(name, 120), version: version.map(|version| text(version, 60)) }
    }
}

impl std::fmt::Display for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} {version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A tool's text as a document may hold it: control characters become spaces, runs of white space one, and what is
/// longer than `bytes_max` is cut at a character.
#[must_use]
pub fn text(original: &str, bytes_max: usize) -> String {
    let words = original.split(|c: char| c.is_whitespace() || c.is_control() || is_hidden(c));
    let mut text = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
        if text.len() > bytes_max {
            break;
        }
    }
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text.truncate(text.trim_end().len());
    text
}

/// Characters that change how a line looks without being seen: direction marks, zero widths, tags.
const fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a document may hold this text: [`text`] would leave it as it is, and it is not empty.
pub(super) fn is_text(found: &str, bytes_max: usize) -> bool {
    !found.is_empty() && found.len() <= bytes_max && text(found, bytes_max) == found
}

/// Checks the tools of a document.
pub(super) fn check_tools(document: &'static str, tools: &BTreeSet<Tool>) -> Result<(), DocumentError> {
    let what = |what: String| Err(DocumentError::Rule { document, what });
    if tools.is_empty() || tools.len() > TOOLS_MAX {
        return what(format!("it names {} tools, between 1 and {TOOLS_MAX} are allowed", tools.len()));
    }
    let is_fine = |tool: &&Tool| {
        is_text(&tool.name, 120) && tool.version.as_ref().is_none_or(|version| is_text(version, 60))
    };
    match tools.iter().find(|tool| !is_fine(tool)) {
        Some(tool) => {
            what(format!("the tool `{}` has a text that is empty, long or not printable", tool.name))
        }
        None => Ok(()),
    }
}
