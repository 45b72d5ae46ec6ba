//! Windows at each reader: what comes in time passes, by the clock and by the witnesses, at a start and at each step further.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use evidence::Moment;
use evidence::bundle::Bundle;
use evidence::status::{Freeze, Status};
use judge::FreshCheckpoint;
use lab::assemble::proof_between;
use lab::forgery::{self, READERS, windows, with_windows};
use lab::{Lab, Parts, assemble, at, said};
use tlog::Hash;

fn released(lab: &Lab, open: &[(i64, i64)]) -> (Bundle, Vec<Hash>, Parts) {
    let mut parts = lab.honest();
    with_windows(lab, &mut parts, windows(open).encode().unwrap());
    let (bundle, leaves) = assemble(lab, &parts);
    (bundle, leaves, parts)
}

#[test]
fn a_release_inside_its_windows_passes_everywhere() {
    let lab = Lab::default();
    let (bundle, leaves, _) = released(&lab, &[(-7_200, -3_600), (-60, 60)]);
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
    }
    assert_eq!(Bundle::decode(&bundle.encode().unwrap()).unwrap(), bundle);
    let always = assemble(&lab, &lab.honest()).0;
    assert_eq!(always.windows, None, "absent when empty");
    assert!(!String::from_utf8(always.encode().unwrap()).unwrap().contains("\"windows\""));
}

/// A checkpoint with more entries, which witnesses cosigned so many seconds from now.
fn fresh(lab: &Lab, parts: &Parts, leaves: &[Hash], seconds: i64) -> FreshCheckpoint {
    let mut more = leaves.to_vec();
    more.push(tlog::leaf_hash(b"a later entry"));
    let note = parts.head.note(lab, &more, &[(0, seconds), (1, seconds)]).to_string();
    let (old, new) = (leaves.len() as u64, more.len() as u64);
    FreshCheckpoint { note, proof: proof_between(&more, old, new) }
}

#[test]
fn evidence_that_waited_is_judged_by_the_time_of_a_newer_checkpoint() {
    let lab = Lab::default();
    let (bundle, leaves, parts) = released(&lab, &[(1_000, 2_000)]);
    let by_agent = |fresh: Option<FreshCheckpoint>, now: Moment| {
        let mut memory = lab.agent();
        memory.fresh = fresh;
        let kept = memory.checkpoint.parse().unwrap();
        let decision = memory.judge_release(&bundle, &lab::proof_for(&bundle, &leaves, &kept), None, now);
        (decision.reasons, memory.seen_time)
    };
    let (reasons, _) = by_agent(None, at(1_100));
    assert_eq!(reasons, ["window-closed", "window-unsure"], "its own checkpoint is from before they opened");
    let (reasons, seen) = by_agent(Some(fresh(&lab, &parts, &leaves, 1_090)), at(1_100));
    assert_eq!(reasons, [""; 0]);
    assert!(seen > at(1_090), "no older time is believed later");
    assert_eq!(by_agent(Some(fresh(&lab, &parts, &leaves, 990)), at(1_100)).0, ["window-closed"]);
    assert_eq!(
        by_agent(Some(fresh(&lab, &parts, &leaves, 1_090)), at(2_000)).0,
        ["window-closed", "window-unsure"]
    );
    // Of another ledger, of too few witnesses, or damaged.
    let mut other = leaves.clone();
    other[3] = tlog::leaf_hash(b"another entry");
    assert_eq!(by_agent(Some(fresh(&lab, &parts, &other, 1_090)), at(1_100)).0, ["ledger-forked"]);
    let mut alone = fresh(&lab, &parts, &leaves, 1_090);
    alone.note = parts.head.note(&lab, &leaves, &[(0, 1_090)]).to_string();
    alone.proof.clear();
    assert_eq!(by_agent(Some(alone), at(1_100)).0, ["not-witnessed"]);
    let mut damaged = fresh(&lab, &parts, &leaves, 1_090);
    damaged.proof.pop();
    assert_eq!(by_agent(Some(damaged), at(1_100)).0, ["ledger-forked"]);
}

#[test]
fn an_agent_waits_for_windows_that_open_within_a_minute() {
    let lab = Lab::default();
    for (opens, is_early) in [(20, true), (29, true), (40, false), (3_600, false)] {
        let (bundle, leaves, _) = released(&lab, &[(opens, 7_200)]);
        let mut memory = lab.agent();
        let kept = memory.checkpoint.parse().unwrap();
        let decision = memory.judge_release(&bundle, &lab::proof_for(&bundle, &leaves, &kept), None, at(0));
        assert_eq!(
            (decision.reasons.as_slice(), decision.is_early),
            (["window-closed".to_owned()].as_slice(), is_early)
        );
        assert_eq!(decision.in_time().is_err(), is_early, "opens after {opens} seconds");
    }
}

/// A step further needs windows and status of that moment; what was begun is not too old for it.
#[test]
fn a_release_under_way_widens_only_inside_its_windows() {
    let lab = Lab::default();
    let (bundle, leaves, parts) = released(&lab, &[(-60, 1_000)]);
    let mut memory = lab.agent();
    let proof = lab::proof_for(&bundle, &leaves, &memory.checkpoint.parse().unwrap());
    assert_eq!(memory.judge_release(&bundle, &proof, None, at(0)).reasons, [""; 0]);
    memory.seen_release = bundle.release;
    let mut widened = |seconds: i64, status: Option<&evidence::status::StatusFile>| {
        let fresh = fresh(&lab, &parts, &leaves, seconds - 5);
        let decision = memory.judge_widening(&bundle, &[], Some(&fresh), status, at(seconds));
        assert_eq!(decision.apply.is_some(), decision.reasons.is_empty());
        decision.reasons
    };
    assert_eq!(widened(600, None), [""; 0]);
    assert_eq!(widened(1_000, None), ["window-closed"]);
    let freeze = Freeze { project: lab::name("shop"), service: None, environment: None };
    let frozen = Status { number: 2, frozen: vec![freeze], ..lab.status() };
    let frozen = lab.signed_status(&frozen, &[0, 1]);
    assert_eq!(widened(700, Some(&frozen)), ["frozen"]);
    assert_eq!(widened(700, None), ["frozen"], "it is remembered");
    let mut other = lab.agent();
    other.seen_release = bundle.release + 1;
    let late = other.judge_widening(&bundle, &proof, None, None, at(0));
    assert_eq!(late.reasons, ["release-not-newer"], "a newer release ends it");
    let stale = lab.agent().judge_widening(&bundle, &proof, None, None, at(600));
    assert_eq!(stale.reasons, ["window-unsure"], "without a newer checkpoint nobody knows the time");
}

#[test]
fn a_release_after_its_soak_time_and_one_that_two_people_let_begin_pass_everywhere() {
    let lab = Lab::default();
    let mut soaked = lab.honest();
    forgery::soaking(&lab, &mut soaked, 3_600, Some(3_700));
    let mut lifted = lab.honest();
    forgery::lifted(&lab, &mut lifted, |_, _| ());
    for (what, parts) in [("soaked", soaked), ("lifted", lifted)] {
        let (bundle, leaves) = assemble(&lab, &parts);
        for reader in READERS {
            assert_eq!(
                said(&lab, reader, &bundle, &leaves, at(0)),
                Vec::<String>::new(),
                "{reader:?}, {what}"
            );
        }
    }
}
