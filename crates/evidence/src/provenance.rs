//! SLSA Build provenance v1.2 (<https://slsa.dev/spec/v1.2/build-provenance>): a summary of receipts for other tools.
//!
//! Invariant: provenance is a pure function of receipts. It proves nothing alone; the receipts do. It claims no more
//! than they do: the toolchain of the host appears only as the digest of its manifest, an image as
//! the digest that its steps name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::receipt::Receipt;
use crate::statement::{PAYLOAD_TYPE, TYPE};
use crate::{Digest, Name};

/// Predicate type of SLSA provenance v1. Version 1.2 of the specification keeps it.
pub const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// Build type of countersign's pipelines.
pub const BUILD_TYPE: &str = "tag:countersign,2026:pipeline/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "_type")]
    type_uri: &'static str,
    subject: Vec<serde_json::Value>,
    predicate_type: &'static str,
    predicate: serde_json::Value,
}

/// Makes the provenance of an artifact from the receipts of its build, without a signature.
///
/// # Errors
/// `CanonicalError` when it cannot be encoded.
pub fn provenance(
    name: &Name,
    artifact: &Digest,
    receipts: &[(Digest, Receipt)],
) -> Result<Envelope, CanonicalError> {
    let first = receipts.first().map(|(_, receipt)| receipt);
    let hex = |digest: &Digest| json!({ "sha256": digest.hex() });
    let git = |receipt: &Receipt| {
        let algorithm = if receipt.commit.as_str().len() == 64 { "gitCommitSha256" } else { "gitCommit" };
        json!({ "name": "source", "digest": { (algorithm): receipt.commit, "sha256": receipt.tree.hex() } })
    };
    let toolchains: BTreeMap<_, _> = receipts
        .iter()
        .filter(|(_, receipt)| receipt.image.is_none())
        .map(|(_, receipt)| (receipt.sandbox.toolchain, &receipt.runner))
        .map(|(digest, runner)| {
            (digest, json!({ "name": format!("toolchain of {runner}"), "digest": hex(&digest) }))
        })
        .collect();
    let images: BTreeSet<_> = receipts.iter().filter_map(|(_, receipt)| receipt.image).collect();
    let images = images.iter().map(|digest| json!({ "name": "image", "digest": hex(digest) }));
    let materials = first.map(git).into_iter().chain(toolchains.into_values()).chain(images);
    let materials: Vec<_> = materials.collect();
    let byproducts: Vec<_> = receipts
        .iter()
        .map(|(digest, receipt)| {
            let work = format!("{} {}", receipt.work.kind(), receipt.work.label());
            json!({ "name": format!("receipt of {} for {work}", receipt.runner), "digest": hex(digest) })
        })
        .collect();
    let started = receipts.iter().map(|(_, receipt)| receipt.started).min();
    let ended = receipts.iter().map(|(_, receipt)| receipt.ended).max();
    let predicate = json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "project": first.map(|receipt| &receipt.project),
                "commit": first.map(|receipt| &receipt.commit),
                "pipeline": first.map(|receipt| &receipt.pipeline),
                "artifact": name,
            },
            "resolvedDependencies": materials,
        },
        "runDetails": {
            "builder": { "id": first.map(|receipt| format!("tag:countersign,2026:installation/{}", receipt.installation)) },
            "metadata": { "startedOn": started, "finishedOn": ended },
            "byproducts": byproducts,
        },
    });
    let wire = Wire {
        type_uri: TYPE,
        subject: vec![json!({ "name": name, "digest": hex(artifact) })],
        predicate_type: PREDICATE,
        predicate,
    };
    Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("provenance", &wire)?))
}
