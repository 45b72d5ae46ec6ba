//! Checks of the release in staging: receipts that are withheld, of something else, or by somebody else.

use domain::build::{nonce, seed};
use evidence::document::findings::{Class, Severity};
use evidence::document::tests::TestOutcome;
use evidence::document::{Knowledge, Producer};
use evidence::dsse::Envelope;
use evidence::receipt::{Ending, Receipt, Work};
use evidence::release_check::ReleaseCheck;
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::status::Revocation;
use evidence::trust_root::{Machine, Site};
use evidence::{CommitId, Digest};

use super::row::{Forgery, forged, patched};
use crate::documents::{self, ATTACK, LabDocument, SMOKE};
use crate::files::{RELEASE_CHECKS, RELEASE_COMMITTED};
use crate::parts::{Parts, old_artifact, report};
use crate::world::{Lab, at, default_policy, name, runner_name};

pub(super) fn rows() -> Vec<Forgery> {
    [missed(), of_something_else(), stated(), by_somebody_else(), reported(), failed(), found()].concat()
}

const DIFFERS: &str = "check-differs";
const STRAY: &str = "check-stray";
const REPORT: &str = "check-report-unsound";

/// A row in an installation whose project declares checks.
fn row(name: &'static str, code: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
    forged(name, code, pieces).in_lab(|lab| lab.release = RELEASE_CHECKS)
}

/// Checks that the server withholds, or that did not run.
fn missed() -> Vec<Forgery> {
    vec![
        row("all checks of the release in staging left out", "check-missing", |lab, parts| {
            parts.checks = None;
            lab.approve(parts);
        }),
        row("one of two checks left out", "check-missing", |lab, parts| {
            keep(lab, parts, |check| check.name.as_str() == "smoke");
        }),
        row("a check that no runner did", "check-missing", |lab, parts| {
            signed(lab, parts, |receipt, check| {
                if check.name.as_str() == "smoke" {
                    give_up(receipt);
                }
            });
        }),
        row("the receipt of the runner that found something left out", "check-missing", |lab, parts| {
            let critical = documents::findings(&[("sql", Class::Code, Severity::Critical)]);
            one_saw(lab, parts, ATTACK, &LabDocument::of(&critical));
            let is_other = |envelope: &Envelope| {
                let read = documents::receipts(std::slice::from_ref(envelope));
                read.iter().all(|receipt| receipt.runner == runner_name(0))
            };
            parts.checks.as_mut().unwrap().receipts.retain(is_other);
            lab.approve(parts);
        }),
        row("a check that a runner on the host of the service gave up", "check-missing", |lab, parts| {
            signed(lab, parts, |receipt, _| {
                if receipt.runner == runner_name(1) {
                    give_up(receipt);
                }
            });
        })
        .in_lab(|lab| {
            lab.release = RELEASE_CHECKS;
            lab.unusual = |root| root.runners[1].place.host = "staging".to_owned();
        }),
        row("checks that arrived after the approval", "approvals-missing", |lab, parts| {
            let checks = parts.checks.take();
            lab.approve(parts);
            parts.checks = checks;
        }),
    ]
}

/// Checks of something else.
fn of_something_else() -> Vec<Forgery> {
    vec![
        row("a check of another release", DIFFERS, |lab, parts| work(lab, parts, |check| check.release = 2)),
        row("a check of another artifact", DIFFERS, |lab, parts| {
            work(lab, parts, |check| check.artifact = old_artifact());
        }),
        row("a check of another environment", DIFFERS, |lab, parts| {
            work(lab, parts, |check| check.place.environment = name("dev"));
        }),
        row("a check of another service", DIFFERS, |lab, parts| {
            work(lab, parts, |check| check.place.service = name("other"));
        }),
        row("a check from another commit", DIFFERS, |lab, parts| {
            let other: CommitId = "b".repeat(40).parse().unwrap();
            signed(lab, parts, |receipt, _| receipt.commit = other.clone());
        }),
        row("a check of a run of another pipeline", DIFFERS, |lab, parts| {
            signed(lab, parts, |receipt, _| receipt.pipeline = Digest::of(b"another pipeline"));
        }),
        row("a step's receipt taken for a check", DIFFERS, |lab, parts| {
            let step = parts.receipts[0].clone();
            parts.checks.as_mut().unwrap().receipts.push(step);
            lab.approve(parts);
        }),
        row("a check taken for a step's receipt", "receipt-chain-broken", |lab, parts| {
            let check = parts.checks.as_ref().unwrap().receipts[0].clone();
            parts.receipts.push(check);
            lab.approve(parts);
        }),
        row("a check that the commit does not declare", STRAY, |lab, parts| {
            work(lab, parts, |check| {
                if check.name.as_str() == "attack" {
                    check.name = name("other");
                }
            });
        }),
        row("checks where no environment comes before", STRAY, |lab, parts| {
            let mut first = lab.environment("production", &parts.replaces.1);
            first.after = None;
            parts.environments = vec![lab.signed_environment(&first, &[0, 1])];
            parts.reports.remove(0);
            lab.approve(parts);
        }),
    ]
}

