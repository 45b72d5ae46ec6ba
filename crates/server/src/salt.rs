//! Random salts for payload commitments, from the system's source.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use evidence::entry::SALT_BYTES;

/// Sixteen random bytes.
///
/// # Errors
/// When the system has no randomness to give; nothing may be committed then.
pub fn draw() -> Result<[u8; SALT_BYTES], NoRandomness> {
    let mut salt = [0; SALT_BYTES];
    SystemRandom::new().fill(&mut salt).map(|()| salt).map_err(|_| NoRandomness)
}

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the system's source of randomness failed")]
pub struct NoRandomness;
