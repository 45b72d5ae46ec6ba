//! Disables the judge's checks one by one, in a copy of the tree, and reports which forgeries are then accepted. A check
//! whose absence lets no forgery through is idle, and so is a row that no check refuses.

mod sites;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::command::{TaskResult, root};

/// Files whose checks are disabled, with their crate.
const FILES: [&str; 29] = [
    "crates/judge/src/check.rs",
    "crates/judge/src/trust.rs",
    "crates/judge/src/ledger.rs",
    "crates/judge/src/source.rs",
    "crates/judge/src/derived.rs",
    "crates/judge/src/roots.rs",
    "crates/judge/src/lanes/documents.rs",
    "crates/judge/src/lanes/statements.rs",
    "crates/judge/src/lanes/observations.rs",
    "crates/judge/src/lanes/parity.rs",
    "crates/judge/src/bars.rs",
    "crates/judge/src/lanes/checks.rs",
    "crates/judge/src/check_target.rs",
    "crates/judge/src/continuity.rs",
    "crates/judge/src/proofs.rs",
    "crates/judge/src/receipts.rs",
    "crates/judge/src/people.rs",
    "crates/judge/src/records.rs",
    "crates/judge/src/reports.rs",
    "crates/judge/src/requests.rs",
    "crates/judge/src/approvals.rs",
    "crates/judge/src/advance.rs",
    "crates/judge/src/rollback.rs",
    "crates/judge/src/run_order.rs",
    "crates/judge/src/loans.rs",
    "crates/judge/src/serving.rs",
    "crates/judge/src/unapplied.rs",
    "crates/judge/src/verdict.rs",
    "crates/agent/src/decision.rs",
];

/// Conditions that look like checks and are none: file, text, and why.
const NOT_CONDITIONS: [(&str, &str, &str); 33] = [
    (
        "decision.rs",
        "checked.from == Some(*artifact) || checked.from == running",
        "picks the probe that a genuine order ends; to end another one withholds, and no more",
    ),
    ("decision.rs", "checked.bars", "narrows a refusal: the agent bars what a rollback left, and no more"),
    (
        "decision.rs",
        "file.is_unread_after(None, self.seen_status, &checked.trust.root)",
        "drops what a newer status has replaced; without it more is kept",
    ),
    (
        "derived.rs",
        "unapplied::refuse(\"the plan\", &bundle.plan.unapplied())?",
        "names the reason; a plan that is not derived is refused anyway",
    ),
    (
        "rollback.rs",
        "request.arguments.get(\"release\").is_some()",
        "narrows a refusal: a request without this number, by an older program, bars nothing",
    ),
    (
        "rollback.rs",
        "from != Some(order.artifact)",
        "narrows a refusal: an artifact that runs again is not barred",
    ),
    (
        "checks.rs",
        "check.is_for(&environment.environment)",
        "picks the demanded checks; without it there are more",
    ),
    (
        "documents.rs",
        "!is_of_runner(report)",
        "picks the reports that are joined second; to join one twice changes nothing",
    ),
    (
        "documents.rs",
        "report.by.values().any(|by| is_in(&by.document))",
        "picks the reports that a waiver of a test has to name; without it there are more",
    ),
    ("documents.rs", "read.from == from", "picks the documents that are demanded; without it there are more"),
    ("documents.rs", "read.content", "picks the documents that are demanded; without it there are more"),
    (
        "documents.rs",
        "is_met_by(read, carried)",
        "picks the documents that are demanded; without it there are more",
    ),
    (
        "documents.rs",
        "report.producer != Producer::Runner",
        "narrows a refusal: the runner's own scans have names and no files",
    ),
    ("documents.rs", "is_met_by(read, by)", "picks the reports whose age counts; without it there are more"),
    (
        "documents.rs",
        "proof.documents.contains(&by.document)",
        "picks the documents that are read; without it there are more",
    ),
    ("checks.rs", "other.work == receipt.work", "narrows a refusal: a runner does several checks"),
    ("checks.rs", "other.runner == receipt.runner", "narrows a refusal: several runners do a check"),
    ("ledger.rs", "*size < proven.checkpoint.size", "picks the proofs that are needed"),
    ("continuity.rs", "(old > 0 && old < new)", "decides what to ask for; the proof itself is checked"),
    (
        "proofs.rs",
        "entered(bundle, &heads, &mut proven).map_err(broken)?",
        "gathers what is proven; each check in it is off in its own turn",
    ),
    ("people.rs", "is_named(person, named)", "picks whom a name means; without it everybody is named"),
    ("people.rs", "word.chars().count() > 1", "narrows a refusal: a single letter names nobody"),
    ("receipts.rs", "receipt.runner == runner", "picks a runner's own receipts"),
    ("receipts.rs", "step.is_work()", "picks the steps that are to be reported"),
    ("records.rs", "r.invalid_since <= now", "narrows a refusal"),
    ("records.rs", "r.key == key", "narrows a refusal"),
    ("reports.rs", "!before.runs_it", "picks what the refusal is about"),
    ("requests.rs", "request.action.as_str() == \"agree\"", "picks the agreements"),
    ("run_order.rs", "before.contains(name)", "narrows a refusal to the nodes before the work"),
    ("run_order.rs", "found.insert((*need).clone())", "looks at each step once"),
    ("approvals.rs", "!same", "picks what the refusal is about"),
    ("approvals.rs", "on.trust.root.mode != Mode::Solo", "narrows a refusal"),
    ("approvals.rs", "on.people.is_behind(subject)", "widens a refusal; its use is a check"),
];

