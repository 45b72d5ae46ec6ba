//! A release, judged for its page: a pending one now, as its gate would be; a settled one as of the time of its gate.
//!
//! Invariant: the same functions judge as those of the gate. A judgement is kept with everything that it depends on: for a
//! pending release the state that its evidence is collected from, for a settled one the digest of its bundle. A judgement of
//! a pending release is made again after a minute, since statements and approvals end.

use std::sync::Arc;

use domain::State;
use domain::identity::Person;
use domain::release::{Open, Stage};
use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment, Place};
use judge::{Anchors, VerificationContext, collect, own_context};
use review::approvers;
use review::contents::Contents;
use review::tally::Counts;

use super::comparison::Grounds;
use super::judgement::{Judged, JudgementKey, judged, undecided};
use crate::dossier::{DossierError, attach_log_proofs};
use crate::http::problem::Failure;
use crate::installation_view;
use crate::shared::Shared;
use crate::views::releases;

/// The judgement of the pending release of a place at a moment.
///
/// # Errors
/// `Failure` if the server's own files fail.
pub fn pending(shared: &Shared, state: &State, place: &Place, now: Moment) -> Result<Arc<Judged>, Failure> {
    let open = state.release.at(place).and_then(|standing| standing.open.as_ref());
    let (Some(open), Some(key)) = (open, pending_key(shared, state, place, now)?) else {
        return Ok(Arc::new(undecided("nothing-due", "no release is pending", "see the newest release")));
    };
    let made = || pending_now(shared, state, place, open.facts.release, now);
    shared.pages.judgements.or_make(key, made)
}

/// The judgement, or the reason for a missing one. The reason is stored like a judgement: it takes as long to see again.
fn pending_now(
    shared: &Shared,
    state: &State,
    place: &Place,
    number: u64,
    now: Moment,
) -> Result<Judged, Failure> {
    match judged_now(shared, state, place, number, now) {
        Ok(judged) => Ok(judged),
        Err(DossierError::NotWitnessed) => {
            let what = "the witnesses have not signed the newest entries";
            Ok(undecided("not-witnessed", what, "see that the witnesses are up"))
        }
        Err(DossierError::Large(large)) => Ok(undecided(judge::LARGE, large.what, large.remedy)),
        Err(DossierError::Unsound(what)) => {
            let remedy = "run `countersign audit verify`, and mend what it names";
            Ok(undecided("evidence-unavailable", what, remedy))
        }
        Err(error) => Err(Failure::failed(error)),
    }
}

/// The judgement of a release whose gate judged this bundle.
///
/// # Errors
/// `Failure` if the bundle cannot be read.
pub fn settled(
    shared: &Shared,
    place: &Place,
    number: u64,
    bundle: Digest,
    at: Moment,
) -> Result<Arc<Judged>, Failure> {
    shared.pages.judgements.or_make(JudgementKey::Settled(bundle), || {
        let bundle = read_bundle(shared, &bundle)?;
        let running = running_before(shared, place, number)?;
        let (anchors, seen) = as_of(&bundle, at)?;
        Ok(judged(&bundle, &anchors, &seen, running.as_ref(), None))
    })
}

/// Findings and components of a release whose gate judged this bundle; `None` if the evidence does not hold. At most `left` bundles
/// are read, and an answer that would need one more is absent.
///
/// # Errors
/// `Failure` if the bundle cannot be read.
pub fn contents(
    shared: &Shared,
    bundle: Digest,
    left: &mut usize,
) -> Result<Option<Arc<Option<Contents>>>, Failure> {
    shared.pages.exposure.contents.or_make_within(bundle, left, || {
        let bundle = read_bundle(shared, &bundle)?;
        let anchors = anchors(&bundle)?;
        // At the time that the witnesses vouch for, so that nothing in it has ended meanwhile.
        let checked = judge::check(&bundle, &anchors, &VerificationContext::default());
        Ok(checked.ok().map(|checked| Contents::of(&checked)))
    })
}

/// The evidence of a release whose gate judged this bundle, with the anchors of that time.
///
/// # Errors
/// `Failure` if the bundle cannot be read.
pub fn stored(shared: &Shared, bundle: Digest) -> Result<(Bundle, Anchors), Failure> {
    let bundle = read_bundle(shared, &bundle)?;
    let anchors = anchors(&bundle)?;
    Ok((bundle, anchors))
}

/// Counts of the findings of a release whose gate judged this bundle; `None` without a report of findings. At most `left` bundles
/// are read, and an answer that would need one more is absent.
///
/// # Errors
/// `Failure` if the bundle cannot be read.
pub fn counts(
    shared: &Shared,
    bundle: Digest,
    left: &mut usize,
) -> Result<Option<Arc<Option<Counts>>>, Failure> {
    let read = || Ok::<_, Failure>(Counts::of(&read_bundle(shared, &bundle)?.lanes.documents));
    shared.pages.exposure.counts.or_make_within(bundle, left, read)
}

