//! Plans of Terraform, as Terraform itself wrote them, and costs by Infracost's documentation.

use std::collections::BTreeMap;

use evidence::document::changes::{ChangeAction, Cost};
use evidence::document::findings::Origin;
use evidence::document::{ChangesDocument, Document as _};
use scan::reports::ReportFormat::{self, Infracost, TerraformPlan};
use scan::reports::translate;

use crate::published_vectors::suite;
use crate::refusal;

fn changes(format: ReportFormat, bytes: &[u8]) -> ChangesDocument {
    let translated =
        translate(format, bytes, &BTreeMap::new(), Origin::Scan).unwrap_or_else(|error| panic!("{error}"));
    let document = ChangesDocument::decode(&translated.document).unwrap();
    assert_eq!(document.items(), translated.items);
    document
}

/// For each plan: how many resources are made, changed, replaced and destroyed.
#[test]
fn published_plans_are_read_as_they_count() {
    let Some(dir) = suite("terraform-plans") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let dir = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(dir.join("plan.json")) else { continue };
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "invalid" {
            assert!(refusal(TerraformPlan, &bytes).contains("not sound JSON"));
            continue;
        }
        let document = changes(TerraformPlan, &bytes);
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let all = value["resource_changes"].as_array().cloned().unwrap_or_default();
        let count = |words: &[&str]| {
            let of = |one: &&serde_json::Value| one["change"]["actions"] == serde_json::json!(words);
            all.iter().filter(of).count()
        };
        let found = |action| document.resources.values().filter(|one| one.action == action).count();
        assert_eq!(found(ChangeAction::Create), count(&["create"]), "{name}");
        assert_eq!(found(ChangeAction::Update), count(&["update"]), "{name}");
        assert_eq!(found(ChangeAction::Delete), count(&["delete"]), "{name}");
        let replaced = count(&["delete", "create"]) + count(&["create", "delete"]);
        assert_eq!(found(ChangeAction::Replace), replaced, "{name}");
        seen += 1;
    }
    assert!(seen >= 19, "{seen} plans");
}

fn plan(changes: &str) -> String {
    format!(
        "{{\"format_version\": \"1.2\", \"terraform_version\": \"1.9.5\", \"planned_values\": {{}}, \"resource_changes\": [{changes}]}}"
    )
}

fn change(address: &str, change: &str) -> String {
    format!(
        "{{\"address\": \"{address}\", \"type\": \"aws_instance\", \"provider_name\": \"aws\", \"change\": {change}}}"
    )
}

#[test]
fn a_change_names_what_changes_and_what_forces_a_replacement() {
    let update = r#"{"actions": ["update"], "before": {"a": 1, "b": 2, "c": [1]}, "after": {"a": 1, "b": 3, "c": [1]}, "after_unknown": {"d": true, "c": [false]}}"#;
    let replace = r#"{"actions": ["create", "delete"], "before": {}, "after": {}, "replace_paths": [["ami"], ["disk", 0, "size"]]}"#;
    let document =
        changes(TerraformPlan, plan(&[change("a", update), change("b", replace)].join(",")).as_bytes());
    let fields = |at: &str| document.resources[at].fields.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((fields("a"), fields("b")), (vec!["b", "d"], vec!["ami", "disk"]));
    assert_eq!(document.resources["b"].action, ChangeAction::Replace);
    let deposed =
        change("a", r#"{"actions": ["delete"]}"#).replace("\"type\"", "\"deposed\": \"0a1b\", \"type\"");
    let both = plan(&[deposed, change("a", r#"{"actions": ["create"]}"#)].join(","));
    assert_eq!(changes(TerraformPlan, both.as_bytes()).resources.len(), 2);
    let stays = plan(&change("a", r#"{"actions": ["no-op"]}"#));
    assert!(changes(TerraformPlan, stays.as_bytes()).resources.is_empty());
}

#[test]
fn attack_a_plan_that_is_not_whole_is_refused() {
    let many = serde_json::json!((0..65).map(|n| (n.to_string(), n)).collect::<BTreeMap<_, _>>());
    let twice =
        [change("a", r#"{"actions": ["create"]}"#), change("a", r#"{"actions": ["delete"]}"#)].join(",");
    for (text, why) in [
        (plan("").replace("1.2", "2.0"), "format version 2.0 is unknown"),
        (plan("").replace("\"planned_values\"", "\"errored\": true, \"planned_values\""), "the plan failed"),
        (r#"{"format_version": "1.0", "values": {}}"#.to_owned(), "no plan"),
        (
            plan("").replace("\"planned_values\"", "\"complete\": false, \"planned_values\""),
            "is not complete",
        ),
        (plan(&twice), "stands twice"),
        (
            plan(&change("a", &format!("{{\"actions\": [\"update\"], \"after\": {many}}}"))),
            "it changes 65 attributes, and a document holds at most 64",
        ),
        (plan(&change("a", r#"{"actions": ["explode"]}"#)), "are unknown"),
        (plan(&change("a", r#"{"actions": []}"#)), "are unknown"),
        (plan(r#"{"address": "a"}"#), "`change` is missing"),
        (plan("").replace(']', ""), "not sound JSON"),
        (
            plan("").replace("\"format_version\"", "\"resource_changes\": [], \"format_version\""),
            "not sound JSON",
        ),
    ] {
        assert!(
            refusal(TerraformPlan, text.as_bytes()).contains(why),
            "{text}: {}",
            refusal(TerraformPlan, text.as_bytes())
        );
    }
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(plan("").encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert!(changes(TerraformPlan, &utf16).resources.is_empty());
}

#[test]
fn costs_are_whole_hundredths_rounded_up() {
    let report = |total: &str, past: &str| {
        format!(
            "{{\"version\": \"0.2\", \"currency\": \"EUR\", \"projects\": [{{\"name\": \"a\"}}], \"totalMonthlyCost\": {total}, \"pastTotalMonthlyCost\": {past}, \"summary\": {{\"totalUnsupportedResources\": 2}}}}"
        )
    };
    let cost = |text: &str| changes(Infracost, text.as_bytes()).costs["EUR"];
    assert_eq!(
        cost(&report("\"1234.561\"", "\"7\"")),
        Cost { monthly: 123_457, before: Some(700), unpriced: 2 }
    );
    assert_eq!(cost(&report("null", "null")), Cost { monthly: 0, before: None, unpriced: 2 });
    assert_eq!(cost(&report("\"0.5\"", "\"0\"")).monthly, 50);
    for (text, why) in [
        (report("\"-1\"", "null"), "no amount"),
        (report("\"1e9\"", "null"), "no amount"),
        (report("12", "null"), "not a text"),
        (report("\"99999999999999999999\"", "null"), "no amount"),
        (report("\"1\"", "null").replace("[{\"name\": \"a\"}]", "[]"), "nothing was priced"),
        (
            report("\"1\"", "null")
                .replace("\"name\": \"a\"", "\"metadata\": {\"errors\": [{\"message\": \"no key\"}]}"),
            "could not be priced: no key",
        ),
        (report("\"1\"", "null").replace("0.2", "7"), "version 7 is unknown"),
        (report("\"1\"", "null").replace("totalMonthlyCost", "total"), "`totalMonthlyCost` is missing"),
        (report("\"1\"", "null").replace("summary", "other"), "the field `summary` is missing"),
        (report("\"1\"", "null").replace("Unsupported", "Other"), "`totalUnsupportedResources` is missing"),
    ] {
        assert!(refusal(Infracost, text.as_bytes()).contains(why), "{text}");
    }
}
