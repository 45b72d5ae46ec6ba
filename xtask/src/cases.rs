//! Other projects' bug reports as small runnable cases, in a directory beside the project; `cargo x accept sound` runs them.

use std::process::Command;

use crate::command::{self, TaskResult};

/// Runs every case against the program of the release profile.
pub fn run() -> TaskResult {
    let all = command::root().join("../shared/cases/run-all");
    if !all.exists() {
        return Err(format!("{} is missing: the cases lie beside the project", all.display()));
    }
    command::cargo(&["build", "--workspace", "--bin", "countersign", "--release"])?;
    let mut command = Command::new("bash");
    command::spawn(command.arg(all).env("COUNTERSIGN_BIN", command::target().join("release/countersign")))
}