/// Whether this condition looks like a check but is not.
fn is_none(file: &str, site: &sites::Site) -> bool {
    NOT_CONDITIONS.iter().any(|(name, text, _)| file.ends_with(name) && site.text == *text)
}

/// Runs every forgery against a judge without one check, for each check.
pub fn run() -> TaskResult {
    run_only("")
}

/// The same for the checks whose file or text contains a text.
pub fn run_only(only: &str) -> TaskResult {
    let copy = root().join("target/mutants");
    mirror(&copy)?;
    let found = switch(&copy)?;
    fs::write(copy.join("crates/lab/tests/without.rs"), LOOP).map_err(text)?;
    let mut command = Command::new("cargo");
    command.args(["test", "--package", "lab", "--quiet", "--test", "without", "--", "--nocapture"]);
    // A separate target directory: cargo would otherwise take the copy's crates for the tree's.
    command.current_dir(&copy).env("CARGO_TARGET_DIR", copy.join("target")).env("RUSTFLAGS", "-Awarnings");
    // The loop runs every forgery several hundred times: a slower build saves more than it costs.
    command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    let meant =
        |(_, (file, site)): &(usize, &(String, sites::Site))| file.contains(only) || site.text.contains(only);
    let meant: Vec<usize> = found.iter().enumerate().filter(meant).map(|(number, _)| number).collect();
    let numbers: Vec<_> = meant.iter().map(usize::to_string).collect();
    command.env("COUNTERSIGN_CHECKS", numbers.join(" "));
    let printed = followed(&mut command, meant.len())?;
    report(&found, meant.len(), &printed)
}

/// Runs the loop to its end and shows how far it is.
fn followed(command: &mut Command, checks: usize) -> Result<String, String> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(text)?;
    let mut printed = String::new();
    let mut done = 0;
    for line in BufReader::new(child.stdout.take().ok_or("the loop has no output")?).lines() {
        let line = line.map_err(text)?;
        if line.starts_with("without ") {
            done += 1;
            if done % 10 == 0 {
                eprintln!("{done} of {checks} checks");
            }
        }
        printed.push_str(&line);
        printed.push('\n');
    }
    let status = child.wait().map_err(text)?;
    if !status.success() {
        return Err(format!("the judge without checks does not run: {status}"));
    }
    Ok(printed)
}

/// Prints the accepted forgeries, and fails if a check is idle.
fn report(found: &[(String, sites::Site)], meant: usize, printed: &str) -> TaskResult {
    let mut idle = Vec::new();
    let mut shown = 0;
    for line in printed.lines() {
        let Some(value) =
            line.strip_prefix("without ").and_then(|json| serde_json::from_str::<Value>(json).ok())
        else {
            continue;
        };
        let number = value.get("check").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let Some((file, site)) = number.and_then(|number| found.get(number)) else { continue };
        let through = value.get("through").and_then(Value::as_array).cloned().unwrap_or_default();
        shown += 1;
        let otherwise = value.get("otherwise").and_then(Value::as_array).cloned().unwrap_or_default();
        let first =
            through.first().or(otherwise.first()).and_then(Value::as_str).unwrap_or("nothing changes");
        println!("{file}:{}: {} -> {} ({first})", site.line, site.text, through.len());
        if through.is_empty() && !is_none(file, site) {
            idle.push(format!("{file}:{}: {}", site.line, site.text));
        }
    }
    println!("{shown} checks switched off one by one, {} idle", idle.len());
    let stale: Vec<_> = NOT_CONDITIONS
        .iter()
        .filter(|(name, text, _)| {
            !found.iter().any(|(file, site)| file.ends_with(name) && site.text == *text)
        })
        .map(|(name, text, _)| format!("{name}: {text}"))
        .collect();
    if !stale.is_empty() {
        return Err(format!("no such conditions any more: {}", stale.join("; ")));
    }
    if shown != meant || meant == 0 {
        return Err(format!("{meant} checks were found but {shown} were switched off"));
    }
    if idle.is_empty() { Ok(()) } else { Err(format!("idle checks:\n  {}", idle.join("\n  "))) }
}

