//! A read of a secret outside the hours of its grant: the step gets nothing, and people are alerted.

use std::fs;
use std::time::Duration;

use client::clock::now;
use client::random;
use evidence::statements::Day;
use serde_json::Value;

use super::outcomes::refused;
use super::repository::broke;
use super::secrets::uses;
use super::stage::{PROJECT, Stage};
use super::values::put;
use crate::failure::Failure;

/// Alice's step mirrors what is published, three days too early.
pub fn read(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a read outside the window";
    let secret = format!("{PROJECT}/registry/mirror");
    put(stage, &[&secret], &format!("demo-{}", random::id()?), line)?;
    // A run that goes over midnight is too early, too.
    let day = Day::of(now()?.later_by(Duration::from_hours(3 * 24)));
    let hours = format!("{} 02:00-04:00", serde_json::to_value(day)?.as_str().unwrap_or_default());
    let bounds =
        ["--ref", "refs/heads/main", "--pool", "branch", "--reason", "mirrors are made at night", "--yes"];
    let grant = ["secret", "grant", &secret, "--to-step", "mirror", "--hours", &hours];
    stage.expect("bob", &[&grant[..], &bounds].concat(), 0, line)?;
    let pipeline = ".countersign/pipeline.yaml";
    let honest = fs::read_to_string(stage.repository_dir().join(pipeline))?;
    stage.write(pipeline, &honest.replace("steps:\n", STEP))?;
    stage.commit("alice", "Mirror what is published")?;
    let answered = stage.countersign("alice", &["run", "--ref", "main"])?;
    refused(&answered, 3, &["step-failed"], line)?;
    let told = uses(stage, &secret, line)?;
    let said = |used: &Value| used.get("summary").and_then(Value::as_str).map(str::to_owned);
    let alert = told.iter().filter(|used| used.get("allowed").is_none()).find_map(said);
    let Some(alert) = alert.filter(|alert| alert.contains("outside the hours")) else {
        return Err(broke(line, &format!("there is no alert: {told:?}")));
    };
    stage.git("alice", &["reset", "-q", "--hard", "HEAD~1"])?;
    stage.tell(format!(
        "a read outside the window alerts: the step gets nothing before {hours} UTC, and {alert}"
    ));
    Ok(())
}

/// The step, and the beginning of the steps that follow.
const STEP: &str = "steps:
  mirror:
    secrets: { token: { secret: registry/mirror } }
    run: test -s /run/secrets/token
";
