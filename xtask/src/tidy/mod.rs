//! The laws of the tree, as one pass over its files and its dependency graph.
//!
//! Invariant: a law is data here and a check that has a test which breaks it. What clippy can hold
//! (function length, panics, clocks in `domain`) stands in `clippy.toml` and the workspace lints.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Every breach found below `root`, one line each.
pub fn broken(root: &Path) -> Result<Vec<String>, String> {
    let read = |file: &Path| fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()));
    let mut found = edges(&metadata(root)?);
    let (mut tests, mut items) = (BTreeSet::new(), BTreeSet::new());
    for file in sources(root)? {
        let text = read(&file)?;
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        found.extend(breaches(&name, &text));
        tests.extend(test_names(&text));
        items.extend(public_items(&name, &text));
    }
    for page in EVIDENCE_PAGES {
        found.extend(unknown_tests(page, &read(&root.join(page))?, &tests));
    }
    found.extend(unknown_items(&read(&root.join(GLOSSARY))?, &items));
    Ok(found)
}

/// Public items that a source file defines, as `crate::Name`.
fn public_items(name: &str, text: &str) -> Vec<String> {
    let Some(crate_name) = crate_of(name) else { return Vec::new() };
    let item = |line: &str| {
        let mut words =
            line.strip_prefix("pub ")?.split(|c: char| !c.is_alphanumeric() && c != '_').peekable();
        words.next_if(|word| ITEM_WORDS.contains(word))?;
        let item = words.find(|word| !ITEM_WORDS.contains(word))?;
        Some(format!("{crate_name}::{item}"))
    };
    text.lines().filter_map(|line| item(line.trim_start())).collect()
}

/// Names in the glossary's last column that no crate defines.
fn unknown_items(text: &str, items: &BTreeSet<String>) -> Vec<String> {
    let last_cell = |row: &str| row.strip_suffix("` |")?.rsplit_once('`').map(|(_, name)| name.to_owned());
    let named = text.lines().filter_map(last_cell);
    let unknown = named.filter(|name| {
        let (first, last) = (name.split("::").next(), name.rsplit("::").next());
        !items.contains(&[first.unwrap_or_default(), last.unwrap_or_default()].join("::"))
    });
    unknown.map(|name| format!("{GLOSSARY}: names `{name}`, which no crate defines")).collect()
}

/// Names of the tests that a source file may define: functions, and first words of a line, which macros of tests take.
fn test_names(text: &str) -> Vec<String> {
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let functions = text.split("fn ").skip(1).map(name);
    let first_words = text.lines().map(|line| name(line.trim_start())).filter(|word| word.contains('_'));
    functions.chain(first_words).collect()
}

