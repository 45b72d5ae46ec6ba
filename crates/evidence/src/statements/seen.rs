//! A finding as the signer of a statement saw it.
//!
//! Invariant: it is the finding with the identity that is the subject of the statement. The finding of a dependency is
//! also meant if the component is the same and its rule is an id that the signer saw, because another scanner names the
//! same advisory by another id.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rules::Matter;
use crate::Digest;
use crate::document::TEXT_BYTES_MAX;
use crate::document::findings::{Class, Finding, Site};

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
}

impl SeenFinding {
    /// The finding as a person sees it now.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.clone(),
            aliases: finding.aliases.clone(),
            component: dependency(finding).map(str::to_owned),
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
    #[must_use]
    pub fn is_seen(&self, subjects: &[Digest], id: &Digest, finding: &Finding) -> bool {
        let names = |name: &String| *name == self.rule || self.aliases.contains(name);
        let same = self.component.is_some() && dependency(finding) == self.component.as_deref();
        // The finding's own aliases are whatever a report says, so they lead to no other advisory.
        subjects.contains(id) && self.is_of(finding) || same && names(&finding.rule)
    }

    /// Whether the subject is a finding of a release, and people would read another rule or component than it has.
    pub(super) fn misstates(&self, subjects: &[Digest], matter: &Matter<'_>) -> bool {
        let found = matter.findings.iter().flat_map(|document| &document.findings);
        found.filter(|(id, _)| subjects.contains(id)).any(|(_, finding)| !self.is_of(finding))
    }

    fn is_of(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.component.as_deref() == dependency(finding)
    }

    pub(super) fn told(&self) -> String {
        match &self.component {
            Some(component) => format!("{} in {component}", self.rule),
            None => self.rule.clone(),
        }
    }
}

/// The component of a dependency's finding.
fn dependency(finding: &Finding) -> Option<&str> {
    match &finding.site {
        Site::Component { purl, .. } if finding.class == Class::Dependency => Some(purl),
        Site::Component { .. } | Site::File { .. } | Site::Page { .. } | Site::Whole => None,
    }
}

const ALIASES_MAX: usize = 64;
