//! The current view of the installation: its people, machines, witnesses, freezes and status.

use domain::identity::Person;
use domain::{PersonId, State};
use evidence::Moment;
use evidence::status::Freeze;
use evidence::trust_root::{Machine, TrustRoot};
use ledger::Reader;
use tlog::Checkpoint;
use wire::{FreezeView, Installation, PersonView, ProblemKind, StatusView, WitnessesView};

use crate::attendance::MachineId;
use crate::http::names::{name_of, named};
use crate::http::problem::Failure;
use crate::shared::Shared;
use crate::views::freezes;

/// The installation as this server sees it.
///
/// # Errors
/// `Failure` if there is no trust root, or something cannot be read.
pub fn current(shared: &Shared, state: &State, now: Moment) -> Result<Installation, Failure> {
    let root = state.identity.root();
    let root = root.ok_or_else(|| Failure::new(ProblemKind::Failed, "there is no trust root yet"))?;
    let trusted = shared.gatekeeper.root(state)?;
    // The time since each runner last asked for work.
    let runner = |runner: &Machine| shared.attendance.of(&MachineId::Runner(runner.name.clone()));
    Ok(Installation {
        installation: root.installation,
        root_version: root.version,
        root: root.digest,
        mode: root.mode,
        origin: shared.origin.clone(),
        entries: state.entries,
        snapshot: shared.intake.snapshot(),
        misfits: state.misfits,
        status: state.identity.status().map(|(number, expires, file)| StatusView { number, expires, file }),
        people: people(shared, state, now, |_| true),
        root_expires: Some(root.expires),
        frozen: state.identity.freezes().to_vec(),
        freezes: freeze_views(shared, state.identity.freezes())?,
        barred: state.identity.barred().to_vec(),
        runners: trusted.runners.iter().map(runner).collect(),
        addresses: shared.addresses().iter().map(|address| address.url().to_owned()).collect(),
        authority: shared.certificates.as_ref().map(|certificates| certificates.pinned()),
        witnesses: Some(witnesses(&trusted)),
    })
}

/// Enrolled people, as far as `wanted` says yes; the name of each is read from the ledger.
pub fn people(
    shared: &Shared,
    state: &State,
    now: Moment,
    wanted: impl Fn(&Person) -> bool,
) -> Vec<PersonView> {
    let view = |(person, now): (PersonId, &Person)| PersonView {
        person,
        name: name_of(shared, now.entry),
        roles: now.grants.iter().map(|grant| grant.role.clone()).collect(),
        grants: now.grants.clone(),
        keys: now.keys.iter().map(|key| key.fingerprint.clone()).collect(),
        expires: now.expires,
        enrolment: now.enrolment,
    };
    state.identity.people(now).filter(|(_, person)| wanted(person)).map(view).collect()
}

/// Each freeze, with the person who sent the status that began it.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn freeze_views(shared: &Shared, frozen: &[Freeze]) -> Result<Vec<FreezeView>, Failure> {
    let view = |freeze: &Freeze| {
        let began = shared.views.ask(|rows| freezes::began(rows, freeze));
        let began = began.map_err(Failure::failed)?;
        Ok(began.map(|(time, person)| FreezeView {
            freeze: freeze.clone(),
            by: person.map(|person| named(shared, person)),
            time,
        }))
    };
    frozen.iter().filter_map(|freeze| view(freeze).transpose()).collect()
}

/// The number of witnesses that can count for a gate.
pub fn witnesses(root: &TrustRoot) -> WitnessesView {
    let counting = root.witnesses.keys.iter().filter(|witness| root.counts(witness)).count();
    WitnessesView { quorum: root.witnesses.quorum, counting: u32::try_from(counting).unwrap_or(u32::MAX) }
}

/// Number of entries at the newest checkpoint that a quorum of witnesses cosigned; 0 before the first one.
///
/// # Errors
/// `Failure` if the ledger cannot be read.
pub fn witnessed_entries(shared: &Shared) -> Result<u64, Failure> {
    let note = shared.gatekeeper.readers().with(Reader::witnessed)?;
    let checkpoint = note.and_then(|note| note.text().parse::<Checkpoint>().ok());
    Ok(checkpoint.map_or(0, |checkpoint| checkpoint.size))
}
