//! Packs of regulations: each control has a rule with a passing and a failing release, or stands among those that no release
//! shows; the page `docs/policy/regulations.md` is made of these tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use policy::{Bundle, Gate, PACKS, Pack, Verdict, test_names};
use serde::Deserialize;
use serde_json::json;

use crate::support::{gate, good, is_regulation};

/// A control that a rule is about.
#[derive(Clone, Deserialize)]
struct Control {
    regulation: String,
    control: String,
    code: String,
    asks: String,
    shows: String,
}

/// Controls that no release shows.
#[derive(Deserialize)]
struct Beyond {
    regulation: String,
    controls: Vec<String>,
    asks: String,
    why: String,
    /// The fact that the gate input does not have.
    fact: Option<String>,
}

/// What a regulation asks for as a whole.
#[derive(Deserialize)]
struct Whole {
    regulation: String,
    pack: String,
    scope: String,
    encryption: String,
    access: String,
    logging: String,
    residency: String,
}

/// All tables of a pack.
struct Tables {
    whole: Whole,
    /// Rules of the file of its regulation.
    own: Vec<Control>,
    /// Rules of other files.
    elsewhere: Vec<Control>,
    beyond: Vec<Beyond>,
}

impl Tables {
    fn of(pack: &Pack) -> Self {
        let gate = gate(pack.name);
        let input = json!({"mode": "team", "place": {"environment": "production"}}).to_string();
        let read = |name: &str| gate.value(name, &input).unwrap_or_else(|| json!([]));
        let mut wholes: Vec<Whole> = serde_json::from_value(read("regulations")).unwrap();
        assert_eq!(wholes.len(), 1, "{}", pack.name);
        let controls = |name: &str| -> Vec<Control> { serde_json::from_value(read(name)).unwrap() };
        Self {
            whole: wholes.remove(0),
            own: controls("controls"),
            elsewhere: controls("controls_elsewhere"),
            beyond: serde_json::from_value(read("beyond")).unwrap(),
        }
    }

    fn all() -> Vec<Self> {
        PACKS.iter().filter(|pack| is_regulation(pack)).map(Self::of).collect()
    }

    fn rules(&self) -> impl Iterator<Item = &Control> {
        self.own.iter().chain(&self.elsewhere)
    }
}

#[test]
fn each_regulation_has_rules_with_a_passing_and_a_failing_release() {
    for pack in PACKS.iter().filter(|pack| is_regulation(pack)) {
        let tables = Tables::of(pack);
        let names: BTreeSet<String> = test_names(&pack.tests()).into_iter().collect();
        let codes: BTreeSet<&str> = tables.own.iter().map(|control| control.code.as_str()).collect();
        assert!(codes.len() >= 5, "{}: {codes:?}", pack.name);
        for code in &codes {
            let name = code.replace('-', "_");
            for test in [format!("test_passes_{name}"), format!("test_fails_{name}")] {
                assert!(names.contains(&test), "{}: there is no test `{test}`", pack.name);
            }
        }
        // Codes begin with the name of their pack, so that they stay apart where a policy has several.
        let stem = pack.name.split('-').next().unwrap();
        for code in &codes {
            assert!(code.starts_with(stem), "{code} of {}", pack.name);
        }
    }
}

/// A reason names the control that its table has, and no rule is without a row.
#[test]
fn controls_of_the_tables_are_those_of_the_rules() {
    for pack in PACKS.iter().filter(|pack| is_regulation(pack)) {
        let tables = Tables::of(pack);
        let mut rows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for control in &tables.own {
            rows.entry(&control.code).or_default().insert(&control.control);
        }
        let rules = gate(pack.name).explain(&good().to_string()).unwrap().unwrap();
        for (code, controls) in &rows {
            let rule = rules.iter().find(|rule| rule.code == *code).unwrap();
            let what = rule.what.clone().unwrap_or_default();
            let named = what.split(": ").next().unwrap_or_default();
            assert!(
                controls.contains(named),
                "{code}: the rule is about `{named}`, its rows about {controls:?}"
            );
        }
        let of_others: BTreeSet<String> = gate("default")
            .explain(&good().to_string())
            .unwrap()
            .unwrap()
            .into_iter()
            .map(|rule| rule.code)
            .collect();
        let listed: BTreeSet<&str> = tables.rules().map(|control| control.code.as_str()).collect();
        for rule in &rules {
            let known = listed.contains(rule.code.as_str()) || of_others.contains(&rule.code);
            assert!(known, "{}: `{}` has no control", pack.name, rule.code);
        }
        for control in tables.rules() {
            assert_eq!(control.regulation, tables.whole.regulation);
            assert!(rules.iter().any(|rule| rule.code == control.code), "{}: no rule", control.code);
        }
        assert!(tables.beyond.iter().all(|beyond| beyond.regulation == tables.whole.regulation));
        assert_eq!(tables.whole.pack, pack.name);
    }
}

