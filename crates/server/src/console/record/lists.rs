//! The page of a record: facts by sort, steps, reasons, rules and barriers.
//!
//! Invariant: each list has a bound, and whatever is not shown is counted.

use review::explain::RuleVerdict;
use review::ids::short;
use review::record::{Barrier, Gates, Known, Proof, Record, RuleRecord, Step, Why};
use web::model::{Badge, Fact, Sheet, SheetRow, State};

use crate::console::reading::time;
use crate::console::sheets::{self, row};
use crate::console::words::{badge, command, digest_fact, fact, list, release_href, run_href};

/// The page.
pub fn sheet(record: &Record) -> Sheet {
    let mut facts = vec![
        ("People".to_owned(), who(record)),
        ("Release".to_owned(), what(record)),
        ("Source".to_owned(), from(record)),
    ];
    facts.extend(record.proof.as_ref().map(|proof| ("Proof".to_owned(), proven(proof))));
    let mut lists = vec![
        sheets::list("Steps", record.steps.iter().map(step).collect(), STEPS_MAX, "Nothing happened yet."),
        sheets::list("Why", record.why.iter().map(why).collect(), ROWS_MAX, "Nobody signed a reason."),
    ];
    if let Some(gates) = &record.gates {
        lists.push(sheets::list("Gate", rules(gates), ROWS_MAX, "The policy lists no rules."));
        let barriers = gates.barriers.iter().map(barrier).collect();
        lists.push(sheets::list(
            "Other barriers",
            barriers,
            ROWS_MAX,
            "No environment comes before this one.",
        ));
    }
    let components = record.with.iter().flat_map(|with| &with.list).map(|component| row(component.clone()));
    let empty = match record.with {
        Some(_) => "Its lockfiles name no component.",
        None => "The policy reads no list of components.",
    };
    lists.push(sheets::list("With", components.collect(), COMPONENTS_MAX, empty));
    lists.push(sheets::list("Check it", check(record), ROWS_MAX, "Nothing can be checked without evidence."));
    Sheet {
        headline: record.sentence.clone(),
        sub: record.missing.iter().cloned().chain(record.what.subject.clone()).collect(),
        lists,
        facts,
        ..Sheet::default()
    }
}

