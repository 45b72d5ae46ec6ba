//! People's signatures: SSHSIG over the PAE bytes of a DSSE envelope
//! (<https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig>).
//!
//! Invariant: the caller supplies the trusted key; it is never taken from the signature. Namespace, key and, for
//! hardware keys, the user-presence flag are all checked. The `ssh-key` library ignores that flag (its `verify` accepts
//! flags 0), so this module reads it. This module does not sign: `ssh-keygen` and the SSH agent do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, PublicKey, SshSig};

use crate::dsse::{Envelope, Signature};

/// Largest SSHSIG blob that is parsed, in bytes.
pub const SSHSIG_BYTES_MAX: usize = 8 * 1024;
/// Shortest accepted RSA modulus in bits (NIST SP 800-57, 128-bit strength).
pub const RSA_BITS_MIN: usize = 3072;

/// An SSH public key in its one-line form without a comment, `ssh-ed25519 AAAA…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SshKey {
    line: String,
    fingerprint: String,
}

/// Reasons why a text is not an acceptable SSH key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SshKeyError {
    /// The text is not an OpenSSH public key line.
    #[error("`{0}` is not an SSH public key such as `ssh-ed25519 AAAA…`")]
    Text(String),
    /// The algorithm is too weak or unknown.
    #[error(
        "SSH keys of type `{0}` are not accepted: use ed25519, ecdsa p256 or p384, rsa of at least {RSA_BITS_MIN} bits, or a hardware (sk-) key"
    )]
    Algorithm(String),
    /// The RSA key is too short.
    #[error(
        "this RSA key has {0} bits, at least {RSA_BITS_MIN} are needed: use another key, or make one with `ssh-keygen -t ed25519`"
    )]
    Short(usize),
}

/// Reasons why a signature is invalid.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SshSigError {
    /// The bytes are not an SSHSIG blob.
    #[error("signature by `{0}`: not an SSHSIG blob")]
    Blob(String),
    /// The key is not trusted for this statement.
    #[error("signature by `{0}`: this key is not among those that may sign this")]
    Unknown(String),
    /// The blob contains another key than the one named.
    #[error("signature by `{0}`: made with another key")]
    Key(String),
    /// The signature was made for another purpose.
    #[error("signature by `{keyid}`: made for namespace `{found}`, expected `{expected}`")]
    Namespace {
        /// Key named.
        keyid: String,
        /// Namespace expected.
        expected: String,
        /// Namespace in the signature.
        found: String,
    },
    /// The holder of a hardware key did not touch it.
    #[error("signature by `{0}`: the hardware key did not record its holder's presence")]
    Presence(String),
    /// The signature does not match the bytes.
    #[error("signature by `{0}`: does not match the statement")]
    Wrong(String),
}

impl SshKey {
    /// The key's SHA-256 fingerprint as OpenSSH prints it, `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The one-line form.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Whether the private half is in a hardware key.
    #[must_use]
    pub fn is_hardware(&self) -> bool {
        self.line.starts_with("sk-")
    }

    /// Verifies an SSHSIG blob of this key over `message` in `namespace`.
    ///
    /// # Errors
    /// `SshSigError` names the fault.
    pub fn verify(&self, namespace: &str, message: &[u8], blob: &[u8]) -> Result<(), SshSigError> {
        let keyid = || self.fingerprint.clone();
        let signature = parse_blob(blob).ok_or_else(|| SshSigError::Blob(keyid()))?;
        let key = parse_line(&self.line).map_err(|_| SshSigError::Key(keyid()))?;
        if signature.public_key() != key.key_data() {
            return Err(SshSigError::Key(keyid()));
        }
        if signature.namespace() != namespace {
            let (expected, found) = (namespace.to_owned(), signature.namespace().to_owned());
            return Err(SshSigError::Namespace { keyid: keyid(), expected, found });
        }
        let weak = matches!(signature.algorithm(), Algorithm::Rsa { hash: None });
        if weak || key.verify(namespace, message, &signature).is_err() {
            return Err(SshSigError::Wrong(keyid()));
        }
        if self.is_hardware() && !was_present(signature.signature_bytes()) {
            return Err(SshSigError::Presence(keyid()));
        }
        Ok(())
    }
}

