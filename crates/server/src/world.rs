//! The clock and the randomness of the writer, which tests replace by simulated ones.

use evidence::Moment;
use evidence::entry::SALT_BYTES;

use crate::clock;
use crate::salt::{self, NoRandomness};

/// Draws a salt.
pub type Salt = fn() -> Result<[u8; SALT_BYTES], NoRandomness>;

/// Functions of the machine that the writer uses.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// The clock.
    pub now: fn() -> Moment,
    /// Randomness for salts.
    pub salt: Salt,
}

impl Default for World {
    fn default() -> Self {
        Self { now: clock::now, salt: salt::draw }
    }
}
