//! Keys of signed notes (<https://c2sp.org/signed-note>, "Verifier keys"): verifier keys as text, signers around a
//! private key.
//!
//! Invariant: the id of a key follows from its name, kind and public key; a text with another id is refused. Only
//! Ed25519 (0x01) and its timestamped cosignature (0x04) are supported; see `docs/decisions/0003`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key_error::KeyError;
use crate::signing::{MemoryKey, SharedKey, SigningError};

/// Kinds of signatures that a key makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignatureKind {
    /// `0x01`: Ed25519 over the note text.
    Ed25519,
    /// `0x04`: timestamped Ed25519 cosignature over a checkpoint.
    Cosignature,
}

/// Public half of a note key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoteVerifier {
    name: String,
    kind: SignatureKind,
    id: u32,
    public: [u8; 32],
}

/// Private half of a note key. Its debug output shows only the public half.
pub struct NoteSigner {
    verifier: NoteVerifier,
    key: SharedKey,
}

impl SignatureKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    const fn from_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::Cosignature),
            other => Err(KeyError::Kind(other)),
        }
    }
}

impl NoteVerifier {
    /// Creates a verifier from its parts.
    ///
    /// # Errors
    /// `KeyError` when the name or the key is invalid.
    pub fn new(name: &str, kind: SignatureKind, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name(name.chars().take(80).collect()));
        }
        ParsedPublicKey::new(&ED25519, public).map_err(|_| KeyError::Bytes)?;
        Ok(Self { name: name.to_owned(), kind, id: key_id(name, kind, &public), public })
    }

    /// Name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of the key's hash. It only identifies the key and is too short to authenticate it.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Kind of the signatures that the key makes.
    #[must_use]
    pub const fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The 32 bytes of the Ed25519 public key (RFC 8032).
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Whether `signature` is this key's signature over exactly `message`, without any note format.
    #[must_use]
    pub fn verify_raw(&self, message: &[u8], signature: &[u8]) -> bool {
        ParsedPublicKey::new(&ED25519, self.public)
            .is_ok_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

impl NoteSigner {
    /// Creates a signer from a 32-byte Ed25519 seed (<https://www.rfc-editor.org/rfc/rfc8032#section-5.1.5>).
    ///
    /// # Errors
    /// `KeyError` when the name or the seed is invalid.
    pub fn from_seed(name: &str, kind: SignatureKind, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::new(name, kind, Arc::new(MemoryKey::from_seed(seed)?))
    }

    /// Creates a signer around a key in memory or in a device.
    ///
    /// # Errors
    /// `KeyError` when the name or the key's public half is invalid.
    pub fn new(name: &str, kind: SignatureKind, key: SharedKey) -> Result<Self, KeyError> {
        Ok(Self { verifier: NoteVerifier::new(name, kind, key.public())?, key })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// The private key, for signatures over other bytes than notes.
    #[must_use]
    pub fn key(&self) -> SharedKey {
        Arc::clone(&self.key)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
        self.key.sign(message)
    }
}

/// Whether a text is a key name: not empty, and without any Unicode space, control character or plus sign.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, kind: SignatureKind, public: &[u8; 32]) -> u32 {
    let mut context = Context::new(&SHA256);
    context.update(name.as_bytes());
    context.update(&[b'\n', kind.byte()]);
    context.update(public);
    context.finish().as_ref().first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![self.kind.byte()];
        material.extend_from_slice(&self.public);
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(material))
    }
}

impl fmt::Debug for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteVerifier({self})")
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.verifier)
    }
}

impl FromStr for NoteVerifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Text)?;
        let (id, material) = rest.split_once('+').ok_or(KeyError::Text)?;
        let mut id_bytes = [0; 4];
        hex::decode_to_slice(id, &mut id_bytes).map_err(|_| KeyError::Text)?;
        let stated = u32::from_be_bytes(id_bytes);
        let material = STANDARD.decode(material).map_err(|_| KeyError::Text)?;
        let (kind, public) = material.split_first().ok_or(KeyError::Text)?;
        let public = public.try_into().map_err(|_| KeyError::Bytes);
        let verifier = Self::new(name, SignatureKind::from_byte(*kind)?, public?)?;
        if verifier.id != stated {
            return Err(KeyError::Id { stated, computed: verifier.id });
        }
        if verifier.to_string() == text { Ok(verifier) } else { Err(KeyError::Text) }
    }
}
