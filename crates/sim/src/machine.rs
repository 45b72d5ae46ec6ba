//! The simulated machine of a node: its clock, its randomness, its disk. One thread simulates all nodes, so the machine is
//! set to each node's values right before the node acts.

use std::cell::{Cell, RefCell};

use disk::faults::{Kind, on_write};
use evidence::Moment;
use fastrand::Rng;
use server::{NoRandomness, World};

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
    static CHANCE: RefCell<Rng> = const { RefCell::new(Rng::with_seed(0)) };
    static CALM: Cell<bool> = const { Cell::new(false) };
    static FAULT: RefCell<Fault> = const { RefCell::new(Fault { armed: None, met: Vec::new() }) };
}

/// The fault of the acting node's next write, and the faults so far.
#[derive(Debug)]
struct Fault {
    armed: Option<(Option<&'static str>, Kind)>,
    met: Vec<(&'static str, Kind)>,
}

/// Starts again with a seed: the randomness of all nodes, and the disks.
pub fn begin(seed: u64) {
    CHANCE.set(Rng::with_seed(seed));
    CALM.set(false);
    FAULT.set(Fault { armed: None, met: Vec::new() });
    on_write(|point| {
        FAULT.with_borrow_mut(|fault| {
            let (_, kind) = fault.armed.take_if(|(at, _)| at.is_none_or(|at| at == point))?;
            fault.met.push((point, kind));
            Some(kind)
        })
    });
}

/// Sets the clock, in milliseconds since the Epoch.
pub fn set_now(millis: u64) {
    NOW.set(millis);
}

/// The clock.
///
/// # Panics
/// Never within the years that are simulated.
#[must_use]
pub fn now() -> Moment {
    Moment::from_millis(NOW.get()).unwrap()
}

/// Sixteen random bytes.
///
/// # Errors
/// Never; the product's own source may fail.
pub fn salt() -> Result<[u8; 16], NoRandomness> {
    Ok(bytes())
}

/// The functions of the machine that the writer uses.
#[must_use]
pub fn world() -> World {
    World { now, salt }
}

/// Sixteen random bytes.
#[must_use]
pub fn bytes() -> [u8; 16] {
    CHANCE.with_borrow_mut(|chance| chance.u128(..).to_be_bytes())
}

/// From now on services start without failures.
pub fn calm() {
    CALM.set(true);
}

/// True this many times in a thousand, until `calm`.
#[must_use]
pub fn fails(in_a_thousand: u32) -> bool {
    happens(in_a_thousand) && !CALM.get()
}

/// True this many times in a thousand.
#[must_use]
pub fn happens(in_a_thousand: u32) -> bool {
    CHANCE.with_borrow_mut(|chance| chance.u32(0..1000) < in_a_thousand)
}

/// A random number.
#[must_use]
pub fn between(from: u64, to: u64) -> u64 {
    CHANCE.with_borrow_mut(|chance| chance.u64(from..=to))
}

/// Makes the next write fail, at a named point or at any; `None` heals the disk.
pub fn arm(fault: Option<(Option<&'static str>, Kind)>) {
    FAULT.with_borrow_mut(|now| now.armed = fault);
}

/// The fault that is still set.
#[must_use]
pub fn armed() -> Option<(Option<&'static str>, Kind)> {
    FAULT.with_borrow(|fault| fault.armed)
}

/// Disk faults that occurred since the last call.
#[must_use]
pub fn met() -> Vec<(&'static str, Kind)> {
    FAULT.with_borrow_mut(|fault| std::mem::take(&mut fault.met))
}