/// Tests that a page names as proof and that no source file defines.
fn unknown_tests(page: &str, text: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_test_name = |name: &&str| {
        let name = name.trim_end_matches('*');
        name.matches('_').count() >= 2
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let is_known = |name: &&str| match name.strip_suffix('*') {
        Some(start) => tests.iter().any(|test| test.starts_with(start)),
        // Tests of policies are rules, not functions.
        None => tests.contains(*name) || name.starts_with("test_"),
    };
    let unknown = quoted.filter(is_test_name).filter(|name| !is_known(name));
    unknown.map(|name| format!("{page}: names the test `{name}`, which does not exist")).collect()
}

/// Breaches within one source file.
fn breaches(name: &str, text: &str) -> Vec<String> {
    let checks: [fn(&str, &str) -> Option<String>; 10] =
        [header, length, pure, contexts, rehearsal, nouns, unsafe_code, writes, prints, programs];
    checks.iter().filter_map(|check| check(name, text)).map(|what| format!("{name}: {what}")).collect()
}

fn header(_: &str, text: &str) -> Option<String> {
    (!text.starts_with("//! ")).then(|| "does not open with `//!`".to_owned())
}

fn length(name: &str, text: &str) -> Option<String> {
    let max = if is_test(name) { TEST_LINES_MAX } else { LINES_MAX };
    let lines = text.lines().count();
    (lines > max).then(|| format!("{lines} lines, at most {max}"))
}

fn pure(name: &str, text: &str) -> Option<String> {
    let crate_name = crate_of(name)?;
    if !PURE.contains(&crate_name) || is_test(name) {
        return None;
    }
    let word = IMPURE.iter().find(|word| text.contains(**word))?;
    Some(format!("`{crate_name}` is pure but names `{word}`"))
}

fn contexts(name: &str, text: &str) -> Option<String> {
    let inner = name.strip_prefix("crates/domain/src/")?;
    let (own, _) = inner.split_once('/')?;
    let own_rank = CONTEXTS.iter().position(|context| *context == own);
    let Some(own_rank) = own_rank else { return Some(format!("`{own}` is not a context")) };
    let later = CONTEXTS.get(own_rank + 1..).unwrap_or_default();
    let breach = later.iter().find(|context| text.contains(&format!("crate::{context}")))?;
    Some(format!("context `{own}` imports the later context `{breach}`"))
}

fn rehearsal(name: &str, text: &str) -> Option<String> {
    let own = name.contains("/demo")
        || name.starts_with("xtask/")
        || name.ends_with("verbs/mod.rs")
        || is_test(name);
    let words = text.split(|c: char| !c.is_alphanumeric());
    let named = !own && words.into_iter().any(|word| word.eq_ignore_ascii_case("demo"));
    named.then(|| "names `demo`, which only its own module may; the mode is `rehearsal`".to_owned())
}

fn nouns(name: &str, _: &str) -> Option<String> {
    let vague = name.split(['/', '.']).find(|part| VAGUE.contains(part))?;
    Some(format!("`{vague}` says nothing: name the file after what it holds"))
}

fn unsafe_code(name: &str, text: &str) -> Option<String> {
    let used = text.lines().any(|line| {
        let line = line.trim_start();
        !line.starts_with("//") && (line.contains("unsafe {") || line.contains("unsafe fn"))
    });
    let allowed = name.starts_with("crates/sandbox/") || name.starts_with("xtask/");
    (used && !allowed).then(|| "has `unsafe`, which only `sandbox` may".to_owned())
}

/// What is written to keep is written by `disk`, where every write has its point of failure.
fn writes(name: &str, text: &str) -> Option<String> {
    // The sandbox makes files in worlds that end with the step, the simulator in one that ends with the seed.
    let own =
        ["crates/disk/", "crates/sandbox/", "crates/sim/", "xtask/"].iter().any(|own| name.starts_with(own));
    let word = WRITES.iter().find(|word| text.contains(**word))?;
    let kept = !own && !is_test(name) && !name.contains("/demo/");
    kept.then(|| format!("names `{word}`; files are written by the crate `disk`"))
}

/// Printing panics when the reader has gone, and what is printed holds words of others: both are dealt with where
/// `shown` and the binary's `output` write.
fn prints(name: &str, text: &str) -> Option<String> {
    let own = ["crates/sandbox/probe/", "crates/sim/", "xtask/"];
    let word = ["println!(", "print!("].iter().find(|word| text.contains(**word))?;
    let bare = !own.iter().any(|own| name.starts_with(own)) && !is_test(name);
    bare.then(|| format!("names `{word}`; lines are printed by `shown::say`, in the binary by `output`"))
}

/// Programs of the system are found on fixed paths and see nothing of where we were started: `runner::program`.
fn programs(name: &str, text: &str) -> Option<String> {
    // The simulator's tools and the rehearsal run where a developer stands.
    let product = name.starts_with("crates/") && name.contains("/src/") && !name.contains("/demo/");
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let word = ["Command::new(\"", "Command::new(&\""].iter().find(|word| shipped.contains(**word))?;
    (product && !is_test(name))
        .then(|| format!("names `{word}`; a helper program is started by `runner::program`"))
}

const WRITES: [&str; 6] =
    ["fs::write(", "File::create(", "fs::rename(", ".sync_all()", ".create_new(true)", ".sync_data()"];

/// Edges of the crate graph that the architecture does not allow.
fn edges(metadata: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let packages = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    for package in &packages {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            found.push(format!("crate `{name}` has no row in the table of edges in xtask/src/tidy.rs"));
            continue;
        };
        for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let text = |field| dependency.get(field).and_then(Value::as_str);
            let (to, ours) = (text("name").unwrap_or_default(), text("path").is_some());
            if ours && text("kind").is_none() && !allowed.contains(&to) {
                found.push(format!("crate `{name}` may not import `{to}`"));
            }
        }
    }
    found
}

