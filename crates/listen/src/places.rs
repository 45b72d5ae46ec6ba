//! Places for connections: a number in total, a number for each peer, a share reserved for this process's own user, and
//! a share reserved for known identities.
//!
//! Invariant: one peer cannot take the places of all others, and several peers together cannot keep anybody out. A
//! connection on which an identity was proven keeps its place for a while, as long as some places are left for
//! strangers. Among strangers, the account with the most places loses the one that was heard longest ago. One identity
//! keeps no more places than one peer may hold, even if it is proven from many peers, because a session's token can be
//! used from several accounts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use crate::peer::{Account, Peer};

/// Places of one listener.
#[derive(Debug)]
pub struct Places {
    all: usize,
    each: usize,
    /// Time for which a place is kept after the last request that proved an identity.
    known: Duration,
    held: Mutex<Held>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    /// Places taken, by number.
    taken: BTreeMap<u64, Taken>,
    /// Counter of places and requests. A lower number came earlier.
    count: u64,
}

/// A place that is taken.
#[derive(Debug)]
struct Taken {
    peer: Peer,
    /// The identity that the last proof on this connection showed.
    known: Option<Known>,
    /// Number of the last request, in the order of all requests of the listener.
    heard: u64,
    /// Since when the connection has no request to answer.
    idle: Option<Instant>,
    lost: Arc<Notify>,
}

/// A proven identity.
#[derive(Debug)]
struct Known {
    identity: Box<str>,
    until: Instant,
}

/// A place of a connection.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    number: u64,
    lost: Arc<Notify>,
    /// Whether an answer has ended and its last bytes may still wait for the reader.
    sends: AtomicBool,
}

impl Places {
    /// Creates the places: the total, the number for each other user or address and for each identity, and the time for
    /// which a place is kept for an identity.
    pub fn new(all: usize, each: usize, known: Duration) -> Arc<Self> {
        Arc::new(Self { all, each, known, held: Mutex::default(), freed: Notify::new() })
    }

    /// Resolves when a place is free.
    pub async fn free(&self) {
        loop {
            let freed = self.freed.notified();
            if self.held().taken.len() < self.all {
                return;
            }
            freed.await;
        }
    }

    /// Takes a place for a peer, unless the peer already holds as many as allowed. If all are taken, a stranger that
    /// holds more places may lose one.
    pub fn take(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let mut held = self.held();
        let fits = held.taken.len() < self.all && (peer.has_reserve() || held.makes_room(self, peer.account));
        if !fits {
            return None;
        }
        let (number, lost) = (held.next(), Arc::new(Notify::new()));
        let taken = Taken { peer, known: None, heard: number, idle: None, lost: Arc::clone(&lost) };
        held.taken.insert(number, taken);
        Some(Place { places: Arc::clone(self), number, lost, sends: AtomicBool::new(false) })
    }

    /// Number of places that are not reserved for this process's own user.
    const fn common(&self) -> usize {
        self.all - self.all / RESERVED_OF
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    const fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn makes_room(&mut self, places: &Places, account: Account) -> bool {
        let others = || self.taken.values().filter(|taken| !taken.peer.has_reserve());
        if others().filter(|taken| taken.peer.account == account).count() >= places.each {
            return false;
        }
        let mut strangers = BTreeMap::<Account, usize>::new();
        for taken in others().filter(|taken| !taken.is_known()) {
            *strangers.entry(taken.peer.account).or_default() += 1;
        }
        let for_strangers = places.common() - places.all / KNOWN_OF;
        if others().count() < places.common() && strangers.values().sum::<usize>() < for_strangers {
            return true;
        }
        let own = strangers.get(&account).copied().unwrap_or_default();
        let most = strangers.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > own);
        most.is_some_and(|(account, _)| self.lose_oldest(account))
    }

    /// Keeps a place for a proven identity, unless the identity already keeps as many as allowed, or too few places
    /// would be left for strangers.
    fn keep(&mut self, number: u64, identity: &str, places: &Places) {
        let others =
            self.taken.iter().filter(|(other, taken)| **other != number && !taken.peer.has_reserve());
        let known: Vec<_> = others.filter_map(|(_, taken)| taken.identity()).collect();
        let own = known.iter().filter(|other| **other == identity).count();
        let fits = own < places.each && known.len() < places.common() - places.all / STRANGERS_OF;
        if let Some(taken) = self.taken.get_mut(&number)
            && (fits || taken.peer.has_reserve())
        {
            taken.known = Some(Known { identity: identity.into(), until: Instant::now() + places.known });
        }
    }

