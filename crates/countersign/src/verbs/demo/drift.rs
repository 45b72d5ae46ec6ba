//! Somebody edits a file of the running release on the host: the agent puts it back, and says so.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::repository::broke;
use super::stage::Stage;
use crate::failure::Failure;

/// Two people sign that files are put back, and a hand-edited one is.
pub fn edited(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a hand-edited file";
    stage.write(RULES, "files: correct\nevery-ms: 1000\n")?;
    let out = stage.aside("drift.json").display().to_string();
    let words = ["trust", "environment", PLACE, "--drift", RULES, "--out", &out, "--yes"];
    stage.expect("alice", &words, 0, line)?;
    stage.expect("bob", &["trust", "sign", &out, "--yes"], 0, line)?;
    stage.expect("bob", &["trust", "send", &out], 0, line)?;
    std::fs::remove_file(out)?;
    std::fs::remove_file(stage.repository_dir().join(RULES))?;
    let file = std::fs::canonicalize(stage.agent_dir("dev")?.join("current"))?.join("bin/ledger-api");
    let before = std::fs::read(&file)?;
    let from = stage.entries(0)?.len() as u64;
    edit(&file)?;
    let began = Instant::now();
    while std::fs::read(&file)? != before {
        if began.elapsed() > PATIENCE {
            return Err(broke(line, "the agent does not put it back"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    while !is_told(stage, from)? {
        if began.elapsed() > PATIENCE {
            return Err(broke(line, "the ledger has no observation of it"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    stage.tell(
        "somebody edits the service's program on the host of dev: the agent puts it back and says so".into(),
    );
    Ok(())
}

/// Whether the ledger has an observation of drift since this entry.
fn is_told(stage: &Stage, from: u64) -> Result<bool, Failure> {
    let kind = |facts: &Value| facts.get("kind").and_then(Value::as_str) == Some("drift");
    Ok(stage.entries(from)?.iter().any(|entry| entry.kind == "observation.made" && kind(&entry.facts)))
}

/// Replaces a file as somebody with the rights for it does.
fn edit(file: &Path) -> Result<(), Failure> {
    let dir = file.parent().unwrap_or(file);
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    mode(dir, 0o755)?;
    std::fs::remove_file(file)?;
    std::fs::write(file, "#!/bin/sh\necho changed by hand\n")?;
    mode(file, 0o555)?;
    Ok(mode(dir, 0o555)?)
}

const PLACE: &str = "bank/ledger-api/dev";
const RULES: &str = "drift.yaml";
const PATIENCE: Duration = Duration::from_secs(60);
