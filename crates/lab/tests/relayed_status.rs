//! Statuses that come by way of a witness: what a witness keeps and what an agent takes, and each change of what succeeds
//! that makes neither of them do so.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::Path;

use agent::{Memory, STATUS_FILE, read_aside, read_status, take_relayed};
use evidence::dsse::Envelope;
use evidence::relayed_status::RelayedStatus;
use evidence::status::{Freeze, Status, StatusFile};
use judge::replaces;
use lab::{Lab, assemble, at, name};

fn frozen(environment: &str) -> Freeze {
    Freeze { project: name("shop"), service: None, environment: Some(name(environment)) }
}

/// A tightening by one signer, of the first status.
fn tightened(lab: &Lab, number: u64, frozen: Vec<Freeze>) -> Status {
    let base = lab.signed_status(&lab.status(), &[0, 1]).base.payload_digest();
    Status { number, base: Some(base), frozen, ..lab.status() }
}

fn file(lab: &Lab, tightening: &Status, officers: &[usize]) -> StatusFile {
    let base = lab.signed_status(&lab.status(), &[0, 1]).base;
    StatusFile { base, tightening: Some(lab.signed_status(tightening, officers).base) }
}

fn first_root(lab: &Lab) -> Envelope {
    lab.signed_root(&lab.root(), &[0, 1])
}

fn relayed(lab: &Lab, status: StatusFile) -> RelayedStatus {
    RelayedStatus::new(status, vec![first_root(lab)])
}

/// Status 3 of one signer, which freezes production.
fn honest(lab: &Lab) -> RelayedStatus {
    relayed(lab, file(lab, &tightened(lab, 3, vec![frozen("production")]), &[0]))
}

/// What a witness with a kept status says, and what an agent that knows it says.
fn said(lab: &Lab, known: &RelayedStatus, given: &RelayedStatus) -> [String; 2] {
    let kept = match replaces(given, Some(known), &lab.anchors()) {
        Ok(replaced) => format!("replaced: {replaced}"),
        Err(error) => error.to_string(),
    };
    let taken = match agent_of(lab).takes(Some(&known.status), given) {
        Ok(number) => format!("taken: {number:?}"),
        Err(error) => error.to_string(),
    };
    [kept, taken]
}

fn agent_of(lab: &Lab) -> Memory {
    Memory { rehearsal: true, ..lab.agent() }
}

#[test]
fn a_freeze_by_one_signer_is_kept_and_taken_and_holds_a_release() {
    let lab = Lab::default();
    let before = relayed(&lab, lab.signed_status(&lab.status(), &[0, 1]));
    assert!(replaces(&before, None, &lab.anchors()).unwrap());
    let freeze = honest(&lab);
    assert_eq!(said(&lab, &before, &freeze), ["replaced: true", "taken: Some(3)"]);
    assert_eq!(said(&lab, &freeze, &freeze), ["replaced: false", "taken: None"]);
    // A new base lifts it again.
    let lifted = relayed(&lab, lab.signed_status(&Status { number: 4, ..lab.status() }, &[0, 1]));
    assert_eq!(said(&lab, &freeze, &lifted), ["replaced: true", "taken: Some(4)"]);
    // The server shows the older status, and the agent still refuses.
    let (bundle, leaves) = assemble(&lab, &lab.honest());
    let mut agent = agent_of(&lab);
    let judged = |agent: &mut Memory, by_hand| {
        let proof = lab::proof_for(&bundle, &leaves, &agent.checkpoint.parse().unwrap());
        agent.judge_release(&bundle, &proof, by_hand, at(0)).reasons
    };
    assert_eq!(judged(&mut agent.clone(), None), Vec::<String>::new());
    assert_eq!(judged(&mut agent, Some(&freeze.status)), ["frozen"]);
    assert_eq!(judged(&mut agent, None), ["frozen"], "also once the file is gone");
}

