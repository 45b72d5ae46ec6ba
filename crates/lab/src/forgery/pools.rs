//! Runners that did work which the signed request and the trust root give to others.

use evidence::pool::Pool;
use evidence::trust_root::TrustRoot;
use serde_json::{Value, json};

use super::row::{Forgery, forged};
use super::runs::{PIPELINE, RunForgery, asked};
use super::unapplied::{beside, run};
use crate::files::RELEASE_CHECKS;
use crate::parts::Parts;
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
        forged("a build by a runner that a newer root puts into another pool", NOT_SERVING, |lab, parts| {
            amended(lab, parts, |root| root.runners[0].pool = Some(Pool::Branch));
        })
        .in_lab(|lab| lab.unusual = pooled),
        forged("a build by a root from before the runners had pools", "root-missing", |lab, parts| {
            amended(lab, parts, pooled);
        }),
        forged("a check by a runner that checks no releases", NOT_SERVING, |lab, parts| {
            run(lab, parts, "root", json!(1));
        })
        .in_lab(|lab| {
            lab.release = RELEASE_CHECKS;
            lab.unusual = |root| root.runners[1].pool = Some(Pool::Fork);
        }),
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
        asked("work of a runner that a newer root puts into another pool", NOT_SERVING, |lab, work| {
            asks(lab, work, "root", json!(1));
            let mut root = lab.root();
            root.version = 2;
            first_for_branches(&mut root);
            work.order.roots.push(lab.signed_root(&root, &[0, 1]));
        })
        .in_lab(|lab| {
            lab.pipeline = PIPELINE;
            lab.unusual = pooled;
        }),
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

/// The request names root 1, and the holders have signed root 2 since.
fn amended(lab: &Lab, parts: &mut Parts, change: fn(&mut TrustRoot)) {
    run(lab, parts, "root", json!(1));
    let mut root = lab.root();
    root.version = 2;
    change(&mut root);
    parts.roots.push(lab.signed_root(&root, &[0, 1]));
}

pub(super) fn asks(lab: &Lab, work: &mut super::runs::WorkOffer, field: &str, value: Value) {
    let arguments = beside(work.run().arguments, field, value);
    work.asks(lab.request(&lab.ada, "run", arguments, 70).1);
}

/// Both runners serve commits that no ref contains.
pub(super) fn pooled(root: &mut TrustRoot) {
    root.runners.iter_mut().for_each(|runner| runner.pool = Some(Pool::Fork));
}

/// The first runner serves commits on verified refs.
fn first_for_branches(root: &mut TrustRoot) {
    pooled(root);
    root.runners[0].pool = Some(Pool::Branch);
}
