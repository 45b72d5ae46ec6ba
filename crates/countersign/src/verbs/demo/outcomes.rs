//! The outcomes that acts and attacks look at: refusals, entries, and the artifact that runs.

use serde_json::Value;

use super::repository::{Answered, broke};
use super::stage::{PROJECT, SERVICE, Stage};
use crate::failure::Failure;

/// Alice promotes the pending release, and saves its evidence.
pub fn promote(stage: &Stage, line: &str) -> Result<Value, Failure> {
    let bundle = stage.bundle().display().to_string();
    Ok(stage.expect("alice", &["promote", "--bundle", &bundle], 0, line)?.value)
}

/// Checks that a command was refused, for exactly these reasons.
pub fn refused(answered: &Answered, code: i32, codes: &[&str], line: &str) -> Result<(), Failure> {
    let reasons = answered.value.get("reasons").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found: Vec<_> = reasons.iter().filter_map(|reason| reason.get("code")?.as_str()).collect();
    found.sort_unstable();
    found.dedup();
    if answered.code == code && found == codes {
        return Ok(());
    }
    let what =
        format!("expected exit code {code} for {codes:?}, found {}: {}", answered.code, answered.value);
    Err(broke(line, &what))
}

/// Checks that the refusal is recorded in the ledger, with the same reasons.
pub fn recorded(stage: &Stage, answered: &Answered, line: &str) -> Result<(), Failure> {
    let reasons = answered.value.get("reasons").cloned().unwrap_or_default();
    let last = stage.entries(0)?.into_iter().rev().find(|entry| entry.kind == "refused");
    let kept = last.and_then(|entry| entry.particulars?.get("refusal").cloned());
    if kept == Some(reasons) { Ok(()) } else { Err(broke(line, "the refusal is not recorded")) }
}

/// The artifact that runs in an environment.
pub fn running(stage: &Stage, environment: &str) -> Result<String, Failure> {
    let standing = stage.standing(environment)?;
    Ok(standing.pointer("/running/artifact").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// The artifact that a run made.
pub fn artifact_of(ran: &Value) -> String {
    let artifact = ran.get("artifacts").and_then(|artifacts| artifacts.get(SERVICE));
    artifact.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The place of the story.
pub fn production() -> String {
    format!("{PROJECT}/{SERVICE}/production")
}

/// A number in a view.
pub fn number(view: &Value, path: &str) -> Option<u64> {
    view.pointer(path).and_then(Value::as_u64)
}
