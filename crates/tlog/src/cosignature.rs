//! Timestamped Ed25519 cosignatures on checkpoints (<https://c2sp.org/tlog-cosignature>, `cosignature/v1`).
//!
//! Invariant: a `Cosignature` was verified. Its time, in seconds since the Epoch, is only the word of its witness.

use crate::key::{NoteSigner, NoteVerifier, SignatureKind};
use crate::key_error::KeyError;
use crate::note::{Note, NoteError, NoteSignature};
use crate::signing::{SharedKey, SigningError};

/// A witness's key that signs checkpoints.
#[derive(Debug)]
pub struct CosignatureKey(NoteSigner);

/// A verified cosignature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Name of the witness's key.
    pub witness: String,
    /// Id of the witness's key.
    pub key_id: u32,
    /// Time at which this checkpoint was the largest one that the witness had seen, in seconds since the Epoch.
    pub time_seconds: u64,
}

impl CosignatureKey {
    /// Creates a key from a name and a 32-byte Ed25519 seed.
    ///
    /// # Errors
    /// `KeyError` when the name or the seed is invalid.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        NoteSigner::from_seed(name, SignatureKind::Cosignature, seed).map(Self)
    }

    /// Creates a key from a name and a private key, in memory or in a device.
    ///
    /// # Errors
    /// `KeyError` when the name is invalid.
    pub fn new(name: &str, key: SharedKey) -> Result<Self, KeyError> {
        NoteSigner::new(name, SignatureKind::Cosignature, key).map(Self)
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &NoteVerifier {
        self.0.verifier()
    }

    /// Cosigns the text of a checkpoint at a time in seconds since the Epoch.
    ///
    /// # Errors
    /// `SigningError` when the key could not sign.
    pub fn cosign(&self, checkpoint: &Note, time_seconds: u64) -> Result<NoteSignature, SigningError> {
        let mut bytes = time_seconds.to_be_bytes().to_vec();
        bytes.extend(self.0.sign(&message(checkpoint.text(), time_seconds))?);
        Ok(NoteSignature::new(self.0.verifier(), bytes))
    }
}

impl Cosignature {
    /// All cosignatures of known witnesses on a note: for each key at most one, the latest.
    ///
    /// # Errors
    /// `NoteError::Wrong` when the line of a known witness does not match the text.
    pub fn all(note: &Note, known: &[NoteVerifier]) -> Result<Vec<Self>, NoteError> {
        let mut found = Vec::new();
        for key in known.iter().filter(|key| key.kind() == SignatureKind::Cosignature) {
            let mut latest = None;
            for line in note.signatures().iter().filter(|line| line.is_by(key)) {
                let time = verify(note.text(), line, key);
                let time = time.ok_or_else(|| NoteError::Wrong(key.name().to_owned()))?;
                latest = latest.max(Some(time));
            }
            if let Some(time_seconds) = latest {
                found.push(Self { witness: key.name().to_owned(), key_id: key.id(), time_seconds });
            }
        }
        Ok(found)
    }
}

fn verify(text: &str, line: &NoteSignature, key: &NoteVerifier) -> Option<u64> {
    let (time, signature) = line.bytes().split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time);
    let in_range = i64::try_from(time).is_ok();
    (in_range && key.verify_raw(&message(text, time), signature)).then_some(time)
}

fn message(text: &str, time_seconds: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_seconds}\n{text}").into_bytes()
}