/// The key inside an SSHSIG blob, if its kind is accepted. The key only helps to find the trusted key; by itself it
/// proves nothing.
#[must_use]
pub fn embedded_key(blob: &[u8]) -> Option<SshKey> {
    let signature = parse_blob(blob)?;
    PublicKey::from(signature.public_key().clone()).to_openssh().ok()?.parse().ok()
}

/// The keys that signed an envelope. Every signature must be valid and by a key in `allowed`. A further signature is
/// refused, because nobody would vouch for its bytes.
///
/// # Errors
/// `SshSigError` of the first invalid signature.
pub fn signers<'a>(
    envelope: &Envelope,
    namespace: &str,
    allowed: &[&'a SshKey],
) -> Result<Vec<&'a SshKey>, SshSigError> {
    let message = envelope.pae();
    let check = |signature: &Signature| {
        let key = allowed.iter().find(|key| key.fingerprint == signature.keyid);
        let key = *key.ok_or_else(|| SshSigError::Unknown(signature.keyid.chars().take(80).collect()))?;
        key.verify(namespace, &message, &signature.sig).map(|()| key)
    };
    envelope.signatures().iter().map(check).collect()
}

fn parse_line(text: &str) -> Result<PublicKey, SshKeyError> {
    let wrong = || SshKeyError::Text(text.chars().take(60).collect());
    let key = PublicKey::from_openssh(text).map_err(|_| wrong())?;
    let strong = match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => true,
        Algorithm::Ecdsa { curve } => matches!(curve, EcdsaCurve::NistP256 | EcdsaCurve::NistP384),
        Algorithm::Rsa { .. } => {
            let modulus = key.key_data().rsa().and_then(|rsa| rsa.n.as_positive_bytes());
            let bits = modulus.map_or(0, |modulus| modulus.len() * 8);
            if bits < RSA_BITS_MIN {
                return Err(SshKeyError::Short(bits));
            }
            true
        }
        _ => false,
    };
    if strong { Ok(key) } else { Err(SshKeyError::Algorithm(key.algorithm().as_str().to_owned())) }
}

/// Decodes a blob and refuses a second spelling of the same signature.
fn parse_blob(blob: &[u8]) -> Option<SshSig> {
    if blob.len() > SSHSIG_BYTES_MAX {
        return None;
    }
    let mut reader = blob;
    let signature = SshSig::decode(&mut reader).ok()?;
    let mut again = Vec::new();
    signature.encode(&mut again).ok()?;
    // The library also accepts lower versions, and the signature does not cover the version.
    (reader.is_empty() && again == blob && signature.version() == SshSig::VERSION).then_some(signature)
}

/// Whether the holder of a hardware key was present. Its signature ends in one byte of flags and a 32-bit counter; bit
/// 0 of the flags is user presence (<https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.u2f>).
fn was_present(signature: &[u8]) -> bool {
    signature.len().checked_sub(5).and_then(|at| signature.get(at)).is_some_and(|flags| flags & 1 == 1)
}

impl fmt::Display for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshKey({})", self.fingerprint)
    }
}

impl FromStr for SshKey {
    type Err = SshKeyError;

    /// Parses a line as in `id_ed25519.pub` and drops its comment.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut key = parse_line(text.trim())?;
        key.set_comment("");
        let line = key.to_openssh().map_err(|_| SshKeyError::Text(text.chars().take(60).collect()))?;
        Ok(Self {
            line: line.trim_end().to_owned(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        })
    }
}

impl TryFrom<String> for SshKey {
    type Error = SshKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let key: Self = text.parse()?;
        if key.line == text { Ok(key) } else { Err(SshKeyError::Text(text.chars().take(60).collect())) }
    }
}

impl From<SshKey> for String {
    fn from(key: SshKey) -> Self {
        key.line
    }
}