/// Each control of these families of the moderate baseline has a row.
#[test]
fn controls_of_the_moderate_baseline_are_covered() {
    let oscal = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/oscal");
    let file = oscal.join("nist.gov/SP800-53/rev5/json/NIST_SP-800-53_rev5_MODERATE-baseline_profile.json");
    let Ok(bytes) = std::fs::read(&file) else {
        println!("skipped: {} is not here", file.display());
        return;
    };
    let profile: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let ids = profile["profile"]["imports"][0]["include-controls"][0]["with-ids"].as_array().unwrap().clone();
    let ids = ids.iter().map(|id| {
        let id = id.as_str().unwrap().to_uppercase();
        id.split_once('.').map_or_else(|| id.clone(), |(control, more)| format!("{control}({more})"))
    });
    let ids: BTreeSet<String> = ids.collect();
    let tables = Tables::of(&Pack::named("fedramp").unwrap());
    let ruled: BTreeSet<&str> = tables.rules().map(|control| control.control.as_str()).collect();
    let beyond: BTreeSet<&str> =
        tables.beyond.iter().flat_map(|beyond| &beyond.controls).map(String::as_str).collect();
    let families: BTreeSet<&str> = ids.iter().map(|id| id.split('-').next().unwrap()).collect();
    for id in &ids {
        let family = id.split('-').next().unwrap();
        let has = ruled.contains(id.as_str()) || beyond.contains(id.as_str()) || beyond.contains(family);
        assert!(has, "{id} has neither a rule nor a reason");
    }
    // What the table names exists, in the baseline or in what FedRAMP adds to it.
    let added = ["IA-5(7)", "SA-9(5)", "SA-11(1)"];
    for name in ruled.iter().chain(&beyond) {
        let known = ids.contains(*name) || families.contains(name) || added.contains(name);
        assert!(known, "{name} is not in the baseline");
    }
    assert!(ids.len() > 280, "{}", ids.len());
}

/// The rules of all regulations fit into one policy, because no two files define the same name.
#[test]
fn one_policy_can_have_all_regulations() {
    let mut files = Pack::named("soc2").unwrap().files();
    for pack in PACKS.iter().filter(|pack| is_regulation(pack)) {
        files.extend(pack.files().into_iter().filter(|(name, _)| name.starts_with("rules_under_")));
    }
    let gate = Gate::compile(&Bundle::new(files).unwrap()).unwrap();
    let Verdict::Pass { checks, .. } = gate.ask(&good().to_string()) else { unreachable!("a good release") };
    let sentences = |regulation: &str| checks.iter().filter(|check| check.starts_with(regulation)).count();
    for tables in Tables::all() {
        assert!(sentences(&tables.whole.regulation) >= 5, "{}", tables.whole.regulation);
    }
}

/// `UPDATE_REGULATIONS=1` writes the page below its mark.
#[test]
fn the_page_lists_every_control() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy/regulations.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let (head, _) = found.split_once(MARK).expect("the page has its mark");
    let page = format!("{head}{MARK}\n{}", below());
    if std::env::var_os("UPDATE_REGULATIONS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page, "UPDATE_REGULATIONS=1 writes the page");
}

fn below() -> String {
    let all = Tables::all();
    let mut page = String::new();
    writeln!(page, "\n## Encryption, access, logging, residency\n").unwrap();
    writeln!(page, "| regulation | encryption | access | logging | residency |\n|---|---|---|---|---|")
        .unwrap();
    for Tables { whole, .. } in &all {
        let Whole { regulation, encryption, access, logging, residency, .. } = whole;
        writeln!(page, "| {regulation} | {encryption} | {access} | {logging} | {residency} |").unwrap();
    }
    writeln!(page, "\n## Coverage\n").unwrap();
    writeln!(page, "| pack | scope | controls with a rule | rules | rows of controls that no release shows |\n|---|---|---|---|---|").unwrap();
    for tables in &all {
        let controls: BTreeSet<&str> = tables.rules().map(|control| control.control.as_str()).collect();
        let codes: BTreeSet<&str> = tables.rules().map(|control| control.code.as_str()).collect();
        let Whole { pack, scope, .. } = &tables.whole;
        let (controls, codes, beyond) = (controls.len(), codes.len(), tables.beyond.len());
        writeln!(page, "| `{pack}` | {scope} | {controls} | {codes} | {beyond} |").unwrap();
    }
    for tables in &all {
        writeln!(page, "\n## {}", tables.whole.regulation).unwrap();
        writeln!(page, "\n| control | it asks that | a release shows that | rule |\n|---|---|---|---|")
            .unwrap();
        let mut rules: Vec<&Control> = tables.rules().collect();
        rules.sort_by_key(|control| in_order(&control.control));
        for Control { control, asks, shows, code, .. } in rules {
            writeln!(page, "| {control} | {asks} | {shows} | `{code}` |").unwrap();
        }
        if tables.beyond.is_empty() {
            continue;
        }
        writeln!(page, "\nNot shown by a release:\n").unwrap();
        writeln!(page, "| control | about | reason | missing fact |\n|---|---|---|---|").unwrap();
        let mut beyond: Vec<&Beyond> = tables.beyond.iter().collect();
        beyond.sort_by_key(|beyond| in_order(&beyond.controls[0]));
        for Beyond { controls, asks, why, fact, .. } in beyond {
            let fact = fact.as_deref().unwrap_or_default();
            writeln!(page, "| {} | {asks} | {why} | {fact} |", controls.join(", ")).unwrap();
        }
    }
    page
}

/// Numbers in an id sort by their value.
fn in_order(control: &str) -> Vec<(u64, String)> {
    let mut parts: Vec<(u64, String)> = Vec::new();
    for c in control.chars() {
        match (c.to_digit(10), parts.last_mut()) {
            (Some(digit), Some((number, text))) if text.is_empty() => {
                *number = *number * 10 + u64::from(digit)
            }
            (Some(digit), _) => parts.push((u64::from(digit), String::new())),
            (None, _) => parts.push((0, c.to_string())),
        }
    }
    parts
}

const MARK: &str =
    "<!-- regulations: written by the test `the_page_lists_every_control` with UPDATE_REGULATIONS=1 -->";
