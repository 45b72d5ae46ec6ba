//! The texts that people read of evidence, where somebody who wrote the commit could choose them.
#![allow(clippy::unwrap_used, reason = "test code")]

use evidence::document::findings::{Class, Severity};
use judge::{VerificationContext, check};
use lab::documents::{self, LabDocument, SCAN, SECRETS};
use lab::{Lab, assemble};

/// A step of the repository leaves a report before the runner scans.
const PIPELINE: &str = "version: 1
steps:
  build:
    run: make
    outputs: [out/api]
    reports: [{ kind: sarif, path: out/scan.sarif }]
  test:
    needs: [build]
    scan: [secrets, components]
artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
";

#[test]
fn a_report_of_a_step_rewrites_no_text_of_the_runner() {
    let of = |severity, message: &str| {
        let mut document = documents::findings(&[("style", Class::Code, severity)]);
        document.findings.values_mut().for_each(|finding| finding.message = message.to_owned());
        LabDocument::of(&document)
    };
    let lab = Lab { pipeline: PIPELINE, ..Lab::default() };
    let mut parts = lab.honest();
    parts.documents.insert(SECRETS.into(), of(Severity::Low, "a key of the bank"));
    parts.documents.insert(SCAN.into(), of(Severity::Medium, "z: nothing to see here"));
    parts.receipts = lab.receipts(&parts, lab.run(&parts).idempotency(), |_| {});
    lab.approve(&mut parts);
    let (bundle, _) = assemble(&lab, &parts);
    let seen = VerificationContext { root: 1, ..VerificationContext::default() };
    let anchors = lab.anchors();
    let checked = check(&bundle, &anchors, &seen).unwrap();
    let found = checked.lanes.documents.all.findings.unwrap().findings;
    let told: Vec<_> = found.values().map(|finding| (finding.severity, finding.message.as_str())).collect();
    assert_eq!(told, [(Severity::Medium, "a key of the bank")], "the worse severity counts all the same");
}
