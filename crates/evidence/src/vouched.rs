//! Signatures that are verified before the trusted keys are known.
//!
//! Invariant: a `Vouched` says that every signature of one envelope is valid under the key inside it. It does not say
//! whose keys those are. It only moves the arithmetic out of the writer; it proves nothing by itself.

use crate::dsse::{Envelope, Signature};
use crate::ssh::{SshKey, embedded_key};

/// The keys that made the signatures of an envelope, in the order of the signatures.
#[derive(Clone, Debug)]
pub struct Vouched {
    namespace: &'static str,
    envelope: Envelope,
    keys: Vec<SshKey>,
}

impl Vouched {
    /// Verifies every signature with the key inside it. `None` if one is invalid or its `keyid` names another key.
    #[must_use]
    pub fn of(envelope: &Envelope, namespace: &'static str) -> Option<Self> {
        let pae = envelope.pae();
        let good = |signature: &Signature| {
            let key = embedded_key(&signature.sig)?;
            let named = key.fingerprint() == signature.keyid;
            (named && key.verify(namespace, &pae, &signature.sig).is_ok()).then_some(key)
        };
        let keys = envelope.signatures().iter().map(good).collect::<Option<Vec<_>>>()?;
        Some(Self { namespace, envelope: envelope.clone(), keys })
    }

    /// The allowed keys that signed this envelope. `None` unless every one of its keys is allowed.
    #[must_use]
    pub fn signers<'a>(
        &self,
        envelope: &Envelope,
        namespace: &str,
        allowed: &[&'a SshKey],
    ) -> Option<Vec<&'a SshKey>> {
        if self.namespace != namespace || self.envelope != *envelope {
            return None;
        }
        let allowed = |key: &SshKey| allowed.iter().find(|other| **other == key).copied();
        self.keys.iter().map(allowed).collect()
    }
}
