//! The trust root: who may sign what. Format: `docs/formats/trust-root.md`.
//!
//! Invariant: a root is trusted only if its digest is pinned, or if it is reached from a pinned root step by step. Each
//! step is signed by the thresholds of the previous root and of the new one, as in TUF
//! (<https://theupdateframework.github.io/specification/latest/#update-root>). Thresholds count people, not keys. There
//! is deliberately no way to take a trusted root from a bundle.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tlog::{Checkpoint, NoteVerifier, SignatureKind};

use crate::canonical::{self, CanonicalError};
use crate::domain_name::Domain;
use crate::dsse::{Envelope, EnvelopeError, PAYLOAD_BYTES_MAX};
use crate::git::RefPattern;
use crate::machine::{MachineKey, MachineKeyError};
use crate::pool::Pool;
use crate::seal::SealKey;
use crate::ssh::{self, SshKey, SshSigError};
use crate::{Digest, Id, Moment, Name};

/// DSSE payload type of a trust root.
pub const PAYLOAD_TYPE: &str = "application/vnd.countersign.trust-root+json";
/// SSHSIG namespace of its signatures.
pub const NAMESPACE: &str = "countersign-trust-root@v1";
/// Longest time for which a former key of a machine counts beside the present one.
pub const FORMER_MAX: Duration = Duration::from_hours(24 * 90);
/// Longest validity of a root.
pub const VALIDITY_MAX: Duration = Duration::from_hours(24 * 366 * 2);

/// Highest number of protected refs.
const PROTECTED_MAX: usize = 64;

/// Modes of an installation: they decide where a second person is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One person. Second-person rules are off, and every verdict says so.
    Solo,
    /// Second-person rules hold, and roles run on separate hosts.
    Team,
    /// Team rules, but roles may share a host. Machines accept it only if they joined with `--rehearsal`.
    Rehearsal,
}

/// A person's key, with the person's permanent subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Subject of the person, which never changes, for instance `ssh:SHA256:…` or `oidc:<issuer>#<sub>`.
    pub subject: String,
    /// The person's key.
    pub key: SshKey,
}

/// People of whom `threshold` must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// Number of different people who must sign.
    pub threshold: u32,
    /// The people who may sign.
    pub holders: Vec<Holder>,
}

/// Host and operator of a role, as the root's signers state them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Name of the host.
    pub host: String,
    /// Operator of the role.
    pub operator: String,
}

impl Site {
    /// Whether both are on one host. Names of hosts are compared in lower case
    /// (<https://www.rfc-editor.org/rfc/rfc4343#section-3>).
    #[must_use]
    pub fn is_on_host_of(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
    }
}

/// A ledger's identity: its origin and key, and the checkpoint that it continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerKey {
    /// Origin and public key as a verifier key of a signed note (<https://c2sp.org/signed-note>). The name is the
    /// origin.
    pub vkey: String,
    /// Last checkpoint of the previous origin, after a lost key or a restored backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// A machine with a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Name of the machine.
    pub name: Name,
    /// Key of the machine.
    pub key: MachineKey,
    /// Host and operator of the machine.
    pub place: Site,
    /// Pool of a runner; absent if it serves every run, and for agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Key to which secrets of the machine are encrypted; absent if it gets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealKey>,
    /// Key that this one replaces; absent if no other key still counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<FormerKey>,
}

/// A key that a machine had before. Its signatures count like those of the present key, as far as witnesses saw them before
/// an end: so the work of the machine goes on while its key is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerKey {
    /// The key.
    pub key: MachineKey,
    /// The end.
    pub until: Moment,
}

impl Machine {
    /// A machine that belongs to no pool, gets no secrets and had no other key.
    #[must_use]
    pub const fn new(name: Name, key: MachineKey, place: Site) -> Self {
        Self { name, key, place, pool: None, seal: None, former: None }
    }

    /// The keys that count at a moment, the present one first.
    pub fn keys_at(&self, now: Moment) -> impl Iterator<Item = &MachineKey> {
        let former = self.former.as_ref().filter(move |former| now < former.until);
        std::iter::once(&self.key).chain(former.map(|former| &former.key))
    }

