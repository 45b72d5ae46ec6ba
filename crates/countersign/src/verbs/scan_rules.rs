//! The part of `countersign scan` about files that configure: infrastructure, and pipelines.
//!
//! Invariant: a finding of a comparison is new if the tree before does not have it, by its identity.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Digest;
use evidence::document::findings::{Finding, Severity, Site};
use scan::exports::Row;
use scan::lint::{Lint, Subject};
use serde::Serialize;

/// Broken rules in the files of a subject.
#[derive(Debug, Serialize)]
pub struct RuleFindings {
    /// Number of files, by their language.
    pub files: BTreeMap<&'static str, usize>,
    /// Findings.
    pub findings: Vec<RuleFinding>,
}

/// A place that breaks a rule.
#[derive(Debug, Serialize)]
pub struct RuleFinding {
    /// Identity.
    pub id: String,
    /// Rule.
    pub rule: String,
    /// Ids of the rule in other tools.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// Severity.
    pub severity: &'static str,
    /// Path and line.
    pub at: String,
    /// The fault, its place, and the remedy.
    pub message: String,
    #[serde(skip)]
    found: Finding,
}

/// Files of both subjects that are being judged.
#[derive(Debug)]
pub struct Judging {
    infrastructure: Lint,
    pipelines: Lint,
}

impl Default for Judging {
    fn default() -> Self {
        Self { infrastructure: Lint::new(Subject::Infrastructure), pipelines: Lint::new(Subject::Pipelines) }
    }
}

impl Judging {
    /// Whether a file of this path is judged.
    pub fn reads(path: &str) -> bool {
        [Subject::Infrastructure, Subject::Pipelines]
            .iter()
            .any(|subject| scan::lint::is_read(*subject, path))
    }

    /// Judges a file. A file that cannot be read is named in the result.
    pub fn add(&mut self, path: &str, bytes: &[u8]) {
        for (lint, subject) in
            [(&mut self.infrastructure, Subject::Infrastructure), (&mut self.pipelines, Subject::Pipelines)]
        {
            if let Err(error) = lint.add(subject, path, bytes) {
                lint.unread.insert(path.to_owned(), error.to_string());
            }
        }
    }

    /// Files that could not be judged, with the reason.
    pub fn unread(&self) -> impl Iterator<Item = (&String, &String)> {
        self.infrastructure.unread.iter().chain(&self.pipelines.unread)
    }

    /// Findings that are not among those of another tree: of infrastructure, and of pipelines.
    pub fn beside(self, before: Option<&Self>) -> [RuleFindings; 2] {
        let old = |of: fn(&Self) -> &Lint| before.map(of);
        [
            RuleFindings::of(self.infrastructure, old(|judging| &judging.infrastructure)),
            RuleFindings::of(self.pipelines, old(|judging| &judging.pipelines)),
        ]
    }
}

impl RuleFindings {
    /// Findings of a subject that are not among those before.
    pub fn of(lint: Lint, before: Option<&Lint>) -> Self {
        let is_new = |id: &Digest| before.is_none_or(|before| !before.document.findings.contains_key(id));
        let findings = lint.document.findings.into_iter();
        // An undecided one is a file that was not read, which is named apart.
        let found = findings.filter(|(id, finding)| !finding.undecided && is_new(id));
        let mut findings: Vec<_> = found.map(|(id, finding)| RuleFinding::new(id, finding)).collect();
        findings.sort_by(|one, other| {
            let key = |of: &RuleFinding| (std::cmp::Reverse(of.found.severity), of.found.site.clone());
            key(one).cmp(&key(other)).then_with(|| one.rule.cmp(&other.rule))
        });
        Self { files: lint.files, findings }
    }

    /// Number of findings that stop a release by default.
    pub fn stopping(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_stopping()).count()
    }

    /// For people; nothing if there is no file of the subject.
    pub fn lines(&self, subject: Subject, is_compared: bool) -> Vec<String> {
        if self.files.is_empty() {
            return Vec::new();
        }
        let of = |(language, count): (&&str, &usize)| format!("{language} {count}");
        let files = self.files.iter().map(of).collect::<Vec<_>>().join(", ");
        let new = if is_compared { " new" } else { "" };
        let mut lines = vec![match self.findings.len() {
            0 => format!("{}: nothing{new} found in files of {files}", subject.as_str()),
            count => format!("{}: {count}{new} found in files of {files}", subject.as_str()),
        }];
        for finding in self.findings.iter().take(SHOWN_MAX) {
            lines.push(format!(
                "  {}: {}: {} ({})",
                finding.severity, finding.at, finding.message, finding.rule
            ));
        }
        let more = self.findings.len().saturating_sub(SHOWN_MAX);
        lines.extend((more > 0).then(|| format!("  and {more} more, see -o json")));
        lines
    }

    /// For other programs.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.findings.iter().map(RuleFinding::row)
    }
}

impl RuleFinding {
    fn new(id: Digest, found: Finding) -> Self {
        Self {
            id: id.to_string(),
            rule: found.rule.clone(),
            aliases: found.aliases.clone(),
            severity: found.severity.as_str(),
            at: found.site.to_string(),
            message: found.message.clone(),
            found,
        }
    }

    fn is_stopping(&self) -> bool {
        self.found.severity >= Severity::High
    }

    fn row(&self) -> Row {
        let (file, line) = match &self.found.site {
            Site::File { path, line, .. } => (Some(path.clone()), *line),
            _ => (None, None),
        };
        // A message is `FAULT (PLACE): REMEDY`, and a remedy may have a colon, too.
        let (message, remedy) = match self.message.split_once("): ") {
            Some((message, remedy)) => (format!("{message})"), remedy),
            None => (self.message.clone(), "see the page of the rule"),
        };
        Row {
            id: self.id.clone(),
            rule: self.rule.clone(),
            is_secret: false,
            is_stopping: self.is_stopping(),
            score: match self.found.severity {
                Severity::Critical => 9.5,
                Severity::High => 8.0,
                Severity::Medium | Severity::Unknown => 5.0,
                Severity::Low => 2.0,
                Severity::None => 0.0,
            },
            file,
            line,
            message,
            remedy: remedy.to_owned(),
        }
    }
}

/// Findings that people read at once.
const SHOWN_MAX: usize = 30;