/// Checks as receipts state them.
fn stated() -> Vec<Forgery> {
    vec![
        row("a check that ran in another tree", DIFFERS, |lab, parts| {
            signed(lab, parts, |receipt, _| receipt.tree = Digest::of(b"another tree"));
        }),
        row("a check that passes with more exit codes", DIFFERS, |lab, parts| {
            signed(lab, parts, |receipt, _| receipt.report_exits.extend([9]));
        }),
        row("a check that passed without its report", DIFFERS, |lab, parts| {
            signed(lab, parts, |receipt, _| receipt.reports.clear());
        }),
        row("a check's report of another format", DIFFERS, |lab, parts| {
            signed(lab, parts, |receipt, _| {
                receipt.reports.values_mut().for_each(|report| report.format = name("sarif"));
            });
        }),
        row("a check's report by another work", DIFFERS, |lab, parts| {
            signed(lab, parts, |receipt, _| {
                let other = Producer::Step(Digest::of(b"another check"));
                receipt.reports.values_mut().for_each(|report| report.producer = other);
            });
        }),
        row("one check reported twice by one runner", "check-twice", |lab, parts| {
            let mut receipts = parts.checks.take().unwrap().receipts;
            signed(lab, parts, |receipt, _| receipt.log = Digest::of(b"another log"));
            receipts.truncate(1);
            parts.checks.as_mut().unwrap().receipts.append(&mut receipts);
            lab.approve(parts);
        }),
        patched("checks in another order", "checks-unsorted", |_, bundle| {
            bundle.lanes.checks.as_mut().unwrap().receipts.reverse();
        })
        .in_lab(|lab| lab.release = RELEASE_CHECKS),
    ]
}

fn by_somebody_else() -> Vec<Forgery> {
    vec![
        row("a check by a runner that the root does not name", "check-unsound", |lab, parts| {
            parts.checks.as_mut().unwrap().receipts = by(lab, parts, "runner-9", |lab| &lab.production);
            lab.approve(parts);
        }),
        row("a check by the server in the name of a runner", "check-unsound", |lab, parts| {
            parts.checks.as_mut().unwrap().receipts = by(lab, parts, "runner-1", |lab| &lab.provenance);
            lab.approve(parts);
        }),
        row("a check by a revoked key", "runner-revoked", |lab, parts| {
            let key = lab.production.public().id().to_string();
            let mut status = lab.status();
            status.revoked = vec![Revocation { key, invalid_since: at(-3_600) }];
            parts.status = lab.signed_status(&status, &[0, 1]);
            // Every runner has answered, so that nothing but the key is against it.
            let mut receipts = lab.checks(parts, |_| {}).unwrap().receipts;
            receipts.extend(by(lab, parts, "runner-9", |lab| &lab.production));
            receipts.sort_by_key(Envelope::payload_digest);
            parts.checks.as_mut().unwrap().receipts = receipts;
            lab.approve(parts);
        })
        .in_lab(|lab| {
            lab.release = RELEASE_CHECKS;
            lab.unusual = |root| {
                let place = Site { host: "build-9".to_owned(), operator: "platform".to_owned() };
                let key = *Lab::default().production.public();
                root.runners.push(Machine::new(name("runner-9"), key, place));
            };
        }),
    ]
}

