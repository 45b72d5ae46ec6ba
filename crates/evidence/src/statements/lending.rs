//! The decision whether statements lend a secret to a step, shared by server and runners.
//!
//! Invariant: nothing is lent unless a statement lends it, and its value has one place. This file does not ask if the statement counts (signature, role,
//! withdrawal): the judge asks for a runner, and the state has only those that count for the server.

use std::collections::BTreeSet;

use super::form::Statement;
use super::loan::{Loan, LoanFault, LoanTerms};
use super::store_source::StoreSource;

/// Decides whether some of these statements lends a secret, to which destinations the step is bound then, and where the value
/// is. The caller passes only statements that count.
///
/// # Errors
/// Every reason of every statement about this secret and step.
pub fn lend<'a>(
    statements: impl IntoIterator<Item = &'a Statement>,
    loan: &Loan<'_>,
) -> Result<LoanTerms, Vec<LoanFault>> {
    let (mut lent, mut places) = (LoanTerms::default(), BTreeSet::new());
    let mut faults = BTreeSet::new();
    for answer in statements.into_iter().filter_map(|statement| statement.lends(loan)) {
        match answer {
            Ok(LoanTerms { reach, from }) => {
                lent.reach.extend(reach);
                places.insert(from);
            }
            Err(found) => faults.extend(found),
        }
    }
    if places.len() > 1 {
        let named = |place: &Option<StoreSource>| {
            place.as_ref().map_or_else(|| VAULT.to_owned(), ToString::to_string)
        };
        let places: Vec<_> = places.iter().map(named).collect();
        return Err(vec![LoanFault::SeveralSources(places.join(", "))]);
    }
    match places.pop_first() {
        Some(from) => Ok(LoanTerms { from, ..lent }),
        None if faults.is_empty() => Err(vec![LoanFault::NotGranted]),
        None => Err(faults.into_iter().collect()),
    }
}

/// The place of values that no store has, in words.
const VAULT: &str = "the vault";
