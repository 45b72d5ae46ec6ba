//! Given a pending release, when people approve or reject it, then their decisions are recorded or refused.

use evidence::approval::Decision;

use super::SubmitApproval;
use crate::Command;
use crate::scenario::{alice, approve, at, bob, codes, digest, happen, place, proposed};

fn code(change: impl FnOnce(&mut SubmitApproval)) -> Vec<String> {
    let mut command = approve(bob());
    change(&mut command);
    codes(&proposed(), &Command::SubmitApproval(Box::new(command)))
}

#[test]
fn an_approval_names_exactly_what_stands_open() {
    assert_eq!(code(|_| ()), [""; 0]);
    assert_eq!(code(|give| give.given.release = 2), ["no-such-release"]);
    assert_eq!(code(|give| give.given.place = place("dev")), ["no-such-release"]);
    assert_eq!(code(|give| give.given.artifact = digest("another")), ["approval-differs"]);
    assert_eq!(code(|give| give.given.plan = digest("another")), ["approval-differs"]);
    assert_eq!(code(|give| give.given.expires = at(10)), ["expired"]);
    assert_eq!(code(|give| give.not_before = at(10_000)), ["expired"]);
}

#[test]
fn nobody_approves_their_own_change_but_anybody_may_reject() {
    assert_eq!(code(|give| give.given.person = alice()), ["own-change"]);
    let rejected = code(|give| {
        give.given.person = alice();
        give.given.decision = Decision::Reject;
    });
    assert_eq!(rejected, [""; 0]);
    let alone = code(|give| {
        give.given.person = alice();
        give.solo = true;
    });
    assert_eq!(alone, [""; 0]);
}

#[test]
fn a_later_word_of_the_same_person_replaces_the_earlier_one() {
    let mut state = proposed();
    happen(&mut state, &Command::SubmitApproval(Box::new(approve(bob()))));
    let mut rejection = approve(bob());
    rejection.given.decision = Decision::Reject;
    happen(&mut state, &Command::SubmitApproval(Box::new(rejection)));
    let said: Vec<_> = state.approval.of(&place("production"), 1).map(|word| word.facts.decision).collect();
    assert_eq!(said, [Decision::Reject]);
}
