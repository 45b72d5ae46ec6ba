//! Statements about findings that would count at a gate now.
//!
//! Invariant: the statement is in force, its signer is enrolled and holds a role for it, and the key is not revoked. This module
//! deliberately omits whether the signer is behind a change, which differs between releases.

use std::sync::Arc;

use domain::State;
use domain::statement::RecordedStatement;
use evidence::dsse::Envelope;
use evidence::{Digest, Name, Place};
use judge::Store as _;
use review::standing::{self, Counting};

use super::reading::Reading;
use crate::shared::Shared;

/// Statements about findings that count at a place now.
pub fn at_place(at: &Reading<'_>, state: &State, place: &Place) -> Vec<Arc<Counting>> {
    let settles = |known: &&RecordedStatement| standing::settles(known.facts.kind);
    let may = |known: &&RecordedStatement| {
        let mut roles = known.facts.kind.rules().roles.iter().filter_map(|role| role.parse::<Name>().ok());
        roles.any(|role| {
            let environment = Some(&place.environment);
            state.identity.has_role(known.facts.person, &role, &place.project, environment, at.now)
        })
    };
    let all = state.statement.at(place, at.now).filter(settles).filter(may);
    let read = all.filter_map(|known| statement(at.shared, known.facts.envelope));
    read.filter(|known| !state.identity.is_revoked(&known.key, at.now)).collect()
}

/// A statement by the digest of its envelope; `None` if it cannot be read.
fn statement(shared: &Shared, envelope: Digest) -> Option<Arc<Counting>> {
    let read = || {
        let bytes = shared.gatekeeper.store().blob(&envelope).ok()?;
        Counting::of(&Envelope::decode(&bytes).ok()?)
    };
    shared.pages.exposure.statements.or_make(envelope, || read().ok_or(())).ok()
}
