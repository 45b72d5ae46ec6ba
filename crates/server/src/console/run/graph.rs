//! The graph of a run: steps, approval nodes, artifacts and checks, with times and the critical path.

use std::collections::{BTreeMap, BTreeSet};

use review::run_graph::{GraphNode, critical, ordered};
use web::model::{self, Badge, Graph, Node};
use wire::{WorkKind, WorkState, WorkView};

use super::names::shown_name;
use super::seen::Seen;
use crate::console::reading::time;
use crate::console::words::badge;
use crate::views::runs::WorkSpan;

/// The graph, and the work of each of its nodes.
#[derive(Debug)]
pub struct RunGraph {
    /// The graph as the page has it.
    pub model: Graph,
    /// Kind and name of the work of each node, in its order.
    pub works: Vec<(WorkKind, String)>,
}

/// A node before it has an order.
struct Draft {
    work: (WorkKind, String),
    needs: BTreeSet<String>,
}

/// The graph of a run.
pub fn of(seen: &Seen<'_>) -> RunGraph {
    let drafts = drafts(seen);
    let nodes = drafts.iter().map(|(name, draft)| node(seen, name, draft)).collect();
    let mut ordered = ordered(nodes);
    approvals_begin_with_their_needs(&drafts, &mut ordered);
    let path = critical(&ordered);
    let mut works = Vec::new();
    let mut shown = Vec::new();
    for GraphNode { name, needs, from, until } in ordered {
        let Some(draft) = drafts.get(&name) else { continue };
        let own = works_of(seen, &draft.work);
        let failed = own.iter().find(|(work, _)| work.state == WorkState::Failed);
        let href = failed.or_else(|| own.first()).and_then(|(work, _)| seen.log_href(work));
        let is_over = seen.row.ended.is_some();
        shown.push(Node {
            kind: draft.work.0.to_string(),
            needs: needs.into_iter().collect(),
            badge: state(&own, is_over),
            from_ms: from,
            until_ms: until,
            critical: path.contains(&name),
            href,
            name,
        });
        works.push(draft.work.clone());
    }
    let end = seen.row.ended.map(time);
    RunGraph { model: Graph { nodes: shown, start: Some(time(seen.row.started)), end }, works }
}

/// All nodes by their names.
fn drafts(seen: &Seen<'_>) -> BTreeMap<String, Draft> {
    let started = &seen.started;
    let mut drafts = BTreeMap::new();
    let needed: BTreeSet<_> = started.steps.values().flat_map(|plan| &plan.needs).collect();
    let leaves: BTreeSet<String> =
        started.steps.keys().filter(|step| !needed.contains(step)).map(ToString::to_string).collect();
    for (step, plan) in &started.steps {
        let kind = if plan.approval.is_some() { WorkKind::Approval } else { WorkKind::Step };
        let needs = plan.needs.iter().map(ToString::to_string).collect();
        drafts.insert(step.to_string(), Draft { work: (kind, step.to_string()), needs });
    }
    let mut of_artifacts = BTreeMap::new();
    for artifact in &started.artifacts {
        // A step may have the name of an artifact.
        let name = match started.steps.contains_key(artifact) {
            true => format!("artifact {artifact}"),
            false => artifact.to_string(),
        };
        of_artifacts.insert(artifact.clone(), name.clone());
        let work = (WorkKind::Artifact, artifact.to_string());
        drafts.insert(name, Draft { work, needs: leaves.clone() });
    }
    let checks = seen.row.view.works.iter().filter(|work| work.kind == WorkKind::Check);
    for work in checks {
        let service = work.name.split('.').next().and_then(|service| service.parse().ok());
        let artifact = service.and_then(|service: evidence::Name| started.services.get(&service));
        let needs = artifact.and_then(|artifact| of_artifacts.get(artifact)).cloned().into_iter().collect();
        let name = shown_name(work.kind, &work.name);
        drafts.insert(name, Draft { work: (work.kind, work.name.clone()), needs });
    }
    drafts
}

fn works_of<'a>(seen: &'a Seen<'_>, (kind, name): &(WorkKind, String)) -> Vec<(&'a WorkView, &'a WorkSpan)> {
    seen.works().filter(|(work, _)| work.kind == *kind && work.name == *name).collect()
}

fn node(seen: &Seen<'_>, name: &str, draft: &Draft) -> GraphNode {
    let own = works_of(seen, &draft.work);
    let from = own.iter().map(|(_, span)| seen.since_start(span.due)).min();
    let has_ended = |(work, span): &(&WorkView, &WorkSpan)| match work.state {
        WorkState::Agreed { given, needed } => given >= needed,
        _ => span.ended.is_some(),
    };
    let is_over = !own.is_empty() && own.iter().all(has_ended);
    let until = own.iter().filter_map(|(_, span)| span.ended).map(|end| seen.since_start(end)).max();
    GraphNode { name: name.to_owned(), needs: draft.needs.clone(), from, until: until.filter(|_| is_over) }
}

/// An approval node is recorded at the start of its run; it waits only from the end of all that it needs.
fn approvals_begin_with_their_needs(drafts: &BTreeMap<String, Draft>, nodes: &mut [GraphNode]) {
    let ends: BTreeMap<String, Option<u64>> =
        nodes.iter().map(|node| (node.name.clone(), node.until)).collect();
    let is_approval = |node: &&mut GraphNode| {
        drafts.get(&node.name).is_some_and(|draft| draft.work.0 == WorkKind::Approval)
    };
    for node in nodes.iter_mut().filter(is_approval) {
        let needs: Option<Vec<u64>> = node.needs.iter().map(|need| ends.get(need).copied()?).collect();
        node.from = needs.map(|ends| ends.into_iter().max().unwrap_or_default());
    }
}

/// The state of a node from the work of its runners.
fn state(own: &[(&WorkView, &WorkSpan)], is_over: bool) -> Badge {
    let has = |state: WorkState| own.iter().any(|(work, _)| work.state == state);
    let agreed = own.iter().find_map(|(work, _)| match work.state {
        WorkState::Agreed { given, needed } => Some((given, needed)),
        _ => None,
    });
    match agreed {
        Some((given, needed)) if given >= needed => return badge(model::State::Pass, "approved"),
        Some((given, needed)) if !is_over => {
            return badge(model::State::Wait, format!("{given} of {needed} agreed"));
        }
        Some(_) => return badge(model::State::Quiet, "not approved"),
        None => {}
    }
    if has(WorkState::Failed) {
        badge(model::State::Stop, "failed")
    } else if has(WorkState::GivenUp) {
        badge(model::State::Stop, "given up")
    } else if has(WorkState::Lost) {
        badge(model::State::Stop, "lost")
    } else if has(WorkState::Due) {
        match (own.iter().any(|(work, _)| work.running), is_over) {
            (true, _) => badge(model::State::Busy, "running"),
            (false, false) => badge(model::State::Wait, "waits for a runner"),
            (false, true) => badge(model::State::Quiet, "not done"),
        }
    } else if own.is_empty() {
        badge(model::State::Quiet, if is_over { "not done" } else { "not due yet" })
    } else {
        badge(model::State::Pass, "passed")
    }
}