fn metadata(root: &Path) -> Result<Value, String> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root);
    let output = command.output().map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

fn sources(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut open = vec![root.join("crates"), root.join("xtask")];
    let mut files = Vec::new();
    while let Some(dir) = open.pop() {
        let entries = fs::read_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", dir.display()))?.path();
            if path.is_dir() && !path.ends_with("target") {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn crate_of(name: &str) -> Option<&str> {
    name.strip_prefix("crates/")?.split('/').next()
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs") || name.contains("/benches/")
}

/// Pages that name a test for each promise.
const EVIDENCE_PAGES: [&str; 4] =
    ["SECURITY.md", "docs/threats.md", "docs/hostile-server.md", "docs/conformance.md"];

/// The page of every term with its name in the code.
const GLOSSARY: &str = "docs/glossary.md";

const ITEM_WORDS: [&str; 8] = ["struct", "enum", "trait", "type", "const", "async", "fn", "mod"];

const LINES_MAX: usize = 500;
const TEST_LINES_MAX: usize = 800;

/// Contexts of `domain` in the order a change travels; each imports only earlier ones.
const CONTEXTS: [&str; 12] = [
    "identity", "source", "build", "artifact", "finding", "gate", "approval", "secret", "release", "flag",
    "incident", "report",
];

/// Crates without I/O, clock, randomness and hash order.
const PURE: [&str; 5] = ["tlog", "evidence", "policy", "domain", "judge"];

const IMPURE: [&str; 13] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant",
    "HashMap",
    "HashSet",
    "tokio",
    "async fn",
    "SystemRandom",
    "rusqlite",
    "Timestamp::now",
];

const VAGUE: [&str; 9] = ["common", "utils", "util", "types", "helpers", "helper", "manager", "misc", "base"];

/// Which of our crates each crate may import (not counting what only its tests use).
const EDGES: [(&str, &[&str]); 19] = [
    ("shown", &[]),
    ("disk", &[]),
    ("tlog", &[]),
    ("evidence", &["tlog"]),
    ("policy", &["evidence"]),
    ("domain", &["evidence"]),
    ("judge", &["tlog", "evidence", "policy", "domain"]),
    ("wire", &["tlog", "evidence", "domain"]),
    ("ledger", &["disk", "tlog", "evidence"]),
    ("listen", &["shown"]),
    ("witness", &["disk", "tlog", "listen"]),
    ("sandbox", &[]),
    (
        "server",
        &["shown", "disk", "tlog", "evidence", "policy", "domain", "judge", "wire", "ledger", "listen"],
    ),
    ("runner", &["shown", "disk", "tlog", "evidence", "domain", "judge", "wire", "sandbox"]),
    // The agent takes enclosures from `sandbox`, nothing else: decision 0032.
    ("agent", &["shown", "disk", "tlog", "evidence", "policy", "domain", "judge", "wire", "sandbox"]),
    (
        "countersign",
        &[
            "shown", "disk", "tlog", "evidence", "policy", "domain", "judge", "wire", "ledger", "sandbox",
            "server", "runner", "agent", "witness",
        ],
    ),
    (
        "sim",
        &[
            "disk", "tlog", "evidence", "domain", "judge", "wire", "ledger", "sandbox", "server", "runner",
            "agent", "witness", "lab",
        ],
    ),
    // For tests, benches and the simulator alone: nobody's row names it.
    ("lab", &["tlog", "evidence", "policy", "domain", "judge", "wire", "agent"]),
    ("xtask", &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_keeps_its_laws() {
        assert_eq!(broken(&crate::run::root()), Ok(Vec::new()));
    }

    #[test]
    fn each_law_catches_its_breach() {
        let cases = [
            ("crates/x/src/a.rs", "fn a() {}".to_owned(), "does not open"),
            ("crates/x/src/a.rs", format!("//! a\n{}", "\n".repeat(500)), "501 lines"),
            ("crates/domain/src/ids.rs", "//! a\nuse std::time::SystemTime;".into(), "is pure but names"),
            ("crates/evidence/src/a.rs", "//! a\nuse std::collections::HashMap;".into(), "is pure but names"),
            (
                "crates/domain/src/source/mod.rs",
                "//! a\nuse crate::gate::Gate;".into(),
                "later context `gate`",
            ),
            ("crates/domain/src/things/mod.rs", "//! a\n".into(), "is not a context"),
            ("crates/server/src/a.rs", "//! the demo\n".into(), "names `demo`"),
            ("crates/server/src/utils.rs", "//! a\n".into(), "says nothing"),
            ("crates/server/src/a.rs", "//! a\nfn f() { unsafe { g() } }".into(), "has `unsafe`"),
            ("crates/server/src/a.rs", "//! a\nfn f(x: &str) { eprintln!(\"{x}\") }".into(), "shown::say"),
            (
                "crates/countersign/src/a.rs",
                "//! a\nfn f() { println!(\"a\") }".into(),
                "in the binary by `output`",
            ),
        ];
        for (name, text, expected) in cases {
            let found = breaches(name, &text);
            assert!(found.iter().any(|line| line.contains(expected)), "{name}: {found:?}");
        }
        let fine = "//! a\nuse crate::identity::Person;\n";
        assert_eq!(breaches("crates/domain/src/source/decide.rs", fine), Vec::<String>::new());
        let long_test = format!("//! a\n{}", "\n".repeat(700));
        assert_eq!(breaches("crates/x/tests/a.rs", &long_test), Vec::<String>::new());
    }

    #[test]
    fn a_page_that_names_a_test_which_does_not_exist_is_named() {
        let tests: BTreeSet<String> =
            test_names("fn a_b_c() {}\nasync fn attack_from_x() {}").into_iter().collect();
        let page = "| `a_b_c`, `attack_from_*` | `test_of_policy` `one_word` `cargo x sim` |";
        assert_eq!(unknown_tests("p.md", page, &tests), Vec::<String>::new());
        let found = unknown_tests("p.md", "`a_b_d`, `attack_on_*`", &tests);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`a_b_d`"), "{found:?}");
    }

    #[test]
    fn a_glossary_row_whose_code_does_not_exist_is_named() {
        let text = "pub struct Run {\n    pub const fn new() {}\npub const MAX: u64 = 1;";
        let items: BTreeSet<String> = public_items("crates/build/src/run.rs", text).into_iter().collect();
        let page = "| run | One. | job | `build::run::Run` |\n| new | Two. | - | `build::new` |\n| bare | Three. | - | - |";
        assert_eq!(unknown_items(page, &items), Vec::<String>::new());
        let found =
            unknown_items("| run | `One`. | job | `build::Job` |\n| a | b | c | `other::Run` |", &items);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`build::Job`"), "{found:?}");
    }

    #[test]
    fn forbidden_and_unknown_edges_are_named() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "domain", "dependencies": [
                { "name": "ledger", "path": "/x", "kind": null },
                { "name": "evidence", "path": "/x", "kind": null },
                { "name": "ledger", "path": "/x", "kind": "dev" },
                { "name": "serde", "kind": null },
            ] },
            { "name": "surprise", "dependencies": [] },
        ] });
        let found = edges(&metadata);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], "crate `domain` may not import `ledger`");
        assert!(found[1].contains("`surprise` has no row"));
    }
}