    /// Verifies that exactly one key of this machine, present or former, signed an envelope, and answers which. The end of
    /// a former key is for the caller to judge, who knows when the envelope was seen.
    ///
    /// # Errors
    /// `MachineKeyError` if neither did.
    pub fn signed(&self, envelope: &Envelope) -> Result<&MachineKey, MachineKeyError> {
        match &self.former {
            Some(former) if former.key.verify(envelope).is_ok() => Ok(&former.key),
            _ => self.key.verify(envelope).map(|()| &self.key),
        }
    }
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Name and cosignature key as a verifier key of a signed note (<https://c2sp.org/signed-note>).
    pub vkey: String,
    /// Host and operator of the witness.
    pub place: Site,
}

/// Witnesses of whom `quorum` must have cosigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnesses {
    /// Number of witnesses that must cosign; more than half.
    pub quorum: u32,
    /// The witnesses.
    pub keys: Vec<Witness>,
}

/// A trust root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRoot {
    /// Version of this format; 1.
    pub v: u8,
    /// The installation. `init` draws it at random; it never changes.
    pub installation: Id,
    /// Version of the root. It rises by one with each root.
    pub version: u32,
    /// Time of signing.
    pub issued: Moment,
    /// End of validity.
    pub expires: Moment,
    /// Mode of the installation.
    pub mode: Mode,
    /// People who sign roots.
    pub holders: Quorum,
    /// People who sign enrolments.
    pub registrars: Quorum,
    /// People who sign environment statements.
    pub policy: Quorum,
    /// People who sign the status.
    pub status: Quorum,
    /// Origin and key of the ledger.
    pub ledger: LedgerKey,
    /// Host and operator of the server.
    pub server: Site,
    /// The server's key for provenance.
    pub provenance: MachineKey,
    /// Runners with their receipt keys.
    pub runners: Vec<Machine>,
    /// Witnesses.
    pub witnesses: Witnesses,
    /// Digest of the certificate (DER) of the authority that TLS of this installation is verified by; absent if all
    /// roles are reached on loopback. The authority proves transport alone: no right rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Digest>,
    /// Domain to which passkeys are bound; absent if nobody has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rp_id: Option<Domain>,
    /// Refs whose commits are run in the pool `protected`, sorted; absent if no ref is protected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<RefPattern>,
}

