//! The record of a deployment: the value that the command line prints, and its page.
//!
//! Invariant: the record is made by the same pure function as on the command line; here its evidence is checked under the
//! server's own root. The page shows all of it but long lists of components, which are in its JSON.

mod lists;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::State;
use evidence::dsse::Envelope;
use evidence::{Digest, Place};
use judge::{Store as _, VerificationContext};
use review::record::{Record, Sources, Standing, Told};
use wire::ReleaseHistory;

use super::comparison::{Grounds, first_reason};
use super::judged;
use super::judgement::JudgementKey;
use super::reading::Reading;
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::release_history;

pub use lists::sheet;

/// The record of a release.
///
/// # Errors
/// `Failure` if the caller may not read it, or it does not exist.
pub fn record(at: &Reading<'_>, place: &Place, number: u64) -> Result<Arc<Record>, Failure> {
    at.of_place(place)?;
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let key = (place.clone(), number, state.entries, at.now.millis() / MINUTE_MS);
    at.shared.pages.records.or_make(key, || of_state(at, &state, place, number))
}

/// The same with a given state.
pub(super) fn of_state(
    at: &Reading<'_>,
    state: &State,
    place: &Place,
    number: u64,
) -> Result<Record, Failure> {
    let history = release_history::of(at.shared, state, place, number)?;
    let told: Vec<Told> = history.entries.iter().filter_map(Told::read).collect();
    let store = at.shared.gatekeeper.store();
    let envelope = |digest: Digest| {
        let bytes = store.blob(&digest).ok()?;
        Some((digest, Envelope::decode(&bytes).ok()?))
    };
    let envelopes: BTreeMap<_, _> = told.iter().filter_map(Told::envelope).filter_map(envelope).collect();
    let (evidence, digest) = evidence(at, state, &history)?;
    let checked = evidence.as_ref().map(|(bundle, anchors, seen)| judge::check(bundle, anchors, seen));
    let broken = checked.as_ref().and_then(|checked| checked.as_ref().err()).map(first_reason);
    let checked = checked.and_then(Result::ok);
    let judgement = checked.as_ref().map(judge::judge_checked);
    Ok(Record::of(Sources {
        view: &history.release,
        standing: Standing { is_current: history.current, replacement: history.replacement },
        evidence: checked.as_ref().zip(judgement.as_ref()),
        broken: broken.as_deref(),
        bundle: digest,
        told: &told,
        envelopes: &envelopes,
        named: &|person| {
            history.people.iter().find(|named| named.person == person).and_then(|named| named.name.clone())
        },
    }))
}

/// The evidence of a release, or of the one that a rollback brought back, and its digest. Settled evidence is checked as of the
/// time that its witnesses vouch for, as on the command line.
fn evidence(
    at: &Reading<'_>,
    state: &State,
    history: &ReleaseHistory,
) -> Result<(Option<Grounds>, Option<Digest>), Failure> {
    let of = |key: &JudgementKey| judged::evidence(at.shared, state, key, at.now);
    if history.pending {
        let key = judged::pending_key(at.shared, state, &history.release.place, at.now)?;
        return Ok((key.and_then(|key| of(&key).ok()), None));
    }
    let meant = history.brought_back.as_ref().unwrap_or(&history.release);
    let found = meant.bundle.map(|digest| of(&JudgementKey::Settled(digest))).transpose();
    let (bundle, anchors, _) = match found.map_err(Failure::failed)? {
        Some(found) => found,
        None => return Ok((None, None)),
    };
    Ok((Some((bundle, anchors, VerificationContext::default())), meant.bundle))
}

const MINUTE_MS: u64 = 60_000;
