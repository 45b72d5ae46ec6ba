//! The files that differ between runners, read from the receipts that they signed.

use std::collections::BTreeMap;

use evidence::receipt::{Output, Work};
use review::run_words;
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
    Ok(left.iter().filter_map(|(step, outputs)| run_words::differing(step, outputs)).collect())
}
