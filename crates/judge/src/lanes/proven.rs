//! A report as runners state it.

use std::collections::BTreeMap;

use evidence::document::{Maker, ReportRef};
use evidence::receipt::Receipt;
use evidence::{Moment, Name};

/// One report of a step or check, as its runners state it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenReport {
    /// The step or check that left it.
    pub maker: Maker,
    /// Its path in the workspace.
    pub path: String,
    /// The statement of each runner about it.
    pub by: BTreeMap<Name, ReportRef>,
    /// Time at which the first of these runners had ended the step or check.
    pub made: Moment,
}

impl ProvenReport {
    /// The reports of receipts, grouped by work and path.
    pub fn of<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> Vec<Self> {
        let mut found: BTreeMap<(Maker, &String), Self> = BTreeMap::new();
        for receipt in receipts {
            let Some(maker) = Maker::of(&receipt.work) else { continue };
            for (path, report) in &receipt.reports {
                let made = receipt.ended;
                let new = || Self { maker: maker.clone(), path: path.clone(), by: BTreeMap::new(), made };
                let found = found.entry((maker.clone(), path)).or_insert_with(new);
                found.by.insert(receipt.runner.clone(), report.clone());
                found.made = found.made.min(made);
            }
        }
        found.into_values().collect()
    }
}