fn who(record: &Record) -> Vec<Fact> {
    let who = &record.who;
    let authors: Vec<String> = who.authors.iter().cloned().collect();
    let several =
        |name: &str, names: &[String]| (!names.is_empty()).then(|| fact(name, list(names, NAMES_MAX)));
    let one = |name: &str, value: &Option<String>| value.as_ref().map(|value| fact(name, value.clone()));
    [
        several("Authors", &authors),
        one("Commit signed by", &who.signer),
        one("Run asked for by", &who.requester),
        several("Approved by", &who.approvers),
        one("Promoted by", &who.promoter),
        one("Rollback asked for by", &who.returned_by),
        who.agent.as_ref().map(|agent| fact("Agent", agent.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn what(record: &Record) -> Vec<Fact> {
    let what = &record.what;
    let number = record.release.unwrap_or_default();
    let href = Some(release_href(&record.place, number));
    let mut facts = vec![
        Fact { href, ..fact("Release", number.to_string()) },
        Fact { whole: Some(what.commit.to_string()), ..fact("Commit", short(what.commit.as_str())) },
        digest_fact("Artifact", &what.artifact),
    ];
    facts.extend(what.commits.map(|count| fact("Commits", count.to_string())));
    facts.extend(what.configuration.as_ref().map(|digest| digest_fact("Configuration", digest)));
    facts.extend(what.plan.as_ref().map(|digest| digest_fact("Plan", digest)));
    facts.extend(what.replaces.as_ref().map(|digest| digest_fact("Replaces", digest)));
    facts
}

fn from(record: &Record) -> Vec<Fact> {
    let from = &record.from;
    let (run, runners): (String, Vec<String>) =
        (from.run.to_string(), from.runners.iter().map(ToString::to_string).collect());
    let reached: Vec<String> = from.network.iter().cloned().collect();
    let mut facts = vec![
        fact("Project", from.project.as_str()),
        Fact { whole: Some(run.clone()), href: Some(run_href(from.run)), ..fact("Run", short(&run)) },
    ];
    facts.extend(from.pipeline.as_ref().map(|digest| digest_fact("Pipeline", digest)));
    if !runners.is_empty() {
        let agree = if runners.len() == 1 { "" } else { ", equal outputs" };
        facts.push(fact("Runners", format!("{}{agree}", list(&runners, NAMES_MAX))));
        facts.push(fact("Receipts", from.receipts.to_string()));
        let reached = if reached.is_empty() { "not reached".to_owned() } else { list(&reached, NAMES_MAX) };
        facts.push(fact("Network", reached));
    }
    facts
}

fn proven(proof: &Proof) -> Vec<Fact> {
    let witnesses = match proof.witnesses {
        0 => "none".to_owned(),
        count => format!("{count}, at {}", proof.witnessed),
    };
    let mut facts = vec![
        fact("Ledger", format!("{} entries of {}", proof.entries, proof.origin)),
        digest_fact("Root hash", &proof.root_hash),
        fact("Witnesses", witnesses),
        fact("Trust root", format!("version {}", proof.trust_root)),
        fact("Status", format!("number {}", proof.status)),
    ];
    facts.extend(proof.bundle.as_ref().map(|digest| digest_fact("Evidence", digest)));
    facts
}

fn step(step: &Step) -> SheetRow {
    let known = match step.known {
        Known::Proven => badge(State::Pass, "proven"),
        Known::Signed => badge(State::Pass, "signed by the agent"),
        Known::Told => badge(State::Quiet, "in the ledger"),
    };
    SheetRow {
        badge: Some(known),
        href: Some(format!("/ledger/{}", step.entry)),
        notes: Some(step.detail.clone()).filter(|detail| !detail.is_empty()).into_iter().collect(),
        time: Some(time(step.time)),
        ..row(step.title.clone())
    }
}

fn why(why: &Why) -> SheetRow {
    let word = if why.counts { badge(State::Pass, "counts") } else { badge(State::Quiet, "does not count") };
    let mut notes = vec![format!("{} by {}", why.act, why.person)];
    notes.extend(why.ticket.clone());
    let title = if why.reason.is_empty() { "no reason given".to_owned() } else { why.reason.clone() };
    SheetRow { badge: Some(word), notes, time: why.until.map(time), ..row(title) }
}

fn rules(gates: &Gates) -> Vec<SheetRow> {
    let besides = gates.besides.iter().map(|code| (code, badge(State::Stop, "blocks")));
    let unclear = gates.unclear.iter().map(|code| (code, badge(State::Stop, "undecided")));
    let apart =
        besides.chain(unclear).map(|(code, word)| SheetRow { badge: Some(word), ..row(code.clone()) });
    let told = |rule: &&RuleRecord| !matches!(rule.verdict, RuleVerdict::Pass | RuleVerdict::Off);
    let of_policy = gates.rules.iter().filter(told);
    let of_policy =
        of_policy.map(|rule| SheetRow { badge: Some(verdict(rule.verdict)), ..row(rule.code.clone()) });
    // Rules without a word against the release share a row.
    let quiet = [(RuleVerdict::Pass, "nothing against it"), (RuleVerdict::Off, "no effect here")];
    let quiet = quiet.into_iter().filter_map(|(which, words)| {
        let codes = gates.rules.iter().filter(|rule| rule.verdict == which).map(|rule| rule.code.clone());
        let codes: Vec<String> = codes.collect();
        let title = format!("{}: {words}", shown::many(codes.len(), "rule"));
        let notes = vec![codes.join(", ")];
        (!codes.is_empty()).then(|| SheetRow { badge: Some(verdict(which)), notes, ..row(title) })
    });
    apart.chain(of_policy).chain(quiet).collect()
}

fn verdict(verdict: RuleVerdict) -> Badge {
    match verdict {
        RuleVerdict::Block => badge(State::Stop, "blocks"),
        RuleVerdict::Warn => badge(State::Wait, "warns"),
        RuleVerdict::Undecided => badge(State::Stop, "undecided"),
        RuleVerdict::Pass => badge(State::Pass, "passes"),
        RuleVerdict::Off => badge(State::Quiet, "off"),
    }
}

fn barrier(barrier: &Barrier) -> SheetRow {
    let word = if barrier.passed { badge(State::Pass, "passed") } else { badge(State::Stop, "not passed") };
    let by: Vec<String> = barrier.by.iter().cloned().collect();
    let by = (!by.is_empty()).then(|| format!("by {}", list(&by, NAMES_MAX)));
    let title = format!("{} {}", barrier.kind.replace('-', " "), barrier.name);
    SheetRow { badge: Some(word), notes: by.into_iter().collect(), ..row(title) }
}

/// The commands that make the same record, and check its evidence again.
fn check(record: &Record) -> Vec<SheetRow> {
    let again = format!("countersign record {} {}", record.place, record.release.unwrap_or_default());
    let own = SheetRow { commands: vec![command(again)], ..row("The same record under your own pin") };
    let verify = record.proof.as_ref().map(|proof| SheetRow {
        commands: vec![command(proof.verify.clone())],
        ..row("The evidence that it rests on")
    });
    std::iter::once(own).chain(verify).collect()
}

const NAMES_MAX: usize = 6;
/// Most steps of a page.
const STEPS_MAX: usize = 100;
/// Most rows of another list.
const ROWS_MAX: usize = 60;
/// Most components of a page; its JSON has all of them.
const COMPONENTS_MAX: usize = 100;
