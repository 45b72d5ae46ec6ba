//! Given the enrolled people, when a commit is submitted, then it is accepted or refused with every reason.

use super::Signature;
use crate::Command;
use crate::scenario::{at, bob, codes, founded, happen, run, run_id};

#[test]
fn a_commit_is_taken_when_its_signer_is_known() {
    let mut state = founded();
    happen(&mut state, &Command::Run(Box::new(run(false))));
    let source = state.source.of(run_id()).unwrap();
    assert_eq!(source.facts.signer, crate::scenario::alice());
}

#[test]
fn what_is_unsigned_or_unknown_is_refused_with_every_reason() {
    let state = founded();
    let signed = |signature| {
        let mut command = run(false);
        command.take.signature = signature;
        Command::Run(Box::new(command))
    };
    assert_eq!(
        codes(&state, &signed(Signature::None("the commit is not signed".into()))),
        ["commit-unsigned"]
    );
    assert_eq!(codes(&state, &signed(Signature::By("SHA256:stranger".into()))), ["commit-signer-unknown"]);
    // A key for another purpose must not sign commits.
    assert_eq!(codes(&state, &signed(Signature::By("SHA256:1-Approve".into()))), ["commit-signer-unknown"]);
    let refusal =
        crate::decide(&state, &signed(Signature::By("SHA256:1-Approve".into())), at(10)).unwrap_err();
    let reason = refusal.reasons().next().unwrap();
    let what = "which is enrolled for approvals and not for commits";
    assert!(
        reason.what.contains("is signed with key SHA256:1-Approve") && reason.what.ends_with(what),
        "{reason:?}"
    );
    assert!(!reason.what.contains("nobody"), "one sentence, which contradicts no other: {reason:?}");
    assert!(
        reason.remedy.starts_with("sign with SHA256:1-Commit, which is enrolled for commits"),
        "{reason:?}"
    );
    let mut both = run(false);
    both.take.requester = bob();
    both.take.signature = Signature::None("no".into());
    assert_eq!(codes(&state, &Command::Run(Box::new(both))), ["role-missing", "commit-unsigned"]);
}
