//! Runs commands in the tree, and prints each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The result of a task: nothing, or the reason of its failure.
pub type TaskResult = Result<(), String>;

/// Root of the tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// All crates that are tested together. The driver of the browser's tests asks `serde_json` to keep the order of fields;
/// built beside it, every other crate would be tested with another `serde_json` than the one that is shipped.
pub const CRATES: [&str; 3] = ["--workspace", "--exclude", "browser"];

/// Cargo's target directory.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs cargo in the tree's root.
pub fn cargo(arguments: &[&str]) -> TaskResult {
    spawn(Command::new("cargo").args(arguments))
}

/// Prints a command and runs it in the tree's root.
pub fn spawn(command: &mut Command) -> TaskResult {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let shown = format!("{} {}", command.get_program().to_string_lossy(), words.join(" "));
    println!("$ {shown}");
    let status = command.current_dir(root()).status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed: {status}")) }
}

/// Whether a tool can be started.
pub fn answers(tool: &str, argument: &str) -> bool {
    let version = if tool == "cargo" && argument != "--version" { Some("--version") } else { None };
    let mut command = Command::new(tool);
    command.arg(argument).args(version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // ssh-keygen has no version flag, so it is enough that it starts.
    command.status().is_ok_and(|status| status.success() || tool == "ssh-keygen")
}
