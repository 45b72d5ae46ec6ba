//! The receipts of a run, and the reports that they name, in numbers.
//!
//! Invariant: no signature is checked, since this is only shown; the receipts are verified where they count.

use std::collections::BTreeMap;

use domain::build::Reported;
use evidence::document::{Maker, ReportRef};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::receipt::{PAYLOAD_TYPE, Receipt};
use evidence::{Digest, Name};
use review::results::ReportCounts;
use wire::{Client, RunView};

use crate::error::Error;

/// The reports of a run, by step and path.
pub async fn reports(client: &Client, view: &RunView) -> Result<Vec<ReportCounts>, Error> {
    let mut found: BTreeMap<(Maker, String), BTreeMap<Name, ReportRef>> = BTreeMap::new();
    for receipt in receipts(client, view).await? {
        let Some(maker @ Maker::Step(_)) = Maker::of(&receipt.work) else { continue };
        for (path, report) in receipt.reports {
            found.entry((maker.clone(), path)).or_default().insert(receipt.runner.clone(), report);
        }
    }
    Ok(found.iter().map(|((maker, path), by)| ReportCounts::of(maker, path, by)).collect())
}

/// The receipts of a run, unverified.
pub async fn receipts(client: &Client, view: &RunView) -> Result<Vec<Receipt>, Error> {
    let mut found = Vec::new();
    for digest in envelopes(client, view).await? {
        let envelope = Envelope::decode(&client.blob(&digest, ENVELOPE_BYTES_MAX).await?)?;
        found.push(serde_json::from_slice(envelope.payload(PAYLOAD_TYPE)?)?);
    }
    Ok(found)
}

async fn envelopes(client: &Client, view: &RunView) -> Result<Vec<Digest>, Error> {
    let (mut from, mut found) = (view.entry, Vec::new());
    loop {
        let entries = client.entries(from).await?;
        let Some(last) = entries.last() else { return Ok(found) };
        from = last.entry + 1;
        for entry in &entries {
            if entry.kind == "build.reported"
                && let Ok(report) = serde_json::from_value::<Reported>(entry.facts.clone())
                && report.run == view.run
            {
                found.push(report.envelope);
            }
        }
    }
}
