//! Refs: receipts that do not say what the signed request for the run demands of its runners.

use evidence::CommitId;
use evidence::git::RefName;
use evidence::receipt::{Receipt, VerifiedRef};
use serde_json::json;

use super::row::{Forgery, forged};
use super::runs::{RunForgery, asked};
use super::unapplied::beside;
use crate::parts::Parts;
use crate::world::Lab;

pub(super) fn rows() -> Vec<Forgery> {
    fn row(name: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
        forged(name, "ref-unverified", pieces)
    }
    vec![
        row("a run on a ref that nobody verified", |lab, parts| on_ref(lab, parts, Some(MAIN), |_| {})),
        row("a run on a ref that one runner did not verify", |lab, parts| {
            on_ref(lab, parts, Some(MAIN), |receipt| {
                let verified = receipt.runner.as_str() == "runner-1";
                receipt.verified_ref = verified.then(|| found_on(MAIN));
            });
        }),
        row("a run on a ref that was verified for its steps alone", |lab, parts| {
            on_ref(lab, parts, Some(MAIN), |receipt| {
                receipt.verified_ref = (receipt.work.kind() == "step").then(|| found_on(MAIN));
            });
        }),
        row("a run on a protected ref, of a commit that was found on a branch", |lab, parts| {
            on_ref(lab, parts, Some(MAIN), |receipt| receipt.verified_ref = Some(found_on(OTHER)));
        }),
        row("a run without a ref that passes for one of a protected ref", |lab, parts| {
            on_ref(lab, parts, None, |receipt| receipt.verified_ref = Some(found_on(MAIN)));
        }),
        forged("a run on something that is no ref", "request-unsound", |lab, parts| {
            on_ref(lab, parts, Some("main"), |_| {});
        }),
    ]
}

/// Rows about work on a runner. Which commits a ref contains, a runner finds by its own fetch.
pub(super) fn work() -> Vec<RunForgery> {
    vec![asked("work on something that is no ref", "request-unsound", |lab, asked| {
        let arguments = beside(asked.run().arguments, "ref", json!("--upload-pack=/bin/sh"));
        asked.asks(lab.request(&lab.ada, "run", arguments, 70).1);
    })]
}

/// Ada asks for the run on a ref, and both runners find the commit on it.
pub fn verified(lab: &Lab, parts: &mut Parts) {
    on_ref(lab, parts, Some(MAIN), |receipt| receipt.verified_ref = Some(found_on(MAIN)));
}

/// Ada asks for the run, on a ref or on none; all runners do it, and each receipt is changed before it is signed.
fn on_ref(lab: &Lab, parts: &mut Parts, name: Option<&str>, change: impl Fn(&mut Receipt)) {
    let mut arguments = lab.run(parts).arguments;
    if let Some(name) = name {
        arguments = beside(arguments, "ref", json!(name));
    }
    let (request, envelope) = lab.request(&lab.ada, "run", arguments, 70);
    parts.requests[0] = envelope;
    parts.receipts = lab.receipts(parts, request.idempotency(), change);
    lab.approve(parts);
}

fn found_on(name: &str) -> VerifiedRef {
    let (name, tip): (Option<RefName>, Option<CommitId>) = (name.parse().ok(), "c".repeat(40).parse().ok());
    VerifiedRef { name: name.unwrap(), tip: tip.unwrap() }
}

const MAIN: &str = "refs/heads/main";
const OTHER: &str = "refs/heads/mallory";
