//! The record as the page of a log book: one line for each fact, the steps in order.
//!
//! Invariant: it fits a screen: lists are cut and counted, and results of runners that follow each other share a line. The
//! JSON has all of it. Texts of strangers are in quotation marks or come last in their line, so that none of them looks like
//! another fact, and a long one cuts off nothing that lessens it: `does not count`, `told by the server`.

use std::collections::BTreeSet;

use domain::gate::GateOutcome;

use super::model::{Barrier, Gates, Known, Record, Step, Why};
use crate::explain::RuleVerdict;
use crate::ids::short;

/// The page.
pub fn text(record: &Record) -> String {
    let mut lines = vec![record.sentence.clone(), String::new()];
    let mut part = |title: &str, facts: Vec<String>| {
        for (nth, fact) in facts.iter().enumerate() {
            let title = if nth == 0 { title } else { "" };
            lines.push(format!("{title:<6}{}", shown::brief(fact, LINE_CHARS)));
        }
    };
    part("who", who(record));
    part("what", what(record));
    part("why", record.why.iter().map(why).collect());
    part("from", from(record));
    part("with", with(record));
    part("past", record.gates.iter().flat_map(gates).collect());
    part("when", when(&record.steps));
    part("proof", proof(record));
    lines.join("\n")
}

fn who(record: &Record) -> Vec<String> {
    let who = &record.who;
    let several =
        |what: &str, names: Vec<&String>| (!names.is_empty()).then(|| format!("{what} {}", list(&names)));
    let one = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} {name}"));
    let asked = [one("commit signed by", &who.signer), one("run asked for by", &who.requester)];
    // Anybody may write any name into a commit, so these have a line to themselves.
    let authors: Vec<String> = who.authors.iter().map(|name| quoted(name)).collect();
    let written: Vec<_> = several("written by", authors.iter().collect()).into_iter().collect();
    let asked: Vec<_> = asked.into_iter().flatten().collect();
    let let_go = [
        several("approved by", who.approvers.iter().collect()),
        one("promoted by", &who.promoter),
        one("rollback asked for, as the server tells, by", &who.returned_by),
        who.agent.as_ref().map(|agent| format!("reported by agent {agent}")),
    ];
    let second: Vec<_> = let_go.into_iter().flatten().collect();
    [written, asked, second]
        .into_iter()
        .filter(|facts| !facts.is_empty())
        .map(|facts| facts.join("; "))
        .collect()
}

fn what(record: &Record) -> Vec<String> {
    let what = &record.what;
    let subject = what.subject.as_ref().map(|subject| format!(": {}", quoted(subject))).unwrap_or_default();
    let commits = what
        .commits
        .zip(what.base.as_ref())
        .map(|(count, base)| format!(", {} after {}", shown::many(count, "commit"), short(base.as_str())));
    let digests =
        [("configuration", &what.configuration), ("plan", &what.plan), ("replaces artifact", &what.replaces)];
    let digests: Vec<_> = digests
        .into_iter()
        .filter_map(|(name, digest)| digest.as_ref().map(|digest| format!("{name} {}", short(&digest.hex()))))
        .collect();
    let mut facts = vec![
        format!("commit {}{}{subject}", what.commit, commits.unwrap_or_default()),
        format!("artifact {}", what.artifact),
    ];
    facts.extend((!digests.is_empty()).then(|| digests.join(", ")));
    facts
}

fn why(why: &Why) -> String {
    let Why { act, person, reason, ticket, until, counts } = why;
    let ticket = ticket.as_ref().map(|ticket| format!(" ({ticket})")).unwrap_or_default();
    let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
    let void = if *counts { "" } else { ", does not count" };
    format!("{act} by {person}{void}{until}: {reason}{ticket}")
}

fn from(record: &Record) -> Vec<String> {
    let from = &record.from;
    let pipeline = from
        .pipeline
        .as_ref()
        .map(|digest| format!(", pipeline {}", short(&digest.hex())))
        .unwrap_or_default();
    let mut facts = vec![format!("project {}, run {}{pipeline}", from.project, from.run)];
    let names: Vec<String> = from.runners.iter().map(ToString::to_string).collect();
    let receipts = shown::many(from.receipts, "receipt");
    match names.as_slice() {
        [] => {}
        [one] => facts.push(format!("built by runner {one}: {receipts}")),
        all => facts.push(format!(
            "runners {} made equal outputs: {receipts}",
            list(&all.iter().collect::<Vec<_>>())
        )),
    }
    let reached: Vec<&String> = from.network.iter().collect();
    if !names.is_empty() {
        facts.push(match reached.as_slice() {
            [] => "no step reached the network".to_owned(),
            all => format!("steps reached {}", list(all)),
        });
    }
    facts
}

fn with(record: &Record) -> Vec<String> {
    match &record.with {
        Some(with) if with.count > 0 => {
            let all: Vec<&String> = with.list.iter().collect();
            vec![format!("{}: {}", shown::many(with.count, "component"), list(&all))]
        }
        Some(_) => vec!["no components: its lockfiles name none".to_owned()],
        None if record.proof.is_some() => vec!["components: the policy reads no list of them".to_owned()],
        None => Vec::new(),
    }
}

