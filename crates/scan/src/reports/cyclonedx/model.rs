//! A report in either encoding, and the findings in it.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, TEXT_BYTES_MAX, Tool, text};
use percent_encoding::percent_decode_str;

use crate::reports::draft::{Draft, DraftSite};
use crate::reports::findings::{self, Drafts};
use crate::reports::purl;
use crate::reports::severity::Rating;
use crate::{ScanError, Tree};

pub(in crate::reports) const WHAT_JSON: &str = "CycloneDX report (JSON)";
pub(in crate::reports) const WHAT_XML: &str = "CycloneDX report (XML)";

/// A report in either encoding.
#[derive(Default)]
pub(super) struct Report {
    pub tools: BTreeSet<Tool>,
    pub components: Components,
    pub vulnerabilities: Vec<Vulnerability>,
}

#[derive(Default)]
pub(super) struct Vulnerability {
    pub id: String,
    pub aliases: BTreeSet<String>,
    pub ratings: Vec<Score>,
    pub message: Option<String>,
    pub published: Option<evidence::Moment>,
    pub affects: Vec<String>,
}

/// A rating of a vulnerability.
#[derive(Default)]
pub(super) struct Score {
    pub method: Option<String>,
    pub vector: Option<String>,
    pub score: Option<Rating>,
    pub severity: Option<String>,
}

/// Package URLs of components by their reference.
#[derive(Default)]
pub(crate) struct Components(BTreeMap<String, String>);

impl Components {
    /// Adds a component; the answer is false if another package has its reference, so that nobody knows which of the two
    /// is affected.
    pub(super) fn add(&mut self, reference: &str, purl: String) -> bool {
        let known = self.0.entry(reference.to_owned()).or_insert_with(|| purl.clone());
        *known == purl
    }

    /// The package URL of a reference: of a component, a package URL itself, or the end of a BOM link.
    pub(crate) fn purl(&self, reference: &str) -> Option<String> {
        let inner = reference
            .strip_prefix("urn:cdx:")
            .and_then(|link| link.split_once('#'))
            .map(|(_, inner)| percent_decode_str(inner).decode_utf8_lossy().into_owned());
        let references = [Some(reference), inner.as_deref()];
        let mut named = references.iter().flatten().filter_map(|reference| self.0.get(*reference).cloned());
        let itself = || references.iter().flatten().find(|reference| reference.starts_with("pkg:"));
        named.next().or_else(|| itself().map(|purl| purl::normal(purl)))
    }
}

impl Report {
    pub(super) fn document(self, what: &'static str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
        let mut tools = self.tools;
        if tools.is_empty() {
            tools.insert(Tool::new("cyclonedx", None));
        }
        let mut drafts = Drafts::new(what);
        for entry in &self.vulnerabilities {
            if entry.aliases.len() > ALIASES_MAX {
                let why = format!(
                    "the vulnerability `{}` has more than {ALIASES_MAX} references",
                    text(&entry.id, 60)
                );
                return Err(ScanError::Format { what, why });
            }
            let message = entry.message.as_deref().unwrap_or(&entry.id);
            let draft = Draft {
                aliases: entry.aliases.clone(),
                published: entry.published,
                ..Draft::new(Class::Dependency, &entry.id, entry.rating(), message, DraftSite::Whole)
            };
            for reference in &entry.affects {
                let purl = self.components.purl(reference);
                let place = DraftSite::Component(purl.unwrap_or_else(|| purl::of_package("", reference, "")));
                drafts.push(Draft { place, ..draft.clone() })?;
            }
            if entry.affects.is_empty() {
                drafts.push(draft)?;
            }
        }
        findings::document(drafts, tools, tree)
    }
}

impl Vulnerability {
    /// Vectors, then scores, then words; of several the highest.
    fn rating(&self) -> Rating {
        let vectors: Vec<String> = self.ratings.iter().filter_map(Score::vector).collect();
        let scores =
            || self.ratings.iter().filter_map(|rating| rating.score.filter(|_| rating.is_cvss())).max();
        let unknown = Rating::of_word("");
        let words = self.ratings.iter().filter_map(|rating| rating.severity.as_deref()).map(Rating::of_word);
        let words = || words.filter(|word| *word != unknown).max();
        Rating::of_vectors(vectors.iter().map(String::as_str))
            .or_else(scores)
            .or_else(words)
            .unwrap_or(unknown)
    }
}

impl Score {
    /// The vector with the version that its method names: older tools leave it out of the vector.
    fn vector(&self) -> Option<String> {
        let vector = self.vector.as_deref()?.trim();
        if vector.starts_with("CVSS:") {
            return Some(vector.to_owned());
        }
        let version = match self.method.as_deref()? {
            "CVSSv3" => "3.0",
            "CVSSv31" => "3.1",
            "CVSSv4" => "4.0",
            _ => return None,
        };
        Some(format!("CVSS:{version}/{}", vector.trim_start_matches('(').trim_end_matches(')')))
    }

    /// Scores of other methods have other scales.
    fn is_cvss(&self) -> bool {
        matches!(self.method.as_deref(), Some("CVSSv3" | "CVSSv31" | "CVSSv4"))
    }
}

/// Two components with one reference.
pub(super) fn twice(reference: &str) -> String {
    format!("two components have the reference `{}`; give each its own", text(reference, 100))
}

/// Highest number of aliases that a document holds.
const ALIASES_MAX: usize = 64;

/// The package URL of a component that states none.
pub(super) fn unnamed(group: Option<&str>, name: &str, version: Option<&str>) -> String {
    let name = group.map_or_else(|| name.to_owned(), |group| format!("{group}/{name}"));
    purl::of_package("", &text(&name, TEXT_BYTES_MAX), version.unwrap_or_default())
}
