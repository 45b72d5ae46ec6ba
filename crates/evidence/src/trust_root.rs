//! The trust root: who may sign what. Format: `docs/formats/trust-root.md`.
//!
//! Invariant: a root is believed only when pinned by digest or reached from a pinned one step by step,
//! each signed by the thresholds of the one before and of itself (the TUF way, section 5.3). Thresholds
//! count persons, not keys. It lacks any way to be taken from a bundle.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tlog::{Checkpoint, NoteVerifier, SignatureKind};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::machine::MachineKey;
use crate::ssh::{self, SshKey, SshSigError};
use crate::{Digest, Id, Moment, Name};

/// DSSE payload type of a trust root.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.trust-root+json";
/// SSHSIG namespace of its signatures.
pub const NAMESPACE: &str = "countersign-trust-root@v1";
/// Longest that a root may be valid.
pub const VALIDITY_MAX: Duration = Duration::from_hours(24 * 366 * 2);

/// Which second-person rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One person: second-person rules are off; said on every verdict.
    Solo,
    /// Second-person rules hold, roles stand on hosts of their own.
    Team,
    /// Team rules, but roles may share a host; accepted only where joined with `--rehearsal`.
    Rehearsal,
}

/// A key of a person, by the person's immutable subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Immutable subject of the person, for instance `ssh:SHA256:…` or `oidc:<issuer>#<sub>`.
    pub subject: String,
    /// The person's key.
    pub key: SshKey,
}

/// Persons of whom `threshold` must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// How many different persons must sign.
    pub threshold: u32,
    /// Who may.
    pub holders: Vec<Holder>,
}

/// Where a role runs and who operates it, as the root's signers know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Name of the host.
    pub host: String,
    /// Who operates it.
    pub operator: String,
}

/// A ledger's identity: its origin and key, and what it continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerKey {
    /// Origin and public key as a verifier key of a signed note; the name is the origin.
    pub vkey: String,
    /// Checkpoint of the origin that this one replaces, after a lost key or a restored backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// A machine with a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Its name.
    pub name: Name,
    /// Its key.
    pub key: MachineKey,
    /// Where it runs.
    pub place: Place,
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Name and cosignature key as a verifier key of a signed note.
    pub vkey: String,
    /// Where it runs.
    pub place: Place,
}

/// Witnesses of whom `quorum` must have cosigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnesses {
    /// How many; more than half.
    pub quorum: u32,
    /// Which.
    pub keys: Vec<Witness>,
}

/// A trust root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRoot {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation; drawn at random by `init`, never changed.
    pub installation: Id,
    /// Rises by one with each root.
    pub version: u32,
    /// When it was made.
    pub issued: Moment,
    /// When it ends.
    pub expires: Moment,
    /// Which second-person rules hold.
    pub mode: Mode,
    /// Who signs roots.
    pub holders: Quorum,
    /// Who signs enrolments.
    pub registrars: Quorum,
    /// Who signs environment statements.
    pub policy: Quorum,
    /// Who signs status.
    pub status: Quorum,
    /// The ledger.
    pub ledger: LedgerKey,
    /// Where the server runs.
    pub server: Place,
    /// The server's key for provenance.
    pub provenance: MachineKey,
    /// Runners with their receipt keys.
    pub runners: Vec<Machine>,
    /// Witnesses.
    pub witnesses: Witnesses,
}