/// Numbers that the evidence of a pending release follows from, and the minute.
fn depends_on(state: &State, place: &Place, open: &Open, now: Moment) -> Vec<u64> {
    let stage = match open.stage {
        Stage::Proposed => 0,
        Stage::Judging => 1,
        Stage::Held => 2,
        Stage::Due(_) => 3,
    };
    let root = state.identity.root().map_or(0, |root| u64::from(root.version));
    let promoted = open.promoted.as_ref().map_or(0, |(_, entry)| *entry);
    let minute = now.millis() / 60_000;
    let mut numbers = vec![minute, open.entry, stage, promoted, root, state.identity.status_number()];
    let people: Vec<u64> = state.identity.people(now).map(|(_, person)| person.entry).collect();
    numbers.extend([people.len() as u64, people.iter().copied().max().unwrap_or_default()]);
    let set = state.gate.environment(place);
    let before = set.and_then(|set| set.facts.after.clone());
    let before = before.map(|environment| Place { environment, ..place.clone() });
    for at in [Some(place), before.as_ref()].into_iter().flatten() {
        let standing = state.release.at(at);
        numbers.push(state.gate.environment(at).map_or(0, |set| set.facts.number));
        numbers.push(standing.and_then(|standing| standing.reported).map_or(0, |(_, entry)| entry));
        let running = standing.and_then(|standing| standing.running.as_ref());
        numbers.push(running.map_or(0, |running| running.release));
    }
    let list = |numbers: &mut Vec<u64>, entries: Vec<u64>| {
        numbers.push(entries.len() as u64);
        numbers.extend(entries);
    };
    list(&mut numbers, state.approval.of(place, open.facts.release).map(|given| given.entry).collect());
    list(&mut numbers, state.statement.at(place, now).map(|known| known.entry).collect());
    let checks = before.as_ref().and_then(|before| state.check.at(before));
    list(&mut numbers, checks.map(|checks| checks.entries.clone()).unwrap_or_default());
    numbers
}

fn judged_now(
    shared: &Shared,
    state: &State,
    place: &Place,
    number: u64,
    now: Moment,
) -> Result<Judged, DossierError> {
    let (bundle, anchors, seen) = collected(shared, state, place, now)?;
    let running = running_before(shared, place, number);
    let running = running.map_err(|error| DossierError::Unsound(error.to_string()))?;
    let decides = |person: &Person| person.grants.iter().any(|grant| approvers::decides(grant.role.as_str()));
    let people = installation_view::people(shared, state, now, decides);
    Ok(judged(&bundle, &anchors, &seen, running.as_ref(), Some(&people)))
}

/// The evidence of the pending release of a place, with everything that its gate would check it with.
fn collected(shared: &Shared, state: &State, place: &Place, now: Moment) -> Result<Grounds, DossierError> {
    let unsound = |error: &dyn std::fmt::Display| DossierError::Unsound(error.to_string());
    let keeper = &shared.gatekeeper;
    let collected = collect(state, &keeper.store(), place, now).map_err(|error| unsound(&error))?;
    let dossier = attach_log_proofs(&collected, keeper.readers())?;
    let (anchors, seen) = own_context(state, place, now).map_err(|error| unsound(&error))?;
    Ok((dossier.bundle, anchors, seen))
}

/// The evidence of a release by the key of its judgement: that of the pending release now, or that of a settled one as of the
/// time of its gate.
///
/// # Errors
/// `DossierError` if it cannot be collected or read.
pub fn evidence(
    shared: &Shared,
    state: &State,
    key: &JudgementKey,
    moment: Moment,
) -> Result<Grounds, DossierError> {
    let unsound = |error: Failure| DossierError::Unsound(error.to_string());
    match key {
        JudgementKey::Pending(place, ..) => collected(shared, state, place, moment),
        JudgementKey::Settled(digest) => {
            let bundle = read_bundle(shared, digest).map_err(unsound)?;
            let (anchors, seen) = as_of(&bundle, moment).map_err(unsound)?;
            Ok((bundle, anchors, seen))
        }
    }
}

/// The key of the judgement of the pending release of a place; `None` if no release is pending there.
///
/// # Errors
/// `Failure` if the ledger cannot be read.
pub fn pending_key(
    shared: &Shared,
    state: &State,
    place: &Place,
    now: Moment,
) -> Result<Option<JudgementKey>, Failure> {
    let open = state.release.at(place).and_then(|standing| standing.open.as_ref());
    let Some(open) = open else { return Ok(None) };
    let mut numbers = depends_on(state, place, open, now);
    // Witnesses sign without an entry.
    numbers.push(installation_view::witnessed_entries(shared)?);
    Ok(Some(JudgementKey::Pending(place.clone(), open.facts.release, numbers)))
}

/// The bundle of the release that had brought what a release replaces; `None` if nothing runs there, or no gate judged it.
fn running_before(shared: &Shared, place: &Place, number: u64) -> Result<Option<Bundle>, Failure> {
    let row = shared.views.ask(|rows| releases::replaced_by(rows, place, number));
    let row = row.map_err(Failure::failed)?;
    row.and_then(|row| row.bundle).map(|bundle| read_bundle(shared, &bundle)).transpose()
}

fn read_bundle(shared: &Shared, digest: &Digest) -> Result<Bundle, Failure> {
    let bytes = shared.gatekeeper.blobs().read(digest, BYTES_MAX as u64)?;
    Bundle::decode(&bytes).map_err(Failure::failed)
}

/// Anchors and moment of a gate in the past. The root of the bundle is the one that was in force then: the gate itself
/// compared it with the ledger's.
fn as_of(bundle: &Bundle, at: Moment) -> Result<(Anchors, VerificationContext), Failure> {
    Ok((anchors(bundle)?, VerificationContext { now: Some(at), ..VerificationContext::default() }))
}

fn anchors(bundle: &Bundle) -> Result<Anchors, Failure> {
    let newest = bundle.roots.last().ok_or_else(|| Failure::failed("the evidence holds no trust root"))?;
    let root = TrustRoot::read(newest).map_err(Failure::failed)?;
    let digest = root.digest().map_err(Failure::failed)?;
    Ok(Anchors { version: root.version, digest, rehearsal: true })
}
