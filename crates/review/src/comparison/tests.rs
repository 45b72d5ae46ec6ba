//! Comparisons of bundles of the lab.
#![allow(clippy::unwrap_used, reason = "test code")]

use evidence::Bytes;
use evidence::configuration::Configuration;
use judge::VerificationContext;
use lab::{Lab, assemble};

use super::compared;

#[test]
fn a_release_is_equal_to_itself_and_differs_in_both_directions() {
    let lab = Lab::default();
    let (bundle, _) = assemble(&lab, &lab.honest());
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let checked = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
    let judgement = judge::judge_checked(&checked);
    let same = compared((&checked, &judgement), (&checked, &judgement));
    assert!(same.differences.is_empty(), "{same:?}");
    assert!(same.headline().starts_with("It is the same release: "), "{}", same.headline());
    assert_eq!(same.from.approved_by, ["bob"], "the people whose approval counts");

    let mut other = bundle.clone();
    other.release += 1;
    let mut configuration = Configuration::decode(&other.configuration.0).unwrap();
    configuration.variables.insert("COLOUR".to_owned(), "red".to_owned());
    other.configuration = Bytes(configuration.encode().unwrap());
    let mut later = judge::check(&bundle, &lab.anchors(), &seen).unwrap();
    later.bundle = &other;
    let mut refused = judgement.clone();
    refused.outcome = domain::gate::GateOutcome::Fail;
    refused.reasons = vec![policy::Reason::new("tests-failed", "2 tests failed", "mend them")];
    let forth = compared((&checked, &judgement), (&later, &refused));
    let back = compared((&later, &refused), (&checked, &judgement));
    let text = forth.text();
    assert!(forth.headline().starts_with("2 sorts of differences from release "), "{text}");
    assert!(text.contains("+ variable COLOUR: red"), "{text}");
    assert!(text.contains("The first release passes, the second one does not pass"), "{text}");
    assert!(text.contains("new reason: tests-failed"), "{text}");
    let environment = bundle.place().environment;
    assert_eq!(forth.verdict(), format!("Release {} of {environment} does not pass", other.release));
    let mut worse = forth.clone();
    let line = |text: &str| crate::differences::Line::new(crate::differences::Sign::Changed, text);
    worse.differences[0].lines.push(line("new: critical: sql at src/main.rs:3"));
    worse.differences[0].lines.push(line("new: high: about at src/main.rs:4"));
    assert_eq!(
        worse.verdict(),
        format!("Release {} of {environment} adds 1 critical finding and does not pass", other.release)
    );
    assert_eq!(back.verdict(), format!("Release {} of {environment} passes", bundle.release));
    let text = back.text();
    assert!(
        text.contains("- variable COLOUR: red") && text.contains("no longer a reason: tests-failed"),
        "{text}"
    );
}