/// Why a trust root is not one, or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustRootError {
    /// The envelope is malformed.
    #[error("trust root: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A signature does not count.
    #[error("trust root: {0}")]
    Signature(#[from] SshSigError),
    /// A rule of the format is broken.
    #[error("trust root: {0}")]
    Rule(&'static str),
    /// Too few persons signed.
    #[error("trust root version {version}: {found} of {needed} root holders named by version {by} signed")]
    Threshold {
        /// Version of the root that is signed.
        version: u32,
        /// Version of the root whose threshold is not met.
        by: u32,
        /// Persons found.
        found: usize,
        /// Persons needed.
        needed: u32,
    },
    /// The root is not the successor of the one before.
    #[error("trust root version {found} does not follow version {after} of the same installation")]
    Succession {
        /// Version before.
        after: u32,
        /// Version found.
        found: u32,
    },
}

impl TrustRoot {
    /// Digest that names this root: that of its canonical bytes.
    ///
    /// # Errors
    /// `TrustRootError` when it cannot be encoded.
    pub fn digest(&self) -> Result<Digest, TrustRootError> {
        Ok(Digest::of(&canonical::encode("trust root", self)?))
    }

    /// Whether a witness counts: in team mode not on the server's host, whose owner could run it as they like.
    /// The judge decides by its own check; this is for words about it.
    #[must_use]
    pub fn counts(&self, witness: &Witness) -> bool {
        self.mode != Mode::Team || witness.place.host != self.server.host
    }

    /// An envelope without signatures.
    ///
    /// # Errors
    /// `TrustRootError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, TrustRootError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("trust root", self)?))
    }

    /// Reads a root and checks that its own threshold signed it: enough for the first version once its
    /// digest is pinned, never enough by itself for a later one.
    ///
    /// # Errors
    /// `TrustRootError` names what is wrong.
    pub fn open(envelope: &Envelope) -> Result<Self, TrustRootError> {
        let root = Self::read(envelope)?;
        let allowed: Vec<_> = root.holders.holders.iter().map(|holder| &holder.key).collect();
        let signers = ssh::signers(envelope, NAMESPACE, &allowed)?;
        root.holders_signed(&signers, root.version, &root)?;
        Ok(root)
    }

    /// Reads the root that follows this one: signed by the thresholds of both.
    ///
    /// # Errors
    /// `TrustRootError` names what is wrong.
    pub fn next(&self, envelope: &Envelope) -> Result<Self, TrustRootError> {
        let root = Self::read(envelope)?;
        let follows = self.version.checked_add(1) == Some(root.version);
        if !follows || root.installation != self.installation {
            return Err(TrustRootError::Succession { after: self.version, found: root.version });
        }
        let both = self.holders.holders.iter().chain(&root.holders.holders);
        let allowed: Vec<_> = both.map(|holder| &holder.key).collect();
        let signers = ssh::signers(envelope, NAMESPACE, &allowed)?;
        self.holders_signed(&signers, root.version, self)?;
        self.holders_signed(&signers, root.version, &root)?;
        Ok(root)
    }

    /// Reads the payload without looking at signatures, for showing it to its signers.
    ///
    /// # Errors
    /// `TrustRootError` names what is wrong.
    pub fn read(envelope: &Envelope) -> Result<Self, TrustRootError> {
        let payload = envelope.payload(PAYLOAD_TYPE)?;
        let root: Self = canonical::decode("trust root", payload, PAYLOAD_BYTES_MAX)?;
        root.check().map(|()| root)
    }

    /// The ledger's public key.
    ///
    /// # Errors
    /// `TrustRootError::Rule` when it is not a verifier key.
    pub fn ledger_key(&self) -> Result<NoteVerifier, TrustRootError> {
        let key = self.ledger.vkey.parse::<NoteVerifier>().ok();
        key.filter(|key| key.kind() == SignatureKind::Ed25519)
            .ok_or(TrustRootError::Rule("`ledger.vkey` is not an Ed25519 verifier key"))
    }

    /// The witnesses' public keys.
    ///
    /// # Errors
    /// `TrustRootError::Rule` when one is not a cosignature key.
    pub fn witness_keys(&self) -> Result<Vec<NoteVerifier>, TrustRootError> {
        let parse = |witness: &Witness| {
            let key = witness.vkey.parse::<NoteVerifier>().ok();
            key.filter(|key| key.kind() == SignatureKind::Cosignature)
                .ok_or(TrustRootError::Rule("a witness's `vkey` is not a cosignature verifier key"))
        };
        self.witnesses.keys.iter().map(parse).collect()
    }

    fn holders_signed(&self, signers: &[&SshKey], version: u32, by: &Self) -> Result<(), TrustRootError> {
        let (found, needed) = (by.holders.persons(signers).len(), by.holders.threshold);
        if found >= needed as usize {
            return Ok(());
        }
        Err(TrustRootError::Threshold { version, by: by.version, found, needed })
    }

    fn check(&self) -> Result<(), TrustRootError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(TrustRootError::Rule(text)) };
        rule(self.v == 1, "`v` is not 1, the version that this program knows")?;
        rule(self.version >= 1, "`version` starts at 1")?;
        let end = self.ledger.replaces.as_ref().map(|text| text.parse::<Checkpoint>());
        rule(!matches!(end, Some(Err(_))), "`ledger.replaces` is not a checkpoint")?;
        rule(self.issued < self.expires, "`expires` is not after `issued`")?;
        rule(self.expires <= self.issued.later_by(VALIDITY_MAX), "a root is valid for two years at most")?;
        for quorum in [&self.holders, &self.registrars, &self.policy, &self.status] {
            quorum.check()?;
        }
        if self.mode != Mode::Solo {
            let second = [&self.holders, &self.policy, &self.status].iter().all(|q| q.threshold >= 2);
            rule(second, "in team mode holders, policy and status need a threshold of at least 2")?;
        }
        let ledger = self.ledger_key()?;
        let (keys, quorum) = (self.witness_keys()?, self.witnesses.quorum as usize);
        rule(quorum * 2 > keys.len() && quorum <= keys.len(), "`witnesses.quorum` is not over half")?;
        let names: BTreeSet<_> = keys.iter().map(NoteVerifier::public).collect();
        rule(names.len() == keys.len(), "a witness key stands twice")?;
        rule(!self.runners.is_empty(), "at least one runner is needed")?;
        let runners: BTreeSet<_> = self.runners.iter().map(|runner| &runner.name).collect();
        let runner_keys: BTreeSet<_> = self.runners.iter().map(|runner| &runner.key).collect();
        let unique = runners.len() == self.runners.len() && runner_keys.len() == self.runners.len();
        rule(unique, "a runner's name or key stands twice")?;
        let machines = self.runners.iter().map(|runner| runner.key.as_bytes());
        let own = [ledger.public(), self.provenance.as_bytes()];
        let all: BTreeSet<_> = names.iter().copied().chain(machines).chain(own).collect();
        let apart = all.len() == names.len() + self.runners.len() + own.len();
        rule(
            apart,
            "a key serves two of ledger, provenance, runners and witnesses: whoever holds one must not hold another",
        )
    }
}

