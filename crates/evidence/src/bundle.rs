//! Evidence bundles: all evidence of one release, in one file. Format: `docs/formats/bundle.md`.
//!
//! Invariant: a bundle has one canonical encoding, and some check reads every byte of it. The judge decides what the
//! evidence means and whether it holds. A bundle never says which root to trust.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tlog::{HASH_BYTES, Hash, leaf_hash};

use crate::bytes::Bytes;
use crate::canonical::{self, CanonicalError};
use crate::dsse::Envelope;
use crate::entry::Payload;
use crate::plan::Plan;
use crate::policy_files::PolicyFiles;
use crate::source_pack::SourcePack;
use crate::status::StatusFile;
use crate::tree_list::TreeList;
use crate::{Digest, Id, Name};

/// Largest bundle in bytes.
pub const BYTES_MAX: usize = 32 * 1024 * 1024;

/// An evidence bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation.
    pub installation: Id,
    /// The project.
    pub project: Name,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// Number of the release.
    pub release: u64,
    /// The artifact's manifest.
    pub manifest: Bytes,
    /// The deployment plan.
    pub plan: Plan,
    /// Trust roots from version 1 on.
    pub roots: Vec<Envelope>,
    /// The status.
    pub status: StatusFile,
    /// Enrolments of all people involved, sorted by the digests of their payloads.
    pub enrolments: Vec<Envelope>,
    /// Environment statements. The one of this release is last; its predecessors come before it.
    pub environments: Vec<Envelope>,
    /// People's requests: the one for the run and, if the place is manual, the one for the promotion.
    pub requests: Vec<Envelope>,
    /// Objects of the source.
    pub source: SourcePack,
    /// Every file of the commit.
    pub tree: TreeList,
    /// Configuration that the environment statement names.
    pub configuration: Bytes,
    /// Windows that the environment statement names. Absent if it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Bytes>,
    /// Receipts of the build, sorted by the digest of their payloads.
    pub receipts: Vec<Envelope>,
    /// Provenance.
    pub provenance: Envelope,
    /// Agent reports, sorted by the digests of their payloads: the previous one of this environment, if any, and the
    /// one of the environment that comes before.
    pub reports: Vec<Envelope>,
    /// Approvals and rejections, sorted by the digest of their payloads.
    pub approvals: Vec<Envelope>,
    /// Documents and statements that the policy reads. Omitted when empty, as in bundles of the first programs.
    #[serde(default, skip_serializing_if = "Lanes::is_empty")]
    pub lanes: Lanes,
    /// The policy.
    pub policy: PolicyFiles,
    /// Ledger entries that record the evidence above, in order.
    pub logged: Vec<Logged>,
    /// Proofs that the checkpoints which approvers saw belong to the same ledger, by size.
    pub ancestors: Vec<Ancestor>,
    /// Earlier witnessed checkpoints, by size. Each is the first one in this bundle that contains some entry of
    /// `logged`, so it bounds the time of that entry. Present only if keys are revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// The checkpoint that the proofs lead to, with its signatures.
    pub checkpoint: String,
}

/// Documents and statements, by lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    /// Canonical documents of reports that the policy reads, by digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub documents: BTreeMap<Digest, Bytes>,
    /// People's statements that apply, sorted by the digests of their payloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Envelope>,
    /// Agents' observations that the policy reads, sorted by the digests of their payloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Envelope>,
    /// Canonical plan of what runs in the environment before, if the policy reads how that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_plan: Option<Bytes>,
    /// Checks of the release in the environment before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Checks>,
    /// Later matches of components with newer advisories, sorted by the digests of their payloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rescans: Vec<Envelope>,
}

/// Checks of a release in the environment before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The agent's report that the checked release runs.
    pub report: Envelope,
    /// Receipts of the checks, sorted by the digests of their payloads.
    pub receipts: Vec<Envelope>,
}

/// A proof that an earlier checkpoint belongs to the same ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ancestor {
    /// Size of the earlier checkpoint.
    pub size: u64,
    /// Hashes of the consistency proof (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2>).
    pub proof: Vec<Bytes>,
}

/// An earlier checkpoint as witnesses cosigned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// The note, with its signatures.
    pub checkpoint: String,
    /// Hashes of the consistency proof (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2>).
    pub proof: Vec<Bytes>,
}

/// A ledger entry with its inclusion proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logged {
    /// Number of the entry, counted from 0.
    pub index: u64,
    /// Header of the entry, the leaf of the ledger.
    pub header: Bytes,
    /// Salt of the facts.
    pub salt: Bytes,
    /// Facts of the entry.
    pub facts: Bytes,
    /// Hashes of the inclusion proof (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1.1>).
    pub proof: Vec<Bytes>,
}

impl Bundle {
    /// Parses a bundle.
    ///
    /// # Errors
    /// `CanonicalError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("bundle", bytes, BYTES_MAX)
    }

    /// Encodes the bundle into its canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("bundle", self)
    }

    /// Digest of the artifact, which is the digest of its manifest.
    #[must_use]
    pub fn artifact(&self) -> Digest {
        Digest::of(&self.manifest.0)
    }

    /// The bundle without its proofs. Proofs depend on the time of collection; everything else does not.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self {
            logged: Vec::new(),
            ancestors: Vec::new(),
            earlier: Vec::new(),
            checkpoint: String::new(),
            ..self.clone()
        }
    }

    /// The bundle's names for its release, unverified. For messages only.
    #[must_use]
    pub fn title(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("project", self.project.to_string()),
            ("service", self.service.to_string()),
            ("environment", self.environment.to_string()),
            ("release", self.release.to_string()),
        ])
    }
}

impl Lanes {
    /// Whether no lane carries anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Logged {
    /// Hash of the leaf (<https://www.rfc-editor.org/rfc/rfc6962#section-2.1>).
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.header.0)
    }

    /// The facts as a payload; `None` if the salt has a wrong length.
    #[must_use]
    pub fn facts(&self) -> Option<Payload> {
        let salt = self.salt.0.as_slice().try_into().ok()?;
        Some(Payload { salt, bytes: self.facts.0.clone() })
    }
}

/// The hashes of a proof; `None` if one has a wrong length.
#[must_use]
pub fn hashes(proof: &[Bytes]) -> Option<Vec<Hash>> {
    let hash = |bytes: &Bytes| <[u8; HASH_BYTES]>::try_from(bytes.0.as_slice()).ok().map(Hash::from_bytes);
    proof.iter().map(hash).collect()
}
