//! Releases step by step under live requests: one that its numbers promote, and one that they take back.
//!
//! Requests go on for as long as the demo does: a later release needs them, because nothing can be judged without any.

use evidence::dsse::Envelope;
use evidence::observations::{Body, Observation, RolloutVerdict};
use serde_json::Value;
use wire::EntryView;

use super::outcomes::{artifact_of, refused, running};
use super::repository::broke;
use super::stage::Stage;
use super::traffic::{Counted, Traffic};
use crate::failure::Failure;
use crate::waiting::runtime;

/// Both releases.
pub fn all(stage: &mut Stage) -> Result<(), Failure> {
    for environment in ENVIRONMENTS {
        let port = stage.ports.get(environment).copied().unwrap_or_default();
        stage.traffic.push((environment.to_owned(), Traffic::to(port)));
    }
    promoted(stage)?;
    taken_back(stage)
}

/// Alice has releases go step by step, and the next one does under a load of which nothing is lost. The first one ends a process that
/// has the port itself, and may lose a request as it ends.
fn promoted(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a release step by step";
    stage.write(RELEASE, &format!("{}{ROLLOUT}", stage.ledger.read(RELEASE)?))?;
    stage.commit("alice", "Release it step by step")?;
    stage.expect("alice", &["run"], 0, line)?;
    let path = "src/main.rs";
    stage.write(path, &stage.ledger.read(path)?.replacen(" entries\"", " entries of its book\"", 1))?;
    stage.commit("alice", "Say whose entries they are")?;
    let before = counted(stage, &ENVIRONMENTS);
    let ran = stage.expect("alice", &["run"], 0, line)?.value;
    let artifact = artifact_of(&ran);
    for environment in ENVIRONMENTS {
        if running(stage, environment)? != artifact {
            return Err(broke(line, &format!("{environment} does not run the artifact")));
        }
    }
    let during = counted(stage, &ENVIRONMENTS).since(before);
    if during.failed > 0 || during.answered == 0 {
        let why: Vec<_> =
            stage.traffic.iter().map(|(environment, traffic)| (environment, traffic.why())).collect();
        let what = format!("{} live requests failed, {} did not: {why:?}", during.failed, during.answered);
        return Err(broke(line, &what));
    }
    let verdicts = verdicts(stage, "dev", &artifact)?;
    let is_done = verdicts.last().is_some_and(|last| last.percent == 100 && last.reasons.is_empty());
    if !is_done {
        return Err(broke(line, &format!("its agent observed {verdicts:?}")));
    }
    let steps: Vec<_> = verdicts.iter().map(|verdict| verdict.percent.to_string()).collect();
    stage.tell(format!(
        "a release step by step: its numbers take it to {} percent in dev, then in staging; of {} live requests none failed",
        steps.join(", "),
        during.answered
    ));
    Ok(())
}

/// A change that fails one request in three, which neither tests nor health see.
fn taken_back(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a release that its numbers take back";
    let before = running(stage, "dev")?;
    let path = "src/main.rs";
    let text = stage.ledger.read(path)?;
    stage.write(path, &format!("{}{COUNT}", text.replacen(BALANCE, &format!("{FAULT}{BALANCE}"), 1)))?;
    let commit = stage.commit("bob", "Keep the balance in a cache")?;
    let asked = counted(stage, &["dev"]);
    let answered = stage.countersign("bob", &["run"])?;
    refused(&answered, 3, &["rollout-failed"], line)?;
    let during = counted(stage, &["dev"]).since(asked);
    if running(stage, "dev")? != before || during.failed == 0 || during.failed > during.answered / 5 {
        let what = format!("{} live requests failed, {} did not", during.failed, during.answered);
        return Err(broke(line, &what));
    }
    let why = answered.value.pointer("/reasons/0/what").and_then(Value::as_str).unwrap_or_default();
    if !why.contains("errors: ") {
        return Err(broke(line, &format!("nobody says by which numbers: {}", answered.value)));
    }
    stage.tell(format!(
        "a release that fails one request in three: its agent takes it back by its numbers ({why}); {} of {} live requests failed",
        during.failed,
        during.failed + during.answered
    ));

    let facts = |entry: &EntryView| entry.facts.pointer("/bars").and_then(Value::as_bool) == Some(true);
    let barred = stage.entries(0)?.into_iter().rev().find(facts);
    let number = barred.and_then(|entry| entry.facts.pointer("/about/release").and_then(Value::as_u64));
    stage.taken_back = number.ok_or_else(|| broke(line, "no observation bars it"))?;

    let line = "a release that was taken back, again";
    let again = stage.countersign("bob", &["run", "--again", &commit])?;
    refused(&again, 3, &["barred-here"], line)?;
    stage.git("bob", &["reset", "-q", "--hard", "HEAD~1"])?;
    stage.tell("the same release again: refused, barred-here, until somebody else lifts it".into());
    Ok(())
}

/// Live requests of environments so far.
fn counted(stage: &Stage, environments: &[&str]) -> Counted {
    let of = stage.traffic.iter().filter(|(environment, _)| environments.contains(&environment.as_str()));
    of.fold(Counted::default(), |sum, (_, traffic)| sum.plus(traffic.counted()))
}

/// The verdicts that the agent of an environment signed about an artifact, in order, from the ledger.
fn verdicts(stage: &Stage, environment: &str, artifact: &str) -> Result<Vec<RolloutVerdict>, Failure> {
    let text = |facts: &Value, at: &str| facts.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let entries = stage.entries(0)?.into_iter().filter(|entry| entry.kind == "observation.made");
    let of_it = entries.filter(|entry| text(&entry.facts, "/about/artifact").as_deref() == Some(artifact));
    let client = stage.client()?;
    let mut verdicts = Vec::new();
    for entry in of_it {
        let envelope = text(&entry.facts, "/envelope").unwrap_or_default().parse()?;
        let bytes = runtime()?.block_on(client.blob(&envelope, BYTES_MAX))?;
        let observation = Observation::read(&Envelope::decode(&bytes)?)?;
        if observation.place.environment.as_str() == environment
            && let Body::RolloutVerdict(verdict) = observation.body
        {
            verdicts.push(verdict);
        }
    }
    Ok(verdicts)
}

/// Environments to which requests go.
const ENVIRONMENTS: [&str; 2] = ["dev", "staging"];
const RELEASE: &str = ".countersign/release.yaml";
/// Step by step: a fifth of the requests, half of them, all, each for two seconds.
const ROLLOUT: &str = "    rollout:
      strategy: canary
      steps: [20, 50]
      pause: 2s
      budget: { errors: 5%, samples: 20 }
      comparison: { samples: 20 }
      limit: 60s
";
/// The line of the service that answers with the balance, the fault before it, and what the fault counts by.
const BALANCE: &str = "        (Some(\"GET\"), Some(\"/balance\")) =>";
const FAULT: &str = "        (Some(\"GET\"), Some(\"/balance\")) if asked() % 3 == 2 => (500, \"the cache is cold\".to_owned()),\n";
const COUNT: &str = "
fn asked() -> u64 {
    static ASKED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    ASKED.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
";
/// Largest observation that is read.
const BYTES_MAX: usize = 1 << 20;
