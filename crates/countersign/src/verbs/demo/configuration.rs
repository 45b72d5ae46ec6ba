//! The installation as files of a repository: a change by review is shown, and counts once two people have signed it.

use serde_json::Value;

use super::outcomes::refused;
use super::stage::Stage;
use crate::failure::Failure;

/// Bob says in a file what staging is; nothing holds until Alice and Bob have signed the statement.
pub fn declared(stage: &mut Stage) -> Result<(), Failure> {
    let line = "configuration from files";
    let files = stage.ledger.beside("configuration");
    let dir = files.dir.display().to_string();
    stage.expect("alice", &["apply", "--export", &dir], 0, line)?;
    files.git("alice", &["init", "-q", "-b", "main"])?;
    files.commit("alice", "Everything in force")?;
    stage.expect("alice", &["apply", "--check", &dir], 0, line)?;
    files.write("overrides/staging.yaml", "class: staging\n")?;
    let commit = files.commit("bob", "Staging is staging")?;
    let differs = stage.countersign("alice", &["apply", "--check", &dir])?;
    refused(&differs, 3, &["not-in-force"], line)?;
    let out = stage.aside("to-sign").display().to_string();
    let written = stage.expect("alice", &["apply", &dir, "--out", &out, "--yes"], 0, line)?.value;
    for file in written.get("files").and_then(Value::as_array).into_iter().flatten() {
        let file = file.as_str().unwrap_or_default();
        stage.expect("bob", &["trust", "sign", file, "--yes"], 0, line)?;
        stage.expect("bob", &["trust", "send", file], 0, line)?;
    }
    stage.expect("bob", &["apply", "--check", &dir], 0, line)?;
    stage.tell(format!(
        "a file of commit {} says what staging is: shown as a difference, signed by two, in force",
        commit.get(..12).unwrap_or(&commit)
    ));
    Ok(())
}
