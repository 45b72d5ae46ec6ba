//! The record of a deployment, from evidence under this person's own pin and from the ledger's entries.
//!
//! Input: a place and a number. Output: the record. Invariant: evidence that does not hold gives no record; what the server
//! alone says is marked so in each step.

use std::collections::BTreeMap;

use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::{Digest, Place};
use review::record::{Record, Sources, Standing, Told};
use wire::{Client, ReleaseHistory};

use crate::dossier::Dossier;
use crate::error::Error;
use crate::places;
use crate::profile::Profile;

/// The record of a release; by default of the pending one, else of the one that runs.
///
/// # Errors
/// `Error` if the server does not have it, or its evidence does not hold.
pub async fn record(
    profile: &Profile,
    client: &Client,
    place: &Place,
    release: Option<u64>,
) -> Result<Record, Error> {
    let number = match release {
        Some(number) => number,
        None => newest(client, place).await?,
    };
    let history = client.release_history(place, number).await?;
    let told: Vec<Told> = history.entries.iter().filter_map(Told::read).collect();
    let envelopes = envelopes(client, &told).await?;
    let (dossier, bundle) = evidence(profile, client, &history).await?;
    let checked = dossier.as_ref().map(Dossier::check).transpose()?;
    let judgement = checked.as_ref().map(judge::judge_checked);
    Ok(Record::of(Sources {
        view: &history.release,
        standing: Standing { is_current: history.current, replacement: history.replacement },
        evidence: checked.as_ref().zip(judgement.as_ref()),
        // Evidence that does not hold has ended the command above.
        broken: None,
        bundle,
        told: &told,
        envelopes: &envelopes,
        named: &|person| {
            history.people.iter().find(|named| named.person == person).and_then(|named| named.name.clone())
        },
    }))
}

async fn newest(client: &Client, place: &Place) -> Result<u64, Error> {
    let view = places::look(client, place).await?;
    let open = view.open.as_ref().map(|open| open.release);
    let number = open.or_else(|| view.running.as_ref().map(|running| running.release));
    number.ok_or_else(|| {
        let what = format!("nothing runs and nothing is pending at {place}; name a release by its number");
        Error::unusable(what)
    })
}

/// The evidence of a release, or of the one that a rollback brought back, and its digest.
async fn evidence(
    profile: &Profile,
    client: &Client,
    history: &ReleaseHistory,
) -> Result<(Option<Dossier>, Option<Digest>), Error> {
    let release = &history.release;
    if history.pending {
        return Ok((Some(Dossier::fetch(profile, client, &release.place).await?), None));
    }
    let of = history.brought_back.as_ref().unwrap_or(release);
    let Some(digest) = of.bundle else { return Ok((None, None)) };
    let bundle = Dossier::stored(client, &digest).await?;
    let is_meant = bundle.bundle.place() == release.place
        && Some(bundle.bundle.release) == of.release
        && bundle.bundle.artifact() == release.artifact;
    if !is_meant {
        return Err(Error::unusable("the server sent evidence of another release than the one asked for"));
    }
    Ok((Some(bundle), Some(digest)))
}

/// The signed requests, votes and reports that the entries name. Erased ones are left out.
async fn envelopes(client: &Client, told: &[Told]) -> Result<BTreeMap<Digest, Envelope>, Error> {
    let mut found = BTreeMap::new();
    for digest in told.iter().filter_map(Told::envelope) {
        let Ok(bytes) = client.blob(&digest, ENVELOPE_BYTES_MAX).await else { continue };
        found.extend(Envelope::decode(&bytes).ok().map(|envelope| (digest, envelope)));
    }
    Ok(found)
}
