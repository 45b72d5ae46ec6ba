//! The files that differ between runners, read from the receipts that they signed.

use std::collections::{BTreeMap, BTreeSet};

use evidence::receipt::{Output, Work};
use wire::{Client, RunView};

use crate::error::Error;
use crate::run_reports;

/// One line for each step whose outputs differ between runners; empty if no receipt shows a difference.
pub async fn files(client: &Client, view: &RunView) -> Result<Vec<String>, Error> {
    let mut left: BTreeMap<String, Vec<BTreeMap<String, Output>>> = BTreeMap::new();
    for receipt in run_reports::receipts(client, view).await? {
        if let Work::Step(step) = &receipt.work {
            left.entry(step.to_string()).or_default().push(receipt.outputs);
        }
    }
    Ok(left.iter().filter_map(|(step, outputs)| line(step, outputs)).collect())
}

fn line(step: &str, outputs: &[BTreeMap<String, Output>]) -> Option<String> {
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
