//! The steps of a run on a line of time.
//!
//! Each row is a step with its bar. Bars use parts of a hundred of their column, so the same markup fits every width, and
//! words keep their size.

use maud::{Markup, html};

use super::figures::took;
use super::state::{badge, sign, tone};
use super::texts::{link, text};
use crate::model::{Graph, Node, State};

/// The graph. `now_ms` is the moment of the page, for steps that have not ended.
#[must_use]
pub fn graph(graph: &Graph, now_ms: i64) -> Markup {
    let start = graph.start.as_ref().map(|time| time.ms);
    let running = start.map_or(0, |start| u64::try_from(now_ms.saturating_sub(start)).unwrap_or(0));
    let ends = graph.nodes.iter().filter_map(|node| node.until_ms);
    let ended = graph.end.is_some().then(|| ends.max().unwrap_or(0));
    let whole = ended.unwrap_or(running).max(1);
    html! {
        table class="graph" {
            thead {
                tr {
                    th scope="col" { "Work" }
                    th scope="col" class="axis" { (axis(whole)) }
                    th scope="col" class="figure" { "Took" }
                }
            }
            tbody { @for node in &graph.nodes { (row(node, whole)) } }
        }
        @if graph.nodes.iter().any(|node| node.critical) {
            p class="hint" {
                svg class="key" viewBox="0 0 24 8" width="24" height="8" aria-hidden="true" focusable="false" {
                    rect class="bar critical" width="24" height="8" rx="2" {}
                }
                "Critical path: the run ends earlier only if this work does."
            }
        }
    }
}

fn row(node: &Node, whole: u64) -> Markup {
    let span = node.from_ms.map(|from| (from, node.until_ms.unwrap_or(whole).max(from)));
    html! {
        tr class=[node.critical.then_some("critical")] {
            th scope="row" {
                (sign(node.badge.state)) (link(node.href.as_deref(), &html! { (text(&node.name)) }))
                span class="kind" { (text(&node.kind)) }
                @if !node.needs.is_empty() {
                    span class="needs" { "after " (text(&node.needs.join(", "))) }
                }
            }
            td class="track" {
                @if let Some((from, until)) = span { (bar(node, from, until, whole)) }
            }
            td class="figure" {
                @if let Some((from, until)) = span { (took(until - from)) }
                @if span.is_none() || !matches!(node.badge.state, State::Pass | State::Quiet) { (badge(&node.badge)) }
                @if node.critical { span class="unseen" { " critical path" } }
            }
        }
    }
}

fn bar(node: &Node, from: u64, until: u64, whole: u64) -> Markup {
    let sort = if node.critical { " critical" } else { "" };
    html! {
        svg class="timeline" width="100%" height="34" aria-hidden="true" focusable="false" {
            @for at in ticks(whole) { line class="tick" x1=(share(at, whole)) x2=(share(at, whole)) y1="0" y2="100%" {} }
            rect class={ "bar " (tone(node.badge.state)) (sort) } x=(share(from, whole)) y="12" height="10" rx="2"
                width=(share((until - from).max(whole / 250), whole)) {}
        }
    }
}

/// The times below which bars stand.
fn axis(whole: u64) -> Markup {
    html! {
        svg class="timeline" width="100%" height="14" aria-hidden="true" focusable="false" {
            @for at in ticks(whole) {
                text x=(share(at, whole)) y="11" { (if at == 0 { "0".to_owned() } else { took(at) }) }
            }
        }
        span class="unseen" { "Time from the start of the run" }
    }
}

/// At most five moments at round distances. The last one keeps away from the end, where its words have no room.
fn ticks(whole: u64) -> impl Iterator<Item = u64> {
    let step = ROUND.into_iter().find(|step| whole / step <= 4).unwrap_or(whole.max(1));
    (0..=whole / step).map(move |at| at * step).filter(move |at| *at == 0 || at * 20 <= whole * 19)
}

/// A part of the whole, in hundredths with one more digit.
fn share(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(1_000) / whole.max(1);
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// Distances of the axis, in milliseconds.
const ROUND: [u64; 14] = [
    100, 500, 1_000, 5_000, 15_000, 30_000, 60_000, 120_000, 300_000, 900_000, 1_800_000, 3_600_000,
    21_600_000, 86_400_000,
];
