//! Releases are judged again: an advisory that comes after a release alerts its owner, holds its promotion and names its fix; so
//! does the end of a waiver.

use std::time::Duration;

use client::clock::now;
use serde_json::{Value, json};

use super::mirror;
use super::outcomes::{artifact_of, production, promote, refused, running};
use super::repository::broke;
use super::stage::Stage;
use crate::failure::Failure;

/// Alice ships a tool with a package; then somebody publishes an advisory about it.
pub fn told(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a release before its advisory";
    let (pipeline, release) = (".countersign/pipeline.yaml", ".countersign/release.yaml");
    let read = |stage: &Stage, path: &str| std::fs::read_to_string(stage.repository_dir().join(path));
    let (steps, described) = (read(stage, pipeline)?, read(stage, release)?);
    stage.write(pipeline, &steps.replace("steps:\n", SCAN))?;
    stage.write(
        release,
        &described.replace(ARTIFACT, &format!("{ARTIFACT}    owner: \"@bank/payments\"\n")),
    )?;
    stage.write("tool/Cargo.toml", MANIFEST)?;
    with(stage, "1.0.0", "there is nothing")?;
    stage.commit("alice", "Import bookings with a tool")?;
    stage.expect("alice", &["run"], 0, line)?;
    alerts(stage, 0, line)?;

    let line = "an advisory after the release";
    mirror::publish(&stage.ledger, RULE, "serde")?;
    let alert = alerts(stage, 1, line)?;
    let field = |name: &str| alert.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let wanted = [("subject", RULE), ("fixed", "1.0.1"), ("owner", "@bank/payments"), ("champion", "bob")];
    if let Some((name, value)) = wanted.iter().find(|(name, value)| field(name) != *value) {
        return Err(broke(line, &format!("the alert does not say {name} {value}: {alert}")));
    }
    let found = stage.expect("bob", &["where", "serde<1.0.1"], 0, line)?.value;
    let spots = |state: &str| {
        let all = found.get("spots").and_then(Value::as_array).into_iter().flatten();
        all.filter(|spot| spot.get("state") == Some(&json!(state))).count()
    };
    if (spots("runs"), spots("waits")) != (2, 1) {
        return Err(broke(line, &format!("the package is at other places: {found}")));
    }
    stage.expect("bob", &["approve", "--yes", "--reason", "tried the tool in staging"], 0, line)?;
    let answered = stage.countersign("alice", &["promote"])?;
    refused(&answered, 4, &["alert-open"], line)?;
    stage.tell(format!(
        "an advisory about a package that ships: runs at 2 places, waits at 1; an alert for @bank/payments, {}; production \
         is held, alert-open: {}",
        field("severity"),
        field("remedy")
    ));
    let digits: String = field("alert").chars().skip("sha256:".len()).take(12).collect();
    let words = ["alerts", "acknowledge", &digits, "--reason", "Alice upgrades it today"];
    let state = stage.expect("bob", &words, 0, line)?.value.get("state").cloned();
    if state != Some(json!("acknowledged")) {
        return Err(broke(line, "nobody looks after the alert"));
    }
    waived(stage)?;
    mended(stage)
}

