//! The tasks: each runs its tools, one command after the other.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::command::{TaskResult, answers, cargo, root, spawn, target};
use crate::{apt, docs, tidy};

/// Looks for every tool the project needs; all missing ones are named together.
pub fn setup() -> TaskResult {
    let mut missing = Vec::new();
    for (tool, argument, remedy) in TOOLS {
        if answers(tool, argument) {
            println!("found    {tool}");
        } else {
            println!("missing  {tool}: {remedy}");
            missing.push(tool);
        }
    }
    for (tool, argument, use_of_it) in OPTIONAL {
        let found = if answers("cargo", tool) { "found  " } else { "optional" };
        println!("{found}  cargo {tool}: {use_of_it} ({argument})");
    }
    if !missing.is_empty() {
        return Err(format!("install what is missing: {missing:?}"));
    }
    apt::tools(&target())
}

/// Everything that has to be clean before a commit.
pub fn check() -> TaskResult {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    tidy()?;
    docs()?;
    test(&[])?;
    let mut rustdoc = Command::new("cargo");
    rustdoc.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
    spawn(&mut rustdoc)?;
    if answers("cargo", "deny") {
        return cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]);
    }
    println!("skipped: cargo deny is not installed; `cargo install --locked cargo-deny`");
    Ok(())
}

/// Checks the laws of the tree.
pub fn tidy() -> TaskResult {
    kept("the laws of the tree are broken", &tidy::broken(&root())?)
}

/// Checks the pages against the program.
pub fn docs() -> TaskResult {
    kept("the pages differ from the program", &docs::broken(&root())?)
}

/// Lists idioms that stand between a reader and a sentence, in all files or below a path.
pub fn words(path: &str) -> TaskResult {
    let found = tidy::words::listed(&root(), path)?;
    for line in &found {
        println!("{line}");
    }
    println!("{} in all", found.len());
    Ok(())
}

/// Fails where any idiom is left, whatever the rows allow, but in texts that the ledger holds: replay compares those.
pub fn no_idiom() -> TaskResult {
    let mut left = tidy::words::listed(&root(), "")?;
    left.retain(|line| !["crates/domain/src/", "crates/judge/src/"].iter().any(|dir| line.starts_with(dir)));
    kept("idioms of STYLE.md's list are left", &left)
}

fn kept(what: &str, broken: &[String]) -> TaskResult {
    if broken.is_empty() { Ok(()) } else { Err(format!("{what}:\n  {}", broken.join("\n  "))) }
}

/// Runs all tests: with nextest if it is installed, else with cargo's own runner.
pub fn test(rest: &[&str]) -> TaskResult {
    tested(rest, false)
}

/// The same; a missing peer is then a failure.
pub fn test_with_peers(rest: &[&str]) -> TaskResult {
    tested(rest, true)
}

fn tested(rest: &[&str], with_peers: bool) -> TaskResult {
    setup()?;
    let runner: &[&str] = if answers("cargo", "nextest") { &["nextest", "run"] } else { &["test"] };
    let mut command = Command::new("cargo");
    command.args(runner).args(crate::command::CRATES).args(rest);
    // A changed page of texts fails, unless the person who runs the tests accepts it.
    if std::env::var_os("INSTA_UPDATE").is_none() {
        command.env("INSTA_UPDATE", "no");
    }
    if with_peers {
        command.env("COUNTERSIGN_PEERS", "1");
    }
    spawn(&mut command)?;
    // Arguments choose among the other tests; nextest runs no examples of documentation.
    if rest.is_empty() { examples() } else { Ok(()) }
}

/// The examples in the documentation. Of the whole workspace, as the tests are: fewer crates would be built anew, with other
/// features of what they depend on.
fn examples() -> TaskResult {
    cargo(&[&["test", "--quiet", "--doc"], &crate::command::CRATES[..]].concat())
}

/// The build with which tests run for real.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// That of `cargo x test`, which is there already.
    Tested,
    /// The release profile, for tests that start thousands of processes.
    Released,
}

/// Runs the tests that match the filters, including those that are too slow for every day: every byte flipped, a minute
/// between builds, a thousand kills.
pub fn test_for_real(build: Build, rest: &[&str]) -> TaskResult {
    let nextest = answers("cargo", "nextest");
    // Tests that pass print their figures too.
    let shown = ["nextest", "run", "--success-output", "immediate"];
    let runner: &[&str] = if nextest { &shown } else { &["test"] };
    let mut command = Command::new("cargo");
    command
        .args(runner)
        .args(crate::command::CRATES)
        .args((build == Build::Released).then_some("--release"))
        .args(rest)
        .env("COUNTERSIGN_ACCEPT", "1");
    spawn(&mut command)
}

