//! Random bytes, for salts of payload commitments and for what a process draws at its start, from the system's source.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use evidence::entry::SALT_BYTES;

/// Sixteen random bytes.
///
/// # Errors
/// When the system has no randomness to give; nothing may be committed then.
pub fn draw() -> Result<[u8; SALT_BYTES], NoRandomness> {
    bytes::<SALT_BYTES>()
}

/// Random bytes for keys and challenges of a process.
///
/// # Errors
/// When the system has no randomness to give.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map(|()| bytes).map_err(|_| NoRandomness)
}

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the system's source of randomness failed")]
pub struct NoRandomness;
