//! A release outside the times that two people signed for production.

use std::time::SystemTime;

use super::outcomes::{production, refused};
use super::repository::broke;
use super::stage::Stage;
use crate::failure::Failure;

/// Bob approves on a day on which production is closed; Alice's promotion waits.
pub fn held(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a release outside its windows";
    let day = later_day()?;
    stage.write(
        RULES,
        &format!("version: 1\nzone: Europe/Berlin\nallow:\n  - {{ cron: '0 9 * * {day}', for: 2h }}\n"),
    )?;
    set(stage, RULES, line)?;
    stage.expect("bob", &["approve", "--yes", "--reason", "tried it in staging"], 0, line)?;
    let answered = stage.countersign("alice", &["promote"])?;
    refused(&answered, 3, &["window-closed"], line)?;
    let windows = stage.standing("production")?.get("windows").cloned().unwrap_or_default();
    let opens = windows.get("changes").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    if opens.is_empty() {
        return Err(broke(line, &format!("nobody says when production opens: {windows}")));
    }
    set(stage, "none", line)?;
    std::fs::remove_file(stage.repository_dir().join(RULES))?;
    stage.tell(format!("a release to production outside its windows: held, window-closed, until {opens}"));
    Ok(())
}

/// Two people sign the windows of production.
fn set(stage: &Stage, windows: &str, line: &str) -> Result<(), Failure> {
    let out = stage.aside("windows.json").display().to_string();
    let words = ["trust", "environment", &production(), "--windows", windows, "--out", &out, "--yes"];
    stage.expect("alice", &words, 0, line)?;
    stage.expect("bob", &["trust", "sign", &out, "--yes"], 0, line)?;
    stage.expect("bob", &["trust", "send", &out], 0, line)?;
    std::fs::remove_file(out)?;
    Ok(())
}

/// The day of the week after three days, so that no window is open while the demo runs.
fn later_day() -> Result<&'static str, Failure> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(Failure::error)?;
    // 1970 began on a Thursday.
    let day = since.as_secs() / 86_400 + 3;
    let day = usize::try_from(day % 7).ok().and_then(|day| DAYS.get(day));
    day.copied().ok_or_else(|| Failure::error(std::io::ErrorKind::Unsupported))
}

const RULES: &str = "windows.yaml";
const DAYS: [&str; 7] = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
