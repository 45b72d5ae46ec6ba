//! Random bytes from the system's source, for salts of payload commitments and for keys of a process.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use evidence::entry::SALT_BYTES;

/// Sixteen random bytes.
///
/// # Errors
/// If the system's source of randomness failed; nothing may be committed then.
pub fn draw() -> Result<[u8; SALT_BYTES], NoRandomness> {
    bytes::<SALT_BYTES>()
}

/// Random bytes for keys and challenges of a process.
///
/// # Errors
/// If the system's source of randomness failed.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map(|()| bytes).map_err(|_| NoRandomness)
}

/// The system's source of randomness failed.
#[derive(Debug, thiserror::Error)]
#[error("the system's source of randomness failed")]
pub struct NoRandomness;
