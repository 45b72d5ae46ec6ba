//! `terraform-secret-in-clear`.

use evidence::document::findings::Severity;

use super::Block;
use super::Plan;
use super::containers::containers;
use crate::lint::clear::{has_assignment, has_secret, is_secret};
use crate::lint::rule::{Facts, Hits, Rule};
use base64::Engine as _;
use serde_json::Value;

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-secret-in-clear",
        severity: Severity::High,
        title: "a secret stands in clear in what a machine is started with",
        why: "Everybody who may look at the machine, the function or the task reads it, and so does every program there.",
        remedy: "let the program fetch it from a store of secrets with a role of its own",
        same: &["CKV_AWS_46", "CKV_AWS_45"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for resource in &plan.resources {
        let block = resource.block();
        let scripts = SCRIPTS.iter().filter_map(|key| block.text(key));
        let metadata = block.values.get("metadata").and_then(Value::as_object).into_iter().flatten();
        let scripts = scripts.chain(metadata.filter_map(|(_, value)| value.as_str()));
        let mut is_broken = scripts.map(clear).any(|script| has_secret(&script) || has_assignment(&script));
        is_broken |= variables(&block).any(|(name, value)| is_secret(&name, &value));
        if is_broken {
            hits.at(0, block.address());
        }
    }
}

/// A script that is packed as text, or stands there as it is.
fn clear(script: &str) -> String {
    let packed: String = script.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| script.to_owned())
}

/// Variables of functions, tasks and applications.
fn variables(block: &Block<'_>) -> impl Iterator<Item = (String, String)> {
    let maps = block.blocks("environment").filter_map(|inner| inner.values.get("variables"));
    let maps =
        maps.chain(["environment_variables", "app_settings"].iter().filter_map(|key| block.values.get(key)));
    let maps = maps.filter_map(Value::as_object).flatten();
    let mut all: Vec<_> =
        maps.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    for container in containers(block) {
        let listed = container
            .get("environment")
            .or_else(|| container.get("Environment"))
            .and_then(Value::as_array)
            .cloned();
        for pair in listed.unwrap_or_default() {
            let text = |key: &str| pair.get(key).and_then(Value::as_str).map(str::to_owned);
            all.extend(text("name").or_else(|| text("Name")).zip(text("value").or_else(|| text("Value"))));
        }
    }
    all.into_iter()
}

const SCRIPTS: [&str; 6] = [
    "user_data",
    "user_data_base64",
    "user_data_replace",
    "custom_data",
    "metadata_startup_script",
    "startup_script",
];
