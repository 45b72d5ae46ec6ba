//! Statements about findings that settle nothing that runs or waits now.
//!
//! Invariant: a statement is called idle only if all evidence that it could be about was read. One about a test is never called so,
//! since pages do not read which tests fail.

use std::collections::BTreeSet;

use evidence::Digest;
use review::standing::{Standing, settles_by_name};
use wire::{PlaceView, StatementState, StatementView};

use super::exposure::Exposure;

/// The idle ones among the statements of these places.
pub fn statements(places: &[PlaceView], exposures: &[Exposure]) -> BTreeSet<Digest> {
    let all = places.iter().flat_map(|view| &view.statements);
    let idle = all.filter(|stated| is_idle(stated, exposures));
    idle.map(|stated| stated.statement).collect()
}

/// Whether a statement is in force and settles nothing that runs or waits.
pub fn is_idle(stated: &StatementView, exposures: &[Exposure]) -> bool {
    let is_test = stated.content.as_ref().is_some_and(|content| content.summary.starts_with("test "));
    let is_told = stated.state == StatementState::InForce && settles_by_name(&stated.kind) && !is_test;
    is_told
        && exposures.iter().all(|exposure| {
            let mut settled = exposure.standings.iter().filter_map(Standing::settled);
            !exposure.unread && settled.all(|(_, by)| by != stated.statement)
        })
}
