//! The plan of the environment before: withheld, replaced by another one, or honest and different.
//!
//! The policy has the rule `environments-differ`, and an honest plan of staging passes it.

use evidence::bundle::Bundle;
use evidence::plan::Plan;
use evidence::report::AgentReport;
use evidence::{Bytes, Digest};

use super::row::{Forgery, forged};
use crate::parts::{self, Parts};
use crate::world::Lab;

/// The default policy, which also demands that staging runs by the same plan.
pub fn with_parity(lab: &mut Lab) {
    let off = "\"environments-differ\": {\"other\": \"off\"";
    for text in lab.policy.files.values_mut() {
        *text = text.replace(off, "\"environments-differ\": {\"other\": \"block\"");
    }
}

/// Staging's agent reports that the release runs there by a plan.
pub fn runs_by(lab: &Lab, parts: &mut Parts, plan: &[u8]) {
    let mut report = AgentReport::read(&parts.reports[0]).unwrap();
    report.plan = Digest::of(plan);
    if let Some(running) = report.running.as_mut() {
        (running.release, running.plan) = (Some(report.release), Some(report.plan));
    }
    parts.reports[0] = lab.report(&report, &lab.staging);
    lab.approve(parts);
}

/// The plan that staging runs, with a change, in its bytes.
pub fn in_staging(source: &evidence::source_pack::SourcePack, change: impl Fn(&mut Plan)) -> Vec<u8> {
    let mut plan = parts::plan("staging", source);
    change(&mut plan);
    plan.encode().unwrap()
}

/// Half of the memory, which tests in staging would not see.
fn halved(plan: &mut Plan) {
    plan.memory_bytes /= 2;
}

fn carries(bundle: &mut Bundle, plan: Vec<u8>) {
    bundle.lanes.before_plan = Some(Bytes(plan));
}

pub(super) fn rows() -> Vec<Forgery> {
    vec![
        forged("the plan of staging, which the server withholds", "environments-differ", |lab, parts| {
            let plan = in_staging(&parts.source, |_| ());
            runs_by(lab, parts, &plan);
        })
        .in_lab(with_parity),
        forged("a staging that runs with half of the memory", "environments-differ", |lab, parts| {
            let plan = in_staging(&parts.source, halved);
            runs_by(lab, parts, &plan);
        })
        .in_lab(with_parity)
        .then(|_, bundle| {
            let plan = in_staging(&bundle.source, halved);
            carries(bundle, plan);
        }),
        forged("the plan of another staging than its agent reported", UNSOUND, |lab, parts| {
            let plan = in_staging(&parts.source, halved);
            runs_by(lab, parts, &plan);
        })
        .in_lab(with_parity)
        .then(|_, bundle| {
            let plan = in_staging(&bundle.source, |_| ());
            carries(bundle, plan);
        }),
        forged("a plan of staging that its agent did not report", UNSOUND, |_, _| ())
            .in_lab(with_parity)
            .then(|_, bundle| {
                let plan = in_staging(&bundle.source, |_| ());
                carries(bundle, plan);
            }),
        forged("bytes that are no plan of staging", UNSOUND, |lab, parts| runs_by(lab, parts, NO_PLAN))
            .in_lab(with_parity)
            .then(|_, bundle| carries(bundle, NO_PLAN.to_vec())),
        forged("a plan of staging that the policy does not read", UNSOUND, |lab, parts| {
            let plan = in_staging(&parts.source, |_| ());
            runs_by(lab, parts, &plan);
        })
        .in_lab(|lab| {
            lab.policy.files.values_mut().for_each(|text| *text = text.replace(READS, ""));
        })
        .then(|_, bundle| {
            let plan = in_staging(&bundle.source, |_| ());
            carries(bundle, plan);
        }),
    ]
}

const UNSOUND: &str = "parity-unsound";
const NO_PLAN: &[u8] = b"{}";
const READS: &str = "reads contains {\"parity\": true}";
