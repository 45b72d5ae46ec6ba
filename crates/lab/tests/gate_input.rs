//! The gate input against its page: every field that a policy can ask about is documented, and no other one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::Bundle;
use evidence::pool::Pool;
use judge::{VerificationContext, check, input};
use lab::parts::PIPELINE_APART;
use lab::{Lab, assemble, forgery};
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../docs/policy/input.md");

/// Releases that fill every list and every field that may be absent, between them.
const FULL: [&str; 17] = [
    "a tag at the second of its end",
    "a rejection",
    "an approval by the person who signed the change off",
    "a limit wider than the bounds of the place",
    "a secret that one runner alone found",
    "something critical that a check found",
    "coverage that one runner alone saw fall",
    "a plan that destroys a database",
    "a waiver of a test beside another test that failed",
    "a check that failed on one runner and that the other one gave up",
    "a waiver of something that was high and is critical now",
    "a rollout in staging that failed",
    "a staging that runs with half of the memory",
    "personal data at a place in another region",
    "a changed pipeline file that one person approved",
    "a change with the help of a tool that one person approved",
    "fresh knowledge of one runner beside another that states none",
];

/// The plan and the contents of statements have pages that show them, and the counts of a report have names by its kind.
const WHOLE: [&str; 5] = [
    "plan",
    "reports[].items",
    "before.checks[].reports[].items",
    "statements[].body",
    "observations[].body",
];

fn inputs() -> Vec<Vec<u8>> {
    let rows = forgery::all();
    let full = FULL.map(|name| rows.iter().find(|row| row.name == name).unwrap());
    let input_of = |lab: &Lab, bundle: &Bundle| {
        let seen = VerificationContext { root: 1, ..VerificationContext::default() };
        input(&check(bundle, &lab.anchors(), &seen).unwrap()).unwrap()
    };
    let mut inputs = full.map(|row| row.forged()).map(|made| input_of(&made.lab, &made.bundle)).to_vec();
    let lab = Lab {
        unusual: |root| root.runners.iter_mut().for_each(|runner| runner.pool = Some(Pool::Fork)),
        ..Lab::default()
    };
    let mut pooled = lab.honest();
    forgery::asked_with(&lab, &mut pooled, "root", json!(1));
    inputs.push(input_of(&lab, &assemble(&lab, &pooled).0));
    let apart = Lab { pipeline: PIPELINE_APART, ..Lab::default() };
    inputs.push(input_of(&apart, &assemble(&apart, &apart.honest()).0));
    let lab = Lab::default();
    let mut on_main = lab.honest();
    forgery::verified(&lab, &mut on_main);
    inputs.push(input_of(&lab, &assemble(&lab, &on_main).0));
    inputs
}

/// Names of the fields of a value with the way to them; `[]` stands for each item of a list.
fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let whole = WHOLE.contains(&path.as_str());
                if !whole {
                    walk(field, &path, found);
                }
                let has_fields = field.is_object() || field.get(0).is_some_and(Value::is_object);
                if whole || !has_fields {
                    found.insert(path);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

/// The fields that rows of the table name in their first cell.
fn documented(page: &str) -> BTreeSet<String> {
    let table = page.split("| field | meaning |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn the_page_of_the_gate_input_has_every_field_and_no_other() {
    let mut fields = BTreeSet::new();
    for input in inputs() {
        walk(&serde_json::from_slice(&input).unwrap(), "", &mut fields);
    }
    // It is null where nothing comes before; the examples are releases to production.
    fields.insert("before".to_owned());
    // Some examples change no such file; the others show the fields of one.
    fields.remove("source.pipeline_files");
    // The second example has no rejection; the first one shows the fields of one.
    fields.remove("rejections");
    // Results of checks have the same fields; no example fills these.
    let waived = fields.iter().filter(|field| field.starts_with("tests.waived")).cloned();
    let others = ["findings[].outgrown", "checks[].reports[].undated"].map(str::to_owned);
    let before: Vec<_> = waived.chain(others).map(|field| format!("before.{field}")).collect();
    fields.extend(before);
    // Nor has the check that nobody passed a report.
    fields.remove("before.checks[].reports");
    let documented = documented(PAGE);
    let missing: Vec<_> = fields.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/policy/input.md: rows are missing for the fields {missing:?}");
    let unknown: Vec<_> = documented.difference(&fields).collect();
    assert!(unknown.is_empty(), "docs/policy/input.md: no gate input has the fields {unknown:?}");
}

/// The names of the fields of each object, by the way to it.
fn objects(value: &Value, path: &str, found: &mut BTreeMap<String, Vec<BTreeSet<String>>>) {
    match value {
        Value::Object(fields) if !WHOLE.contains(&path) => {
            found.entry(path.to_owned()).or_default().push(fields.keys().cloned().collect());
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                objects(field, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn the_page_of_the_gate_input_lists_the_fields_that_may_be_absent() {
    let mut found = BTreeMap::new();
    for input in inputs() {
        objects(&serde_json::from_slice(&input).unwrap(), "", &mut found);
    }
    let mut absent = BTreeSet::new();
    for (path, instances) in &found {
        let all: BTreeSet<_> = instances.iter().flatten().collect();
        let some = all.into_iter().filter(|name| instances.iter().any(|fields| !fields.contains(*name)));
        absent.extend(some.map(|name| if path.is_empty() { name.clone() } else { format!("{path}.{name}") }));
    }
    let list = PAGE.split("A field is always there").nth(1).unwrap().split("may be absent").next().unwrap();
    let listed: BTreeSet<_> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let missing: Vec<_> = absent.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "docs/policy/input.md: the list of fields that may be absent has no {missing:?}"
    );
    // Results of checks have the same fields; no example shows them all with and without these.
    let of_build = |field: &str| {
        let field = field.strip_prefix("before.")?;
        Some(absent.contains(field.strip_prefix("checks[].").unwrap_or(field)))
    };
    let other: Vec<_> =
        listed.difference(&absent).filter(|field| of_build(field).is_none_or(|shown| !shown)).collect();
    assert!(other.is_empty(), "docs/policy/input.md: no gate input shows the absence of {other:?}");
}
