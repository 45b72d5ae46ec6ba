//! Runs the parsers under libFuzzer, keeps a record of it, and refuses a record of other versions of the parsers.
//!
//! Invariant: `fuzz/record.json` has for each parser the digest of its source files, the seconds of processor time and the
//! findings; a changed parser starts again at zero. `docs/fuzz.md` is written from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::command::{TaskResult, root};

/// Runs some parsers, or all, for a number of seconds each.
pub fn run(seconds: u64, only: &[&str]) -> TaskResult {
    let program = build()?;
    let all = parsers(&program)?;
    // The digests are taken before the build, because the sources may be edited while the fuzzer runs.
    let digests: BTreeMap<_, _> = all
        .iter()
        .map(|(name, sources)| Ok((name.clone(), digest(sources)?)))
        .collect::<Result<_, String>>()?;
    if let Some(unknown) = only.iter().find(|name| !all.iter().any(|(known, _)| known == *name)) {
        return Err(format!("there is no parser `{unknown}`"));
    }
    for (name, sources) in all {
        if only.is_empty() || only.contains(&name.as_str()) {
            let parser = digests.get(&name).cloned().unwrap_or_default();
            one(&program, &Parser { name, sources, digest: parser }, seconds)?;
        }
    }
    Ok(())
}

/// Runs each parser for a minute, and checks every record: an hour in total for the current version of the parser.
pub fn accept() -> TaskResult {
    run(60, &[])?;
    let program = build()?;
    let record = record()?;
    let mut short = Vec::new();
    for (name, sources) in parsers(&program)? {
        let own = record.get(&name).cloned().unwrap_or_default();
        let number = |field: &str| own.get(field).and_then(Value::as_u64).unwrap_or(0);
        let now = digest(&sources)?;
        match (own.get("parser").and_then(Value::as_str) == Some(&now), number("seconds"), number("findings"))
        {
            (false, ..) => short.push(format!("{name}: the record is of another version of the parser")),
            (_, _, findings @ 1..) => short.push(format!("{name}: {findings} findings")),
            (_, seconds @ 0..HOUR, _) => short.push(format!("{name}: {seconds} of {HOUR} s")),
            _ => {}
        }
    }
    if short.is_empty() { Ok(()) } else { Err(short.join("; ")) }
}

const HOUR: u64 = 3600;
/// Exit code of libFuzzer after SIGINT.
const INTERRUPTED: i32 = 72;

/// Builds the fuzzer with coverage counters, on the stable toolchain.
fn build() -> Result<PathBuf, String> {
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    command.args(["--target-dir", "target/fuzz", "--target", TRIPLE]);
    command.env("RUSTFLAGS", COVERAGE).current_dir(root());
    let status = command.status().map_err(text)?;
    if !status.success() {
        return Err("the fuzzer does not build".into());
    }
    Ok(root().join("target/fuzz").join(TRIPLE).join("release/fuzz"))
}

/// Names of the parsers with their source files.
fn parsers(program: &Path) -> Result<Vec<(String, Vec<String>)>, String> {
    let listed = Command::new(program).env("COUNTERSIGN_FUZZ", "list").output().map_err(text)?;
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let lines = String::from_utf8_lossy(&listed.stdout).into_owned();
    let parsed =
        lines.lines().map(words).filter_map(|words| Some((words.first()?.clone(), words.get(1..)?.to_vec())));
    let parsers: Vec<_> = parsed.collect();
    if listed.status.success() && !parsers.is_empty() {
        Ok(parsers)
    } else {
        Err("the fuzzer lists no parser".into())
    }
}

/// A parser as it was built.
struct Parser {
    name: String,
    sources: Vec<String>,
    digest: String,
}

