//! Steps that are held apart, because they get secrets: receipts of more than one runner, or of another one than is chosen.

use domain::build::{nonce, seed};
use evidence::receipt::{Receipt, Work};
use evidence::request::Request;
use serde_json::json;

use super::lent;
use super::pools::pooled;
use super::row::{Forgery, forged};
use super::runs::{RunForgery, asked};
use super::unapplied::run;
use crate::assemble::opened;
use crate::parts::{PIPELINE_APART, Parts};
use crate::world::{Lab, name, runner_name};

/// Rows about the receipts of a build.
pub(super) fn rows() -> Vec<Forgery> {
    const BROKEN: &str = "receipt-chain-broken";
    let row = |name, code, pieces| forged(name, code, pieces).in_lab(|lab| lab.pipeline = PIPELINE_APART);
    vec![
        row("a step with a secret that two runners did", BROKEN, |lab, parts| done_by(lab, parts, &[0, 1])),
        row("a step with a secret that nobody did", BROKEN, |lab, parts| done_by(lab, parts, &[])),
        forged(
            "a step with a secret by another runner than is chosen",
            "runner-not-serving",
            |lab, parts| {
                run(lab, parts, "root", json!(1));
                done_by(lab, parts, &[1 - lab.leading()]);
            },
        )
        .in_lab(|lab| {
            lab.pipeline = PIPELINE_APART;
            lab.unusual = pooled;
        }),
    ]
}

/// Rows about work on a runner.
pub(super) fn work() -> Vec<RunForgery> {
    vec![
        asked("a step with a secret for another runner than is chosen", "runner-not-serving", |lab, work| {
            lent::offered(lab, work, 1 - lent::leading(lab));
        })
        .in_lab(lent::lending),
        asked("a step after one with a secret for another runner", "runner-not-serving", |lab, work| {
            lent::offered(lab, work, 1 - lent::leading(lab));
            *work = work.clone().with(Work::Step(name("last")));
        })
        .in_lab(lent::lending),
    ]
}

/// The step that is held apart, done by these runners.
fn done_by(lab: &Lab, parts: &mut Parts, runners: &[usize]) {
    let run = Request::read(&parts.requests[0]).unwrap().idempotency();
    let is_apart = |receipt: &Receipt| receipt.work == Work::Step(name("test"));
    let read = parts.receipts.iter().filter_map(opened).map(|(_, receipt)| receipt);
    let honest = read.into_iter().find(is_apart).unwrap();
    parts.receipts.retain(|envelope| !is_apart(&opened(envelope).unwrap().1));
    for n in runners {
        let mut receipt = Receipt { runner: runner_name(*n), ..honest.clone() };
        receipt.nonce = nonce(seed(run), &receipt.work, &receipt.runner);
        parts.receipts.push(receipt.sign(&lab.runners[*n]).unwrap());
    }
    lab.approve(parts);
}
