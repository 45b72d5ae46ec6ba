//! Runners that did work which the signed request and the trust root give to others.

use evidence::pool::Pool;
use evidence::trust_root::TrustRoot;
use serde_json::{Value, json};

use super::row::{Forgery, forged};
use super::runs::{PIPELINE, RunForgery, asked};
use super::unapplied::{beside, run};
use crate::world::Lab;

const NOT_SERVING: &str = "runner-not-serving";

/// Rows about the receipts of a build.
pub(super) fn rows() -> Vec<Forgery> {
    vec![
        forged("a build by a runner that the request leaves out", NOT_SERVING, |lab, parts| {
            run(lab, parts, "without", json!(["runner-1"]));
        }),
        forged("a build by a runner of a pool for other refs", NOT_SERVING, |lab, parts| {
            run(lab, parts, "root", json!(1));
        })
        .in_lab(|lab| lab.unusual = first_for_branches),
        forged("a build by runners of one host, as if they were two", NOT_SERVING, |lab, parts| {
            run(lab, parts, "root", json!(1));
        })
        .in_lab(|lab| {
            lab.unusual = |root| {
                pooled(root);
                root.runners[1].place = root.runners[0].place.clone();
            };
        }),
        forged("a build whose request names no root that chooses", "root-missing", |_, _| {})
            .in_lab(|lab| lab.unusual = pooled),
        forged("a build whose request names a root that is not there", "root-unproven", |lab, parts| {
            run(lab, parts, "root", json!(2));
        })
        .in_lab(|lab| lab.unusual = pooled),
    ]
}

/// Rows about work on a runner.
pub(super) fn work() -> Vec<RunForgery> {
    vec![
        asked("work for another pool", NOT_SERVING, |lab, work| asks(lab, work, "root", json!(1))).in_lab(
            |lab| {
                lab.pipeline = PIPELINE;
                lab.unusual = first_for_branches;
            },
        ),
        asked("work of a runner that the request leaves out", NOT_SERVING, |lab, work| {
            asks(lab, work, "without", json!(["runner-1"]));
        }),
        asked("work whose request names no root that chooses", "root-missing", |_, _| {}).in_lab(|lab| {
            lab.pipeline = PIPELINE;
            lab.unusual = pooled;
        }),
        asked("work whose request names a root that is not there", "root-unproven", |lab, work| {
            asks(lab, work, "root", json!(2));
        }),
    ]
}

fn asks(lab: &Lab, work: &mut super::runs::WorkOffer, field: &str, value: Value) {
    let arguments = beside(work.run().arguments, field, value);
    work.asks(lab.request(&lab.ada, "run", arguments, 70).1);
}

/// Both runners serve commits that no ref contains.
fn pooled(root: &mut TrustRoot) {
    root.runners.iter_mut().for_each(|runner| runner.pool = Some(Pool::Fork));
}

/// The first runner serves commits on verified refs.
fn first_for_branches(root: &mut TrustRoot) {
    pooled(root);
    root.runners[0].pool = Some(Pool::Branch);
}