fn one(program: &Path, parser: &Parser, seconds: u64) -> TaskResult {
    let name = &parser.name;
    let work = root().join("target/fuzz-work").join(name);
    let (corpus, seeds, crashes) = (work.join("corpus"), work.join("seeds"), work.join("crashes"));
    let kept = root().join("fuzz/corpus").join(name);
    for dir in [&corpus, &seeds, &crashes, &kept] {
        fs::create_dir_all(dir).map_err(text)?;
    }
    let made = Command::new(program).env("COUNTERSIGN_FUZZ", name).env("COUNTERSIGN_SEEDS", &seeds).status();
    if !made.map_err(text)?.success() {
        return Err(format!("{name}: its seeds could not be written"));
    }
    // It runs at low priority, and its time is processor time, so that a busy machine does not shorten the run.
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(program);
    command.env("COUNTERSIGN_FUZZ", name).args(["-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=10"]);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", crashes.display()));
    command.arg("-max_len=65536").arg(&corpus).arg(&seeds).arg(&kept);
    let before = children_seconds()?;
    let output = command.stdin(Stdio::null()).output().map_err(text)?;
    let mut stats = Stats::of(&output);
    stats.seconds = stats.seconds.min(children_seconds()? - before);
    let found = fs::read_dir(&crashes).map_err(text)?.count() as u64;
    println!(
        "{name}: {} executions in {} s, coverage {}, features {}, {found} findings",
        stats.executions, stats.seconds, stats.coverage, stats.features
    );
    minimize_corpus(program, name, &corpus, &kept)?;
    remember(parser, &stats, found)?;
    if output.status.success() && found == 0 {
        return Ok(());
    }
    if found == 0 && output.status.code() == Some(INTERRUPTED) {
        return Err(format!("{name} was ended from outside; its time so far is recorded"));
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let end: Vec<_> = said.lines().rev().take(30).collect();
    Err(format!(
        "{name} found something, see {}:\n{}",
        crashes.display(),
        end.into_iter().rev().collect::<Vec<_>>().join("\n")
    ))
}

struct Stats {
    executions: u64,
    seconds: u64,
    coverage: u64,
    features: u64,
}

impl Stats {
    fn of(output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = |word: &str| {
            let line = said.lines().rev().find(|line| line.contains(word))?;
            line.split(word).nth(1)?.split_whitespace().next()?.parse().ok()
        };
        Self {
            executions: last("stat::number_of_executed_units:").unwrap_or(0),
            // libFuzzer does not print its time if it was ended from outside; the processor time counts then.
            seconds: last("runs in ").unwrap_or(u64::MAX),
            coverage: last(" cov: ").unwrap_or(0),
            features: last(" ft: ").unwrap_or(0),
        }
    }
}

/// Keeps the smallest set of inputs with the same coverage; the tests mutate these inputs too.
fn minimize_corpus(program: &Path, name: &str, corpus: &Path, kept: &Path) -> TaskResult {
    let merged = kept.with_extension("merged");
    drop(fs::remove_dir_all(&merged));
    fs::create_dir_all(&merged).map_err(text)?;
    let mut command = Command::new(program);
    command
        .env("COUNTERSIGN_FUZZ", name)
        .args(["-merge=1", "-max_len=4096"])
        .arg(&merged)
        .arg(corpus)
        .arg(kept);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !command.status().map_err(text)?.success() {
        return Err(format!("{name}: its corpus could not be merged; the old one stays"));
    }
    let mut files = Vec::new();
    for file in fs::read_dir(&merged).map_err(text)?.flatten() {
        files.push((file.metadata().map_err(text)?.len(), file.path()));
    }
    files.sort();
    for old in fs::read_dir(kept).map_err(text)?.flatten() {
        // Inputs that once caused a finding are kept for ever.
        if !old.file_name().to_string_lossy().starts_with("found-") {
            fs::remove_file(old.path()).map_err(text)?;
        }
    }
    for (_, path) in files.iter().take(KEPT_MAX) {
        let name = path.file_name().unwrap_or_default();
        fs::copy(path, kept.join(name)).map_err(text)?;
    }
    fs::remove_dir_all(&merged).map_err(text)
}

/// Adds a run to the record and writes the page again.
fn remember(parser: &Parser, stats: &Stats, found: u64) -> TaskResult {
    // Several runs may be in progress at the same time.
    let lock = fs::File::create(root().join("target/fuzz-work/lock")).map_err(text)?;
    lock.lock().map_err(text)?;
    let Parser { name, sources, digest: now } = parser;
    let mut record = record()?;
    let before =
        record.get(name).filter(|own| own.get("parser").and_then(Value::as_str) == Some(now)).cloned();
    let number = |field: &str| before.as_ref().and_then(|own| own.get(field)?.as_u64()).unwrap_or(0);
    let own = json!({
        "parser": now,
        "sources": sources,
        "seconds": number("seconds") + stats.seconds,
        "executions": number("executions") + stats.executions,
        "coverage": stats.coverage.max(number("coverage")),
        "features": stats.features.max(number("features")),
        "findings": found,
    });
    record.insert(name.clone(), own);
    let text_of = serde_json::to_string_pretty(&record).map_err(text)?;
    fs::write(root().join(RECORD), format!("{text_of}\n")).map_err(text)?;
    fs::write(root().join("docs/fuzz.md"), page(&record)).map_err(text)
}

/// Processor time of ended child processes, in whole seconds (proc_pid_stat(5), cutime and cstime, in hundredths).
fn children_seconds() -> Result<u64, String> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(text)?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> = after_name.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    match (fields.get(13), fields.get(14)) {
        (Some(user), Some(system)) => Ok((user + system) / 100),
        _ => Err("/proc/self/stat has no times of children".into()),
    }
}

