//! Places for connections: so many in all, so many for each peer, and some that only this process's own user gets.
//!
//! Invariant: one peer's connections cannot take the places of all others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::peer::{Account, Peer};

/// Places of one listener.
#[derive(Debug)]
pub struct Places {
    all: usize,
    each: usize,
    held: Mutex<Held>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_others: usize,
    by: BTreeMap<Account, usize>,
}

/// A place that somebody holds.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    peer: Peer,
}

impl Places {
    /// Places in all, and for each peer other than this process's own user.
    pub fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all, each, held: Mutex::default(), freed: Notify::new() })
    }

    /// Resolves when there is a place for somebody.
    pub async fn free(&self) {
        loop {
            let freed = self.freed.notified();
            if self.held().all < self.all {
                return;
            }
            freed.await;
        }
    }

    /// A place for a peer, unless it holds as many as it may.
    pub fn take(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let mut held = self.held();
        let own = held.by.get(&peer.account).copied().unwrap_or_default();
        let others = self.all - self.all / RESERVED_OF;
        let fits = peer.has_reserve() || own < self.each && held.by_others < others;
        if held.all >= self.all || !fits {
            return None;
        }
        held.all += 1;
        held.by_others += usize::from(!peer.has_reserve());
        held.by.insert(peer.account, own + 1);
        Some(Place { places: Arc::clone(self), peer })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        held.all = held.all.saturating_sub(1);
        held.by_others = held.by_others.saturating_sub(usize::from(!self.peer.has_reserve()));
        match held.by.get_mut(&self.peer.account) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.by.remove(&self.peer.account)),
        }
        drop(held);
        self.places.freed.notify_one();
    }
}

/// One of so many places is for this process's own user alone.
const RESERVED_OF: usize = 4;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::Places;
    use crate::peer::{Account, Finder, Peer};

    fn peer(number: u8) -> Peer {
        let address = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)), 1).into();
        Peer::remote(&Finder::open(), address, (Ipv4Addr::LOCALHOST, 1).into())
    }

    fn own() -> Peer {
        Peer { account: Account::User(rustix::process::geteuid().as_raw()), ..peer(0) }
    }

    #[test]
    fn attack_one_peer_cannot_take_the_places_of_others() {
        let places = Places::new(8, 3);
        let held: Vec<_> = std::iter::repeat_with(|| places.take(peer(1))).map_while(|place| place).collect();
        assert_eq!(held.len(), 3, "as many as each may have");
        let mut more: Vec<_> = (0..3).map(|_| places.take(peer(2)).unwrap()).collect();
        assert!(places.take(peer(3)).is_none(), "the rest is held back");
        let reserve: Vec<_> = (0..2).map(|_| places.take(own()).unwrap()).collect();
        assert!(places.take(own()).is_none(), "all are held");
        more.pop();
        assert!(places.take(peer(1)).is_none() && places.take(peer(3)).is_some());
        drop((held, more, reserve));
        let all: Vec<_> = std::iter::repeat_with(|| places.take(own())).map_while(|place| place).collect();
        assert_eq!(all.len(), 8);
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let places = Places::new(4, 4);
        for _ in 0..100 {
            let held: Vec<_> = (0..4).filter_map(|_| places.take(own())).collect();
            assert_eq!(held.len(), 4);
        }
        assert_eq!(places.held().by.len(), 0);
    }
}
