//! Rules about files that configure: infrastructure, and the pipelines that build and deploy.
//!
//! Input: paths and bytes of files. Output: a `findings` document. Invariant: nothing in a file switches a rule off, and a file of a
//! language that cannot be read is a finding that is undecided, never nothing. Each rule is one file in the directory of its
//! language and one row in that language's table; a language is a row in the table here.

mod access;
mod capability;
mod clear;
pub mod cloudformation;
pub mod compose;
pub mod dockerfile;
mod download;
mod file;
pub mod github;
pub mod gitlab;
mod host_path;
mod image;
mod json;
pub mod kubernetes;
mod language;
pub mod marked;
mod network;
pub mod pipeline;
pub(crate) mod plain_secret;
pub(crate) mod rule;
pub mod script;
pub mod shell;
pub mod terraform;
mod unread;

use std::collections::BTreeMap;

use evidence::document::findings::{
    Class, Finding, FindingsDocument, IdentityPlace, Severity, Site, identity, normalised,
};
use evidence::document::{Document as _, DocumentError, MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, Tool, text};

pub use file::LintFile;
pub use language::{Language, Subject};
pub use rule::{Facts, Found, Hit, Hits, Rule};
pub use unread::Unread;

use crate::secrets::NOT_SCANNED;
use crate::{INPUT_BYTES_MAX, ScanError};

/// All languages.
pub const LANGUAGES: &[&Language] = &[
    &cloudformation::LANGUAGE,
    &compose::LANGUAGE,
    &dockerfile::LANGUAGE,
    &github::LANGUAGE,
    &gitlab::LANGUAGE,
    &kubernetes::LANGUAGE,
    &pipeline::LANGUAGE,
    &script::LANGUAGE,
    &terraform::LANGUAGE,
];

/// Facts of all rules about a subject.
pub fn rules(subject: Subject) -> impl Iterator<Item = &'static Facts> {
    LANGUAGES
        .iter()
        .filter(move |language| language.subject == subject)
        .flat_map(|language| (language.rules)())
}

/// Whether a file of this path may be of a language of the subject.
#[must_use]
pub fn is_read(subject: Subject, path: &str) -> bool {
    LANGUAGES.iter().any(|language| language.subject == subject && (language.reads)(path))
}

/// Result of judging a tree.
#[derive(Debug)]
pub struct Lint {
    /// Findings; each file that could not be read is one that is undecided.
    pub document: FindingsDocument,
    /// Number of files that were judged, by the name of their language.
    pub files: BTreeMap<&'static str, usize>,
    /// Files that could not be judged, with the reason.
    pub unread: BTreeMap<String, String>,
}

impl Lint {
    /// A result without files.
    #[must_use]
    pub fn new(subject: Subject) -> Self {
        let tool = format!("countersign {}", subject.as_str());
        let document = FindingsDocument::new([Tool::new(&tool, Some(env!("CARGO_PKG_VERSION")))]);
        Self { document, files: BTreeMap::new(), unread: BTreeMap::new() }
    }

    /// Judges one more file.
    ///
    /// # Errors
    /// `ScanError` when the document cannot hold its findings.
    pub fn add(&mut self, subject: Subject, path: &str, bytes: &[u8]) -> Result<(), ScanError> {
        let mut languages = LANGUAGES
            .iter()
            .filter(|language| language.subject == subject && (language.reads)(path))
            .peekable();
        if languages.peek().is_none() {
            return Ok(());
        }
        let file = match decoded(bytes) {
            Ok(text) => LintFile::new(path, text),
            Err(why) => return self.leave_out(path, &Unread::Fault(why)),
        };
        for language in languages.filter(|language| (language.claims)(&file)) {
            match (language.judge)(&file) {
                Ok(found) => {
                    *self.files.entry(language.name).or_default() += 1;
                    self.take(&file, found)?;
                }
                Err(why) => self.leave_out(path, &why)?,
            }
        }
        self.document.check()?;
        Ok(())
    }

    fn take(&mut self, file: &LintFile, found: Vec<Found>) -> Result<(), ScanError> {
        let mut seen: BTreeMap<(&str, String), u32> = BTreeMap::new();
        for Found { facts, hit } in found {
            let mark = mark(file.text(), &hit);
            let nth = seen.entry((facts.id, mark.clone())).or_default();
            let place = IdentityPlace::Source { path: file.path(), text: &mark, nth: *nth };
            *nth += 1;
            let id = identity(Class::Configuration, facts.id, &place).map_err(DocumentError::from)?;
            let message = format!("{} ({}): {}", facts.title, hit.about, facts.remedy);
            let aliases = facts.same.iter().map(|alias| (*alias).to_owned()).collect();
            let finding = finding(file.path(), facts.id, facts.severity, hit.line, &message);
            self.document.add(id, Finding { aliases, ..finding });
        }
        Ok(())
    }

    /// A file that may break every rule.
    fn leave_out(&mut self, path: &str, why: &Unread) -> Result<(), ScanError> {
        let place = IdentityPlace::Source { path, text: NOT_SCANNED, nth: 0 };
        let id = identity(Class::Configuration, NOT_SCANNED, &place).map_err(DocumentError::from)?;
        let finding = finding(path, NOT_SCANNED, Severity::Unknown, 0, &format!("not judged: {why}"));
        // The file that a template makes is judged where a step writes it.
        let unconfirmed = *why == Unread::Template;
        self.document.add(id, Finding { undecided: true, unconfirmed, ..finding });
        self.unread.insert(path.to_owned(), why.to_string());
        Ok(())
    }
}

/// Judges a tree.
///
/// # Errors
/// `ScanError` when the document cannot hold all findings.
pub fn of(subject: Subject, files: &BTreeMap<String, Vec<u8>>) -> Result<Lint, ScanError> {
    let mut lint = Lint::new(subject);
    for (path, bytes) in files {
        lint.add(subject, path, bytes)?;
    }
    Ok(lint)
}

/// The text of a file. Shells of Windows write UTF-16.
fn decoded(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > INPUT_BYTES_MAX {
        return Err("it has more than 64 MiB".to_owned());
    }
    if let Some(text) = crate::secrets::from_utf16(bytes) {
        return Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    String::from_utf8(bytes.to_vec()).map_err(|error| format!("it is no text: {error}"))
}

/// The text by which the place of a finding is known again: its line, where that is one that people wrote and holds no secret, else its
/// name. A digest of a line with a password would let others guess the password.
fn mark(text: &str, hit: &Hit) -> String {
    let is_open = hit.line > 0 && !hit.is_secret;
    let line = if is_open { normalised(text, hit.line, hit.line) } else { String::new() };
    if line.is_empty() || line.len() > LINE_BYTES_MAX { hit.about.clone() } else { line }
}

pub(crate) fn finding(path: &str, rule: &str, severity: Severity, line: u32, message: &str) -> Finding {
    let site = Site::File { path: text(path, TEXT_BYTES_MAX), line: (line > 0).then_some(line), end: None };
    Finding {
        class: Class::Configuration,
        rule: rule.to_owned(),
        aliases: std::collections::BTreeSet::new(),
        severity,
        score: None,
        epss: None,
        exploited: false,
        unconfirmed: false,
        undecided: false,
        message: text(message, MESSAGE_BYTES_MAX),
        site,
        published: None,
        fixed: None,
        fix_released: None,
    }
}

/// Longest line that is a place; a longer one was written by a program.
const LINE_BYTES_MAX: usize = 512;
