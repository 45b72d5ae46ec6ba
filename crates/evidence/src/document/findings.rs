//! The `findings` document: problems in code, dependencies, secrets, licences, web pages and configuration.
//!
//! Invariant: the identity of a finding is ours. It follows from rule and place, never from a tool's fingerprint, so it
//! survives moved lines, other runs and other versions of the tool. A document says nothing about waivers: those are
//! people's statements, which the judge applies. Findings that a tool or the repository suppresses are in the
//! document like all others.

mod class;
mod identity;
mod site;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::form::{Document, DocumentError, MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, Tool, check_tools, is_text};
pub use super::region::normalised;
use super::version;
use crate::{Digest, Moment};
pub use class::{Class, Severity};
pub use identity::{IdentityPlace, Origin, Proof, identity};
pub use site::Site;

/// Highest number of findings in one document.
pub const FINDINGS_MAX: usize = 10_000;

/// A `findings` document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingsDocument {
    /// Version of this format; 1.
    pub v: u8,
    /// Tools that ran. A document without findings says that these tools ran and found nothing.
    pub tools: BTreeSet<Tool>,
    /// Findings by identity.
    pub findings: BTreeMap<Digest, Finding>,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Sort of the problem.
    pub class: Class,
    /// The tool's id of the rule, or the id of the advisory.
    pub rule: String,
    /// Other ids of the same problem, such as CVE and GHSA ids.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// Severity.
    pub severity: Severity,
    /// CVSS base score times ten, where the severity follows from a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// Probability of exploitation within 30 days by EPSS, in hundredths of a percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<u16>,
    /// Whether the problem is known to be exploited (KEV).
    #[serde(default, skip_serializing_if = "is_false")]
    pub exploited: bool,
    /// Whether the tool only suspects it. A suspicion warns and does not block.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unconfirmed: bool,
    /// Whether it says that an answer could not be given: a file was not read, or a version could not be compared. Nobody
    /// knows then what else there is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub undecided: bool,
    /// The tool's sentence about it.
    pub message: String,
    /// Place of the problem.
    pub site: Site,
    /// Time at which the advisory was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Moment>,
    /// Smallest version of the component that has no such problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// Time at which that version was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix_released: Option<Moment>,
}

impl FindingsDocument {
    /// A document of tools that found nothing yet.
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Tool>) -> Self {
        Self { v: 1, tools: tools.into_iter().collect(), findings: BTreeMap::new() }
    }

    /// Adds a finding. One with the same identity is joined with it.
    pub fn add(&mut self, identity: Digest, finding: Finding) {
        match self.findings.remove(&identity) {
            Some(other) => self.findings.insert(identity, finding.join(other)),
            None => self.findings.insert(identity, finding),
        };
    }
}

impl Finding {
    /// Package URL of its component, if it is about a dependency.
    #[must_use]
    pub fn dependency(&self) -> Option<&str> {
        match &self.site {
            Site::Component { purl, .. } if self.class == Class::Dependency => Some(purl),
            Site::Component { .. } | Site::File { .. } | Site::Page { .. } | Site::Whole => None,
        }
    }

    /// One finding of two with the same identity: the worse of both in every respect.
    #[must_use]
    fn join(self, other: Self) -> Self {
        // The texts come from one of the two, chosen by content, so that the order does not matter.
        if (self.severity, &other.message, &other.site) >= (other.severity, &self.message, &self.site) {
            self.over(other)
        } else {
            other.over(self)
        }
    }

    /// The same with the texts of this one.
    fn over(self, rest: Self) -> Self {
        Self {
            severity: self.severity.max(rest.severity),
            score: self.score.max(rest.score),
            epss: self.epss.max(rest.epss),
            exploited: self.exploited || rest.exploited,
            unconfirmed: self.unconfirmed && rest.unconfirmed,
            undecided: self.undecided || rest.undecided,
            aliases: self.aliases.union(&rest.aliases).cloned().collect(),
            published: earlier(self.published, rest.published),
            fix_released: earlier(self.fix_released, rest.fix_released),
            fixed: version::later(self.fixed, rest.fixed),
            ..self
        }
    }

    /// Whether two findings agree in what their identity is made of. The identity has no lines: tools name the findings of
    /// a place in any order.
    fn is_about_the_same(&self, other: &Self) -> bool {
        let same_site = match (&self.site, &other.site) {
            (Site::File { path, .. }, Site::File { path: other, .. }) => path == other,
            (Site::Component { purl, .. }, Site::Component { purl: other, .. }) => purl == other,
            (one, other) => one == other,
        };
        same_site && self.class == other.class && self.rule == other.rule
    }

