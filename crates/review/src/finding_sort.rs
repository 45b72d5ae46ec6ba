//! Sorts of findings that people look for: their classes, with files that configure apart by their subject.

use evidence::document::findings::{Class, Finding};

/// A sort of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Findings of a class, except `configuration`.
    Class(Class),
    /// Files that build, test and deploy.
    Pipelines,
    /// Images of containers.
    Images,
    /// Other files and settings that configure.
    Infrastructure,
}

impl Sort {
    /// Whether a finding is of this sort.
    #[must_use]
    pub fn has(self, finding: &Finding) -> bool {
        match (self, finding.class) {
            (Self::Class(class), other) => class == other,
            (_, Class::Configuration) => self == of_rule(&finding.rule),
            _ => false,
        }
    }
}

/// The sort of a rule about files that configure: rules are named by their language.
fn of_rule(rule: &str) -> Sort {
    match rule.split('-').next() {
        Some("github" | "gitlab" | "pipeline" | "script") => Sort::Pipelines,
        Some("image") => Sort::Images,
        _ => Sort::Infrastructure,
    }
}

/// The word of a query, the name for people, and the sort.
pub const SORTS: [(&str, &str, Sort); 9] = [
    ("code", "code", Sort::Class(Class::Code)),
    ("dependencies", "dependencies", Sort::Class(Class::Dependency)),
    ("images", "images", Sort::Images),
    ("infrastructure", "infrastructure", Sort::Infrastructure),
    ("licences", "licences", Sort::Class(Class::Licence)),
    ("pipelines", "pipelines", Sort::Pipelines),
    ("secrets", "secrets", Sort::Class(Class::Secret)),
    ("supply", "supply of packages", Sort::Class(Class::Supply)),
    ("web", "running services", Sort::Class(Class::Web)),
];
