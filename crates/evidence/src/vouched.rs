//! Signatures that are looked at before it is known whose keys count.
//!
//! Invariant: a `Vouched` says that every signature of one envelope is good under the key inside it, and nothing of
//! whose key that is: it saves the arithmetic where a list of keys is asked later, and proves nothing by itself.

use crate::dsse::{Envelope, Signature};
use crate::ssh::{SshKey, embedded_key};

/// The keys under which all signatures of an envelope are good, in their order.
#[derive(Clone, Debug)]
pub struct Vouched {
    namespace: &'static str,
    envelope: Envelope,
    keys: Vec<SshKey>,
}

impl Vouched {
    /// Checks every signature with the key inside it; `None` when one is not good, or not named by that key.
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

    /// The allowed keys that signed this very envelope; `None` unless every one of its keys is allowed.
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
