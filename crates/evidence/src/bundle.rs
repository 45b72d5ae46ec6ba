//! Evidence bundles: everything that one release rests on, in one file. Format: `docs/formats/bundle.md`.
//!
//! Invariant: one canonical encoding, and no byte in it that some check does not read. What it means, and
//! whether it holds, is for the judge; it never says which root to believe.

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
    /// Enrolments of everyone who matters, sorted by the digest of their payloads.
    pub enrolments: Vec<Envelope>,
    /// Environment statements: the one of this release last, those that come before it first.
    pub environments: Vec<Envelope>,
    /// Requests by people: the run, and the promotion where one is needed.
    pub requests: Vec<Envelope>,
    /// Objects of the source.
    pub source: SourcePack,
    /// Every file of the commit.
    pub tree: TreeList,
    /// Configuration that the environment statement names.
    pub configuration: Bytes,
    /// Receipts of the build, sorted by the digest of their payloads.
    pub receipts: Vec<Envelope>,
    /// Provenance.
    pub provenance: Envelope,
    /// Agent reports: the one before of this environment, where there is one, and of the environment that
    /// comes before it; sorted by the digest of their payloads.
    pub reports: Vec<Envelope>,
    /// Approvals and rejections, sorted by the digest of their payloads.
    pub approvals: Vec<Envelope>,
    /// The policy.
    pub policy: PolicyFiles,
    /// Entries of the ledger that name the above, in order.
    pub logged: Vec<Logged>,
    /// Proofs that the checkpoints which approvers saw are earlier ones of the same ledger, by size.
    pub ancestors: Vec<Ancestor>,
    /// Earlier witnessed checkpoints by size, each the first here to hold some entry of `logged`: they bound
    /// the moment by which it was there. Only where keys are revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// Checkpoint that the proofs lead to, with its signatures.
    pub checkpoint: String,
}

/// A proof that an earlier checkpoint is of the same ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ancestor {
    /// Size of the earlier checkpoint.
    pub size: u64,
    /// Hashes of the consistency proof (RFC 6962, section 2.1.2).
    pub proof: Vec<Bytes>,
}

/// An earlier checkpoint as witnesses cosigned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// The note, with its signatures.
    pub checkpoint: String,
    /// Hashes of the consistency proof (RFC 6962, section 2.1.2).
    pub proof: Vec<Bytes>,
}

/// An entry of the ledger with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logged {
    /// Its number.
    pub index: u64,
    /// Its header, the leaf.
    pub header: Bytes,
    /// Salt of its facts.
    pub salt: Bytes,
    /// Its facts.
    pub facts: Bytes,
    /// Hashes of the inclusion proof (RFC 6962, section 2.1.1).
    pub proof: Vec<Bytes>,
}

impl Bundle {
    /// Parses a bundle.
    ///
    /// # Errors
    /// `CanonicalError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode("bundle", bytes, BYTES_MAX)
    }

    /// Canonical bytes.
    ///
    /// # Errors
    /// `CanonicalError` when it cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode("bundle", self)
    }

    /// Digest of the artifact: that of its manifest.
    #[must_use]
    pub fn artifact(&self) -> Digest {
        Digest::of(&self.manifest.0)
    }

    /// The same without its proofs, which say when it was put together.
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

    /// What a bundle says of itself, for messages only.
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

impl Logged {
    /// Hash of the leaf.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.header.0)
    }

    /// The facts as a payload; `None` when the salt has another length.
    #[must_use]
    pub fn facts(&self) -> Option<Payload> {
        let salt = self.salt.0.as_slice().try_into().ok()?;
        Some(Payload { salt, bytes: self.facts.0.clone() })
    }
}

/// The hashes of a proof; `None` when one has another length.
#[must_use]
pub fn hashes(proof: &[Bytes]) -> Option<Vec<Hash>> {
    let hash = |bytes: &Bytes| <[u8; HASH_BYTES]>::try_from(bytes.0.as_slice()).ok().map(Hash::from_bytes);
    proof.iter().map(hash).collect()
}
