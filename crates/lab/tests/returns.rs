//! Releases that an agent keeps, so that its place can return to them.
#![expect(clippy::unwrap_used, reason = "test code")]

use agent::{KnownRelease, Memory};
use evidence::Digest;
use evidence::rollback_order::RollbackOrder;
use lab::{Lab, at};
use serde_json::json;

fn known(memory: &Memory, name: &str) -> KnownRelease {
    KnownRelease { artifact: Digest::of(name.as_bytes()), ..memory.running.clone().unwrap() }
}

/// The server offers eight earlier artifacts that were not rolled back, so an agent must not forget one of them.
#[test]
fn what_was_rolled_back_takes_the_place_of_no_earlier_artifact() {
    let mut memory = Lab::new(0).agent();
    let good: Vec<_> = (0..10).map(|n| known(&memory, &format!("good {n}"))).collect();
    good.iter().for_each(|known| memory.runs(known));
    let now = good.last().unwrap();
    for n in 0..20 {
        let bad = known(&memory, &format!("bad {n}"));
        memory.runs(&bad);
        memory.runs(now);
        memory.leaves(&bad.artifact);
        // An artifact that was released again can be the target at once.
        assert_eq!(memory.before.as_ref(), Some(&bad));
    }
    let kept: Vec<_> = memory.known().filter(|known| good.contains(known)).collect();
    assert_eq!(kept, good[1..].iter().rev().collect::<Vec<_>>());
    assert_eq!(memory.known().count(), 10);
    // Two rollbacks in a row leave neither artifact.
    let (third, fourth) = (known(&memory, "third"), known(&memory, "fourth"));
    memory.runs(&third);
    memory.runs(&fourth);
    memory.runs(&third);
    memory.leaves(&fourth.artifact);
    memory.runs(now);
    memory.leaves(&third.artifact);
    let kept: Vec<_> = memory.known().map(|known| known.artifact).collect();
    assert_eq!(kept.get(..2), Some([now.artifact, third.artifact].as_slice()));
    assert!(!kept.contains(&fourth.artifact));
}

#[test]
fn a_rollback_says_what_is_left_by_it_and_what_older_programs_asked_for_does_not() {
    let lab = Lab::new(0);
    let (mut order, from) = (lab.order(), lab.agent().running.unwrap().artifact);
    let left = |order: &RollbackOrder| lab.agent().judge_return(order, None, at(0)).leaves;
    assert_eq!(left(&order), None);
    let place = "shop/api/production";
    let arguments = json!({ "place": place, "from": from, "to": order.artifact, "release": 5, "ends": true });
    order.request = lab.request(&lab.bob, "rollback", arguments, 75).1;
    assert_eq!(left(&order), Some(from));
}
