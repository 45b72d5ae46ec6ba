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

/// Work that draws random bytes; its result counts only if they could be drawn.
pub fn drawing<T>(work: impl FnOnce(&mut dyn FnMut(&mut [u8])) -> T) -> Result<T, Error> {
    let (source, mut failed) = (SystemRandom::new(), false);
    let done = work(&mut |bytes| failed |= source.fill(bytes).is_err());
    if failed { Err(Error::unusable("the system's source of randomness failed")) } else { Ok(done) }
}

/// A random id.
pub fn id() -> Result<Id, Error> {
    bytes().map(Id::from_random)
}
