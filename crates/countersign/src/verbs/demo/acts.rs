//! The acts: each one uses the public commands, reads back the outcome, and prints one line.

use serde_json::json;

use super::look::Look;
use super::outcomes::{artifact_of, promote, recorded, refused, running};
use super::repository::broke;
use super::stage::Stage;
use super::{attack, configuration, drift, findings, lived_in, outside, rollouts, secrets, windows};
use crate::failure::Failure;

/// All acts, in order; returns the list of things to look at.
pub fn all(stage: &mut Stage) -> Result<Vec<Look>, Failure> {
    green(stage)?;
    unsigned(stage)?;
    failing_test(stage)?;
    findings::hooked(stage)?;
    findings::stopped(stage)?;
    findings::attacked(stage)?;
    secrets::lent(stage)?;
    secrets::bait(stage)?;
    outside::read(stage)?;
    attack::replaced(stage)?;
    attack::swapped(stage)?;
    unhealthy(stage)?;
    rollouts::all(stage)?;
    windows::held(stage)?;
    drift::edited(stage)?;
    configuration::declared(stage)?;
    let look = lived_in::all(stage)?;
    aftermath(stage)?;
    Ok(look)
}

/// A change by Alice, approved by Bob, in production.
fn green(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a green release";
    stage.write("README.md", "# ledger-api\n\nA ledger over HTTP.\n")?;
    let commit = stage.commit("alice", "Say what it is")?;
    let ran = stage.expect("alice", &["run"], 0, line)?.value;
    let artifact = artifact_of(&ran);
    for environment in ["dev", "staging"] {
        if running(stage, environment)? != artifact {
            return Err(broke(line, &format!("{environment} does not run the artifact")));
        }
    }
    stage.tell(format!(
        "commit {} built by two runners with one digest, and runs in dev and staging",
        short(&commit)
    ));

    let line = "nobody has approved";
    let early = stage.countersign("alice", &["promote"])?;
    refused(&early, 3, &["approvals-missing"], line)?;
    stage.tell("production asked for without an approval: refused, approvals-missing".into());

    let line = "a self-approval";
    let own = stage.countersign("alice", &["approve", "--yes", "--reason", "I wrote it, so it is good"])?;
    refused(&own, 3, &["own-change"], line)?;
    stage.tell("Alice approves her own change: refused before she signs, own-change".into());

    let line = "a green release in production";
    stage.expect(
        "bob",
        &["approve", "--yes", "--reason", "read it, tried it in staging", "--ticket", "BANK-1"],
        0,
        line,
    )?;
    promote(stage, line)?;
    if running(stage, "production")? != artifact {
        return Err(broke(line, "production does not run the artifact"));
    }
    let number = stage.ask("production", "POST", "/entries", "250")?;
    let balance = stage.ask("production", "GET", "/balance", "")?;
    if (number.as_str(), balance.as_str()) != ("1", "250") {
        return Err(broke(line, &format!("the service answers `{number}` and `{balance}`")));
    }
    stage.tell("Bob approves, the agent judges on its own: production serves, balance 250".into());
    Ok(())
}

/// A commit without a signature.
fn unsigned(stage: &mut Stage) -> Result<(), Failure> {
    let line = "an unsigned commit";
    stage.write("CHANGES.md", "quick fix\n")?;
    stage.git("bob", &["add", "-A"])?;
    stage.git("bob", &["commit", "-q", "--no-gpg-sign", "-m", "Quick fix"])?;
    let answered = stage.countersign("bob", &["run"])?;
    refused(&answered, 3, &["commit-unsigned"], line)?;
    recorded(stage, &answered, line)?;
    stage.git("bob", &["reset", "-q", "--hard", "HEAD~1"])?;
    stage.tell("an unsigned commit: refused, commit-unsigned, recorded".into());
    Ok(())
}

/// A change whose tests fail.
fn failing_test(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a failing test";
    let path = "src/book.rs";
    let text = std::fs::read_to_string(stage.repository_dir().join(path))?;
    stage.write(path, &text.replace("self.amounts.iter().sum()", "self.amounts.iter().sum::<i64>() + 1"))?;
    stage.commit("alice", "Round up")?;
    let before = running(stage, "dev")?;
    let from = stage.entries(0)?.len() as u64;
    let answered = stage.countersign("alice", &["run"])?;
    refused(&answered, 3, &["step-failed"], line)?;
    let ended = stage.entries(from)?.into_iter().find(|entry| entry.kind == "build.ended");
    let outcome = ended.and_then(|entry| entry.facts.get("outcome").cloned());
    if outcome != Some(json!("failed")) || running(stage, "dev")? != before {
        return Err(broke(line, "the run did not end as failed, or dev runs something else"));
    }
    stage.git("alice", &["reset", "-q", "--hard", "HEAD~1"])?;
    stage.tell("a failing test: the run ends as failed, and nothing is released".into());
    Ok(())
}

/// A release whose probe fails.
fn unhealthy(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a release that is not healthy";
    let before = running(stage, "dev")?;
    let path = ".countersign/release.yaml";
    let text = std::fs::read_to_string(stage.repository_dir().join(path))?;
    stage.write(path, &text.replace("LEDGER_LIMIT: \"1000000\"", "LEDGER_LIMIT: \"a million\""))?;
    stage.commit("bob", "Raise the limit")?;
    let answered = stage.countersign("bob", &["run"])?;
    refused(&answered, 3, &["probe-failed"], line)?;
    let outcome = stage.standing("dev")?.pointer("/last/outcome").cloned();
    if outcome != Some(json!("returned")) || running(stage, "dev")? != before {
        return Err(broke(line, "the agent did not return to the release that ran before"));
    }
    let health = stage.ask("dev", "GET", "/health", "")?;
    if health != "ok" {
        return Err(broke(line, &format!("dev answers `{health}`")));
    }
    stage.git("bob", &["reset", "-q", "--hard", "HEAD~1"])?;
    stage.tell("a release whose health fails: the agent returns to the release that ran before".into());
    Ok(())
}

/// The checks that any outsider can make afterwards.
fn aftermath(stage: &mut Stage) -> Result<(), Failure> {
    let line = "the evidence";
    let (bundle, root) = (stage.bundle().display().to_string(), stage.trust_root().display().to_string());
    let verified = stage.expect("bob", &["verify", &bundle, "--trust-root", &root], 0, line)?.value;
    let artifact = verified.get("artifact").cloned();
    if artifact != Some(json!(running(stage, "production")?)) {
        return Err(broke(line, "the evidence is of another artifact than the running one"));
    }
    let replayed = stage.expect("bob", &["audit", "replay"], 0, line)?.value;
    let (agree, differ) = (replayed.get("agree").cloned(), replayed.get("differ").cloned());
    // A gate that an alert held has no verdict of a policy, so it is taken as recorded.
    if differ != Some(json!(0)) {
        return Err(broke(line, &format!("a replayed decision differs: {replayed}")));
    }
    let balance = stage.ask("production", "GET", "/balance", "")?;
    if balance != "250" {
        return Err(broke(line, &format!("production's balance is `{balance}`")));
    }
    let count = agree.unwrap_or_default();
    stage.tell(format!(
        "the evidence verifies offline, {count} replayed decisions agree, production still answers 250"
    ));
    Ok(())
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
