//! Randomness for keys, ids and nonces, from the system's source.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use evidence::Id;

use crate::error::Error;

/// Random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map(|()| bytes).map_err(|_| Error::unusable("the system's source of randomness failed"))
}

/// A random id.
pub fn id() -> Result<Id, Error> {
    bytes().map(Id::from_random)
}