/// Measures figures with their floors, in the release profile; then how a hostile project slows down another one.
/// `pages` alone first makes a large installation, unless it is there from an earlier time, and measures streams too.
pub fn bench(rest: &[&str]) -> TaskResult {
    if let [one] = rest
        && let Some((_, tests)) = TESTED.iter().find(|(name, _)| name == one)
    {
        return figures_of(tests);
    }
    let pages = rest.contains(&"pages");
    let crates: &[&str] = match rest {
        _ if pages => &["--package", "countersign"],
        ["splitter"] => &["--package", "splitter"],
        ["dry-run"] => &["--package", "sim"],
        _ => &crate::command::CRATES,
    };
    let mut command = Command::new("cargo");
    command.arg("bench").args(crates).args(["--profile", "dist", "--bench", "figures", "--"]).args(rest);
    if pages {
        // Readers of a stream are figures of pages too.
        command.arg("streams");
        let dir = target().join("seeded").join("data");
        let [releases, entries] = SEEDED;
        // The seed makes the views last.
        if !dir.join("views.db").exists() {
            std::fs::create_dir_all(dir.parent().unwrap_or(&dir)).map_err(|error| error.to_string())?;
            sim(&["seed", &dir.display().to_string(), releases, "--entries", entries])?;
        }
        command.env("COUNTERSIGN_SEEDED", &dir);
        command.env("COUNTERSIGN_SEEDED_SIZE", format!("{releases} releases, {entries} entries"));
        return spawn(&mut command);
    }
    spawn(&mut command)?;
    if rest == ["splitter"] || rest == ["dry-run"] {
        return Ok(());
    }
    hostile()
}

/// Figures that are tests of the whole program, one after the other.
fn figures_of(tests: &str) -> TaskResult {
    let mut command = Command::new("cargo");
    let (package, target) = (["--package", "countersign"], ["--test", "cli"]);
    match answers("cargo", "nextest") {
        true => {
            command.args(["nextest", "run", "--cargo-profile", "dist"]).args(package).args(target);
            command.args(["--no-capture", tests]);
        }
        false => {
            command.args(["test", "--profile", "dist"]).args(package).args(target);
            command.args(["--", "--nocapture", "--test-threads", "1", tests]);
        }
    }
    spawn(command.env("COUNTERSIGN_FIGURES", "1"))
}

/// Measures for a minute how long runs of a project take beside a hostile one, and alone.
fn hostile() -> TaskResult {
    let report = target().join("hostile.json");
    removed(&report)?;
    let runner: &[&str] = if answers("cargo", "nextest") { &["nextest", "run"] } else { &["test"] };
    let mut command = Command::new("cargo");
    command.args(runner).args(crate::command::CRATES).args(["--release", HOSTILE]);
    command.env("COUNTERSIGN_HOSTILE_SECONDS", "60").env("COUNTERSIGN_HOSTILE_REPORT", &report);
    spawn(&mut command)?;
    let text = std::fs::read_to_string(&report).map_err(|error| format!("{}: {error}", report.display()))?;
    println!("{}", slowdown(&text).ok_or_else(|| format!("{}: `{text}` is no report", report.display()))?);
    Ok(())
}

/// Removes an earlier report, which must not be taken for the current one.
fn removed(report: &Path) -> TaskResult {
    match std::fs::remove_file(report) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(format!("{}: {error}", report.display())),
        _ => Ok(()),
    }
}

/// A report of the hostile project as a line of figures.
fn slowdown(report: &str) -> Option<String> {
    let report: serde_json::Value = serde_json::from_str(report).ok()?;
    let number = |name: &str| report.get(name).and_then(serde_json::Value::as_f64);
    let (runs, beside, alone) = (number("honest_runs")?, number("beside_ms")?, number("alone_ms")?);
    Some(format!(
        "{:44} {:>12} {:>12}   alone: {alone} ms; {:.1} times that",
        format!("a run beside a hostile project, of {runs}"),
        format!("{beside} ms"),
        "-",
        number("ratio")?
    ))
}

/// Runs seeds of the simulator, in an optimised build.
pub fn sim(rest: &[&str]) -> TaskResult {
    cargo(&[&["run", "--quiet", "--release", "--package", "sim", "--"], rest].concat())
}

/// Releases and entries of the installation that pages are measured over.
const SEEDED: [&str; 2] = ["10000", "1000000"];

/// Figures that tests of the whole program measure, and the tests.
const TESTED: [(&str, &str); 3] =
    [("hosts", "hosts_figures::"), ("drift", "drift_figures::"), ("rollback", "rollout_figures::")];
const HOSTILE: &str = "attack_a_hostile_project_stops_no_run_of_another";

const TOOLS: [(&str, &str, &str); 6] = [
    ("cargo", "--version", "install Rust 1.95 or newer with rustup"),
    ("gcc", "--version", "apt-get install gcc libc6-dev"),
    ("git", "--version", "apt-get install git"),
    ("ssh-keygen", "-?", "apt-get install openssh-client"),
    ("unshare", "--version", "apt-get install util-linux"),
    ("mount", "--version", "apt-get install mount"),
];

const OPTIONAL: [(&str, &str, &str); 2] = [
    ("nextest", "cargo install --locked cargo-nextest", "runs the tests faster"),
    ("deny", "cargo install --locked cargo-deny", "audits licences and sources"),
];

#[cfg(test)]
mod tests {
    use super::{removed, slowdown};

    #[test]
    fn a_report_of_before_is_removed() {
        let report = std::env::temp_dir().join(format!("countersign-report-{}.json", std::process::id()));
        std::fs::write(&report, "{}").unwrap();
        removed(&report).unwrap();
        assert!(!report.exists());
        removed(&report).unwrap();
        assert!(removed(&std::env::temp_dir()).is_err(), "a failed removal is an error");
    }

    #[test]
    fn a_report_is_a_line_of_figures() {
        let line = slowdown(r#"{"alone_ms":1000,"beside_ms":2500,"honest_runs":15,"ratio":2.5,"tried":{}}"#)
            .unwrap();
        assert!(
            line.contains("of 15")
                && line.contains("2500 ms")
                && line.ends_with("alone: 1000 ms; 2.5 times that")
        );
        assert_eq!(slowdown("{}"), None);
    }
}
