//! The decision whether statements lend a secret to a step, shared by server and runners.
//!
//! Invariant: nothing is lent unless a statement lends it. This file does not ask if the statement counts (signature, role,
//! withdrawal): the judge asks for a runner, and the state has only those that count for the server.

use std::collections::BTreeSet;

use super::form::Statement;
use super::loan::{Loan, LoanFault, Reach};

/// Decides whether some of these statements lends a secret, and to which destinations the step is bound then. The caller passes
/// only statements that count.
///
/// # Errors
/// Every reason of every statement about this secret and step.
pub fn lend<'a>(
    statements: impl IntoIterator<Item = &'a Statement>,
    loan: &Loan<'_>,
) -> Result<Reach, Vec<LoanFault>> {
    let mut reach: Option<Reach> = None;
    let mut faults = BTreeSet::new();
    for answer in statements.into_iter().filter_map(|statement| statement.lends(loan)) {
        match answer {
            Ok(destinations) => reach.get_or_insert_default().extend(destinations),
            Err(found) => faults.extend(found),
        }
    }
    reach.ok_or_else(|| {
        if faults.is_empty() { vec![LoanFault::NotGranted] } else { faults.into_iter().collect() }
    })
}