/// A change with the package ships by a waiver, which is withdrawn afterwards.
fn waived(stage: &mut Stage) -> Result<(), Failure> {
    let line = "the end of a waiver";
    with(stage, "1.0.0", "there is nothing here")?;
    stage.commit("alice", "Import older bookings, too")?;
    let ran = stage.expect("alice", &["run"], 0, line)?.value;
    let shown = stage.expect("bob", &["approve", "--show"], 0, line)?.value;
    let worst = shown.pointer("/findings/worst").and_then(Value::as_array).cloned().unwrap_or_default();
    let finding = worst.iter().find(|found| found.get("rule") == Some(&json!(RULE)));
    let id = finding.and_then(|found| found.get("id")?.as_str()).unwrap_or_default();
    let until = now()?.later_by(Duration::from_secs(24 * 60 * 60)).to_string();
    let words = ["waive", id, "--yes", "--reason", "the tool reads only our files", "--until", &until];
    let statement = stage.expect("bob", &words, 0, line)?.value.get("statement").cloned();
    stage.expect("bob", &["approve", "--yes", "--reason", "with the waiver"], 0, line)?;
    // The alert was about the release that waited before, which this one replaces.
    alerts(stage, 0, line)?;
    promote(stage, line)?;
    if running(stage, "production")? != artifact_of(&ran) {
        return Err(broke(line, "production does not run what was waived"));
    }
    alerts(stage, 0, line)?;
    let statement = statement.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    stage.expect("bob", &["trust", "status", "--yes", "--withdraw", &statement], 0, line)?;
    let alert = alerts(stage, 1, line)?;
    if alert.get("cause") != Some(&json!("statement-ended")) {
        return Err(broke(line, &format!("the alert has another cause: {alert}")));
    }
    stage.tell(
        "a waiver for it lets the next change through; once it is withdrawn, what runs alerts again".into(),
    );
    Ok(())
}

/// The upgrade closes every alert.
fn mended(stage: &mut Stage) -> Result<(), Failure> {
    let line = "the fix of an advisory";
    with(stage, "1.0.1", "nothing is here")?;
    stage.commit("alice", "Upgrade serde")?;
    let ran = stage.expect("alice", &["run"], 0, line)?.value;
    stage.expect("bob", &["approve", "--yes", "--reason", "only the upgrade"], 0, line)?;
    promote(stage, line)?;
    if running(stage, "production")? != artifact_of(&ran) {
        return Err(broke(line, "production does not run the fix"));
    }
    alerts(stage, 0, line)?;
    stage.tell(
        "the upgrade goes through, and its alerts close by themselves: opening, answer and end are on record"
            .into(),
    );
    Ok(())
}

/// Judges again what ships, and gives the alert about production; there must be so many.
fn alerts(stage: &Stage, count: usize, line: &str) -> Result<Value, Failure> {
    stage.expect("bob", &["rescan"], 0, line)?;
    let place = production();
    let listed = stage.expect("bob", &["alerts", "list", "--place", &place], 0, line)?.value;
    let all = listed.as_array().cloned().unwrap_or_default();
    if all.len() != count {
        return Err(broke(line, &format!("{count} alerts about production were expected, not {listed}")));
    }
    Ok(all.into_iter().next().unwrap_or_default())
}

/// Writes the lockfile with a version of the package, and an answer of the service that makes its artifact another one.
fn with(stage: &Stage, version: &str, answer: &str) -> Result<(), Failure> {
    stage.write("tool/Cargo.lock", &LOCKFILE.replace("VERSION", version))?;
    let main = "src/main.rs";
    let text = std::fs::read_to_string(stage.repository_dir().join(main))?;
    let other = |line: &str| {
        if line.starts_with(NOTHING) {
            format!("{NOTHING}\"{answer}\".to_owned()),\n")
        } else {
            format!("{line}\n")
        }
    };
    stage.write(main, &text.lines().map(other).collect::<String>())
}

/// The advisory.
const RULE: &str = "RUSTSEC-2026-0007";
/// The step that the pipeline gets, and the beginning of the steps that follow.
const SCAN: &str = "steps:\n  packages: { scan: [components, dependencies] }\n";
/// The line of the release file before which the owner is added.
const ARTIFACT: &str = "    artifact: ledger-api\n";
/// The beginning of the line of the service that answers what it does not know.
const NOTHING: &str = "        _ => (404, ";
const MANIFEST: &str =
    "[package]\nname = \"tool\"\nversion = \"0.1.0\"\n\n[dependencies]\nserde = \"1\"\n\n[workspace]\n";
const LOCKFILE: &str = r#"version = 4

[[package]]
name = "serde"
version = "VERSION"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "abababababababababababababababababababababababababababababababab"

[[package]]
name = "tool"
version = "0.1.0"
dependencies = ["serde"]
"#;
