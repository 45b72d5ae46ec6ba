//! The controls of the rehearsal: each is disabled in the product's code by a feature that no released binary has, and the
//! rehearsal, with unchanged code, must fail at the line that depends on the control.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{self, TaskResult};

/// Feature of the control, and the line of the story that depends on it.
pub const CONTROLS: [(&str, &str); 8] = [
    ("drill-policy", "nobody has approved"),
    ("drill-own-change", "a self-approval"),
    ("drill-refusal-record", "a self-approval"),
    ("drill-commit-signature", "an unsigned commit"),
    ("drill-failed-step", "a failing test"),
    ("drill-artifact-hash", "an artifact replaced in the store"),
    ("drill-ledger-proof", "an artifact swapped with manifest and ledger row"),
    ("drill-probe", "a release that is not healthy"),
];

/// Builds and runs one rehearsal for each control.
pub fn controls() -> TaskResult {
    let mut wrong = Vec::new();
    for (feature, line) in CONTROLS {
        let found = broken_at(feature)?;
        println!("{feature}: {}", found.as_deref().unwrap_or("the demo did not fail"));
        if found.as_deref() != Some(line) {
            wrong.push(format!("{feature} breaks {found:?}, not `{line}`"));
        }
    }
    // The binary that remains is the real one again.
    command::cargo(&["build", "-p", "countersign", "--quiet"])?;
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// The line at which the rehearsal fails without a control.
fn broken_at(feature: &str) -> Result<Option<String>, String> {
    command::cargo(&["build", "-p", "countersign", "--quiet", "--features", feature])?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| command::root().join("target"), PathBuf::from);
    let data = std::env::temp_dir().join(format!("{feature}-{}", std::process::id())).join("data");
    let parent = data.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&parent).map_err(|error| error.to_string())?;
    let mut command = Command::new(target.join("debug/countersign"));
    command.args(["demo", "--exit", "-o", "json", "--data"]).arg(&data);
    let output = command.output().map_err(|error| format!("the rehearsal could not be run: {error}"))?;
    std::fs::remove_dir_all(&parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    if output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value: serde_json::Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
    let said = value.get("error").and_then(|error| error.as_str()).unwrap_or_default().to_owned();
    let line = said.strip_prefix("the demo failed at \"").and_then(|rest| rest.split('"').next());
    line.map(|line| Some(line.to_owned()))
        .ok_or_else(|| format!("{feature}: it failed in another way: {said}"))
}
