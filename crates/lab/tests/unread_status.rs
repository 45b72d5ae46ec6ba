//! An agent that meets a status which a status signer signed and which its program cannot read: nothing is applied until
//! a newer one can be read, whatever the server shows meanwhile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use agent::{Decision, Memory};
use evidence::bundle::Bundle;
use evidence::status::StatusFile;
use lab::{Lab, assemble, at, by_agent};

const UNREADABLE: &str = "status-unreadable";

fn honest(lab: &Lab) -> (Bundle, Vec<tlog::Hash>) {
    assemble(lab, &lab.honest())
}

/// The codes against the release, and against a rollback afterwards.
fn refused(lab: &Lab, memory: &mut Memory, bundle: &Bundle, leaves: &[tlog::Hash]) -> [Vec<String>; 2] {
    let released = by_agent(memory, bundle, leaves, at(0));
    let mut after = memory.clone();
    [released, after.judge_return(&lab.order(), None, at(0)).reasons]
}

/// A newer status that can be read.
fn readable(lab: &Lab, number: u64) -> StatusFile {
    let mut status = lab.status();
    status.number = number;
    lab.signed_status(&status, &[0, 1])
}

#[test]
fn attack_an_older_status_after_one_that_cannot_be_read() {
    let lab = Lab::default();
    let (bundle, leaves) = honest(&lab);
    let mut memory = lab.agent();
    assert_eq!(refused(&lab, &mut memory.clone(), &bundle, &leaves), [vec![], Vec::<String>::new()]);
    // One signer has signed it, as for a tightening.
    let mut shown = bundle.clone();
    shown.status = lab.unread_status(5, &[0]);
    assert_eq!(by_agent(&mut memory, &shown, &leaves, at(0)), [UNREADABLE]);
    // From now on the server withholds it. The memory was stored in between.
    let stored = serde_json::to_vec(&memory).unwrap();
    let mut memory: Memory = serde_json::from_slice(&stored).unwrap();
    assert_eq!(refused(&lab, &mut memory, &bundle, &leaves), [[UNREADABLE], [UNREADABLE]]);
    // A newer status that can be read lifts it; one that is older or has the same number does not.
    for number in [4, 5] {
        let said = given(&mut memory.clone(), &bundle, &leaves, &readable(&lab, number));
        assert_eq!(said.reasons, [UNREADABLE], "{number}");
    }
    let said = given(&mut memory, &bundle, &leaves, &readable(&lab, 6));
    assert_eq!((said.reasons, memory.unread.clone()), (vec![], None));
    assert_eq!(memory.seen_status, 6);
    assert_eq!(refused(&lab, &mut memory, &bundle, &leaves), [vec![], Vec::<String>::new()]);
}

#[test]
fn attack_a_status_by_hand_that_cannot_be_read() {
    let lab = Lab::default();
    let (bundle, leaves) = honest(&lab);
    for (status, code) in [
        (lab.unread_status(2, &[1]), Some(UNREADABLE)),
        // A status from before the newest that was read says nothing, nor does one that no status signer signed.
        (lab.unread_status(0, &[0, 1]), None),
        (lab.unread_status(2, &[]), None),
    ] {
        let mut memory = lab.agent();
        let said = given(&mut memory, &bundle, &leaves, &status);
        assert_eq!(said.reasons, code.into_iter().collect::<Vec<_>>());
        assert_eq!(memory.unread, code.map(|_| status.clone()));
        let mut memory = lab.agent();
        let said = memory.judge_return(&lab.order(), Some(&status), at(0));
        assert_eq!(said.reasons, code.into_iter().collect::<Vec<_>>());
        assert_eq!(memory.unread, code.map(|_| status));
    }
}

/// What the agent says has the remedy, and an older memory reads as it was.
#[test]
fn the_remedy_is_named_and_older_memories_stay() {
    let lab = Lab::default();
    let (bundle, leaves) = honest(&lab);
    let mut memory = lab.agent();
    let plain = serde_json::to_string(&memory).unwrap();
    assert!(!plain.contains("unread"), "{plain}");
    let said = given(&mut memory, &bundle, &leaves, &lab.unread_status(2, &[0]));
    let [words] = said.words.as_slice() else { unreachable!("{:?}", said.words) };
    assert_eq!(
        words,
        "status-unreadable: a status signer signed status 2, which this program cannot read (status: `v` is not 1, \
         the version that this program knows), so everything stays as it is; upgrade this program, or have the status \
         signers sign a newer status that it can read"
    );
}

/// Root holders who take the signer out of the root lift what he alone has signed.
#[test]
fn a_root_without_the_signer_lifts_what_he_signed() {
    let lab = Lab::default();
    let (mut bundle, leaves) = honest(&lab);
    let mut memory = lab.agent();
    memory.unread = Some(lab.unread_status(9, &[2]));
    assert_eq!(by_agent(&mut memory.clone(), &bundle, &leaves, at(0)), [UNREADABLE]);
    let mut root = lab.root();
    root.version = 2;
    root.status.holders.truncate(2);
    bundle.roots.push(lab.signed_root(&root, &[0, 1]));
    // The roots are no part of what was recorded here, so the release itself is refused for that alone.
    let said = by_agent(&mut memory, &bundle, &leaves, at(0));
    assert!(!said.iter().any(|code| code == UNREADABLE), "{said:?}");
}

/// Judges the release with a status that came by hand.
fn given(memory: &mut Memory, bundle: &Bundle, leaves: &[tlog::Hash], status: &StatusFile) -> Decision {
    let proof = lab::proof_for(bundle, leaves, &memory.checkpoint.parse().unwrap());
    memory.judge_release(bundle, &proof, Some(status), at(0))
}
