//! Kubernetes: manifests as YAML or JSON, each document an object (<https://kubernetes.io/docs/concepts/overview/working-with-objects/>).
//!
//! A new rule is one file here and one row in [`RULES`].

mod privileged;
mod subject;

pub use subject::{Container, Object};

use super::file::{LintFile, ends_in};
use super::rule::{Found, Rule, broken};
use super::{Language, Subject};

/// The language.
pub const LANGUAGE: Language = Language {
    name: "Kubernetes",
    subject: Subject::Infrastructure,
    reads: |path| ends_in(path, &[".yaml", ".yml", ".json"]),
    claims: |file| {
        file.is_of(
            |document| document.get("apiVersion").is_some() && document.get("kind").is_some(),
            &["apiVersion", "kind"],
        )
    },
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Object>] = &[&privileged::RULE];

fn judge(file: &LintFile) -> Result<Vec<Found>, String> {
    let objects = file.documents()?.iter().flat_map(Object::all_of);
    Ok(objects.flat_map(|object| broken(RULES, &object)).collect())
}