/// A status that one signer signed and that cannot be read may freeze anything: an agent takes it.
#[test]
fn an_agent_takes_what_it_cannot_read() {
    let lab = Lab::default();
    let agent = agent_of(&lab);
    let unread = |number, officers: &[usize]| relayed(&lab, lab.unread_status(number, officers));
    assert_eq!(agent.takes(None, &unread(2, &[0])).unwrap(), Some(2));
    assert_eq!(agent.takes(None, &unread(0, &[0])).unwrap(), None, "older than what was read");
    agent.takes(None, &unread(2, &[])).unwrap_err();
    let met = lab.unread_status(5, &[0]);
    assert_eq!(agent.takes(Some(&met), &honest(&lab)).unwrap(), None, "the unread one stays");
    assert_eq!(agent.takes(Some(&met), &unread(5, &[0])).unwrap(), None);
    let newer = relayed(&lab, lab.signed_status(&Status { number: 6, ..lab.status() }, &[0, 1]));
    assert_eq!(agent.takes(Some(&met), &newer).unwrap(), Some(6));
}

#[test]
fn attack_a_status_that_is_not_the_newest_valid_one_goes_nowhere() {
    let lab = Lab::default();
    let known = honest(&lab);
    let both = vec![frozen("production"), frozen("staging")];
    let next = |status: &Status, officers: &[usize]| relayed(&lab, file(&lab, status, officers));
    let good = tightened(&lab, 4, both.clone());
    assert_eq!(said(&lab, &known, &next(&good, &[0])), ["replaced: true", "taken: Some(4)"]);
    let refused = |what: &str, given: &RelayedStatus, words: &str| {
        for said in said(&lab, &known, given) {
            assert!(said.contains(words), "{what}: {said}");
        }
    };
    refused("signed by nobody", &next(&good, &[]), "status");
    let loosened = tightened(&lab, 4, vec![frozen("staging")]);
    refused("loosened", &next(&loosened, &[0]), "status 4 lifts something that status 3 stops");
    let same = Status { number: 3, ..good.clone() };
    refused("another one with the number", &next(&same, &[0]), "status 3 is known, this is 3");
    let older = Status { number: 2, ..good.clone() };
    let [kept, taken] = said(&lab, &known, &next(&older, &[0]));
    assert!(kept.contains("status 3 is known, this is 2"), "{kept}");
    assert_eq!(taken, "taken: None", "a witness that is behind is not at fault");
    let other = Status { installation: lab::id(9), ..good.clone() };
    refused("of another installation", &next(&other, &[0]), "another installation");
    let one = relayed(&lab, lab.signed_status(&Status { number: 4, ..lab.status() }, &[0]));
    refused("a base of one signer", &one, "status");
    let later = Status { minimum_root: 2, ..good.clone() };
    refused("a newer root is asked for", &next(&later, &[0]), "asks for root version 2 or later");
}

#[test]
fn attack_roots_that_do_not_follow_from_the_pin() {
    let lab = Lab::default();
    let mut second = lab.root();
    second.version = 2;
    let known = relayed(&lab, lab.signed_status(&lab.status(), &[0, 1]));
    let with = |roots: Vec<Envelope>| RelayedStatus { roots, ..honest(&lab) };
    let signed = |officers: &[usize]| lab.signed_root(&second, officers);
    let good = with(vec![first_root(&lab), signed(&[0, 1])]);
    assert_eq!(said(&lab, &known, &good), ["replaced: true", "taken: Some(3)"]);
    for (what, roots) in [
        ("of one holder", vec![first_root(&lab), signed(&[0])]),
        ("without the pinned one", vec![signed(&[0, 1])]),
        ("twice", vec![first_root(&lab), first_root(&lab)]),
    ] {
        for said in said(&lab, &known, &with(roots)) {
            assert!(said.contains("root"), "{what}: {said}");
        }
    }
    let without = said(&lab, &known, &with(vec![signed(&[0, 1])]));
    assert!(without[0].contains("the pinned one, is not among its roots"), "{without:?}");
    // A newer root was met: a chain that withholds it does not count.
    let [kept, _] = said(&lab, &good, &next_of(&lab));
    assert!(kept.contains("root version 2 was seen before"), "{kept}");
    let agent = Memory { seen_root: 2, ..agent_of(&lab) };
    agent.takes(None, &honest(&lab)).unwrap_err();
    assert_eq!(agent.takes(None, &good).unwrap(), Some(3));
}

