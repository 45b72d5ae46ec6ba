//! Places for connections: so many in all, so many for each peer, some that only this process's own user gets, and some
//! that no stranger gets.
//!
//! Invariant: one peer's connections cannot take the places of all others, nor can several together keep anybody out:
//! whoever has shown who they are keeps their place for a while, as long as some are left for strangers, and among strangers
//! the one with the most gives up the one that was heard longest ago. One identity, from however many peers it is shown,
//! keeps no more places than one peer may hold: a session's token can be shown from several accounts.

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
    /// How long a place is kept after the last request that has shown who sends it.
    known: Duration,
    held: Mutex<Held>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    /// By number.
    taken: BTreeMap<u64, Taken>,
    /// Numbers and requests so far: what has the lower number came before.
    count: u64,
}

/// A place that is held.
#[derive(Debug)]
struct Taken {
    peer: Peer,
    /// Who a request on this connection has shown to send it last.
    known: Option<Known>,
    /// When it was heard last, in the order of everything that was heard.
    heard: u64,
    /// Since when it has nothing to answer.
    idle: Option<Instant>,
    lost: Arc<Notify>,
}

/// Somebody who has shown who they are.
#[derive(Debug)]
struct Known {
    identity: Box<str>,
    until: Instant,
}

/// A place that somebody holds.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    number: u64,
    lost: Arc<Notify>,
    /// Whether an answer has ended of which bytes may still wait here for their reader.
    sends: AtomicBool,
}

impl Places {
    /// Places in all, for each peer other than this process's own user and for each identity, and how long one is kept
    /// for an identity.
    pub fn new(all: usize, each: usize, known: Duration) -> Arc<Self> {
        Arc::new(Self { all, each, known, held: Mutex::default(), freed: Notify::new() })
    }

    /// Resolves when there is a place for somebody.
    pub async fn free(&self) {
        loop {
            let freed = self.freed.notified();
            if self.held().taken.len() < self.all {
                return;
            }
            freed.await;
        }
    }

    /// A place for a peer, unless it holds as many as it may; a stranger's that holds more may be lost to it.
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

    /// Places that are not for this process's own user alone.
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

    /// Lets somebody keep a place who has shown who they are, unless they keep as many as one may, or too few would be
    /// left for strangers.
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
    /// Who has shown a while ago at most who they are.
    fn identity(&self) -> Option<&str> {
        let known = self.known.as_ref().filter(|known| Instant::now() < known.until)?;
        Some(&known.identity)
    }

    fn is_known(&self) -> bool {
        self.identity().is_some()
    }
}

impl Place {
    /// A request has come.
    pub fn hears(&self) {
        self.sends.store(false, Ordering::Relaxed);
        let mut held = self.places.held();
        let heard = held.next();
        if let Some(taken) = held.taken.get_mut(&self.number) {
            (taken.heard, taken.idle) = (heard, None);
        }
    }

    /// The answer has ended; its last bytes may still wait.
    pub fn answered(&self) {
        self.sends.store(true, Ordering::Relaxed);
    }

    /// Nothing waits here for its reader. What waits in the kernel is not lost with the place.
    pub fn sent(&self) {
        if self.sends.swap(false, Ordering::Relaxed)
            && let Some(taken) = self.places.held().taken.get_mut(&self.number)
        {
            taken.idle = Some(Instant::now());
        }
    }

    /// A request on this connection has shown who sends it.
    pub fn is_known(&self, identity: &str) {
        self.places.held().keep(self.number, identity, &self.places);
    }

    /// Resolves when it is lost: to somebody else, or because a stranger asks nothing more.
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

/// One of so many places is for this process's own user alone.
const RESERVED_OF: usize = 4;
/// One of so many is for connections on which somebody has shown who they are.
const KNOWN_OF: usize = 4;
/// One of so many is for strangers.
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
        // The rest is held back, for this user and for those who have shown who they are.
        let reserve = all_of(&places, own());
        assert_eq!(reserve.len(), 4);
        drop((held, more, reserve));
        assert_eq!(all_of(&places, own()).len(), 8);
    }

    /// Three users of the machine together once kept everybody else out.
    #[tokio::test]
    async fn attack_several_peers_together_keep_nobody_out() {
        let places = Places::new(32, 8, HOUR);
        // Half of all are for strangers.
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
        // Whoever has shown who they are keeps their place, and leaves that of a stranger.
        newcomer.is_known("ada");
        let next = places.take(peer(4)).unwrap();
        assert!(!is_lost(&newcomer).await && !is_lost(&next).await);
        // Those who have the most get no further one by coming again and again.
        for _ in 0..100 {
            for number in 1..=3 {
                assert!(places.take(peer(number)).is_none());
            }
        }
        assert!(!is_lost(&newcomer).await && !is_lost(&next).await);
    }

    /// Three users of the machine, each with the right to read, or with a request that somebody else has signed.
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
        assert!(is_kept(&own), "it has places of its own");
        // What is given back can be kept by the next one.
        drop(held.remove(0));
        newcomer.is_known("ada");
        assert!(is_kept(&newcomer));
    }

    /// One session's token, shown from three accounts of the machine.
    #[test]
    fn attack_one_identity_keeps_no_more_places_than_one_peer_may_hold() {
        let places = Places::new(32, 8, HOUR);
        let mut held: Vec<_> = (0..12).map(|number| places.take(peer(1 + number % 3)).unwrap()).collect();
        for place in held.iter().chain(&held) {
            place.is_known("eve");
        }
        let kept = |held: &[Place]| held.iter().filter(|place| is_kept(&places, place)).count();
        assert_eq!(kept(&held), 8);
        // Other people keep theirs, also from an account that she uses.
        for number in 1..=4 {
            let place = places.take(peer(number)).unwrap();
            place.is_known("ada");
            assert!(is_kept(&places, &place));
            held.push(place);
        }
        // A connection on which she shows another token is that one's.
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
            // Nothing was answered yet, so this is no end of an answer.
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
