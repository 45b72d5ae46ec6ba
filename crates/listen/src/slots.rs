//! Slots for connections: a number in total, a number for each peer, a share reserved for this process's own user, and
//! a share reserved for known identities.
//!
//! Invariant: one peer cannot take the slots of all others, and several peers together cannot keep anybody out. A
//! connection on which an identity was proven keeps its slot for a while, as long as some slots are left for
//! strangers. Among strangers, the account with the most slots loses the one that was heard longest ago. One identity
//! keeps no more slots than one peer may hold, even if it is proven from many peers, because a session's token can be
//! used from several accounts. An answer that does not end by itself moves its connection to a separate place, so that
//! readers of such answers and ordinary requests never wait for each other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use crate::peer::{Account, Peer};

/// Slots of one listener.
#[derive(Debug)]
pub struct Slots {
    all: usize,
    each: usize,
    /// Time for which a slot is kept after the last request that proved an identity.
    known: Duration,
    /// Places for connections whose answer does not end by itself: of all, and of one reader.
    streams: (usize, usize),
    table: Mutex<Table>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    /// Connections by the number of their slot.
    connections: BTreeMap<u64, Connection>,
    /// Connections that left their slot for a stream, by its number, with the reader; `None` for this process's own user.
    streams: BTreeMap<u64, Option<Box<str>>>,
    /// Counter of slots and requests. A lower number came earlier.
    count: u64,
}

/// A connection that holds a slot.
#[derive(Debug)]
struct Connection {
    peer: Peer,
    /// The identity that the last proof on this connection showed.
    known: Option<ProvenIdentity>,
    /// Number of the last request, in the order of all requests of the listener.
    heard: u64,
    /// Since when the connection has no request to answer.
    idle: Option<Instant>,
    lost: Arc<Notify>,
}

/// A proven identity.
#[derive(Debug)]
struct ProvenIdentity {
    identity: Box<str>,
    until: Instant,
}

/// A slot of a connection.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    number: u64,
    lost: Arc<Notify>,
    /// Whether an answer has ended and its last bytes may still wait for the reader.
    sends: AtomicBool,
}

impl Slots {
    /// Creates the slots: the total, the number for each other user or address and for each identity, and the time for
    /// which a slot is kept for an identity; and the places for streams, of all and of one reader.
    pub fn with_streams(all: usize, each: usize, known: Duration, streams: (usize, usize)) -> Arc<Self> {
        Arc::new(Self { all, each, known, streams, table: Mutex::default(), freed: Notify::new() })
    }

    /// Resolves when a slot is free.
    pub async fn free(&self) {
        loop {
            let freed = self.freed.notified();
            if self.table().connections.len() < self.all {
                return;
            }
            freed.await;
        }
    }

    /// Takes a slot for a peer, unless the peer already holds as many as allowed. If all are taken, a stranger that
    /// holds more slots may lose one.
    pub fn take(self: &Arc<Self>, peer: Peer) -> Option<Slot> {
        let mut table = self.table();
        let fits = table.connections.len() < self.all
            && (peer.has_reserve() || table.makes_room(self, peer.account));
        if !fits {
            return None;
        }
        let (number, lost) = (table.next(), Arc::new(Notify::new()));
        let connection = Connection { peer, known: None, heard: number, idle: None, lost: Arc::clone(&lost) };
        table.connections.insert(number, connection);
        Some(Slot { slots: Arc::clone(self), number, lost, sends: AtomicBool::new(false) })
    }