fn gates(gates: &Gates) -> Vec<String> {
    let outcome = match gates.outcome {
        GateOutcome::Pass => "the gate lets it pass",
        GateOutcome::Fail => "the gate does not let it pass",
        GateOutcome::Undecided => "the gate cannot decide",
    };
    let of = |verdict, word: &str| {
        let rules = gates.rules.iter().filter(|rule| rule.verdict == verdict);
        let codes: Vec<&String> = rules.map(|rule| &rule.code).collect();
        let named = matches!(verdict, RuleVerdict::Block | RuleVerdict::Warn | RuleVerdict::Undecided);
        let named = if named { format!(" ({})", list(&codes)) } else { String::new() };
        (!codes.is_empty()).then(|| format!("{} {word}{named}", shown::many(codes.len(), "rule")))
    };
    let rules = [
        of(RuleVerdict::Block, "against it"),
        of(RuleVerdict::Undecided, "undecided"),
        of(RuleVerdict::Warn, "with a warning"),
        of(RuleVerdict::Pass, "passed"),
        of(RuleVerdict::Off, "off here"),
    ];
    let besides: Vec<&String> = gates.besides.iter().chain(&gates.unclear).collect();
    let rules: Vec<_> = rules.into_iter().flatten().collect();
    let mut facts = vec![format!("{outcome}, as of {}", gates.moment)];
    facts.extend((!rules.is_empty()).then(|| rules.join(", ")));
    facts.extend(
        (!besides.is_empty())
            .then(|| format!("besides, by rules that no policy switches off: {}", list(&besides))),
    );
    if !gates.complete {
        // The policy does not list its rules; its sentences say what it looked at.
        facts.extend(gates.checks.iter().take(NAMES_MAX).map(|check| format!("checked: {check}")));
    }
    facts.push(format!("policy {}, by statement {}", gates.policy, gates.statement));
    facts.extend(gates.barriers.iter().map(barrier));
    facts
}

fn barrier(barrier: &Barrier) -> String {
    let Barrier { kind, name, passed, by } = barrier;
    let by = list(&by.iter().collect::<Vec<_>>());
    let word = if *passed { "passed" } else { "not passed" };
    let by = if by.is_empty() { by } else { format!(", by {by}") };
    format!("{} {name}: {word}{by}", kind.replace('-', " "))
}

/// The steps; results of runners that follow each other share a line.
fn when(steps: &[Step]) -> Vec<String> {
    let groups =
        steps.chunk_by(|one, next| one.kind == RESULT && next.kind == RESULT && one.known == next.known);
    let line = |group: &[Step]| {
        let first = group.first()?;
        let Step { entry, time, title, detail, known, .. } = first;
        let known = match known {
            Known::Proven => "",
            Known::Signed => " [signed by the agent]",
            Known::Told => " [told by the server]",
        };
        if let [_, .., last] = group {
            let count = group.len();
            return Some(format!("{time}  {entry} to {}{known}: {count} results of runners", last.entry));
        }
        let detail = if detail.is_empty() { String::new() } else { format!("; {detail}") };
        Some(format!("{time}  {entry}{known}: {title}{detail}"))
    };
    let lines: Vec<String> = groups.filter_map(line).collect();
    let more = lines.len().saturating_sub(STEPS_MAX);
    // The beginning and the end say most.
    let (first, last) = lines.split_at(lines.len().min(STEPS_MAX / 2));
    let kept = last.iter().skip(if more > 0 { more } else { 0 });
    let cut = (more > 0).then(|| format!("… {more} more (`-o json` has all)"));
    first.iter().cloned().chain(cut).chain(kept.cloned()).collect()
}

fn proof(record: &Record) -> Vec<String> {
    let Some(proof) = &record.proof else { return record.missing.iter().cloned().collect() };
    let witnesses = match proof.witnesses {
        0 => "no witness".to_owned(),
        count => format!("{} at {}", shown::counted(count, "witness", "witnesses"), proof.witnessed),
    };
    let machine = if proof.same_machine { ", one on the server's machine" } else { "" };
    let told: BTreeSet<u64> =
        record.steps.iter().filter(|step| step.known == Known::Told).map(|step| step.entry).collect();
    let mut facts = vec![format!("{} entries of {}, {witnesses}{machine}", proof.entries, proof.origin)];
    facts.extend(proof.bundle.map(|bundle| {
        let of = Some(proof.release).filter(|release| Some(*release) != record.release);
        let of = of.map(|release| format!(" of release {release}")).unwrap_or_default();
        format!("evidence{of} {bundle}")
    }));
    facts.push(format!(
        "trust root {}, version {}; status {}",
        proof.trust_root_digest, proof.trust_root, proof.status
    ));
    facts.push(format!("check it: {}", proof.verify));
    facts.extend((!told.is_empty()).then(|| {
        "steps that the server told of: `countersign audit verify --data DIR` checks the whole ledger"
            .to_owned()
    }));
    facts
}

/// A text of a stranger, which ends where its quotation marks do.
fn quoted(text: &str) -> String {
    format!("\"{}\"", shown::brief(text, QUOTED_CHARS).replace('"', "'"))
}

/// Names in one line, cut and counted.
fn list(names: &[&String]) -> String {
    let more = names.len().saturating_sub(NAMES_MAX);
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(|name| name.as_str()).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

const RESULT: &str = "build.reported";
/// Longest line of a fact.
const LINE_CHARS: usize = 200;
/// Longest text of a stranger in quotation marks.
const QUOTED_CHARS: usize = 100;
/// Most names of a list.
const NAMES_MAX: usize = 6;
/// Most lines of steps.
const STEPS_MAX: usize = 24;