fn next_of(lab: &Lab) -> RelayedStatus {
    relayed(lab, file(lab, &tightened(lab, 4, vec![frozen("production")]), &[0]))
}

/// A signer's status that cannot be read stops everything. It does not take the place of a freeze, which holds once a newer
/// one can be read.
#[test]
fn attack_a_status_that_cannot_be_read_before_one_that_lifts_a_freeze() {
    let lab = Lab::default();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("an-agent-that-asks-witnesses");
    drop(fs::remove_dir_all(&dir));
    fs::create_dir_all(&dir).unwrap();
    agent_of(&lab).write(&dir).unwrap();
    let take = |given: &RelayedStatus| take_relayed(&dir, given).map_err(|error| error.to_string());
    let (bundle, leaves) = assemble(&lab, &lab.honest());
    let judged = || {
        let mut agent = Memory { aside: read_aside(&dir).unwrap(), ..Memory::read(&dir).unwrap() };
        let proof = lab::proof_for(&bundle, &leaves, &agent.checkpoint.parse().unwrap());
        agent.judge_release(&bundle, &proof, read_status(&dir).unwrap().as_ref(), at(0)).reasons
    };
    assert_eq!(judged(), Vec::<String>::new());
    assert_eq!(take(&honest(&lab)), Ok(Some(3)));
    assert_eq!(judged(), ["frozen"]);
    assert_eq!(take(&relayed(&lab, lab.unread_status(4, &[1]))), Ok(Some(4)));
    assert_eq!(judged(), ["status-unreadable"]);
    let lifts = file(&lab, &tightened(&lab, 5, Vec::new()), &[1]);
    let refused = take(&relayed(&lab, lifts.clone())).unwrap_err();
    assert!(refused.contains("status 5 lifts something that status 3 stops"), "{refused}");
    assert_eq!(judged(), ["status-unreadable"]);
    // The same status, written into the file by hand, is refused as well.
    let unread = fs::read(dir.join(STATUS_FILE)).unwrap();
    fs::write(dir.join(STATUS_FILE), lifts.encode().unwrap()).unwrap();
    assert_eq!(judged(), ["status-loosens"]);
    fs::write(dir.join(STATUS_FILE), unread).unwrap();
    let keeps = tightened(&lab, 5, vec![frozen("production")]);
    assert_eq!(take(&relayed(&lab, file(&lab, &keeps, &[1]))), Ok(Some(5)));
    assert_eq!(judged(), ["frozen"]);
    let base = lab.signed_status(&Status { number: 6, ..lab.status() }, &[0, 1]);
    assert_eq!(take(&relayed(&lab, base)), Ok(Some(6)));
    assert_eq!(judged(), Vec::<String>::new());
}

/// Of several statuses that cannot be read, the newest one holds.
#[test]
fn attack_a_number_between_two_that_cannot_be_read() {
    let lab = Lab::default();
    let agent = Memory { unread: Some(lab.unread_status(5, &[0])), ..agent_of(&lab) };
    let by_hand = lab.unread_status(7, &[0]);
    let base = |number| relayed(&lab, lab.signed_status(&Status { number, ..lab.status() }, &[0, 1]));
    assert_eq!(agent.takes(None, &base(6)).unwrap(), Some(6));
    assert_eq!(agent.takes(Some(&by_hand), &base(6)).unwrap(), None);
    assert_eq!(agent.takes(Some(&by_hand), &base(8)).unwrap(), Some(8));
    let unread = |number| relayed(&lab, lab.unread_status(number, &[0]));
    assert_eq!(agent.takes(Some(&by_hand), &unread(6)).unwrap(), None);
    assert_eq!(agent.takes(Some(&by_hand), &unread(8)).unwrap(), Some(8));
}
