//! An ordinary day: a second service, whose page was rolled back and waits for an approval, a blocked release, a frozen
//! place, and a run in progress. These acts leave behind what a reader of the console looks at.
//!
//! Runners build the ledger while people work on the page. The commands are given one after the other, because a
//! person's files are for one command at a time.

use std::time::Duration;

use serde_json::{Value, json};

use super::example::RATES_PAGE;
use super::look::Look;
use super::outcomes::{self, number, refused};
use super::repository::{Repository, broke};
use super::stage::{PROJECT, SECOND, SERVICE, Stage};
use crate::failure::Failure;

/// All of them; returns the list of things to look at.
pub fn all(stage: &mut Stage) -> Result<Vec<Look>, Failure> {
    asked(&stage.ledger)?;
    let page = joined(stage)?;
    let rates = rates(&page)?;
    let blocked = blocked(&stage.ledger)?;
    stage.tell(format!(
        "a second service, {PAGE}: its release {} is in production, then {} until Alice rolls it back",
        rates.first, rates.rolled_back
    ));
    stage.tell(format!("release {} of {PAGE} waits for an approval", rates.waits));
    stage.tell(format!("release {} of {SERVICE} is blocked: {}", blocked.release, blocked.what));
    frozen(stage)?;
    let run = in_progress(stage, &page)?;
    let release = |place: &str, number: u64| format!("/releases/{place}/{number}");
    let production = outcomes::production();
    let log = format!("/runs/{run}/logs/step/compare/runner-1");
    Ok(vec![
        Look::at("the work that waits for people, the running releases, and the frozen place", "/".into()),
        Look::at(
            "a blocked release: its finding, its owner, its remedy",
            release(&production, blocked.release),
        ),
        Look::at("a release that waits for an approval, and its changes", release(PRODUCTION, rates.waits)),
        Look::at("a run in progress: its graph, and the people it waits for", format!("/runs/{run}")),
        Look::at("the log of its step, which grows", log),
        Look::at("a release that was rolled back, and its history", release(PRODUCTION, rates.rolled_back)),
        Look::at("a release with a waiver, which ends tomorrow", release(&production, stage.waived)),
        Look::at(
            "a rollout that its numbers took back: its curves, its steps, the arithmetic of its verdict",
            format!("{}/rollout", release(&format!("{PROJECT}/{SERVICE}/dev"), stage.taken_back)),
        ),
    ])
}

/// Numbers of the page's releases to production.
struct Rates {
    first: u64,
    rolled_back: u64,
    waits: u64,
}

/// The blocked release, and its reason.
struct Blocked {
    release: u64,
    what: String,
}

/// Bob adds the second project. Two people sign the statements of its places.
fn joined(stage: &mut Stage) -> Result<Repository, Failure> {
    let line = "a second service";
    let page = stage.ledger.beside(SECOND);
    page.found(&RATES_PAGE, "bob", "A page of exchange rates")?;
    let out = stage.aside("statements").display().to_string();
    let added = page.expect("bob", &["project", "add", "--out", &out], 0, line)?.value;
    let statements = added.get("statements").and_then(Value::as_array).cloned().unwrap_or_default();
    for statement in statements.iter().filter_map(Value::as_str) {
        page.expect("alice", &["trust", "sign", statement, "--yes"], 0, line)?;
        page.expect("alice", &["trust", "send", statement], 0, line)?;
    }
    stage.start_agents()?;
    Ok(page)
}

/// Three versions of the page: one runs, the next one is rolled back, the last one waits.
fn rates(page: &Repository) -> Result<Rates, Failure> {
    let line = "a release of the second service";
    let first = released(page, line)?;

    let line = "a rollback";
    let before = page.standing(PRODUCTION)?;
    change(page, "USD,1.1584", "USD,11.584", "Rates of Friday")?;
    let rolled_back = released(page, line)?;
    let words = ["rollback", PRODUCTION, "--yes", "--reason", "the dollar is wrong by a factor of ten"];
    page.expect("alice", &words, 0, line)?;
    let after = page.standing(PRODUCTION)?;
    if after.pointer("/running/artifact") != before.pointer("/running/artifact") {
        return Err(broke(line, "production does not run the page from before"));
    }

    let line = "a release that waits";
    change(page, "USD,11.584", "USD,1.1591", "Rates of Friday, with the right dollar")?;
    let ran = page.expect("bob", &["run"], 0, line)?.value;
    let gate = page.standing(PRODUCTION)?;
    let is_its = gate.pointer("/open/run") == ran.get("run");
    match (number(&gate, "/open/approvals"), number(&gate, "/open/release")) {
        (Some(0), Some(waits)) if is_its => Ok(Rates { first, rolled_back, waits }),
        _ => Err(broke(line, &format!("no release waits for an approval: {gate}"))),
    }
}