    /// Number of slots that are not reserved for this process's own user.
    const fn common(&self) -> usize {
        self.all - self.all / RESERVED_OF
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    const fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Moves a connection to a place for streams, unless all are taken, or the reader has as many as allowed. A quarter is
    /// reserved for this process's own user.
    fn move_to_streams(&mut self, number: u64, identity: &str, slots: &Slots) -> bool {
        let Some(connection) = self.connections.get(&number) else { return false };
        let (all, each) = slots.streams;
        let reader: Option<Box<str>> = match connection.peer.has_reserve() {
            true => None,
            false if identity.is_empty() => Some(format!("{:?}", connection.peer.account).into()),
            false => Some(identity.into()),
        };
        let fits = match &reader {
            None => self.streams.len() < all,
            Some(_) => {
                let others = self.streams.values().filter(|other| other.is_some()).count();
                let own = self.streams.values().filter(|other| **other == reader).count();
                self.streams.len() < all && others < all - all / RESERVED_OF && own < each
            }
        };
        if fits {
            self.connections.remove(&number);
            self.streams.insert(number, reader);
        }
        fits
    }

    fn makes_room(&mut self, slots: &Slots, account: Account) -> bool {
        let others = || self.connections.values().filter(|connection| !connection.peer.has_reserve());
        if others().filter(|connection| connection.peer.account == account).count() >= slots.each {
            return false;
        }
        let mut strangers = BTreeMap::<Account, usize>::new();
        for connection in others().filter(|connection| !connection.is_known()) {
            *strangers.entry(connection.peer.account).or_default() += 1;
        }
        let for_strangers = slots.common() - slots.all / KNOWN_OF;
        if others().count() < slots.common() && strangers.values().sum::<usize>() < for_strangers {
            return true;
        }
        let own = strangers.get(&account).copied().unwrap_or_default();
        let most = strangers.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > own);
        most.is_some_and(|(account, _)| self.lose_oldest(account))
    }

    /// Keeps a slot for a proven identity, unless the identity already keeps as many as allowed, or too few slots
    /// would be left for strangers.
    fn keep_for_identity(&mut self, number: u64, identity: &str, slots: &Slots) {
        let others = self
            .connections
            .iter()
            .filter(|(other, connection)| **other != number && !connection.peer.has_reserve());
        let known: Vec<_> = others.filter_map(|(_, connection)| connection.identity()).collect();
        let own = known.iter().filter(|other| **other == identity).count();
        let fits = own < slots.each && known.len() < slots.common() - slots.all / STRANGERS_OF;
        if let Some(connection) = self.connections.get_mut(&number)
            && (fits || connection.peer.has_reserve())
        {
            connection.known =
                Some(ProvenIdentity { identity: identity.into(), until: Instant::now() + slots.known });
        }
    }

    fn lose_oldest(&mut self, account: Account) -> bool {
        let strangers = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.peer.account == account && !connection.is_known());
        let oldest = strangers.min_by_key(|(_, connection)| connection.heard).map(|(number, _)| *number);
        let Some(connection) = oldest.and_then(|number| self.connections.remove(&number)) else {
            return false;
        };
        connection.lost.notify_one();
        true
    }
}

impl Connection {
    /// The identity, if it was proven recently.
    fn identity(&self) -> Option<&str> {
        let known = self.known.as_ref().filter(|known| Instant::now() < known.until)?;
        Some(&known.identity)
    }

    fn is_known(&self) -> bool {
        self.identity().is_some()
    }
}

impl Slot {
    /// Notes that a request has arrived.
    pub fn note_request(&self) {
        self.sends.store(false, Ordering::Relaxed);
        let mut table = self.slots.table();
        let heard = table.next();
        if let Some(connection) = table.connections.get_mut(&self.number) {
            (connection.heard, connection.idle) = (heard, None);
        }
    }

    /// Notes that the answer has ended. Its last bytes may still wait for the reader.
    pub fn note_answer_end(&self) {
        self.sends.store(true, Ordering::Relaxed);
    }

    /// Notes that all bytes were handed to the kernel. Bytes in the kernel are still delivered if the slot is lost.
    pub fn note_sent(&self) {
        if self.sends.swap(false, Ordering::Relaxed)
            && let Some(connection) = self.slots.table().connections.get_mut(&self.number)
        {
            connection.idle = Some(Instant::now());
        }
    }

    /// Notes that a request on this connection has proven an identity.
    pub fn note_identity(&self, identity: &str) {
        self.slots.table().keep_for_identity(self.number, identity, &self.slots);
    }

    /// Moves the connection to a place for streams. Its slot is free for another connection then.
    pub fn become_stream(&self, identity: &str) -> bool {
        let moved = self.slots.table().move_to_streams(self.number, identity, &self.slots);
        if moved {
            self.slots.freed.notify_one();
        }
        moved
    }

    /// Resolves when the slot is lost: to another peer, or because a stranger sends no further request.
    pub async fn lost(&self, stranger: Duration) {
        tokio::select! {
            () = self.lost.notified() => {}
            () = self.idle_for(stranger) => {}
        }
    }

