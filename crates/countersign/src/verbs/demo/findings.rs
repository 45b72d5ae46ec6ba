//! Findings: a secret is refused before it is in a commit. Those of a scanner may run in staging, and stop the release to
//! production. So do those of a check that runners do against the service in staging.

use std::time::Duration;

use client::clock::now;
use client::random;
use serde_json::Value;

use super::outcomes::{artifact_of, number, promote, refused, running};
use super::repository::broke;
use super::stage::Stage;
use crate::failure::Failure;

/// Alice adds a scanner and code that it minds; production gets it only once it is mended.
pub fn stopped(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a critical finding";
    let pipeline = ".countersign/pipeline.yaml";
    let book = "src/book.rs";
    let read = |stage: &Stage, path: &str| std::fs::read_to_string(stage.repository_dir().join(path));
    let (steps, honest) = (read(stage, pipeline)?, read(stage, book)?);
    stage.write("scan.sh", SCANNER)?;
    stage.write(pipeline, &steps.replace("steps:\n", STEP))?;
    stage.write(book, &format!("{honest}{UNCHECKED}"))?;
    stage.commit("alice", "Read the amount faster")?;
    let ran = stage.expect("alice", &["run"], 0, line)?.value;
    let before = running(stage, "production")?;
    if running(stage, "staging")? != artifact_of(&ran) {
        return Err(broke(line, "staging does not run what the scanner minds"));
    }
    stage.expect("bob", &["approve", "--yes", "--reason", "tried it in staging"], 0, line)?;
    let answered = stage.countersign("alice", &["promote"])?;
    refused(&answered, 3, &["finding-critical"], line)?;
    if running(stage, "production")? != before {
        return Err(broke(line, "production runs something else"));
    }
    let what = answered.value.pointer("/reasons/0/what").and_then(Value::as_str).unwrap_or_default();
    stage.tell(format!("a scanner's critical finding runs in staging; production refuses it: {what}"));
    waived(stage, &artifact_of(&ran))?;

    let line = "a mended finding";
    stage.write(book, &honest)?;
    stage.commit("alice", "Read the amount safely again")?;
    let ran = stage.expect("alice", &["run"], 0, line)?.value;
    stage.expect("bob", &["approve", "--yes", "--reason", "no finding is left"], 0, line)?;
    promote(stage, line)?;
    if running(stage, "production")? != artifact_of(&ran) {
        return Err(broke(line, "production does not run the mended artifact"));
    }
    stage.tell("the same without the finding: the scanner says so, and production serves it".into());
    Ok(())
}

/// Alice lets runners try the service in staging. A page that answers everybody stops production until it is gone.
pub fn attacked(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a finding in staging";
    let release = ".countersign/release.yaml";
    let main = "src/main.rs";
    let read = |stage: &Stage, path: &str| std::fs::read_to_string(stage.repository_dir().join(path));
    let (described, honest) = (read(stage, release)?, read(stage, main)?);
    stage.write("dast.sh", DAST)?;
    stage.write(release, &format!("{described}{CHECK}"))?;
    stage.write(main, &honest.replace(BALANCE, &format!("{OPEN_PAGE}{BALANCE}")))?;
    stage.commit("alice", "Show the variables of the process")?;
    let ran = stage.expect("alice", &["run"], 0, line)?.value;
    let before = running(stage, "production")?;
    if running(stage, "staging")? != artifact_of(&ran) {
        return Err(broke(line, "staging does not run what is checked there"));
    }
    stage.expect("bob", &["approve", "--yes", "--reason", "the balance is right"], 0, line)?;
    let answered = stage.countersign("alice", &["promote"])?;
    refused(&answered, 3, &["finding-critical"], line)?;
    if running(stage, "production")? != before {
        return Err(broke(line, "production runs something else"));
    }
    let what = answered.value.pointer("/reasons/0/what").and_then(Value::as_str).unwrap_or_default();
    stage.tell(format!("a DAST check finds an open page in staging; production refuses it: {what}"));

    let line = "a release that its check passes";
    stage.write(main, &honest)?;
    stage.commit("alice", "Keep the variables of the process")?;
    let ran = stage.expect("alice", &["run"], 0, line)?.value;
    stage.expect("bob", &["approve", "--yes", "--reason", "the page is gone"], 0, line)?;
    promote(stage, line)?;
    if running(stage, "production")? != artifact_of(&ran) {
        return Err(broke(line, "production does not run the mended artifact"));
    }
    stage.tell("the same without the page: two runners checked staging, and production serves it".into());
    Ok(())
}

