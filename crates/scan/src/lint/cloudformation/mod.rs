//! AWS CloudFormation: templates as YAML or JSON
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>).
//!
//! A new rule is one file here and one row in [`RULES`].

mod container_privileged;
mod database_public;
mod database_unencrypted;
mod function_open;
mod iam_admin;
mod iam_trust_everybody;
mod key_no_rotation;
mod open_admin_port;
mod open_port;
mod openings;
mod plain_http;
mod policy_public;
mod public_access_block_off;
mod public_bucket;
mod secret_in_clear;
mod template;
mod trail_incomplete;
mod volume_unencrypted;

pub use template::Template;

use super::file::{LintFile, ends_in, has_key};
use super::language::{Language, Subject};
use super::marked::Marked;
use super::rule::{Found, Rule, broken};
use super::unread::Unread;

/// The language.
pub const LANGUAGE: Language = Language {
    name: "CloudFormation",
    subject: Subject::Infrastructure,
    reads: |path| ends_in(path, &[".yaml", ".yml", ".json", ".template"]),
    claims: |file| match file.documents() {
        Ok(documents) => documents.iter().any(is_template),
        Err(_) => {
            has_key(file.text(), VERSION)
                || (has_key(file.text(), "Resources") && file.text().contains("AWS::"))
        }
    },
    judge,
    rules: || RULES.iter().map(|rule| &rule.facts).collect(),
};

/// The rules.
const RULES: &[&Rule<Template>] = &[
    &open_admin_port::RULE,
    &open_port::RULE,
    &public_bucket::RULE,
    &public_access_block_off::RULE,
    &policy_public::RULE,
    &iam_admin::RULE,
    &iam_trust_everybody::RULE,
    &database_public::RULE,
    &database_unencrypted::RULE,
    &volume_unencrypted::RULE,
    &plain_http::RULE,
    &function_open::RULE,
    &key_no_rotation::RULE,
    &trail_incomplete::RULE,
    &container_privileged::RULE,
    &secret_in_clear::RULE,
];

const VERSION: &str = "AWSTemplateFormatVersion";

/// Whether a document is a template. The version may be left out, so the types of resources tell too.
fn is_template(document: &Marked) -> bool {
    let resources = document.get("Resources").into_iter().flat_map(Marked::entries);
    let mut kinds = resources.filter_map(|(_, resource)| resource.text_at("Type"));
    document.get(VERSION).is_some() || kinds.any(|kind| kind.starts_with("AWS::"))
}

fn judge(file: &LintFile) -> Result<Vec<Found>, Unread> {
    let mut found = Vec::new();
    for document in file.documents()?.iter().filter(|document| is_template(document)) {
        found.extend(broken(RULES, &Template::read(document)?));
    }
    Ok(found)
}
