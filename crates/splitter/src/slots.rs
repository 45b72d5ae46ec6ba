//! Slots of clients' connections: a number of all, and a number for each address.
//!
//! Invariant: a slot is given back when the last holder of it is dropped. The limits are those of the table in force when a
//! connection comes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Slots of a port.
#[derive(Debug, Default)]
pub struct Slots {
    taken: Mutex<Taken>,
    given_back: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// A slot.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

impl Slots {
    /// Resolves when fewer than so many are taken.
    pub async fn below(&self, most: impl Fn() -> u32) {
        loop {
            let given_back = self.given_back.notified();
            if self.taken().all < most() {
                return;
            }
            given_back.await;
        }
    }

    /// Looks at the limits again.
    pub fn look_again(&self) {
        self.given_back.notify_waiters();
    }

    /// Takes one, unless the address has as many as allowed.
    pub fn take(self: &Arc<Self>, address: IpAddr, each: u32) -> Option<Slot> {
        let mut taken = self.taken();
        let own = taken.by_address.entry(address).or_default();
        if *own >= each {
            return None;
        }
        *own += 1;
        taken.all += 1;
        Some(Slot { slots: Arc::clone(self), address })
    }

    /// Number of those taken.
    pub fn count(&self) -> u32 {
        self.taken().all
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.all -= 1;
        if let Some(own) = taken.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.by_address.remove(&self.address);
            }
        }
        drop(taken);
        self.slots.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_more_slots_than_allowed() {
        let slots = Arc::new(Slots::default());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = slots.take(one, 2).unwrap();
        let second = slots.take(one, 2).unwrap();
        assert!(slots.take(one, 2).is_none());
        assert!(slots.take(other, 2).is_some(), "given back at once");
        assert_eq!(slots.count(), 2);
        drop(first);
        assert!(slots.take(one, 2).is_some());
        drop(second);
        assert_eq!((slots.count(), slots.taken().by_address.len()), (0, 0));
    }
}
