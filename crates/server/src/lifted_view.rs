//! Bars of artifacts and windows of a pending release that people lifted at a place.
//!
//! Invariant: the views tell what is signed and in force. Whether it counts for a release, each judge decides.

use std::collections::BTreeSet;

use domain::State;
use domain::observation::Bar;
use domain::release::Open;
use domain::statement::RecordedStatement;
use evidence::dsse::Envelope;
use evidence::statements::{Lifted, Statement};
use evidence::trust_root::Mode;
use evidence::{Moment, Place};
use judge::{PEOPLE_MIN, Store as _};
use tracing::warn;
use wire::{LiftView, WindowsLiftedView};

use crate::http::names::named;
use crate::shared::Shared;

/// The statement in force that lifts a bar; the one that lasts longest if there are several.
pub fn of_bar(shared: &Shared, state: &State, at: &Place, bar: &Bar, moment: Moment) -> Option<LiftView> {
    let lifts = |statement: &Statement| {
        statement.unbars() == Some(bar.artifact) && statement.subjects == [bar.observation]
    };
    let known = state.statement.at(at, moment);
    let found = known.filter(|known| read(shared, known).is_some_and(|statement| lifts(&statement)));
    let longest = found.max_by_key(|known| known.facts.expires)?;
    Some(LiftView { by: named(shared, longest.facts.person), until: longest.facts.expires })
}

/// How far people lifted the windows for the pending release: those with the same words who are most.
pub fn of_windows(shared: &Shared, state: &State, open: &Open, moment: Moment) -> Option<WindowsLiftedView> {
    let facts = &open.facts;
    let known = state.statement.at(&facts.place, moment).filter(|known| known.facts.kind.lifts());
    let read =
        |known: &RecordedStatement| Some((read(shared, known)?, known.facts.person, known.facts.expires));
    let said: Vec<_> = known.filter_map(read).collect();
    let lifting = said.iter().filter(|(one, ..)| one.body.lifts(Lifted::Windows, facts.release, &facts.plan));
    let counted = lifting.map(|(one, ..)| {
        let same = || said.iter().filter(|(other, ..)| other.body == one.body);
        let people: BTreeSet<_> = same().map(|(_, person, _)| person).collect();
        (people.len(), same().map(|(.., until)| *until).min().unwrap_or(moment))
    });
    let (signed, until) = counted.max_by_key(|(people, _)| *people)?;
    let is_solo = state.identity.root().is_some_and(|root| root.mode == Mode::Solo);
    let needed = if is_solo { 1 } else { PEOPLE_MIN };
    Some(WindowsLiftedView { release: facts.release, until, signed, needed })
}

fn read(shared: &Shared, known: &RecordedStatement) -> Option<Statement> {
    // Nobody is told of a lift that cannot be read: what it would lift stays.
    let failed = |error: &dyn std::fmt::Display| {
        warn!("statement {} cannot be read: {error}", known.facts.statement);
    };
    let bytes = shared.gatekeeper.store().blob(&known.facts.envelope);
    let envelope = Envelope::decode(&bytes.inspect_err(|error| failed(error)).ok()?);
    Statement::read(&envelope.inspect_err(|error| failed(error)).ok()?)
        .inspect_err(|error| failed(error))
        .ok()
}
