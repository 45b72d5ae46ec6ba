//! Slots for connections: a number in total, a number for each peer, a share reserved for this process's own user, and
//! a share reserved for known identities.
//!
//! Invariant: one peer cannot take the slots of all others, and several peers together cannot keep anybody out. A
//! connection on which an identity was proven keeps its slot for a while, as long as some slots are left for
//! strangers. Among strangers, the account with the most slots loses the one that was heard longest ago. One identity
//! keeps no more slots than one peer may hold, even if it is proven from many peers, because a session's token can be
//! used from several accounts. An answer that does not end by itself moves its connection to a separate place, so that
//! readers of such answers and ordinary requests never wait for each other.

use std::cmp::Reverse;
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
        // Their number, and the last time at which the account's oldest connection was heard.
        let mut strangers = BTreeMap::<Account, (usize, u64)>::new();
        for connection in others().filter(|connection| !connection.is_known()) {
            let (count, oldest) = strangers.entry(connection.peer.account).or_insert((0, u64::MAX));
            (*count, *oldest) = (*count + 1, connection.heard.min(*oldest));
        }
        let for_strangers = slots.common() - slots.all / KNOWN_OF;
        if others().count() < slots.common()
            && strangers.values().map(|(count, _)| count).sum::<usize>() < for_strangers
        {
            return true;
        }
        let own = strangers.get(&account).map_or(0, |(count, _)| *count);
        // Of several accounts with as many, the one that was heard longest ago: otherwise the order of their addresses would decide.
        let most = strangers.into_iter().max_by_key(|(_, (count, oldest))| (*count, Reverse(*oldest)));
        let most = most.filter(|(_, (count, _))| *count > own);
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
mod tests;
