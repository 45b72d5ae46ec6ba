//! `cfn-secret-in-clear`.

use evidence::document::findings::Severity;

use super::Template;
use super::template::Block;
use crate::lint::clear::is_secret;
use crate::lint::plain_secret::is_literal_secret;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-secret-in-clear",
        severity: Severity::High,
        title: "a secret stands in clear in a template",
        why: "Everybody who reads the repository or its history has it, and it stays there when it is changed.",
        remedy: "refer to a store of secrets with `{{resolve:secretsmanager:..}}`, or take it as a parameter without a default",
        same: &["CKV_AWS_45"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    // The default of a parameter of the parameter store is the name under which the store has it.
    let is_stored =
        |parameter: &Block<'_>| parameter.text("Type").is_some_and(|kind| kind.starts_with("AWS::SSM::"));
    for parameter in template.parameters().filter(|parameter| !is_stored(parameter)) {
        let is_hidden = parameter.is_on("NoEcho");
        let value = parameter.text("Default").unwrap_or_default();
        if (is_hidden && is_literal_secret(value)) || is_secret(parameter.id(), value) {
            hits.of(parameter.key(), format!("parameter {}", parameter.id()));
        }
    }
    for resource in template.of(KINDS) {
        let variables = resource.inner("Environment").and_then(|block| block.inner("Variables"));
        let mut pairs: Vec<_> = variables.iter().flat_map(|block| block.pairs()).collect();
        pairs.extend(PASSWORDS.iter().filter_map(|key| Some((*key, resource.text(key)?))));
        if pairs.iter().any(|(name, value)| is_secret(name, value)) {
            hits.of(resource.key(), resource.name());
        }
    }
}

const KINDS: &[&str] = &[
    "AWS::Lambda::Function",
    "AWS::Serverless::Function",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBCluster",
    "AWS::DocDB::DBCluster",
    "AWS::Redshift::Cluster",
    "AWS::SecretsManager::Secret",
];
const PASSWORDS: [&str; 3] = ["MasterUserPassword", "AuthToken", "SecretString"];
