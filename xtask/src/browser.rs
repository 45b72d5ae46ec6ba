//! The console in a real browser: fetches what its tests need, and runs them.
//!
//! Invariant: nothing is installed. Chromium comes from Debian, unpacked below the target directory if the system has none;
//! axe-core comes from npm's registry, at the version and with the digest of `xtask/browser/package-lock.json`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{TaskResult, answers, root, spawn, target};
use crate::{apt, run};

/// Runs the tests whose names contain a text, or all.
pub fn test(filters: &[&str]) -> TaskResult {
    run::setup()?;
    let settings = settings()?;
    let mut command = Command::new("cargo");
    if answers("cargo", "nextest") {
        // Passing tests print what they measured.
        command
            .args(["nextest", "run", "--success-output", "final"])
            .args(WHICH)
            .args(["--run-ignored", "only"]);
        command.args(["-E", "package(browser)"]).args(filters);
    } else {
        command.arg("test").args(WHICH).arg("--").arg("--ignored").args(filters);
    }
    spawn(command.envs(settings))
}

/// Variables of the environment by which the tests find their programs.
fn settings() -> Result<[(&'static str, String); 2], String> {
    let target = target();
    let tree = apt::chromium(&target)?;
    Ok([("COUNTERSIGN_CHROMIUM", tree.display().to_string()), ("COUNTERSIGN_AXE", axe(&target)?)])
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

const LOCK: &str = "xtask/browser";
/// The tests, and one of the program's, for which cargo builds the program. All crates count, as for the other tests: fewer
/// would be built anew, with other features of what they depend on.
const WHICH: [&str; 5] = ["--workspace", "--test", "console", "--test", "cli"];
