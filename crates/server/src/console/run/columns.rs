//! The runners of a run side by side: what each made of each piece of work, and whether it made the same.

use std::collections::BTreeSet;

use evidence::Name;
use evidence::receipt::{Ending, Reached, Receipt};
use review::duration;
use web::model::{self, Badge, Fact, Output, RunnerColumn};
use web::parts::bytes;
use wire::{WorkKind, WorkState, WorkView};

use super::graph::RunGraph;
use super::seen::Seen;
use crate::console::words::{badge, fact};

/// One column for each runner, with one cell for each node of the graph.
pub fn of(seen: &Seen<'_>, graph: &RunGraph) -> Vec<RunnerColumn> {
    let of_works = seen.row.view.works.iter().filter_map(|work| work.runner.as_ref());
    let runners: BTreeSet<&Name> = seen.started.runners.iter().chain(of_works).collect();
    let column = |runner: &Name| RunnerColumn {
        name: runner.to_string(),
        works: graph
            .works
            .iter()
            .zip(&graph.model.nodes)
            .map(|((kind, name), node)| output(seen, *kind, name, &node.name, runner))
            .collect(),
    };
    runners.into_iter().map(column).collect()
}

fn output(seen: &Seen<'_>, kind: WorkKind, name: &str, shown: &str, runner: &Name) -> Option<Output> {
    let is_it =
        |work: &WorkView| work.kind == kind && work.name == name && work.runner.as_ref() == Some(runner);
    let (work, span) = seen.works().find(|(work, _)| is_it(work))?;
    let receipt = seen.receipt(kind, name, runner);
    let took = receipt.map(|receipt| receipt.ended.millis().saturating_sub(receipt.started.millis()));
    let took = took.or_else(|| Some(span.ended?.millis().saturating_sub(span.due.millis())));
    Some(Output {
        work: shown.to_owned(),
        badge: state(work),
        took_ms: took,
        equal: receipt.and_then(|receipt| is_equal(seen, kind, name, receipt)),
        facts: receipt.map(facts).unwrap_or_default(),
        log: seen.log_href(work),
    })
}

fn state(work: &WorkView) -> Badge {
    match work.state {
        WorkState::Due if work.running => badge(model::State::Busy, "running"),
        WorkState::Due => badge(model::State::Wait, "due"),
        WorkState::Passed => badge(model::State::Pass, "passed"),
        WorkState::Failed => badge(model::State::Stop, "failed"),
        WorkState::GivenUp => badge(model::State::Stop, "given up"),
        WorkState::Lost => badge(model::State::Stop, "lost"),
        WorkState::Agreed { .. } => badge(model::State::Quiet, work.state.to_string()),
    }
}

/// Whether all runners made the same; `None` if this one alone has reported. A check may leave other files on each.
fn is_equal(seen: &Seen<'_>, kind: WorkKind, name: &str, own: &Receipt) -> Option<bool> {
    let others = seen
        .receipts
        .iter()
        .filter(|((of, called, runner), _)| *of == kind && called == name && *runner != own.runner);
    let mut others = others.map(|(_, receipt)| receipt.outputs == own.outputs).peekable();
    let is_compared = kind != WorkKind::Check && others.peek().is_some();
    is_compared.then(|| others.all(|is_equal| is_equal))
}

/// Facts that the runner signed.
fn facts(receipt: &Receipt) -> Vec<Fact> {
    let ended = match receipt.exit {
        Ending::Code(code) => format!("exit code {code}"),
        Ending::Signal(signal) => format!("signal {signal} ended it"),
        Ending::TimedOut => "the time limit ended it".to_owned(),
        Ending::MemoryExceeded => "the memory limit ended it".to_owned(),
        Ending::GaveUp => "the runner could not do it".to_owned(),
    };
    let mut facts = vec![fact("Ended", ended)];
    let mut network: Vec<&Reached> = receipt.network.iter().collect();
    network.sort_by_key(|reached| std::cmp::Reverse(reached.received));
    for Reached { host, port, sent, received } in network.iter().take(HOSTS_MAX) {
        facts.push(fact(
            "Network",
            format!("{host}:{port}, {} sent, {} received", bytes(*sent), bytes(*received)),
        ));
    }
    let more = network.len().saturating_sub(HOSTS_MAX);
    facts.extend((more > 0).then(|| fact("Network", format!("and {}", shown::many(more, "more host")))));
    facts.extend(network.is_empty().then(|| fact("Network", "no host")));
    // The runner itself assembles artifacts and scans, without a sandbox.
    let sandbox = &receipt.sandbox;
    facts.extend(match sandbox.memory.as_str() {
        "none" => None,
        "control-group" => Some(fact("Memory", "limited by a control group")),
        "watched" => Some(fact("Memory", "limited by the runner, which watches it")),
        other => Some(fact("Memory", format!("limited by {other}"))),
    });
    let user = if sandbox.user == "range" { "a range of user ids" } else { "the runner's own user id" };
    facts.extend(
        (sandbox.memory != "none").then(|| fact("Sandbox", format!("{user}, Landlock {}", sandbox.landlock))),
    );
    facts.push(fact("Outputs", shown::many(receipt.outputs.len(), "file")));
    facts
        .push(fact("Time", duration::words(receipt.ended.millis().saturating_sub(receipt.started.millis()))));
    facts
}

/// Most hosts of one piece of work.
const HOSTS_MAX: usize = 10;