    async fn idle_for(&self, stranger: Duration) {
        loop {
            let idle = self
                .slots
                .table()
                .connections
                .get(&self.number)
                .and_then(|connection| connection.idle.filter(|_| !connection.is_known()));
            match idle {
                Some(since) if since.elapsed() >= stranger => return,
                Some(since) => sleep_until(since + stranger).await,
                None => sleep(stranger).await,
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.slots.table();
        table.connections.remove(&self.number);
        table.streams.remove(&self.number);
        drop(table);
        self.slots.freed.notify_one();
    }
}

/// One of this many slots is reserved for this process's own user.
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

    use super::{Slot, Slots};
    use crate::peer::{Account, Peer};

    const HOUR: Duration = Duration::from_hours(1);

    impl Slots {
        fn new(all: usize, each: usize, known: Duration) -> Arc<Self> {
            Self::with_streams(all, each, known, (all, each))
        }
    }

    fn peer(number: u8) -> Peer {
        Peer::of(Account::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number))))
    }

    fn own() -> Peer {
        Peer::of(Account::User(rustix::process::geteuid().as_raw()))
    }

    fn all_of(slots: &Arc<Slots>, peer: Peer) -> Vec<Slot> {
        std::iter::repeat_with(|| slots.take(peer)).map_while(|slot| slot).collect()
    }

    async fn is_lost(slot: &Slot) -> bool {
        timeout(Duration::ZERO, slot.lost(HOUR)).await.is_ok()
    }

    fn is_kept(slots: &Arc<Slots>, slot: &Slot) -> bool {
        slots.table().connections[&slot.number].is_known()
    }

    #[test]
    fn attack_one_peer_cannot_take_the_slots_of_others() {
        let slots = Slots::new(8, 3, HOUR);
        let held = all_of(&slots, peer(1));
        assert_eq!(held.len(), 3, "as many as each may have");
        let more = slots.take(peer(2)).unwrap();
        // The rest is reserved, for this user and for proven identities.
        let reserve = all_of(&slots, own());
        assert_eq!(reserve.len(), 4);
        drop((held, more, reserve));
        assert_eq!(all_of(&slots, own()).len(), 8);
    }

    /// Three users of the machine together could once keep everybody else out.
    #[tokio::test]
    async fn attack_several_peers_together_keep_nobody_out() {
        let slots = Slots::new(32, 8, HOUR);
        // Half of all slots are open to strangers.
        let held: Vec<_> = (0..16).map(|number| slots.take(peer(1 + number % 3)).unwrap()).collect();
        held[0].note_request();
        let newcomer = slots.take(peer(4)).unwrap();
        let mut lost = Vec::new();
        for (number, slot) in held.iter().enumerate() {
            if is_lost(slot).await {
                lost.push(number);
            }
        }
        assert_eq!(lost, [3], "of one that has the most, the one that was heard longest ago");
        // A proven identity keeps its slot, and leaves its former slot to strangers.
        newcomer.note_identity("ada");
        let next = slots.take(peer(4)).unwrap();
        assert!(!is_lost(&newcomer).await && !is_lost(&next).await);
        // The accounts with the most slots get no more by connecting again and again.
        for _ in 0..100 {
            for number in 1..=3 {
                assert!(slots.take(peer(number)).is_none());
            }
        }
        assert!(!is_lost(&newcomer).await && !is_lost(&next).await);
    }

    /// Three users of the machine, each with the right to read, or with a request that another person signed.
    #[tokio::test]
    async fn attack_those_who_have_shown_who_they_are_leave_some_for_strangers() {
        let slots = Slots::new(32, 8, HOUR);
        let mut held = Vec::new();
        for number in (0..24).map(|number| 1 + number % 3) {
            held.push(slots.take(peer(number)).unwrap());
            held.last().unwrap().note_identity(["ada", "bob", "eve"][usize::from(number) - 1]);
        }
        assert!(slots.take(peer(1)).is_none(), "as many as each may have");
        let newcomer = slots.take(peer(4)).unwrap();
        newcomer.note_identity("ada");
        assert!(!is_lost(&newcomer).await);
        let is_kept = |slot: &Slot| is_kept(&slots, slot);
        assert!(!is_kept(&newcomer), "so many are for strangers");
        let own = slots.take(own()).unwrap();
        own.note_identity("owner");
        assert!(is_kept(&own), "its slots are reserved");
        // A slot that is given back can be kept by the next identity.
        drop(held.remove(0));
        newcomer.note_identity("ada");
        assert!(is_kept(&newcomer));
    }

    /// One session's token, used from three accounts of the machine.
    #[test]
    fn attack_one_identity_keeps_no_more_slots_than_one_peer_may_hold() {
        let slots = Slots::new(32, 8, HOUR);
        let mut held: Vec<_> = (0..12).map(|number| slots.take(peer(1 + number % 3)).unwrap()).collect();
        for slot in held.iter().chain(&held) {
            slot.note_identity("eve");
        }
        let kept = |held: &[Slot]| held.iter().filter(|slot| is_kept(&slots, slot)).count();
        assert_eq!(kept(&held), 8);
        // Other people keep theirs, even from an account that she uses.
        for number in 1..=4 {
            let slot = slots.take(peer(number)).unwrap();
            slot.note_identity("ada");
            assert!(is_kept(&slots, &slot));
            held.push(slot);
        }
        // A connection on which another token is used belongs to that one's identity.
        held[0].note_identity("ada");
        held[11].note_identity("eve");
        assert!(is_kept(&slots, &held[11]));
        assert_eq!(kept(&held[..12]), 9);
    }

    #[test]
    fn attack_a_slot_is_kept_a_while_after_somebody_has_shown_who_they_are() {
        let slots = Slots::new(32, 8, Duration::ZERO);
        let slot = slots.take(peer(1)).unwrap();
        slot.note_identity("eve");
        assert!(!is_kept(&slots, &slot));
    }

    /// Readers of streams once took the slots of ordinary requests.
    #[tokio::test]
    async fn attack_streams_and_requests_never_wait_for_each_other() {
        let slots = Slots::with_streams(8, 4, HOUR, (8, 2));
        let streams = |number: u8, identity: &str, count: usize| -> Vec<Slot> {
            let opened = std::iter::repeat_with(|| slots.take(peer(number)).unwrap());
            opened.take(count).take_while(|slot| slot.become_stream(identity)).collect()
        };
        let held = [streams(1, "eve", 9), streams(2, "eve", 9), streams(3, "", 9), streams(4, "bob", 9)];
        assert_eq!(held.each_ref().map(Vec::len), [2, 0, 2, 2], "one reader has its part, from all accounts");
        assert!(streams(5, "ada", 1).is_empty(), "a quarter is reserved");
        let own: Vec<_> = std::iter::repeat_with(|| slots.take(own()).unwrap())
            .take_while(|slot| slot.become_stream("owner"))
            .collect();
        assert_eq!(own.len(), 2);
        // All places of streams are taken, and all slots are free.
        assert_eq!(slots.table().streams.len(), 8);
        assert_eq!(slots.table().connections.len(), 0);
        let requests = all_of(&slots, peer(1));
        assert_eq!(requests.len(), 4, "as many as one peer may have");
        requests[0].note_identity("eve");
        assert!(!is_lost(&held[0][0]).await, "a stream loses its place to nobody");
        drop((held, requests));
        assert_eq!(streams(5, "ada", 9).len(), 2, "places come back");
        // The connections that got no place have left as well.
        assert_eq!(slots.table().connections.len(), 0);
    }

    #[tokio::test]
    async fn a_stranger_that_asks_nothing_more_loses_its_slot_and_nobody_else_does() {
        let slots = Slots::new(8, 8, HOUR);
        let [stranger, asks, reads, again, known] = [(); 5].map(|()| slots.take(own()).unwrap());
        for slot in [&stranger, &asks, &reads, &again, &known] {
            slot.note_request();
            // No answer was given yet, so a flush is not the end of an answer.
            slot.note_sent();
        }
        for slot in [&stranger, &reads, &again, &known] {
            slot.note_answer_end();
        }
        again.note_request();
        for slot in [&stranger, &again, &known] {
            slot.note_sent();
        }
        known.note_identity("owner");
        let at_once =
            |slot: Slot| async move { timeout(Duration::ZERO, slot.lost(Duration::ZERO)).await.is_ok() };
        assert!(at_once(stranger).await);
        assert!(!at_once(asks).await, "it waits for its answer");
        assert!(!at_once(reads).await, "it reads its answer");
        assert!(!at_once(again).await, "it waits for its next answer");
        assert!(!at_once(known).await);
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let slots = Slots::new(4, 4, HOUR);
        for _ in 0..100 {
            assert_eq!(all_of(&slots, own()).len(), 4);
        }
        assert_eq!(slots.table().connections.len(), 0);
    }
}