impl Quorum {
    /// The different persons behind some keys that have signed.
    #[must_use]
    pub fn persons(&self, signers: &[&SshKey]) -> BTreeSet<&str> {
        let signed = self.holders.iter().filter(|holder| signers.contains(&&holder.key));
        signed.map(|holder| holder.subject.as_str()).collect()
    }

    /// The keys that may sign.
    #[must_use]
    pub fn keys(&self) -> Vec<&SshKey> {
        self.holders.iter().map(|holder| &holder.key).collect()
    }

    /// The different persons who signed an envelope, if they are enough.
    ///
    /// # Errors
    /// `QuorumError` when a signature does not count or there are too few persons.
    pub fn signed(&self, envelope: &Envelope, namespace: &str) -> Result<BTreeSet<&str>, QuorumError> {
        let signers = ssh::signers(envelope, namespace, &self.keys())?;
        let persons = self.persons(&signers);
        if persons.len() >= self.threshold as usize {
            return Ok(persons);
        }
        Err(QuorumError::Threshold { found: persons.len(), needed: self.threshold })
    }

    fn check(&self) -> Result<(), TrustRootError> {
        let persons: BTreeSet<_> = self.holders.iter().map(|holder| &holder.subject).collect();
        let keys: BTreeSet<_> = self.holders.iter().map(|holder| &holder.key).collect();
        if keys.len() != self.holders.len() {
            return Err(TrustRootError::Rule("a key stands twice in one quorum"));
        }
        let possible = (1..=persons.len()).contains(&(self.threshold as usize));
        let named = self.holders.iter().all(|holder| (1..=300).contains(&holder.subject.len()));
        match (possible, named) {
            (false, _) => Err(TrustRootError::Rule("a threshold is 0 or larger than its number of persons")),
            (_, false) => Err(TrustRootError::Rule("a subject is empty or longer than 300 bytes")),
            _ => Ok(()),
        }
    }
}

/// Why too few persons stand behind a statement.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuorumError {
    /// A signature does not count.
    #[error(transparent)]
    Signature(#[from] SshSigError),
    /// Too few different persons.
    #[error("{found} of {needed} persons signed")]
    Threshold {
        /// Persons found.
        found: usize,
        /// Persons needed.
        needed: u32,
    },
}