/// Alice is about to commit a password; the hook refuses it before it is in the history.
pub fn hooked(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a secret in a commit";
    stage.expect("alice", &["hook", "install"], 0, line)?;
    let before = stage.git("alice", &["rev-parse", "HEAD"])?;
    let password = random::id()?.to_string();
    stage.write("deploy.yaml", &format!("database: postgres://ledger:{password}@db.example.com/ledger\n"))?;
    stage.git("alice", &["add", "-A"])?;
    let Err(refused) = stage.git("alice", &["commit", "-q", "-S", "-m", "Say where the database is"]) else {
        return Err(broke(line, "the commit was made"));
    };
    let said = refused.message();
    let what = said.lines().map(str::trim).find(|line| line.starts_with("deploy.yaml:1"));
    let Some(what) = what.filter(|_| said.contains("the commit is refused") && !said.contains(&password))
    else {
        return Err(broke(line, said));
    };
    if stage.git("alice", &["rev-parse", "HEAD"])? != before {
        return Err(broke(line, "there is a new commit"));
    }
    let what = what.to_owned();
    stage.git("alice", &["reset", "-q", "--hard"])?;
    stage.expect("alice", &["hook", "remove"], 0, line)?;
    stage.tell(format!(
        "a secret in what Alice commits: the hook refuses it before there is a commit: {what}"
    ));
    Ok(())
}

/// Bob accepts the finding until a time; Alice, who wrote the change, may not.
fn waived(stage: &mut Stage, artifact: &str) -> Result<(), Failure> {
    let line = "a waiver";
    let shown = stage.expect("bob", &["approve", "--show"], 0, line)?.value;
    let id = shown.pointer("/findings/worst/0/id").and_then(Value::as_str).unwrap_or_default();
    let until = now()?.later_by(Duration::from_secs(24 * 60 * 60)).to_string();
    let words = ["waive", id, "--yes", "--reason", "mended within a day", "--until", &until];
    refused(&stage.countersign("alice", &words)?, 3, &["own-change"], line)?;
    stage.expect("bob", &words, 0, line)?;
    stage.expect("bob", &["approve", "--yes", "--reason", "with the waiver"], 0, line)?;
    promote(stage, line)?;
    if running(stage, "production")? != artifact {
        return Err(broke(line, "production does not run what was waived"));
    }
    stage.waived = number(&stage.standing("production")?, "/running/release").unwrap_or_default();
    stage.tell(format!(
        "its author may not waive it; a second person does, until {until}, and production serves it"
    ));
    Ok(())
}

const SCANNER: &str = include_str!("scanner.sh");
const DAST: &str = include_str!("dast.sh");
/// The check that runs it, below the service of the example.
const CHECK: &str = "    checks:
      dast:
        environments: [staging]
        run: [bash, dast.sh]
        reports: [{ kind: sarif, path: dast.sarif }]
        report-exits: [1]
";
/// The line of the service before which the open page is added.
const BALANCE: &str = "        (Some(\"GET\"), Some(\"/balance\")) =>";
/// A page that nobody should get.
const OPEN_PAGE: &str =
    "        (Some(\"GET\"), Some(\"/env\")) => (200, format!(\"{:?}\", env::vars().collect::<Vec<_>>())),\n";
/// The step that runs it, and the beginning of the steps that follow.
const STEP: &str = "steps:
  scan:
    run: [/bin/sh, scan.sh]
    reports: [{ kind: sarif, path: scan.sarif }]
    report-exits: [1]
";
/// Code that the scanner minds.
const UNCHECKED: &str = include_str!("unchecked.txt");