/// Errors of reading and verifying a trust root.
#[derive(Debug, thiserror::Error)]
pub enum TrustRootError {
    /// The envelope is malformed.
    #[error("trust root: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The payload is malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A signature is invalid.
    #[error("trust root: {0}")]
    Signature(#[from] SshSigError),
    /// A rule of the format is broken.
    #[error("trust root: {0}")]
    Rule(&'static str),
    /// Too few people signed.
    #[error("trust root version {version}: {found} of {needed} root holders named by version {by} signed")]
    Threshold {
        /// Version of the signed root.
        version: u32,
        /// Version of the root whose threshold is not met.
        by: u32,
        /// Number of people who signed.
        found: usize,
        /// Number of people needed.
        needed: u32,
    },
    /// The root does not follow the previous one.
    #[error("trust root version {found} does not follow version {after} of the same installation")]
    Succession {
        /// Version of the previous root.
        after: u32,
        /// Version of this root.
        found: u32,
    },
}

impl TrustRoot {
    /// Digest of the canonical bytes. It names this root.
    ///
    /// # Errors
    /// `TrustRootError` when it cannot be encoded.
    pub fn digest(&self) -> Result<Digest, TrustRootError> {
        Ok(Digest::of(&canonical::encode("trust root", self)?))
    }

    /// Whether a witness counts. In team mode, a witness on the server's host does not, because the host's owner could
    /// control it. Verdicts rest on the judge's own check; this function only serves messages.
    #[must_use]
    pub fn counts(&self, witness: &Witness) -> bool {
        self.mode != Mode::Team || !witness.place.is_on_host_of(&self.server)
    }

    /// The runners among these that count. In team mode only one of each host does, because the host's owner could control
    /// all runners there; a name that the root does not have counts as a host.
    #[must_use]
    pub fn counting_runners<'a>(&self, names: impl IntoIterator<Item = &'a Name>) -> Vec<&'a Name> {
        let mut hosts = BTreeSet::new();
        let mut first = |name: &&'a Name| {
            let runner = self.runners.iter().find(|runner| runner.name == **name);
            hosts.insert(
                runner.map_or_else(|| name.to_string(), |runner| runner.place.host.to_ascii_lowercase()),
            )
        };
        names.into_iter().filter(|name| self.mode != Mode::Team || first(name)).collect()
    }

    /// Encodes the root into an envelope without signatures.
    ///
    /// # Errors
    /// `TrustRootError` when a rule of the format is broken.
    pub fn envelope(&self) -> Result<Envelope, TrustRootError> {
        self.check()?;
        Ok(Envelope::new(PAYLOAD_TYPE, canonical::encode("trust root", self)?))
    }

    /// Reads a root and verifies that its own threshold signed it. For version 1 this is enough once its digest is
    /// pinned; for a later version it is never enough alone.
    ///
    /// # Errors
    /// `TrustRootError` names the fault.
    pub fn open(envelope: &Envelope) -> Result<Self, TrustRootError> {
        let root = Self::read(envelope)?;
        let allowed: Vec<_> = root.holders.holders.iter().map(|holder| &holder.key).collect();
        let signers = ssh::signers(envelope, NAMESPACE, &allowed)?;
        root.holders_signed(&signers, root.version, &root)?;
        Ok(root)
    }

    /// Reads the successor of this root. The thresholds of both must have signed it.
    ///
    /// # Errors
    /// `TrustRootError` names the fault.
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

    /// Reads the payload without verifying signatures, to show it to its signers.
    ///
    /// # Errors
    /// `TrustRootError` names the fault.
    pub fn read(envelope: &Envelope) -> Result<Self, TrustRootError> {
        let payload = envelope.payload(PAYLOAD_TYPE)?;
        let root: Self = canonical::decode("trust root", payload, PAYLOAD_BYTES_MAX)?;
        root.check().map(|()| root)
    }

    /// The ledger's public key.
    ///
    /// # Errors
    /// `TrustRootError::Rule` when the text is not a verifier key.
    pub fn ledger_key(&self) -> Result<NoteVerifier, TrustRootError> {
        let key = self.ledger.vkey.parse::<NoteVerifier>().ok();
        key.filter(|key| key.kind() == SignatureKind::Ed25519)
            .ok_or(TrustRootError::Rule("`ledger.vkey` is not an Ed25519 verifier key"))
    }

    /// The witnesses' public keys.
    ///
    /// # Errors
    /// `TrustRootError::Rule` when a text is not a cosignature key.
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
        let refs = self.protected.len() <= PROTECTED_MAX && self.protected.is_sorted_by(|a, b| a < b);
        rule(refs, "`protected` is not sorted, names a ref twice, or has more than 64 refs")?;
        let sealed: Vec<_> = self.runners.iter().filter_map(|runner| runner.seal).collect();
        let seals: BTreeSet<_> = sealed.iter().collect();
        rule(seals.len() == sealed.len(), "a runner's `seal` key stands twice")?;
        let former: Vec<_> = self.runners.iter().filter_map(|runner| runner.former).collect();
        let latest = self.issued.later_by(FORMER_MAX);
        rule(former.iter().all(|former| former.until <= latest), "a former key counts for 90 days at most")?;
        let machines = self.runners.iter().map(|runner| runner.key.as_bytes());
        let machines = machines.chain(former.iter().map(|former| former.key.as_bytes()));
        let own = [ledger.public(), self.provenance.as_bytes()];
        let all: BTreeSet<_> = names.iter().copied().chain(machines).chain(own).collect();
        let apart = all.len() == names.len() + self.runners.len() + former.len() + own.len();
        rule(
            apart,
            "a key serves two of ledger, provenance, runners and witnesses: whoever holds one must not hold another",
        )
    }
}

impl Quorum {
    /// The different people behind keys that have signed.
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

    /// The different people who signed an envelope, if there are enough of them.
    ///
    /// # Errors
    /// `QuorumError` when a signature is invalid or too few people signed.
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

/// Reasons why a quorum is not met.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuorumError {
    /// A signature is invalid.
    #[error(transparent)]
    Signature(#[from] SshSigError),
    /// Too few different people signed.
    #[error("{found} of {needed} persons signed")]
    Threshold {
        /// Number of people who signed.
        found: usize,
        /// Number of people needed.
        needed: u32,
    },
}
