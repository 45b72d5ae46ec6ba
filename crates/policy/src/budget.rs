//! The budget of a policy, for people: how many findings of a severity it allows in a place, and the effect of more.
//!
//! Invariant: this decides nothing, as the set `explain` does not: the rule `budget-exceeded` counts by itself. The packs have the
//! rows that count in a place as `budget_rows`; a policy without that name shows no budget.

use std::collections::BTreeMap;

use crate::explain::Effect;

/// A budget of findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Highest number of findings by severity. A severity that is not there has no limit.
    pub most: BTreeMap<String, u64>,
    /// Effect of a higher number.
    pub effect: Effect,
}

impl Budget {
    /// The budget of these rows: the lowest number of each severity counts.
    pub(crate) fn of(rows: Vec<BTreeMap<String, u64>>, effect: Effect) -> Self {
        let mut most: BTreeMap<String, u64> = BTreeMap::new();
        for (severity, number) in rows.into_iter().flatten() {
            let lowest = most.entry(severity).or_insert(number);
            *lowest = (*lowest).min(number);
        }
        Self { most, effect }
    }
}

/// The rule with the rows that count in a place.
pub(crate) const ROWS: &str = "data.countersign.gate.budget_rows";
/// Code of the reasons against a higher number.
pub(crate) const CODE: &str = "budget-exceeded";
