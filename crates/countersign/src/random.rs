//! Randomness for keys, ids and nonces, from the system's source.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use evidence::Id;

use crate::failure::Failure;

/// Random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map(|()| bytes).map_err(|_| Failure::error("the system's source of randomness failed"))
}

/// A random id.
pub fn id() -> Result<Id, Failure> {
    bytes().map(Id::from_random)
}
