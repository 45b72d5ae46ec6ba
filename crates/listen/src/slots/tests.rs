//! Slots of many peers, accounts and identities.

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

/// Many addresses with one connection each: a newcomer is not the next one to lose its slot, whatever its address.
#[tokio::test]
async fn attack_many_addresses_do_not_take_the_slot_of_a_newcomer() {
    let slots = Slots::new(16, 4, HOUR);
    // Slots of strangers: twelve are common, of which four are kept for known ones.
    let first: Vec<_> = (1..=8).map(|number| slots.take(peer(number)).unwrap()).collect();
    let newcomer = slots.take(peer(250)).unwrap();
    assert!(is_lost(&first[0]).await, "the oldest");
    let others: Vec<_> = (20..27).map(|number| slots.take(peer(number)).unwrap()).collect();
    assert!(!is_lost(&newcomer).await, "all who came before lost theirs first");
    let last = slots.take(peer(30)).unwrap();
    assert!(is_lost(&newcomer).await);
    drop((others, last));
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