    fn lose_oldest(&mut self, account: Account) -> bool {
        let strangers =
            self.taken.iter().filter(|(_, taken)| taken.peer.account == account && !taken.is_known());
        let oldest = strangers.min_by_key(|(_, taken)| taken.heard).map(|(number, _)| *number);
        let Some(taken) = oldest.and_then(|number| self.taken.remove(&number)) else { return false };
        taken.lost.notify_one();
        true
    }
}

impl Taken {
    /// The identity, if it was proven recently.
    fn identity(&self) -> Option<&str> {
        let known = self.known.as_ref().filter(|known| Instant::now() < known.until)?;
        Some(&known.identity)
    }

    fn is_known(&self) -> bool {
        self.identity().is_some()
    }
}

impl Place {
    /// Notes that a request has arrived.
    pub fn hears(&self) {
        self.sends.store(false, Ordering::Relaxed);
        let mut held = self.places.held();
        let heard = held.next();
        if let Some(taken) = held.taken.get_mut(&self.number) {
            (taken.heard, taken.idle) = (heard, None);
        }
    }

    /// Notes that the answer has ended. Its last bytes may still wait for the reader.
    pub fn answered(&self) {
        self.sends.store(true, Ordering::Relaxed);
    }

    /// Notes that all bytes were handed to the kernel. Bytes in the kernel are still delivered if the place is lost.
    pub fn sent(&self) {
        if self.sends.swap(false, Ordering::Relaxed)
            && let Some(taken) = self.places.held().taken.get_mut(&self.number)
        {
            taken.idle = Some(Instant::now());
        }
    }

    /// Notes that a request on this connection has proven an identity.
    pub fn is_known(&self, identity: &str) {
        self.places.held().keep(self.number, identity, &self.places);
    }

    /// Resolves when the place is lost: to another peer, or because a stranger sends no further request.
    pub async fn lost(&self, stranger: Duration) {
        tokio::select! {
            () = self.lost.notified() => {}
            () = self.idles(stranger) => {}
        }
    }

    async fn idles(&self, stranger: Duration) {
        loop {
            let idle = self
                .places
                .held()
                .taken
                .get(&self.number)
                .and_then(|taken| taken.idle.filter(|_| !taken.is_known()));
            match idle {
                Some(since) if since.elapsed() >= stranger => return,
                Some(since) => sleep_until(since + stranger).await,
                None => sleep(stranger).await,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.places.held().taken.remove(&self.number));
        self.places.freed.notify_one();
    }
}

/// One of this many places is reserved for this process's own user.
const RESERVED_OF: usize = 4;
/// One of this many is reserved for connections with a proven identity.
const KNOWN_OF: usize = 4;
/// One of this many is reserved for strangers.
const STRANGERS_OF: usize = 8;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use tokio::time::{Duration, timeout};

    use super::{Place, Places};
    use crate::peer::{Account, Peer};

    const HOUR: Duration = Duration::from_hours(1);