fn record() -> Result<BTreeMap<String, Value>, String> {
    match fs::read(root().join(RECORD)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("{RECORD}: {error}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(format!("{RECORD}: {error}")),
    }
}

fn page(record: &BTreeMap<String, Value>) -> String {
    let mut page = HEAD.to_owned();
    for (name, own) in record {
        let number = |field: &str| own.get(field).and_then(Value::as_u64).unwrap_or(0);
        let parser = own.get("parser").and_then(Value::as_str).unwrap_or_default();
        let short: String = parser.chars().take(12).collect();
        let (seconds, executions) = (number("seconds"), number("executions"));
        let (coverage, findings) = (number("coverage"), number("findings"));
        // Writing to a string does not fail.
        let _ = writeln!(page, "| {name} | `{short}` | {seconds} | {executions} | {coverage} | {findings} |");
    }
    page
}

/// Digest of a parser's sources.
fn digest(sources: &[String]) -> Result<String, String> {
    let mut all = Vec::new();
    for source in sources {
        all.extend(
            fs::read(root().join("crates").join(source)).map_err(|error| format!("{source}: {error}"))?,
        );
    }
    let copy = root().join(format!("target/fuzz-work/sources-{}", std::process::id()));
    if let Some(parent) = copy.parent() {
        fs::create_dir_all(parent).map_err(text)?;
    }
    fs::write(&copy, all).map_err(text)?;
    let output = Command::new("sha256sum").arg(&copy).output().map_err(text)?;
    fs::remove_file(&copy).map_err(text)?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.split_whitespace().next().map(str::to_owned).ok_or_else(|| "sha256sum printed nothing".to_owned())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

const RECORD: &str = "fuzz/record.json";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const KEPT_MAX: usize = 64;
/// Instrumentation that libFuzzer reads: counters, their addresses, and comparisons (LLVM's SanitizerCoverage).
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";
const HEAD: &str = "# Fuzzing

Every parser of foreign bytes runs under libFuzzer with `cargo x fuzz SECONDS [PARSER…]`; that command writes this page from
`fuzz/record.json`. A row counts only for the sources with its digest: when the sources of a parser change, its row starts again
at zero, and `cargo x accept hold fuzz` fails until the parser has had its hour. `cargo x test` runs the same functions
(`crates/lab/src/parsers.rs`) over `fuzz/corpus`, with 10,000 mutations each. Seconds are processor time. Coverage is the number
of edges of the whole program that libFuzzer reports.

| parser | sources | seconds | executions | coverage | findings |
|---|---|---|---|---|---|
";
