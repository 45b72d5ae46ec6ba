//! Keys of machines: Ed25519 (<https://www.rfc-editor.org/rfc/rfc8032>) over the PAE bytes of a DSSE envelope.
//!
//! Invariant: private keys in files are read and written as PKCS#8 version 1 in PEM
//! (<https://www.rfc-editor.org/rfc/rfc8410#section-7>) and are never printed. Randomness comes from the caller.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tlog::{MemoryKey, NoteVerifier, SharedKey, SigningError};

use crate::Digest;
use crate::dsse::{Envelope, Signature};

/// Public half of a machine's key: 32 bytes in padded standard base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MachineKey([u8; 32]);

/// Private half of a machine's key, in memory or in a device.
#[derive(Clone)]
pub struct MachineSigner {
    public: MachineKey,
    key: SharedKey,
}

/// Errors of reading a machine's key or verifying its signature.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MachineKeyError {
    /// The text is not a public key.
    #[error("not an Ed25519 public key: expected 32 bytes in standard base64")]
    Public,
    /// The text is not a private key file.
    #[error("not an Ed25519 private key: expected PKCS#8 version 1 in PEM")]
    Private,
    /// The signature is missing, wrong, by another key, or not the only one.
    #[error("the statement is not signed by machine key `{0}` alone")]
    Signature(String),
    /// The key, in memory or in a device, could not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl MachineKey {
    /// Id of the key: the digest of its 32 bytes.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of(&self.0)
    }

    /// The 32 bytes (<https://www.rfc-editor.org/rfc/rfc8032#section-5.1.2>).
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this key made a signature, in padded standard base64, over a text.
    #[must_use]
    pub fn has_signed_text(&self, text: &str, signature: &str) -> bool {
        let key = ParsedPublicKey::new(&ED25519, self.0);
        let signature = STANDARD.decode(signature);
        key.is_ok_and(|key| signature.is_ok_and(|sig| key.verify_sig(text.as_bytes(), &sig).is_ok()))
    }

    /// Verifies that exactly this key signed an envelope.
    ///
    /// # Errors
    /// `MachineKeyError::Signature` when this key did not sign, or when there is another signature beside its own.
    pub fn verify(&self, envelope: &Envelope) -> Result<(), MachineKeyError> {
        let wrong = || MachineKeyError::Signature(self.id().to_string());
        let [Signature { keyid, sig }] = envelope.signatures() else { return Err(wrong()) };
        let key = ParsedPublicKey::new(&ED25519, self.0).map_err(|_| wrong())?;
        let good = *keyid == self.id().to_string() && key.verify_sig(&envelope.pae(), sig).is_ok();
        if good { Ok(()) } else { Err(wrong()) }
    }
}

impl MachineSigner {
    /// Creates a key from 32 random bytes.
    ///
    /// # Errors
    /// `MachineKeyError::Private` when the library refuses the seed.
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, MachineKeyError> {
        let key = MemoryKey::from_seed(&seed).map_err(|_| MachineKeyError::Private)?;
        Ok(Self::new(Arc::new(key)))
    }

    /// Creates a signer from a key in memory or in a device.
    #[must_use]
    pub fn new(key: SharedKey) -> Self {
        Self { public: MachineKey(key.public()), key }
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// `MachineKeyError::Private` when the text is not a key file.
    pub fn from_pem(text: &str) -> Result<Self, MachineKeyError> {
        let wrong = MachineKeyError::Private;
        let inner = text.trim().strip_prefix(PEM_BEGIN).and_then(|rest| rest.strip_suffix(PEM_END));
        let der = STANDARD.decode(inner.ok_or(wrong)?.trim()).map_err(|_| MachineKeyError::Private)?;
        let seed = der.strip_prefix(PKCS8_HEAD).and_then(|seed| seed.try_into().ok());
        Self::from_seed(seed.ok_or(MachineKeyError::Private)?)
    }

    /// The key for the note formats of `tlog`.
    #[must_use]
    pub fn key(&self) -> SharedKey {
        Arc::clone(&self.key)
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &MachineKey {
        &self.public
    }

    /// Signs a text whose first line names its kind. No PAE of a DSSE envelope begins with such a line, so the
    /// signature cannot pass for one over an envelope.
    ///
    /// # Errors
    /// `MachineKeyError::Signing` when the key could not sign.
    pub fn sign_text(&self, text: &str) -> Result<String, MachineKeyError> {
        Ok(STANDARD.encode(self.key.sign(text.as_bytes())?))
    }

    /// Signs an envelope's PAE bytes and adds the signature.
    ///
    /// # Errors
    /// `MachineKeyError::Signing` when the key could not sign; the envelope is unchanged then.
    pub fn sign(&self, envelope: &mut Envelope) -> Result<(), MachineKeyError> {
        let sig = self.key.sign(&envelope.pae())?.to_vec();
        envelope.add(Signature { keyid: self.public.id().to_string(), sig });
        Ok(())
    }
}

/// Text of the key file of a 32-byte seed. Both the seed and the text are secret.
#[must_use]
pub fn key_file(seed: &[u8; 32]) -> String {
    let der = STANDARD.encode([PKCS8_HEAD, seed].concat());
    format!("{PEM_BEGIN}\n{der}\n{PEM_END}\n")
}

impl fmt::Display for MachineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for MachineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineKey({self})")
    }
}

impl fmt::Debug for MachineSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineSigner({})", self.public)
    }
}

impl FromStr for MachineKey {
    type Err = MachineKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = STANDARD.decode(text).map_err(|_| MachineKeyError::Public)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| MachineKeyError::Public)?;
        ParsedPublicKey::new(&ED25519, bytes).map_err(|_| MachineKeyError::Public)?;
        Ok(Self(bytes))
    }
}

/// The ledger's key in the form that verifies envelopes.
impl From<&NoteVerifier> for MachineKey {
    fn from(key: &NoteVerifier) -> Self {
        Self(*key.public())
    }
}

impl TryFrom<String> for MachineKey {
    type Error = MachineKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MachineKey> for String {
    fn from(key: MachineKey) -> Self {
        key.to_string()
    }
}

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";
/// PKCS#8 v1 of Ed25519 up to the 32 bytes of the seed (<https://www.rfc-editor.org/rfc/rfc8410#section-7>).
const PKCS8_HEAD: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
