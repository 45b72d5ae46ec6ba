//! Laws of one source file: its header, its length, and the names that it may use.

use super::errors::strings;
use super::{crate_of, imports, is_test};

/// Breaches within one source file.
pub fn breaches(name: &str, text: &str) -> Vec<String> {
    let checks: [fn(&str, &str) -> Option<String>; 13] = [
        header,
        length,
        pure,
        contexts,
        rehearsal,
        nouns,
        unsafe_code,
        writes,
        prints,
        logs,
        silent,
        programs,
        strings,
    ];
    checks.iter().filter_map(|check| check(name, text)).map(|what| format!("{name}: {what}")).collect()
}

fn header(_: &str, text: &str) -> Option<String> {
    (!text.starts_with("//! ")).then(|| "does not open with `//!`".to_owned())
}

/// A file of another language that is too long.
pub fn too_long(name: &str, text: &str) -> Option<String> {
    length(name, text).map(|what| format!("{name}: {what}"))
}

fn length(name: &str, text: &str) -> Option<String> {
    let max = if is_test(name) || name.ends_with("_test.rego") { TEST_LINES_MAX } else { LINES_MAX };
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
    let paths = imports::read(&imports::module_of(name)?, text).paths;
    let breach = later
        .iter()
        .find(|context| paths.iter().any(|path| path.first().is_some_and(|first| first == *context)))?;
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
    Some(format!("`{vague}` says nothing: name the file after its content"))
}

fn unsafe_code(name: &str, text: &str) -> Option<String> {
    let used = text.lines().any(|line| {
        let line = line.trim_start();
        !line.starts_with("//") && (line.contains("unsafe {") || line.contains("unsafe fn"))
    });
    let allowed = name.starts_with("crates/sandbox/") || name.starts_with("xtask/");
    (used && !allowed).then(|| "has `unsafe`, which only `sandbox` may".to_owned())
}

/// Files that are kept must be written by `disk`, where every write has a point of failure for tests.
fn writes(name: &str, text: &str) -> Option<String> {
    // The sandbox writes files that end with the step, the simulator files that end with the seed.
    let own =
        ["crates/disk/", "crates/sandbox/", "crates/sim/", "xtask/"].iter().any(|own| name.starts_with(own));
    let word = WRITES.iter().find(|word| text.contains(**word))?;
    let kept = !own && !is_test(name) && !name.contains("/demo/");
    kept.then(|| format!("names `{word}`; files are written by the crate `disk`"))
}

/// Printing panics if the reader has gone, and printed text may contain untrusted text: `shown` and the binary's `output`
/// handle both.
fn prints(name: &str, text: &str) -> Option<String> {
    let own = ["crates/sandbox/probe/", "crates/sim/", "xtask/"];
    let word = ["println!(", "print!("].iter().find(|word| text.contains(**word))?;
    let bare = !own.iter().any(|own| name.starts_with(own)) && !is_test(name);
    bare.then(|| format!("names `{word}`; roles log through `tracing`, the binary prints by `output`"))
}

/// What roles say has a level and fields, and every word of it passes `shown`: that is so where `journal` makes the line, and
/// another subscriber would write words of others as they are.
fn logs(name: &str, text: &str) -> Option<String> {
    let role = ROLES.iter().any(|role| name.starts_with(&format!("crates/{role}/src/")));
    if role && text.contains("shown::say") {
        return Some("names `shown::say`; a role logs through `tracing`".to_owned());
    }
    let foreign = !name.starts_with("crates/journal/") && !name.starts_with("xtask/");
    (foreign && text.contains("tracing_subscriber"))
        .then(|| "names `tracing_subscriber`; lines are made by the crate `journal` alone".to_owned())
}

/// A program of a person may have windows instead of a terminal: the crate `client` answers, and its caller prints.
fn silent(name: &str, text: &str) -> Option<String> {
    let ours = name.starts_with("crates/client/src/") && !is_test(name);
    let word = TERMINAL.iter().find(|word| text.contains(**word))?;
    ours.then(|| {
        format!("names `{word}`; `client` knows no terminal and no command line: return it to the caller")
    })
}

/// Programs of the system are found on fixed paths and see nothing of the current directory: `runner::program`.
fn programs(name: &str, text: &str) -> Option<String> {
    // The simulator's tools and the rehearsal are run by developers in their own directory.
    let product = name.starts_with("crates/") && name.contains("/src/") && !name.contains("/demo/");
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let word = ["Command::new(\"", "Command::new(&\""].iter().find(|word| shipped.contains(**word))?;
    (product && !is_test(name))
        .then(|| format!("names `{word}`; a helper program is started by `runner::program`"))
}

const WRITES: [&str; 6] =
    ["fs::write(", "File::create(", "fs::rename(", ".sync_all()", ".create_new(true)", ".sync_data()"];

/// Crates of processes that run on their own.
const ROLES: [&str; 5] = ["server", "runner", "agent", "listen", "witness"];

/// Words by which a library would reach a terminal or a command line.
const TERMINAL: [&str; 6] = ["clap::", "shown::say", "stdout()", "stderr()", "stdin()", "process::exit"];

const LINES_MAX: usize = 500;
const TEST_LINES_MAX: usize = 800;

/// Contexts of `domain` in the order a change travels; each imports only earlier ones.
const CONTEXTS: [&str; 14] = [
    "identity",
    "source",
    "build",
    "artifact",
    "statement",
    "gate",
    "approval",
    "secret",
    "release",
    "observation",
    "check",
    "flag",
    "incident",
    "report",
];

/// Crates without I/O, clock, randomness and hash order.
const PURE: [&str; 7] = ["archive", "tlog", "evidence", "policy", "scan", "domain", "judge"];

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

#[cfg(test)]
mod tests {
    use super::*;

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
            (
                "crates/domain/src/source/decide.rs",
                "//! a\nuse crate::{identity, gate};".into(),
                "later context `gate`",
            ),
            (
                "crates/domain/src/source/decide.rs",
                "//! a\nuse super::super::gate::Gate;".into(),
                "later context `gate`",
            ),
            (
                "crates/domain/src/source/decide.rs",
                "//! a\nfn f(gate: &crate::gate::Gate) {}".into(),
                "later context `gate`",
            ),
            ("crates/domain/src/things/mod.rs", "//! a\n".into(), "is not a context"),
            ("crates/server/src/a.rs", "//! the demo\n".into(), "names `demo`"),
            ("crates/server/src/utils.rs", "//! a\n".into(), "says nothing"),
            ("crates/server/src/a.rs", "//! a\nfn f() { unsafe { g() } }".into(), "has `unsafe`"),
            (
                "crates/server/src/a.rs",
                "//! a\nfn f(x: &str) { eprintln!(\"{x}\") }".into(),
                "through `tracing`",
            ),
            ("crates/agent/src/a.rs", "//! a\nfn f() { shown::say(\"a\") }".into(), "through `tracing`"),
            ("crates/server/src/a.rs", "//! a\nuse tracing_subscriber::fmt;".into(), "`journal` alone"),
            ("crates/client/src/a.rs", "//! a\nfn f() { shown::say(\"a\") }".into(), "knows no terminal"),
            (
                "crates/countersign/src/a.rs",
                "//! a\nfn f() { println!(\"a\") }".into(),
                "the binary prints by `output`",
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
        assert_eq!(too_long("policies/a/gate_test.rego", &long_test), None);
        let long = too_long("policies/lib/a.rego", &long_test);
        assert_eq!(long, Some("policies/lib/a.rego: 701 lines, at most 500".to_owned()));
    }
}