/// The agent's report that the checked release runs.
fn reported() -> Vec<Forgery> {
    vec![
        row("checks without the agent's word that the release runs", REPORT, |lab, parts| {
            let said = said(parts);
            parts.checks.as_mut().unwrap().report = lab.report(&said, &lab.production);
            lab.approve(parts);
        }),
        row("checks of a release that did not work", REPORT, |lab, parts| {
            let mut said = said(parts);
            said.outcome = ReleaseOutcome::Returned;
            refused_since(lab, parts, Some(3));
            instead(lab, parts, &said);
        }),
        row("checks of a release of another artifact", REPORT, |lab, parts| {
            let said = report("staging", 3, old_artifact(), &parts.source.commit);
            refused_since(lab, parts, Some(3));
            instead(lab, parts, &said);
        }),
        row("checks of a release of another commit", REPORT, |lab, parts| {
            let said = report("staging", 3, Digest::of(&parts.manifest), &parts.replaces.1);
            refused_since(lab, parts, Some(3));
            instead(lab, parts, &said);
        }),
        row("checks of an earlier release of the same artifact", REPORT, |lab, parts| {
            let mut said = said(parts);
            said.release = 2;
            instead(lab, parts, &said);
            let envelope = parts.checks.as_ref().unwrap().report.clone();
            work(lab, parts, |check| check.release = 2);
            parts.checks.as_mut().unwrap().report = envelope;
            lab.approve(parts);
        }),
        row("checks of an older release of an artifact that was released again", REPORT, |lab, parts| {
            refused_since(lab, parts, Some(4));
        }),
        row("checks of a release that the agent does not name", REPORT, |lab, parts| {
            refused_since(lab, parts, None);
        }),
    ]
}

/// Staging's agent has refused release 5 since, and still runs the artifact, by this release.
fn refused_since(lab: &Lab, parts: &mut Parts, running: Option<u64>) {
    let mut last = said(parts);
    (last.release, last.outcome) = (5, ReleaseOutcome::Refused);
    let plan = last.plan;
    if let Some(now) = &mut last.running {
        (now.release, now.plan) = (running, Some(plan));
    }
    parts.reports[0] = lab.report(&last, &lab.staging);
    lab.approve(parts);
}

/// Checks that failed on one runner alone.
fn failed() -> Vec<Forgery> {
    vec![
        row("a check that failed on one runner", "check-failed", |lab, parts| {
            signed(lab, parts, |receipt, check| {
                if receipt.runner == runner_name(1) && check.name.as_str() == "smoke" {
                    receipt.exit = Ending::Code(2);
                    receipt.reports.clear();
                }
            });
        }),
        row(
            "a check whose command ends with the code by which older programs gave up",
            "check-failed",
            |lab, parts| {
                signed(lab, parts, |receipt, check| {
                    if receipt.runner == runner_name(1) && check.name.as_str() == "smoke" {
                        receipt.exit = Ending::Code(125);
                        receipt.reports.clear();
                    }
                });
            },
        ),
        row(
            "a check that failed on one runner and that the other one gave up",
            "check-failed",
            |lab, parts| {
                signed(lab, parts, |receipt, check| match check.name.as_str() {
                    "smoke" if receipt.runner == runner_name(1) => give_up(receipt),
                    "smoke" => {
                        receipt.exit = Ending::Code(2);
                        receipt.reports.clear();
                    }
                    _ => {}
                });
            },
        ),
    ]
}

/// Checks that found something.
fn found() -> Vec<Forgery> {
    vec![
        row("something critical that a check found", "finding-critical", |lab, parts| {
            let critical = documents::findings(&[("sql", Class::Code, Severity::Critical)]);
            one_saw(lab, parts, ATTACK, &LabDocument::of(&documents::and_unread(critical)));
        }),
        row("a secret that a check found", "secret-found", |lab, parts| {
            let secret = documents::findings(&[("key", Class::Secret, Severity::High)]);
            one_saw(lab, parts, ATTACK, &LabDocument::of(&secret));
        }),
        row("a test of the service that failed", "tests-failed", |lab, parts| {
            one_saw(lab, parts, SMOKE, &LabDocument::of(&documents::smoke(TestOutcome::Failed)));
        }),
        row("a demanded report that no check makes", "report-missing", |_, _| {}).in_lab(|lab| {
            lab.release = RELEASE_CHECKS;
            lab.policy = default_policy();
            let read = "reads contains {\"kind\": \"components\", \"from\": \"before\"}\n";
            lab.policy.files.values_mut().for_each(|text| text.push_str(read));
        }),
        row("a check's report that rests on old knowledge", "report-old", |lab, parts| {
            signed(lab, parts, |receipt, _| {
                receipt.reports.values_mut().for_each(|report| {
                    report.knowledge = Some(Knowledge {
                        source: "zap".into(),
                        digest: Digest::of(b"rules"),
                        modified: at(-8 * 86_400),
                    });
                });
            });
        })
        .in_lab(|lab| {
            lab.release = RELEASE_CHECKS;
            lab.policy = default_policy();
            let read = "reads contains {\"kind\": \"findings\", \"from\": \"before\", \"days\": 7}\n";
            lab.policy.files.values_mut().for_each(|text| text.push_str(read));
        }),
        row("a check's report that is a file of the commit", "report-not-written", |lab, parts| {
            let smoke = parts.documents.get(SMOKE).unwrap().clone();
            parts.documents.insert(".countersign/pipeline.yaml".into(), smoke);
            signed(lab, parts, |_, _| {});
        })
        .in_lab(|lab| lab.release = RELEASE_COMMITTED),
        row("a check's document left out", "document-missing", |_, _| {}).then(|_, bundle| {
            bundle.lanes.documents.pop_first();
        }),
    ]
}