    fn fault(&self) -> Option<&'static str> {
        let short = |text: &String| is_text(text, TEXT_BYTES_MAX);
        if !short(&self.rule) || !self.aliases.iter().all(short) || self.aliases.len() > ALIASES_MAX {
            return Some("its rule or an alias is empty, long or not printable");
        }
        if !is_text(&self.message, MESSAGE_BYTES_MAX) {
            return Some("its message is empty, longer than 400 bytes or not printable");
        }
        if self.score.is_some_and(|score| score > 100) || self.epss.is_some_and(|epss| epss > 10_000) {
            return Some("its score is above 100, or its probability above 10000");
        }
        if self.fixed.as_ref().is_some_and(|version| !short(version)) {
            return Some("its fixed version is empty, long or not printable");
        }
        match &self.site {
            Site::File { path, line, end } => {
                let lines = line.is_none_or(|line| line > 0) && end.is_none_or(|end| Some(end) > *line);
                (!short(path) || !lines || (line.is_none() && end.is_some()))
                    .then_some("its path or its lines are not those of a file")
            }
            Site::Component { purl, through } => {
                let fine = short(purl) && through.iter().all(short) && through.len() <= THROUGH_MAX;
                (!fine).then_some("a package URL is empty, long or not printable")
            }
            Site::Page { method, path, parameter } => {
                let fine = short(method) && short(path) && parameter.as_ref().is_none_or(short);
                (!fine).then_some("its page has a text that is empty, long or not printable")
            }
            Site::Whole => None,
        }
    }
}

impl Document for FindingsDocument {
    const TITLE: &'static str = "findings document";

    fn check(&self) -> Result<(), DocumentError> {
        let rule = |what: String| Err(DocumentError::Rule { document: Self::TITLE, what });
        if self.v != 1 {
            return rule("`v` is not 1, the version that this program knows".into());
        }
        check_tools(Self::TITLE, &self.tools)?;
        if self.findings.len() > FINDINGS_MAX {
            return rule(format!(
                "it has {} findings, at most {FINDINGS_MAX} are allowed",
                self.findings.len()
            ));
        }
        match self.findings.iter().find_map(|(id, finding)| Some((id, finding.fault()?))) {
            Some((id, fault)) => rule(format!("finding {id}: {fault}")),
            None => Ok(()),
        }
    }

    fn tools(&self) -> &BTreeSet<Tool> {
        &self.tools
    }

    fn items(&self) -> BTreeMap<String, u64> {
        let mut items = BTreeMap::new();
        for finding in self.findings.values() {
            let name = if finding.unconfirmed { "unconfirmed" } else { finding.severity.as_str() };
            *items.entry(name.to_owned()).or_default() += 1;
        }
        items
    }

    fn merge(mut self, other: Self) -> Self {
        self.tools.extend(other.tools);
        for (id, finding) in other.findings {
            self.add(id, finding);
        }
        self
    }

    fn over(mut self, other: Self) -> Self {
        self.tools.extend(other.tools);
        for (id, finding) in other.findings {
            let finding = match self.findings.remove(&id) {
                Some(own) => own.over(finding),
                None => finding,
            };
            self.findings.insert(id, finding);
        }
        self
    }

    fn contradiction(&self, other: &Self) -> Option<String> {
        let unlike = |(id, finding): &(&Digest, &Finding)| {
            self.findings.get(id).is_some_and(|own| !own.is_about_the_same(finding))
        };
        other.findings.iter().find(unlike).map(|(id, _)| format!("finding {id}"))
    }

    fn join(self, other: Self) -> Result<Self, DocumentError> {
        // Two scanners may know an answer and not know it. Two runs of one scanner do not.
        let unlike = |(id, finding): &(&Digest, &Finding)| {
            self.findings.get(id).is_some_and(|own| own.undecided != finding.undecided)
        };
        let undecided = || other.findings.iter().find(unlike).map(|(id, _)| format!("finding {id}"));
        match self.contradiction(&other).or_else(undecided) {
            Some(what) => Err(DocumentError::Differs { document: Self::TITLE, what }),
            None => Ok(self.merge(other)),
        }
    }
}

/// The earlier of two times, as far as they are known.
fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

const ALIASES_MAX: usize = 64;

const THROUGH_MAX: usize = 64;
