//! A finding as the signer of a statement saw it.
//!
//! Invariant: it is the finding with the identity that is the subject of the statement. The finding of a dependency is
//! also meant if the component is the same and its rule is an id that the signer saw, because another scanner names the
//! same advisory by another id. A statement names such a finding and settles it only while it is not worse than the signer
//! saw: a higher severity, a problem that is known to be exploited now, a suspicion that is confirmed, and an answer that was
//! not known need a new signature.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rules::Matter;
use crate::Digest;
use crate::document::TEXT_BYTES_MAX;
use crate::document::findings::{Finding, Severity};

/// A finding as a signer saw it. The only subject of the statement is its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenFinding {
    /// The rule or the advisory.
    pub rule: String,
    /// Other ids of the same advisory.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// Package URL of the component, if the finding is about a dependency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Its severity. Absent in statements from before this field, which settle the finding whatever it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Whether it was known to be exploited; compared where `severity` is there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exploited: bool,
    /// Whether the tool only suspected it; compared where `severity` is there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unconfirmed: bool,
    /// Whether it said that an answer could not be given; compared where `severity` is there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub undecided: bool,
}

impl SeenFinding {
    /// The finding as a person sees it now.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.clone(),
            aliases: finding.aliases.clone(),
            component: finding.dependency().map(str::to_owned),
            severity: Some(finding.severity),
            exploited: finding.exploited,
            unconfirmed: finding.unconfirmed,
            undecided: finding.undecided,
        }
    }

    pub(super) fn form_fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        let short = |text: &String| (1..=TEXT_BYTES_MAX).contains(&text.len());
        if subjects.len() != 1 {
            return Some("it has one subject, the identity of the finding");
        }
        let fine = short(&self.rule)
            && self.aliases.len() <= ALIASES_MAX
            && self.aliases.iter().chain(&self.component).all(short);
        (!fine).then_some("its rule, an alias or the component is empty or long")
    }

    pub(super) fn was_found(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        let mut found = matter.findings.iter().flat_map(|document| &document.findings);
        found.any(|(id, finding)| self.is_seen(subjects, id, finding))
    }

    /// Whether a statement with these subjects means a finding.
    fn is_seen(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> bool {
        let names = |name: &String| *name == self.rule || self.aliases.contains(name);
        let same = self.component.is_some() && finding.dependency() == self.component.as_deref();
        // The finding's own aliases are whatever a report says, so they lead to no other advisory.
        subjects.contains(id) && self.is_of(finding) || same && names(&finding.rule)
    }

    /// Whether a statement with these subjects means a finding, which is not worse than the signer saw.
    #[must_use]
    pub fn settles(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> bool {
        self.is_seen(subjects, id, finding) && !self.is_outgrown(finding)
    }

    /// The sentence about a finding that a statement with these subjects means and does not settle.
    pub(super) fn outgrown(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> Option<String> {
        let seen = self.severity.filter(|_| self.is_outgrown(finding))?;
        self.is_seen(subjects, id, finding)
            .then(|| format!("was signed when it was {}; it is {} now", self.words(seen), weight(finding)))
    }

    /// Whether a finding is worse than the signer saw.
    fn is_outgrown(&self, finding: &Finding) -> bool {
        self.severity.is_some_and(|seen| {
            finding.severity > seen
                || finding.exploited && !self.exploited
                || self.unconfirmed && !finding.unconfirmed
                || self.undecided && !finding.undecided
        })
    }

    /// Whether the subject is a finding of a release, and people would read another rule or component than it has.
    pub(super) fn misstates(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        let found = matter.findings.iter().flat_map(|document| &document.findings);
        found.filter(|(id, _)| subjects.contains(id)).any(|(_, finding)| !self.is_of(finding))
    }

    fn is_of(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.component.as_deref() == finding.dependency()
    }

    /// With every id: a statement settles findings by each of them, also where its subject is not in the release.
    pub(super) fn told(&self) -> String {
        let aliases: Vec<_> = self.aliases.iter().map(String::as_str).collect();
        let aliases = if aliases.is_empty() { String::new() } else { format!(" ({})", aliases.join(", ")) };
        let component = self.component.as_ref().map(|component| format!(" in {component}"));
        let seen = self.severity.map(|severity| format!(", seen as {}", self.words(severity)));
        format!("{}{aliases}{}{}", self.rule, component.unwrap_or_default(), seen.unwrap_or_default())
    }

    fn words(&self, severity: Severity) -> String {
        let more = [
            (self.exploited, " and known to be exploited"),
            (self.unconfirmed, ", only suspected"),
            (self.undecided, ", could not decide"),
        ];
        let more = more.iter().filter(|(is, _)| *is).map(|(_, words)| *words);
        std::iter::once(severity.as_str()).chain(more).collect()
    }
}

/// How much a finding weighs, for people who sign a statement about it: all that their statement is compared with later.
#[must_use]
pub fn weight(finding: &Finding) -> String {
    SeenFinding::of(finding).words(finding.severity)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

const ALIASES_MAX: usize = 64;