/// The checks with a change, signed by the same keys; approvers saw these changed ones.
fn signed(lab: &Lab, parts: &mut Parts, change: impl Fn(&mut Receipt, &ReleaseCheck)) {
    parts.checks = lab.checks(parts, |receipt| {
        if let Work::Check(check) = receipt.work.clone() {
            change(receipt, &check);
        }
    });
    lab.approve(parts);
}

/// The runner says that it could not do the check.
fn give_up(receipt: &mut Receipt) {
    (receipt.exit, receipt.tree) = (Ending::GaveUp, Digest::of(b"an empty list"));
    receipt.reports.clear();
}

/// The same with other work, whose nonces follow from the run's request.
fn work(lab: &Lab, parts: &mut Parts, change: fn(&mut ReleaseCheck)) {
    let run = lab.run(parts).idempotency();
    signed(lab, parts, |receipt, check| {
        let mut check = check.clone();
        change(&mut check);
        receipt.work = Work::Check(check);
        receipt.nonce = nonce(seed(run), &receipt.work, &receipt.runner);
    });
}

/// Only these checks.
fn keep(lab: &Lab, parts: &mut Parts, which: fn(&ReleaseCheck) -> bool) {
    let is_kept = |envelope: &Envelope| {
        let read = documents::receipts(std::slice::from_ref(envelope));
        read.iter().any(|receipt| matches!(&receipt.work, Work::Check(check) if which(check)))
    };
    parts.checks.as_mut().unwrap().receipts.retain(is_kept);
    lab.approve(parts);
}

/// The checks by one other runner.
fn by(
    lab: &Lab,
    parts: &Parts,
    runner: &str,
    key: fn(&Lab) -> &evidence::machine::MachineSigner,
) -> Vec<Envelope> {
    let run = lab.run(parts).idempotency();
    let mut made = documents::receipts(&lab.checks(parts, |_| {}).unwrap().receipts);
    made.retain(|receipt| receipt.runner == runner_name(0));
    let resigned = made.into_iter().map(|mut receipt| {
        receipt.runner = name(runner);
        receipt.nonce = nonce(seed(run), &receipt.work, &receipt.runner);
        receipt.sign(key(lab)).unwrap()
    });
    resigned.collect()
}

/// The report of staging's agent.
fn said(parts: &Parts) -> AgentReport {
    AgentReport::read(&parts.reports[0]).unwrap()
}

/// Another report of the checked release, by the same agent.
fn instead(lab: &Lab, parts: &mut Parts, report: &AgentReport) {
    parts.checks.as_mut().unwrap().report = lab.report(report, &lab.staging);
    lab.approve(parts);
}

/// The second runner has another document of a report.
fn one_saw(lab: &Lab, parts: &mut Parts, path: &str, document: &LabDocument) {
    let summary = document.kind.inspect(&document.bytes).unwrap();
    parts.documents.insert("elsewhere".into(), document.clone());
    signed(lab, parts, |receipt, _| {
        if receipt.runner == runner_name(1)
            && let Some(report) = receipt.reports.get_mut(path)
        {
            report.document = document.digest();
            report.items.clone_from(&summary.items);
        }
    });
}