/// Bob changes a line of the rates.
fn change(page: &Repository, from: &str, to: &str, message: &str) -> Result<(), Failure> {
    page.write("rates.csv", &page.read("rates.csv")?.replace(from, to))?;
    page.commit("bob", message).map(drop)
}

/// Bob's commit goes to production after Alice's approval; returns the release's number.
fn released(page: &Repository, line: &str) -> Result<u64, Failure> {
    page.expect("bob", &["run"], 0, line)?;
    page.expect(
        "alice",
        &["approve", PRODUCTION, "--yes", "--reason", "looked at the page in staging"],
        0,
        line,
    )?;
    let bundle = page.people.join("rates.bundle").display().to_string();
    page.expect("bob", &["promote", PRODUCTION, "--bundle", &bundle], 0, line)?;
    let runs = number(&page.standing(PRODUCTION)?, "/running/release");
    runs.ok_or_else(|| broke(line, "nothing runs in production"))
}

/// Alice asks for a run of a change that has a finding which nobody has accepted.
fn asked(ledger: &Repository) -> Result<(), Failure> {
    ledger.write("src/book.rs", &format!("{}{UNCHECKED}", ledger.read("src/book.rs")?))?;
    ledger.commit("alice", "Read the last amount faster")?;
    ledger.expect("alice", &["run", "--no-wait"], 0, BLOCKED).map(drop)
}

/// Production refuses it, although Bob approved.
fn blocked(ledger: &Repository) -> Result<Blocked, Failure> {
    let line = BLOCKED;
    let production = outcomes::production();
    ledger.expect("alice", &["run"], 0, line)?;
    let words = ["approve", &production, "--yes", "--reason", "tried it in staging"];
    ledger.expect("bob", &words, 0, line)?;
    let answered = ledger.countersign("alice", &["promote", &production])?;
    refused(&answered, 3, &["finding-critical"], line)?;
    let what = answered.value.pointer("/reasons/0/what").and_then(Value::as_str).unwrap_or_default();
    let open = number(&ledger.standing(&production)?, "/open/release");
    let release = open.ok_or_else(|| broke(line, "no release waits in production"))?;
    Ok(Blocked { release, what: what.to_owned() })
}

/// Bob freezes staging of the ledger.
fn frozen(stage: &mut Stage) -> Result<(), Failure> {
    let line = "a frozen place";
    let place = format!("{PROJECT}/{SERVICE}/staging");
    stage.expect("bob", &["freeze", &place, "--yes"], 0, line)?;
    if stage.standing("staging")?.get("frozen") != Some(&json!(true)) {
        return Err(broke(line, "staging is not frozen"));
    }
    stage.tell(format!("{place} is frozen: nothing is released there until two people lift it"));
    Ok(())
}

/// Bob's run compares rates for as long as anybody looks, and waits for people at a node. Returns its id.
fn in_progress(stage: &mut Stage, page: &Repository) -> Result<String, Failure> {
    let line = "a run in progress";
    let pipeline = ".countersign/pipeline.yaml";
    page.write(pipeline, &page.read(pipeline)?.replace("artifacts:\n", LONG))?;
    page.commit("bob", "Compare the rates with those of other banks")?;
    let begun = page.expect("bob", &["run", "--no-wait"], 0, line)?.value;
    let run = begun.get("run").and_then(Value::as_str).unwrap_or_default().to_owned();
    for _ in 0..LOOKS_MAX {
        let logged = page.countersign("bob", &["logs", &run, "compare"])?;
        if logged.value.to_string().contains("rates compared") {
            stage.tell(format!("run {} is in progress, and waits for a release manager", short(&run)));
            return Ok(run);
        }
        std::thread::sleep(PAUSE);
    }
    Err(broke(line, "its log does not grow"))
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// The line of the story at which the blocked release fails.
const BLOCKED: &str = "a release that a finding blocks";
/// Place of the second service.
const PRODUCTION: &str = "rates/rates-page/production";
/// The second service.
const PAGE: &str = "rates-page";
/// More code that the scanner minds, at another place than the waived one.
const UNCHECKED: &str = include_str!("unchecked_last.txt");
/// A step that takes half an hour, and a node at which people agree, before the artifacts.
const LONG: &str = "  compare:
    needs: [test]
    run: |
      for minute in $(seq 1 30); do
        for second in $(seq 1 60); do
          sleep 1
          echo \"minute $minute, second $second: 5 rates compared, 0 differ\"
        done
      done
    limits: { time-seconds: 3600 }
  agreed:
    needs: [test]
    approval: { role: release-manager, count: 1 }
artifacts:
";
/// Most looks at the log, and the pause between two.
const LOOKS_MAX: u32 = 150;
const PAUSE: Duration = Duration::from_millis(200);
