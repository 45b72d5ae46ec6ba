//! The console in a real browser: fetches what its tests need, starts the installation that they look at, and runs them.
//!
//! Invariant: nothing is installed, and the installation ends with the tests. Chromium comes from Debian, unpacked below the target directory if the system has none;
//! axe-core comes from npm's registry, at the version and with the digest of `xtask/browser/package-lock.json`.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{CRATES, TaskResult, answers, root, spawn, target};
use crate::{apt, run};

/// Runs the tests whose names contain a text, or all.
pub fn test(filters: &[&str]) -> TaskResult {
    run_tests(filters, &[])
}

/// What people come for, by keyboard alone, and without script where they read.
pub fn journeys() -> TaskResult {
    test(&["journey_"])
}

/// What holds on every page.
pub fn every_page() -> TaskResult {
    test(&["table::", "harness::", "samples::", "console::"])
}

/// Texts of the corpus, in every page.
pub fn hostile_texts() -> TaskResult {
    test(&["hostile::", "strangers::"])
}

/// Takes the pictures of `docs/screens` anew.
pub fn screens() -> TaskResult {
    let dir = root().join("docs/screens");
    fs::create_dir_all(&dir).map_err(text)?;
    for entry in fs::read_dir(&dir).map_err(text)?.flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "webp") {
            fs::remove_file(entry.path()).map_err(text)?;
        }
    }
    run_tests(&["screens::"], &[("COUNTERSIGN_SCREENS", dir.display().to_string())])
}

fn run_tests(filters: &[&str], more: &[(&'static str, String)]) -> TaskResult {
    run::setup()?;
    let nextest = answers("cargo", "nextest");
    let runner: &[&str] = if nextest { &["nextest", "run"] } else { &["test"] };
    let mut settings = settings()?;
    settings.extend(more.iter().cloned());
    // The program is built as for its own tests, and apart from the driver of the browser.
    spawn(Command::new("cargo").args(runner).args(CRATES).args(["--test", "cli", "--no-run"]))?;
    spawn(Command::new("cargo").args(runner).args(WHICH).arg("--no-run"))?;
    let program = target().join("debug/countersign");
    // A person who works on the tests may keep one demo for many runs.
    let demo = match env::var_os("COUNTERSIGN_DEMO") {
        Some(_) => None,
        None => Some(Demo::start(&program)?),
    };
    settings.extend(demo.as_ref().map(|demo| ("COUNTERSIGN_DEMO", demo.report.display().to_string())));
    settings.push(("COUNTERSIGN_PROGRAM", program.display().to_string()));
    let mut command = Command::new("cargo");
    command.args(runner).args(WHICH).envs(settings);
    if nextest {
        // Tests that pass print what they measured.
        command
            .args(["--run-ignored", "all", "--success-output", "final", "-E", "package(browser)"])
            .args(filters);
    } else {
        command.arg("--").arg("--include-ignored").args(filters);
    }
    spawn(&mut command)
}

/// A demo that stays up.
struct Demo {
    child: Child,
    dir: PathBuf,
    /// File of its report.
    report: PathBuf,
}

impl Demo {
    fn start(program: &Path) -> Result<Self, String> {
        let dir = env::temp_dir().join(format!("countersign-browser-{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(text)?;
        let mut command = Command::new(program);
        command.args(["demo", "--stay", "-o", "json", "--data"]).arg(dir.join("data"));
        println!("$ {} demo --stay", program.display());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(text)?;
        let said = child.stdout.take();
        let demo = Self { child, report: dir.join("report.json"), dir };
        let report = said.and_then(reported).ok_or_else(|| {
            format!(
                "the demo did not get ready within {} s; its directory was {}",
                READY.as_secs(),
                demo.dir.display()
            )
        })?;
        fs::write(&demo.report, report).map_err(text)?;
        Ok(demo)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It ends its roles itself.
        drop(spawn(Command::new("kill").arg(self.child.id().to_string())));
        let end = Instant::now() + ENDED;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > end {
                drop(self.child.kill());
                drop(self.child.wait());
                break;
            }
            thread::sleep(LOOK_EVERY);
        }
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// The report of a demo, once its story is over.
fn reported(said: ChildStdout) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    // The demo would fail if nobody could read its later lines, so this reads until its end.
    thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            let report = serde_json::from_str::<serde_json::Value>(&line);
            if report.is_ok_and(|report| report.get("url").is_some()) {
                drop(sender.send(line));
            }
        }
    });
    receiver.recv_timeout(READY).ok()
}

/// Variables of the environment by which the tests find their programs.
fn settings() -> Result<Vec<(&'static str, String)>, String> {
    let target = target();
    let tree = apt::chromium(&target)?;
    Ok(vec![("COUNTERSIGN_CHROMIUM", tree.display().to_string()), ("COUNTERSIGN_AXE", axe(&target)?)])
}

/// Fetches axe-core if this version is not there: its file.
fn axe(target: &Path) -> Result<String, String> {
    let dir = target.join("browser");
    let file = dir.join("node_modules/axe-core/axe.min.js");
    let lock = fs::read(root().join(LOCK).join("package-lock.json")).map_err(text)?;
    let kept = fs::read(dir.join("package-lock.json")).unwrap_or_default();
    if kept != lock || !file.exists() {
        if !answers("npm", "--version") {
            return Err("npm is missing, which fetches axe-core; install it (`apt-get install npm`)".into());
        }
        fs::create_dir_all(&dir).map_err(text)?;
        fs::copy(root().join(LOCK).join("package.json"), dir.join("package.json")).map_err(text)?;
        fs::write(dir.join("package-lock.json"), &lock).map_err(text)?;
        let mut install = Command::new("npm");
        install.args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&dir);
        spawn(&mut install)?;
    }
    println!("found    axe-core");
    Ok(file.display().to_string())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The story of the demo takes one or two minutes, and more on a busy machine.
const READY: Duration = Duration::from_secs(600);
const ENDED: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOCK: &str = "xtask/browser";
/// The tests in a browser.
const WHICH: [&str; 4] = ["--package", "browser", "--test", "console"];
