//! A run in words: why it ended, and the files in which its runners differ.

use std::collections::{BTreeMap, BTreeSet};

use evidence::Name;
use evidence::receipt::Output;
use wire::{NamedPerson, RunView, WorkState, WorkView};

/// The person who cancelled a run.
#[must_use]
pub fn cancelled_by(view: &RunView) -> String {
    match &view.cancelled_by {
        Some(NamedPerson { name: Some(name), .. }) => shown::line(name),
        Some(NamedPerson { person, .. }) => format!("person {person}"),
        None => "somebody".to_owned(),
    }
}

/// The reason why a run cannot end automatically, and who reported it.
#[must_use]
pub fn lost(view: &RunView) -> String {
    let of = |state: WorkState| view.works.iter().find(|work| work.state == state);
    let runner = |work: &WorkView| work.runner.as_ref().map_or("a runner".to_owned(), Name::to_string);
    match (of(WorkState::GivenUp), of(WorkState::Lost)) {
        (Some(work), _) => {
            format!("{} gave up {} {}: it could not report it", runner(work), work.kind, work.name)
        }
        (None, Some(work)) => format!(
            "the server reports that {} {} will not be finished: its runner was silent for an hour, or gave it up",
            work.kind, work.name
        ),
        (None, None) => "a runner that it waited for is no longer in the trust root".to_owned(),
    }
}

/// One line about the files in which the outputs of a step differ between runners; `None` if none differs.
#[must_use]
pub fn differing(step: &str, outputs: &[BTreeMap<String, Output>]) -> Option<String> {
    let paths: BTreeSet<&String> = outputs.iter().flat_map(BTreeMap::keys).collect();
    let first = outputs.first()?;
    let differ = |path: &&&String| outputs.iter().any(|other| other.get(**path) != first.get(**path));
    let differing: Vec<&str> = paths.iter().filter(differ).map(|path| path.as_str()).collect();
    if differing.is_empty() {
        return None;
    }
    let shown = differing.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = differing.len().saturating_sub(SHOWN_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some(format!("step {step}: {shown}{more}"))
}

/// Most files that are named for a step.
const SHOWN_MAX: usize = 10;