/// Copies the tree. Unchanged files keep their time, so that little is built again; removed files are removed.
fn mirror(copy: &Path) -> TaskResult {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let listed = command.output().map_err(text)?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names: BTreeSet<&str> = listed.split_terminator('\0').collect();
    prune(copy, copy, &names)?;
    for name in names {
        let (from, to) = (root().join(name), copy.join(name));
        if FILES.contains(&name) || !from.is_file() {
            continue;
        }
        put(&to, &fs::read(&from).map_err(text)?)?;
    }
    Ok(())
}

/// Removes files of an older copy that the tree no longer has.
fn prune(copy: &Path, dir: &Path, names: &BTreeSet<&str>) -> TaskResult {
    for item in fs::read_dir(dir).into_iter().flatten() {
        let path = item.map_err(text)?.path();
        let name = path.strip_prefix(copy).unwrap_or(&path).to_string_lossy().into_owned();
        if name == "target" {
            continue;
        }
        if path.is_dir() {
            prune(copy, &path, names)?;
        } else if !names.contains(name.as_str()) {
            fs::remove_file(&path).map_err(text)?;
        }
    }
    Ok(())
}

fn put(to: &Path, bytes: &[u8]) -> TaskResult {
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(text)?;
    }
    fs::write(to, bytes).map_err(text)
}

/// Writes the files with their switches.
fn switch(copy: &Path) -> Result<Vec<(String, sites::Site)>, String> {
    let mut found: Vec<(String, sites::Site)> = Vec::new();
    for file in FILES {
        let source = fs::read_to_string(root().join(file)).map_err(text)?;
        let (written, sites) = sites::rewrite(&source, found.len())?;
        let import = if file.starts_with("crates/judge") { "crate" } else { "judge" };
        // The import comes after the file's own documentation, before its first import.
        let at = written.find("\nuse ").ok_or_else(|| format!("{file} imports nothing"))?;
        let (head, tail) = written.split_at(at);
        put(&copy.join(file), format!("{head}\nuse {import}::judge_off;{tail}").as_bytes())?;
        found.extend(sites.into_iter().map(|site| (file.to_owned(), site)));
    }
    let library = root().join("crates/judge/src/lib.rs");
    let library = fs::read_to_string(library).map_err(text)?;
    put(&copy.join("crates/judge/src/lib.rs"), format!("{library}\n{SWITCH}").as_bytes())?;
    Ok(found)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Code that the copy of the judge has in addition: the number of the disabled check.
const SWITCH: &str = "thread_local! {
    static OFF: std::cell::Cell<usize> = const { std::cell::Cell::new(usize::MAX) };
}

/// Whether this check is switched off.
pub fn judge_off(check: usize) -> bool {
    OFF.get() == check
}

/// Switches one check off, on this thread.
pub fn switch_off(check: usize) {
    OFF.set(check);
}
";

/// The test that the copy has in addition: every row against the judge without each check.
const LOOP: &str = "//! Every forgery against a judge that lacks one check.
#[test]
fn without_each_check() {
    let checks = std::env::var(\"COUNTERSIGN_CHECKS\").unwrap();
    let checks: Vec<usize> = checks.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let releases: Vec<_> = lab::forgery::all().into_iter().map(|row| (row.name, row.forged())).collect();
    let runs: Vec<_> = lab::forgery::all_work().into_iter().map(|row| (row.name, row.forged())).collect();
    let advances: Vec<_> = lab::forgery::advances::all().into_iter().map(|row| (row.name, row.forged())).collect();
    let said = |at: usize| match (at.checked_sub(releases.len()), at.checked_sub(releases.len() + runs.len())) {
        (_, Some(at)) => advances[at].1.by_agent(),
        (Some(at), None) => runs[at].1.by_runner(),
        (None, None) => releases[at].1.by_agent(),
    };
    let names = releases.iter().map(|(name, _)| name).chain(runs.iter().map(|(name, _)| name));
    let names: Vec<_> = names.chain(advances.iter().map(|(name, _)| name)).collect();
    let with_all: Vec<_> = (0..names.len()).map(said).collect();
    assert!(with_all.iter().all(|codes| !codes.is_empty()));
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| loop {
                let Some(check) = checks.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).copied() else {
                    break;
                };
                judge::switch_off(check);
                let (mut through, mut otherwise) = (Vec::new(), Vec::new());
                for (at, (name, before)) in names.iter().zip(&with_all).enumerate() {
                    match said(at) {
                        codes if codes.is_empty() => through.push(**name),
                        codes if codes != *before => otherwise.push(format!(\"{name}: {}\", codes.join(\" \"))),
                        _ => {}
                    }
                }
                let line = serde_json::json!({ \"check\": check, \"through\": through, \"otherwise\": otherwise });
                println!(\"without {line}\");
            });
        }
    });
}
";
