//! Statuses that a status signer signed and that this program cannot read, such as those of a newer program.
//!
//! Invariant: such a status may hold a freeze, a bar or a revocation, so whoever meets it does nothing until it can be
//! read or a newer one can. A single valid signature suffices, as it does for a tightening: one person may stop things.
//! Bytes that no status signer signed, for this purpose and this installation, say nothing.

use serde_json::Value;

use crate::dsse::Envelope;
use crate::ssh;
use crate::status::{NAMESPACE, PAYLOAD_TYPE, Status, StatusFile};
use crate::trust_root::TrustRoot;

/// A signed status that this program cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadStatus {
    /// Its number; absent if that cannot be read either. Then no other status is known to be newer.
    pub number: Option<u64>,
    /// Why it cannot be read.
    pub fault: String,
}

impl UnreadStatus {
    /// Whether a status with this number is not known to be newer.
    #[must_use]
    pub fn outranks(&self, number: u64) -> bool {
        self.rank() >= number
    }

    fn rank(&self) -> u64 {
        self.number.unwrap_or(u64::MAX)
    }
}

impl StatusFile {
    /// The signed statement of this file that this program cannot read, if there is one.
    #[must_use]
    pub fn unread(&self, root: &TrustRoot) -> Option<UnreadStatus> {
        let all = || [Some(&self.base), self.tightening.as_ref()].into_iter().flatten();
        let is_ours = |envelope: &&Envelope| is_here(envelope, root) && is_signed(envelope, root);
        // Reading costs less than a signature, and most statuses can be read.
        let unread = all().filter_map(|envelope| Some((envelope, Status::read(envelope).err()?)));
        let (_, fault) = unread.into_iter().find(|(envelope, _)| is_ours(envelope))?;
        // The highest number of the file: a tightening is above its base.
        let numbers: Option<Vec<_>> = all().filter(is_ours).map(number_in).collect();
        let number = numbers.and_then(|numbers| numbers.into_iter().max());
        Some(UnreadStatus { number, fault: fault.to_string() })
    }

    /// The highest number that its statements claim, whoever signed them; the highest of all if one claims none.
    #[must_use]
    pub fn claimed_number(&self) -> u64 {
        let all = [Some(&self.base), self.tightening.as_ref()].into_iter().flatten();
        all.map(|envelope| number_in(envelope).unwrap_or(u64::MAX)).max().unwrap_or(u64::MAX)
    }

    /// Whether this has to be noted as unread: it is not older than the newest status that was read, and newer than the
    /// one that is noted.
    #[must_use]
    pub fn is_unread_after(&self, noted: Option<&Self>, read: u64, root: &TrustRoot) -> bool {
        let noted = noted.and_then(|noted| noted.unread(root));
        self.unread(root).is_some_and(|unread| {
            unread.outranks(read) && noted.is_none_or(|noted| unread.rank() > noted.rank())
        })
    }
}

/// Whether at least one status signer signed it as a status. Signatures by others do not count, and harm nothing.
fn is_signed(envelope: &Envelope, root: &TrustRoot) -> bool {
    let pae = envelope.pae();
    let by = |key: &&ssh::SshKey| {
        let mut signatures = envelope.signatures().iter();
        signatures.any(|signature| {
            signature.keyid == key.fingerprint() && key.verify(NAMESPACE, &pae, &signature.sig).is_ok()
        })
    };
    envelope.payload_type() == PAYLOAD_TYPE && root.status.keys().iter().any(by)
}

/// Whether it is of the root's installation, or of none that can be read: people may sign for several installations.
fn is_here(envelope: &Envelope, root: &TrustRoot) -> bool {
    let named = field(envelope, "installation");
    named.and_then(|named| named.as_str()?.parse().ok()).is_none_or(|named| root.installation == named)
}

fn number_in(envelope: &Envelope) -> Option<u64> {
    field(envelope, "number")?.as_u64()
}

fn field(envelope: &Envelope, name: &str) -> Option<Value> {
    let payload = envelope.payload(PAYLOAD_TYPE).ok()?;
    let mut payload: Value = serde_json::from_slice(payload).ok()?;
    payload.get_mut(name).map(Value::take)
}
