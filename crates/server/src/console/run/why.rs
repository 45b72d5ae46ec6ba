//! Why a run does not go on by itself, or why it ended.

use std::collections::BTreeMap;

use domain::RunId;
use evidence::Name;
use evidence::receipt::Output;
use review::outcome::is_gone;
use review::{duration, run_words};
use web::model::Command;
use wire::{RunState, WorkKind, WorkState, WorkView};

use super::names::shown_name;
use super::seen::Seen;
use crate::attendance::MachineId;
use crate::console::words::command_for;

/// An approval node that waits for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub step: Name,
    /// Role of the people.
    pub role: Name,
    /// Number of people who are missing.
    pub missing: usize,
}

/// The reason in sentences; `None` if nothing needs saying.
pub fn of(seen: &Seen<'_>) -> Option<String> {
    let sentences = match seen.row.view.state {
        RunState::Running => waits(seen),
        RunState::Passed => Vec::new(),
        RunState::Failed => failed(seen),
        RunState::Differed => {
            let differing = differing(seen);
            vec![match differing.is_empty() {
                true => "The runners' outputs differ".to_owned(),
                false => format!("The runners' outputs differ: {}", differing.join("; ")),
            }]
        }
        RunState::Cancelled => vec![format!("{} cancelled it", run_words::cancelled_by(&seen.row.view))],
        RunState::Lost => vec![review::headline::capital(&run_words::lost(&seen.row.view))],
    };
    (!sentences.is_empty()).then(|| sentences.join(". "))
}

/// The command by which people agree at a node.
pub fn agree(run: RunId, node: &Node) -> Command {
    let who = format!("people in role {}", node.role);
    command_for(format!("countersign approve --run {run} --step {}", node.step), who)
}

/// Approval nodes whose needs have passed and that too few people have agreed to.
pub fn open_nodes(seen: &Seen<'_>) -> Vec<Node> {
    let Some(progress) = seen.state.build.run(seen.row.view.run) else { return Vec::new() };
    let nodes = progress.started.steps.iter().filter_map(|(step, plan)| {
        let approval = plan.approval.as_ref()?;
        let given = progress.agreed.get(step).map_or(0, std::collections::BTreeSet::len);
        let needed = usize::try_from(approval.count).unwrap_or(usize::MAX);
        let missing = needed.saturating_sub(given);
        let waits = missing > 0 && plan.needs.iter().all(|need| progress.has_passed(need));
        waits.then(|| Node { step: step.clone(), role: approval.role.clone(), missing })
    });
    nodes.collect()
}

/// The things that a run which has not ended waits for: machines that are gone first, then people, then runners with other work.
fn waits(seen: &Seen<'_>) -> Vec<String> {
    let due = || seen.row.view.works.iter().filter(|work| work.state == WorkState::Due && !work.running);
    let mut by_runner: BTreeMap<&Name, Vec<&WorkView>> = BTreeMap::new();
    for work in due() {
        if let Some(runner) = &work.runner {
            by_runner.entry(runner).or_default().push(work);
        }
    }
    let (mut gone, mut busy) = (Vec::new(), Vec::new());
    for (runner, works) in by_runner {
        let machine = seen.at.shared.attendance.of(&MachineId::Runner(runner.clone()));
        let names: Vec<_> = works.iter().take(WORKS_MAX).map(|work| title(work)).collect();
        let names = names.join(" and ");
        if is_gone(&machine) {
            let silent = duration::words(machine.silent_seconds.saturating_mul(1_000));
            gone.push(format!("{names} waits for {runner}, which has not asked for work for {silent}"));
        } else if machine.at_work {
            busy.push(format!("{names} waits for a free slot on {runner}"));
        } else {
            busy.push(format!("{names} is due on {runner}"));
        }
    }
    let nodes = open_nodes(seen).into_iter().map(|node| {
        let people = shown::counted(node.missing, "more person", "more people");
        format!("It waits at {} for {people} in role {}", node.step, node.role)
    });
    let all: Vec<_> = gone.into_iter().chain(nodes).chain(busy).collect();
    all.into_iter().map(|sentence| review::headline::capital(&sentence)).collect()
}

fn failed(seen: &Seen<'_>) -> Vec<String> {
    let bad = seen.row.view.works.iter().filter(|work| work.state == WorkState::Failed);
    let sentence = |work: &WorkView| {
        let runner = work.runner.as_ref().map(|runner| format!(" on {runner}")).unwrap_or_default();
        review::headline::capital(&format!("{} failed{runner}", title(work)))
    };
    bad.take(WORKS_MAX).map(sentence).collect()
}

fn title(work: &WorkView) -> String {
    format!("{} {}", work.kind, shown_name(work.kind, &work.name))
}

/// The files that differ, by step.
fn differing(seen: &Seen<'_>) -> Vec<String> {
    let mut outputs: BTreeMap<&str, Vec<BTreeMap<String, Output>>> = BTreeMap::new();
    for ((kind, name, _), receipt) in &seen.receipts {
        if *kind == WorkKind::Step {
            outputs.entry(name).or_default().push(receipt.outputs.clone());
        }
    }
    outputs.iter().filter_map(|(step, outputs)| run_words::differing(step, outputs)).collect()
}

/// Most pieces of work that a sentence names.
const WORKS_MAX: usize = 4;