    fn peer(number: u8) -> Peer {
        Peer::of(Account::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number))))
    }

    fn own() -> Peer {
        Peer::of(Account::User(rustix::process::geteuid().as_raw()))
    }

    fn all_of(places: &Arc<Places>, peer: Peer) -> Vec<Place> {
        std::iter::repeat_with(|| places.take(peer)).map_while(|place| place).collect()
    }

    async fn is_lost(place: &Place) -> bool {
        timeout(Duration::ZERO, place.lost(HOUR)).await.is_ok()
    }

    fn is_kept(places: &Arc<Places>, place: &Place) -> bool {
        places.held().taken[&place.number].is_known()
    }

    #[test]
    fn attack_one_peer_cannot_take_the_places_of_others() {
        let places = Places::new(8, 3, HOUR);
        let held = all_of(&places, peer(1));
        assert_eq!(held.len(), 3, "as many as each may have");
        let more = places.take(peer(2)).unwrap();
        // The rest is reserved, for this user and for proven identities.
        let reserve = all_of(&places, own());
        assert_eq!(reserve.len(), 4);
        drop((held, more, reserve));
        assert_eq!(all_of(&places, own()).len(), 8);
    }

    /// Three users of the machine together could once keep everybody else out.
    #[tokio::test]
    async fn attack_several_peers_together_keep_nobody_out() {
        let places = Places::new(32, 8, HOUR);
        // Half of all places are open to strangers.
        let held: Vec<_> = (0..16).map(|number| places.take(peer(1 + number % 3)).unwrap()).collect();
        held[0].hears();
        let newcomer = places.take(peer(4)).unwrap();
        let mut lost = Vec::new();
        for (number, place) in held.iter().enumerate() {
            if is_lost(place).await {
                lost.push(number);
            }
        }
        assert_eq!(lost, [3], "of one that has the most, the one that was heard longest ago");
        // A proven identity keeps its place, and leaves its former place to strangers.
        newcomer.is_known("ada");
        let next = places.take(peer(4)).unwrap();
        assert!(!is_lost(&newcomer).await && !is_lost(&next).await);
        // The accounts with the most places get no more by connecting again and again.
        for _ in 0..100 {
            for number in 1..=3 {
                assert!(places.take(peer(number)).is_none());
            }
        }
        assert!(!is_lost(&newcomer).await && !is_lost(&next).await);
    }

    /// Three users of the machine, each with the right to read, or with a request that another person signed.
    #[tokio::test]
    async fn attack_those_who_have_shown_who_they_are_leave_some_for_strangers() {
        let places = Places::new(32, 8, HOUR);
        let mut held = Vec::new();
        for number in (0..24).map(|number| 1 + number % 3) {
            held.push(places.take(peer(number)).unwrap());
            held.last().unwrap().is_known(["ada", "bob", "eve"][usize::from(number) - 1]);
        }
        assert!(places.take(peer(1)).is_none(), "as many as each may have");
        let newcomer = places.take(peer(4)).unwrap();
        newcomer.is_known("ada");
        assert!(!is_lost(&newcomer).await);
        let is_kept = |place: &Place| is_kept(&places, place);
        assert!(!is_kept(&newcomer), "so many are for strangers");
        let own = places.take(own()).unwrap();
        own.is_known("owner");
        assert!(is_kept(&own), "its places are reserved");
        // A place that is given back can be kept by the next identity.
        drop(held.remove(0));
        newcomer.is_known("ada");
        assert!(is_kept(&newcomer));
    }

    /// One session's token, used from three accounts of the machine.
    #[test]
    fn attack_one_identity_keeps_no_more_places_than_one_peer_may_hold() {
        let places = Places::new(32, 8, HOUR);
        let mut held: Vec<_> = (0..12).map(|number| places.take(peer(1 + number % 3)).unwrap()).collect();
        for place in held.iter().chain(&held) {
            place.is_known("eve");
        }
        let kept = |held: &[Place]| held.iter().filter(|place| is_kept(&places, place)).count();
        assert_eq!(kept(&held), 8);
        // Other people keep theirs, even from an account that she uses.
        for number in 1..=4 {
            let place = places.take(peer(number)).unwrap();
            place.is_known("ada");
            assert!(is_kept(&places, &place));
            held.push(place);
        }
        // A connection on which another token is used belongs to that one's identity.
        held[0].is_known("ada");
        held[11].is_known("eve");
        assert!(is_kept(&places, &held[11]));
        assert_eq!(kept(&held[..12]), 9);
    }

    #[test]
    fn attack_a_place_is_kept_a_while_after_somebody_has_shown_who_they_are() {
        let places = Places::new(32, 8, Duration::ZERO);
        let place = places.take(peer(1)).unwrap();
        place.is_known("eve");
        assert!(!is_kept(&places, &place));
    }

    #[tokio::test]
    async fn a_stranger_that_asks_nothing_more_loses_its_place_and_nobody_else_does() {
        let places = Places::new(8, 8, HOUR);
        let [stranger, asks, reads, again, known] = [(); 5].map(|()| places.take(own()).unwrap());
        for place in [&stranger, &asks, &reads, &again, &known] {
            place.hears();
            // No answer was given yet, so a flush is not the end of an answer.
            place.sent();
        }
        for place in [&stranger, &reads, &again, &known] {
            place.answered();
        }
        again.hears();
        for place in [&stranger, &again, &known] {
            place.sent();
        }
        known.is_known("owner");
        let at_once =
            |place: Place| async move { timeout(Duration::ZERO, place.lost(Duration::ZERO)).await.is_ok() };
        assert!(at_once(stranger).await);
        assert!(!at_once(asks).await, "it waits for its answer");
        assert!(!at_once(reads).await, "it reads its answer");
        assert!(!at_once(again).await, "it waits for its next answer");
        assert!(!at_once(known).await);
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let places = Places::new(4, 4, HOUR);
        for _ in 0..100 {
            assert_eq!(all_of(&places, own()).len(), 4);
        }
        assert_eq!(places.held().taken.len(), 0);
    }
}
