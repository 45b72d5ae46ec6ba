//! Turns at work, shared fairly by requesters: each other user of this machine, or each address, gets a limited number at
//! once, and the next turn goes to the requester that has used the least time.
//!
//! Invariant: however much one requester requests, another one waits only for work that was begun before. The server's own
//! user and root take no turns and never wait. A requester that stops waiting leaves nothing behind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use listen::Account;
use tokio::sync::oneshot;

/// The turns of one server.
#[derive(Debug)]
pub struct Turns(Mutex<Table>);

#[derive(Debug)]
struct Table {
    queue: Queue<Account>,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
    tickets: u64,
}

impl Turns {
    /// As many turns as this machine has processors; one requester can take half of them.
    pub fn new() -> Arc<Self> {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).max(2);
        let queue = Queue::new(processors, processors / 2);
        Arc::new(Self(Mutex::new(Table { queue, waiting: BTreeMap::new(), tickets: 0 })))
    }

    /// Waits for a turn; it ends when the result is dropped.
    pub async fn take(self: &Arc<Self>, account: Account) -> Turn {
        let (mut turn, granted) = {
            let mut table = self.table();
            table.tickets += 1;
            let ticket = table.tickets;
            let (grant, granted) = oneshot::channel();
            let now = table.queue.ask(account, ticket);
            if !now {
                table.waiting.insert(ticket, grant);
            }
            let turn = Turn { turns: Arc::clone(self), account, ticket, begun: None };
            (turn, (!now).then_some(granted))
        };
        if let Some(granted) = granted {
            // The turn is always granted and never dropped: the table keeps the sender until then.
            drop(granted.await);
        }
        turn.begun = Some(Instant::now());
        turn
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn, or a place in the queue for one.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    account: Account,
    ticket: u64,
    begun: Option<Instant>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut table = self.turns.table();
        if table.waiting.remove(&self.ticket).is_some() {
            table.queue.leave(self.account, self.ticket);
            return;
        }
        let next = table.queue.done(self.account, self.begun.map_or(Duration::ZERO, |begun| begun.elapsed()));
        for ticket in next {
            if let Some(grant) = table.waiting.remove(&ticket) {
                // A requester that is gone returns the turn in its own drop, which waits for this lock.
                let _ = grant.send(());
            }
        }
    }
}

/// The running and waiting requesters, and the time that each has used; pure.
#[derive(Debug)]
struct Queue<K> {
    slots: usize,
    each: usize,
    running: usize,
    /// The used time of the requester of the last turn: a new requester starts with at least this value.
    floor: Duration,
    by: BTreeMap<K, Share>,
}

#[derive(Debug, Default)]
struct Share {
    running: usize,
    used: Duration,
    waiting: VecDeque<u64>,
}

impl<K: Copy + Ord> Queue<K> {
    const fn new(slots: usize, each: usize) -> Self {
        Self { slots, each, running: 0, floor: Duration::ZERO, by: BTreeMap::new() }
    }

    /// Asks for a turn; returns whether it is granted at once.
    fn ask(&mut self, who: K, ticket: u64) -> bool {
        let floor = self.floor;
        let share = self.by.entry(who).or_default();
        share.used = share.used.max(floor);
        share.waiting.push_back(ticket);
        // Every other requester that could have a turn has one already, so only this requester may begin.
        self.next().is_some()
    }

    /// Ends a turn; returns the tickets whose turns begin now.
    fn done(&mut self, who: K, spent: Duration) -> Vec<u64> {
        if let Some(share) = self.by.get_mut(&who) {
            share.running = share.running.saturating_sub(1);
            share.used = share.used.saturating_add(spent);
            self.running = self.running.saturating_sub(1);
        }
        let next = std::iter::from_fn(|| self.next()).collect();
        self.forget();
        next
    }

    /// Stops waiting.
    fn leave(&mut self, who: K, ticket: u64) {
        if let Some(share) = self.by.get_mut(&who) {
            share.waiting.retain(|waits| *waits != ticket);
        }
        self.forget();
    }

