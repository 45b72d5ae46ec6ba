//! How often faults happen in a simulation.

use fastrand::Rng;

/// The frequency of faults, chosen by the seed.
#[derive(Clone, Copy, Debug)]
pub struct FaultRates {
    /// Lost messages, of a thousand.
    pub drops: u32,
    /// Doubled messages, of a thousand.
    pub doubles: u32,
    /// Delayed messages, of a thousand.
    pub slow: u32,
    /// Half of the longest time between two faults, in minutes.
    pub minutes_between_troubles: u64,
}

impl FaultRates {
    /// Random frequencies.
    pub fn of(chance: &mut Rng) -> Self {
        Self {
            drops: chance.u32(0..150),
            doubles: chance.u32(0..100),
            slow: chance.u32(0..100),
            minutes_between_troubles: chance.u64(1..15),
        }
    }
}
