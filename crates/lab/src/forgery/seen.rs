//! The statement lane: statements about a finding that became worse than their signer saw, and about a test that failed in
//! another report.

use evidence::document::findings::{Class, Severity};
use evidence::document::tests::TestOutcome;
use evidence::statements::{Body, SeenReport, Statement, Waiver};

use super::row::{Forgery, forged};
use super::statements::{
    FAILED, FOUND, found, not_affected, of_check, of_step, quarantine, quarantine_of_check, state, stated,
    statement, waiver, with_checks, with_reports,
};
use crate::documents::{self, LabDocument, SMOKE, TESTS};
use crate::parts::Parts;
use crate::world::Lab;

pub(super) fn rows() -> Vec<Forgery> {
    [outgrown(), of_other_reports()].concat()
}

/// Findings that became worse after somebody signed a statement about them.
fn outgrown() -> Vec<Forgery> {
    vec![
        forged("a waiver of something that was high and is critical now", FOUND, |lab, parts| {
            stated(lab, parts, waiver, |it| {
                if let Body::Waiver(Waiver::Finding(seen)) = &mut it.body {
                    seen.severity = Some(Severity::High);
                }
            });
        })
        .in_lab(with_reports),
        forged("a waiver of something that was only suspected and is confirmed now", FOUND, |lab, parts| {
            stated(lab, parts, waiver, |it| {
                if let Body::Waiver(Waiver::Finding(seen)) = &mut it.body {
                    seen.unconfirmed = true;
                }
            });
        })
        .in_lab(with_reports),
        forged("a waiver of something that could not be decided and is found now", FOUND, |lab, parts| {
            stated(lab, parts, waiver, |it| {
                if let Body::Waiver(Waiver::Finding(seen)) = &mut it.body {
                    seen.undecided = true;
                }
            });
        })
        .in_lab(with_reports),
        forged("a waiver of something that is exploited only now", FOUND, |lab, parts| {
            stated(lab, parts, waiver_of_exploited, |it| {
                if let Body::Waiver(Waiver::Finding(seen)) = &mut it.body {
                    seen.exploited = false;
                }
            });
        })
        .in_lab(with_reports),
        forged(
            "a not-affected statement about something that was high and is critical now",
            FOUND,
            |lab, parts| {
                stated(lab, parts, not_affected, |it| {
                    if let Body::NotAffected(body) = &mut it.body {
                        body.finding.severity = Some(Severity::High);
                    }
                });
            },
        )
        .in_lab(with_reports),
    ]
}

/// Waivers of a test that failed elsewhere than their signer saw.
fn of_other_reports() -> Vec<Forgery> {
    vec![
        forged("a waiver of a test of a check, for the same test of a step", FAILED, |lab, parts| {
            stated(lab, parts, quarantine, |it| seen_in(it, &[of_check()]));
        })
        .in_lab(with_reports),
        forged("a waiver of a test of a step, for the same test of a check", FAILED, |lab, parts| {
            stated(lab, parts, quarantine_of_check, |it| seen_in(it, &[of_step(SMOKE)]));
        })
        .in_lab(with_checks),
        forged("a waiver of a test in another report of the step", FAILED, |lab, parts| {
            stated(lab, parts, quarantine, |it| seen_in(it, &[of_step(MORE_TESTS)]));
        })
        .in_lab(with_reports),
        forged("a waiver of a test in one of two reports in which it failed", FAILED, |lab, parts| {
            let mut statement = quarantine(lab, parts);
            let failed = LabDocument::of(&documents::tests(TestOutcome::Failed));
            let both = [TESTS, MORE_TESTS].map(|path| (path.to_owned(), failed.clone()));
            parts.documents.extend(both);
            parts.receipts = lab.receipts(parts, lab.run(parts).idempotency(), |_| {});
            seen_in(&mut statement, &[of_step(TESTS)]);
            state(lab, parts, &statement, &lab.bob.approve);
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_TESTS),
    ]
}

fn seen_in(statement: &mut Statement, reports: &[SeenReport]) {
    if let Body::Waiver(Waiver::Test(seen)) = &mut statement.body {
        seen.reports = reports.iter().cloned().collect();
    }
}

/// A scanner finds something of low severity that is exploited.
fn waiver_of_exploited(lab: &Lab, parts: &mut Parts) -> Statement {
    let mut document = documents::findings(&[("sql", Class::Code, Severity::Low)]);
    document.findings.values_mut().for_each(|finding| finding.exploited = true);
    let found = found(lab, parts, document);
    statement(lab, parts, found.0, Body::Waiver(Waiver::Finding(found.1)))
}

/// A second report of tests by the same step.
const MORE_TESTS: &str = "out/more.xml";
const PIPELINE_TESTS: &str = "version: 1
steps:
  build:
    run: make
    outputs: [out/api]
  test:
    needs: [build]
    run: make test
    reports: [{ kind: junit, path: out/tests.xml }, { kind: junit, path: out/more.xml }]
artifacts:
  api:
    files:
      bin/api: { step: build, path: out/api }
";
