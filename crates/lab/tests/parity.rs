//! An honest plan of the environment before passes the rule about parity, and what the place expects is no difference.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use evidence::configuration::Configuration;
use evidence::parity_rules::ParityRules;
use evidence::plan::Plan;
use evidence::{Bytes, Digest};
use judge::{VerificationContext, check, judge_checked};
use lab::forgery::parity::{in_staging, runs_by, with_parity};
use lab::{Lab, assemble, configuration};

/// Codes of the verdict about a release after a staging whose plan has a change, under a configuration.
fn codes(change: fn(&mut Plan), expected: Option<&[&str]>) -> Vec<String> {
    let mut lab = Lab::default();
    with_parity(&mut lab);
    let mut parts = lab.honest();
    if let Some(names) = expected {
        let ignore = names.iter().map(|name| (*name).to_owned()).collect();
        let configuration = Configuration { parity: Some(ParityRules { ignore }), ..configuration() };
        parts.configuration = configuration.encode().unwrap();
        let mut statement = lab.environment("production", &parts.replaces.1);
        statement.configuration = Digest::of(&parts.configuration);
        parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    }
    let plan = in_staging(&parts.source, change);
    runs_by(&lab, &mut parts, &plan);
    let (mut bundle, _) = assemble(&lab, &parts);
    bundle.lanes.before_plan = Some(Bytes(plan));
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let checked = check(&bundle, &lab.anchors(), &seen).unwrap();
    judge_checked(&checked).reasons.iter().map(|reason| reason.code.clone()).collect()
}

#[test]
fn a_staging_that_runs_by_the_same_plan_passes() {
    assert_eq!(codes(|_| (), None), Vec::<String>::new());
}

#[test]
fn a_difference_that_the_place_expects_passes_and_another_one_does_not() {
    let changed: fn(&mut Plan) = |plan| {
        plan.variables.insert("PUBLIC_URL".to_owned(), "https://staging.example".to_owned());
    };
    assert_eq!(codes(changed, None), ["environments-differ"]);
    assert_eq!(codes(changed, Some(&["variable PUBLIC_*"])), Vec::<String>::new());
    assert_eq!(codes(changed, Some(&["variable PRIVATE_*", "memory"])), ["environments-differ"]);
}