    fn next(&mut self) -> Option<u64> {
        if self.running >= self.slots {
            return None;
        }
        let may = self.by.iter_mut().filter(|(_, share)| share.running < self.each);
        let waits = may.filter(|(_, share)| !share.waiting.is_empty());
        let (_, share) = waits.min_by_key(|(who, share)| (share.used, **who))?;
        share.running += 1;
        self.running += 1;
        self.floor = self.floor.max(share.used);
        share.waiting.pop_front()
    }

    /// Forgets requesters whose used time no longer matters.
    fn forget(&mut self) {
        let floor = self.floor;
        let is_busy = |share: &Share| share.running > 0 || !share.waiting.is_empty();
        if self.by.values().any(is_busy) {
            self.by.retain(|_, share| is_busy(share) || share.used > floor);
        } else {
            self.by.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use listen::Account;
    use tokio::time::timeout;

    use super::{Queue, Turns};

    const WORK: Duration = Duration::from_millis(30);

    #[test]
    fn attack_who_asks_for_much_does_not_hold_up_who_asks_for_little() {
        let mut queue = Queue::new(2, 1);
        assert!(queue.ask("hostile", 0));
        for ticket in 1..1_000 {
            assert!(!queue.ask("hostile", ticket), "it has its part");
        }
        assert!(queue.ask("honest", 1_000), "there is room for others");
        assert!(!queue.ask("other", 1_001));
        assert_eq!(queue.done("honest", WORK), [1_001]);
        assert!(!queue.ask("honest", 1_002));
        // Of the two waiting requesters, the hostile one has used the most.
        assert_eq!(queue.done("hostile", 5 * WORK), [1_002]);
        assert_eq!(queue.done("other", WORK), [1]);
    }

    #[test]
    fn time_is_shared_and_nobody_saves_it_up() {
        let mut queue = Queue::new(1, 1);
        let cost = |who: &str| if who == "dear" { 10 * WORK } else { WORK };
        let mut begun = vec!["dear"];
        assert!(queue.ask("dear", 0) && !queue.ask("cheap", 1));
        let (mut now, mut ticket) = ("dear", 1);
        let mut asked = std::collections::BTreeMap::from([(1, "cheap")]);
        for _ in 0..110 {
            ticket += 1;
            queue.ask(now, ticket);
            asked.insert(ticket, now);
            let next = queue.done(now, cost(now));
            assert_eq!(next.len(), 1);
            now = asked[&next[0]];
            begun.push(now);
        }
        let dear = begun.iter().filter(|who| **who == "dear").count();
        assert_eq!(dear, 10, "one dear piece of work for ten cheap ones");
        // A new requester is first once, and not a hundred times.
        assert!(!queue.ask("late", 9_000) && !queue.ask("late", 9_001));
        let next = queue.done(now, cost(now));
        assert!(!next.contains(&9_001));
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let mut queue = Queue::new(2, 1);
        assert!(queue.ask("a", 1) && !queue.ask("a", 2) && queue.ask("b", 3));
        queue.leave("a", 2);
        assert!(queue.done("a", WORK).is_empty(), "it has left");
        assert!(queue.done("b", WORK).is_empty());
        assert!(queue.by.is_empty() && queue.running == 0);
        queue.done("nobody", WORK);
        queue.leave("nobody", 9);
    }

    #[tokio::test]
    async fn a_turn_comes_back_also_from_who_stopped_waiting() {
        let who = |number| Account::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)));
        let turns = Turns::new();
        let each = turns.table().queue.each;
        let mut held = Vec::new();
        for _ in 0..each {
            held.push(turns.take(who(1)).await);
        }
        let mut waits = Box::pin(turns.take(who(1)));
        let mut leaves = Box::pin(turns.take(who(1)));
        // They wait in this order.
        assert!(timeout(Duration::ZERO, &mut leaves).await.is_err());
        assert!(timeout(Duration::ZERO, &mut waits).await.is_err());
        drop(leaves);
        held.pop();
        let last = waits.await;
        // A turn that was granted and given up before it was used.
        let mut granted = Box::pin(turns.take(who(1)));
        assert!(timeout(Duration::ZERO, &mut granted).await.is_err());
        drop(last);
        drop(granted);
        held.push(turns.take(who(1)).await);
        drop(held);
        let table = turns.table();
        assert!(table.waiting.is_empty() && table.queue.by.is_empty() && table.queue.running == 0);
    }
}
