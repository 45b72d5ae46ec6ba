//! The report lane: reports and documents that are missing, swapped or not what the policy demands.

use evidence::document::findings::{Class, Finding, Severity};
use evidence::document::tests::{Test, TestOutcome};
use evidence::document::{DocumentKind, Knowledge, Producer};
use evidence::policy_files::PolicyFiles;
use evidence::receipt::{Ending, Receipt, Work};
use evidence::release_file;
use evidence::{Bytes, Digest};

use super::row::{Forgery, forged, patched};
use crate::documents::{self, COMPONENTS, LabDocument, OTHER, PACKAGES, SCAN, SECRETS, TESTS};
use crate::files::RELEASE_OWNED;
use crate::parts::{
    PIPELINE_BOTH, PIPELINE_COMMITTED, PIPELINE_EARLIER, PIPELINE_REPORTS, PIPELINE_SCANNERS, PIPELINE_SCANS,
    Parts, pipeline_of,
};
use crate::world::{Lab, at, default_policy, lax_policy, name, runner_name};

pub(super) fn rows() -> Vec<Forgery> {
    [carried(), stated(), scanned(), demanded(), dated(), joined(), contradicting()].concat()
}

/// A row in an installation whose pipeline leaves reports.
fn row(name: &'static str, code: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
    forged(name, code, pieces).in_lab(|lab| lab.pipeline = PIPELINE_REPORTS)
}

/// Documents that the bundle carries.
fn carried() -> Vec<Forgery> {
    let in_lab = |forgery: Forgery| forgery.in_lab(|lab| lab.pipeline = PIPELINE_REPORTS);
    vec![
        in_lab(patched("a scanner's document left out", "document-missing", |_, bundle| {
            bundle.lanes.documents.pop_first();
        })),
        in_lab(patched("a document that no receipt names", "document-stray", |_, bundle| {
            bundle.lanes.documents.insert(Digest::of(b"more"), Bytes(b"more".to_vec()));
        })),
        in_lab(patched("a document with other bytes", "document-unsound", |_, bundle| {
            // The counts of the receipt are those of these bytes too.
            let mut other = documents::findings(&[("style", Class::Code, Severity::Low)]);
            other.findings.values_mut().for_each(|finding| finding.message = "nothing to see".into());
            let honest = documents::harmless()[SCAN].digest();
            bundle.lanes.documents.insert(honest, Bytes(LabDocument::of(&other).bytes));
        })),
        row("a document of another form", "document-unsound", |lab, parts| {
            let scan = parts.documents.get_mut(SCAN).unwrap();
            let digest = scan.digest();
            scan.bytes = b"{}".to_vec();
            let swapped = scan.digest();
            signed(lab, parts, |receipt| {
                receipt
                    .reports
                    .values_mut()
                    .filter(|it| it.document == digest)
                    .for_each(|it| it.document = swapped);
            });
        }),
        forged("more documents than a bundle may carry", "document-unsound", many)
            .in_lab(|lab| demand(lab, "\"kind\": \"components\"")),
    ]
}

/// Documents, each sound, that together are more than a bundle may carry. They have few and long entries, so that nothing
/// but the bound refuses them.
fn many(lab: &Lab, parts: &mut Parts) {
    let long = |n: usize| format!("{n:0>1000}");
    let tests = |from: usize| {
        let mut document = documents::tests(TestOutcome::Passed);
        for n in from..from + 900 {
            let test = Test { outcome: TestOutcome::Passed, message: None, covers: [].into() };
            document.add("book".into(), long(n), test);
        }
        LabDocument::of(&document)
    };
    let findings = |rule: &str| {
        let mut document = documents::findings(&[]);
        let some = documents::findings(&[(rule, Class::Code, Severity::Low)]);
        for (_, mut finding) in some.findings {
            for n in 0..15_u32 {
                finding.aliases = (0..60).map(long).collect();
                document.add(Digest::of(&[rule.as_bytes(), &n.to_be_bytes()].concat()), finding.clone());
            }
        }
        LabDocument::of(&document)
    };
    parts.documents.insert(TESTS.into(), tests(0));
    parts.documents.insert(SCAN.into(), findings("style"));
    let other = [("other tests", tests(900)), ("other findings", findings("form"))];
    parts.documents.extend(other.map(|(path, document)| (path.to_owned(), document)));
    let mut components = documents::components("1.0.0");
    components.sources.extend((0..900).map(long));
    parts.documents.insert(COMPONENTS.into(), LabDocument::of(&components));
    let run = lab.run(parts).idempotency();
    let (documents, swapped) = (parts.documents.clone(), [(TESTS, "other tests"), (SCAN, "other findings")]);
    parts.receipts = lab.receipts(parts, run, |receipt| {
        for (path, other) in swapped.iter().filter(|_| receipt.runner == runner_name(1)) {
            let other = &documents[*other];
            receipt.reports.get_mut(*path).into_iter().for_each(|report| {
                report.document = other.digest();
                report.items = other.kind.inspect(&other.bytes).unwrap().items;
            });
        }
    });
    lab.approve(parts);
}

/// Reports as receipts state them.
fn stated() -> Vec<Forgery> {
    const DIFFER: &str = "reports-differ";
    vec![
        row("a runner that leaves a scanner's report out", DIFFER, |lab, parts| {
            signed(lab, parts, |receipt| drop(receipt.reports.remove(SCAN)));
        }),
        forged("a file of the commit as a scanner's report", "report-not-written", |lab, parts| {
            moved(lab, parts, release_file::PATH);
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_COMMITTED),
        forged("an output of an earlier step as a scanner's report", "report-not-written", |lab, parts| {
            moved(lab, parts, "out/api");
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_EARLIER),
        row("a report of another format than declared", DIFFER, |lab, parts| {
            of(lab, parts, SCAN, |report| report.format = name("junit"));
        }),
        row("a report by another step than the one that ran", DIFFER, |lab, parts| {
            of(lab, parts, SCAN, |report| report.producer = Producer::Step(Digest::of(b"another step")));
        }),
        row("a step's report as the runner's own", DIFFER, |lab, parts| {
            of(lab, parts, SCAN, |report| report.producer = Producer::Runner);
        }),
        row("a step that passes with more exit codes", DIFFER, |lab, parts| {
            signed(lab, parts, |receipt| {
                if !receipt.reports.is_empty() {
                    receipt.report_exits.insert(2);
                }
            });
        }),
        row("an artifact with a report", DIFFER, |lab, parts| {
            let reports =
                documents::references(&pipeline_of(parts), &parts.documents, &Work::Step(name("test")));
            signed(lab, parts, |receipt| {
                if matches!(receipt.work, Work::Artifact(_)) {
                    receipt.reports.clone_from(&reports);
                }
            });
        }),
        row("runners that state other kinds of one report", DIFFER, |lab, parts| {
            signed(lab, parts, |receipt| {
                if receipt.runner == runner_name(1)
                    && let Some(report) = receipt.reports.get_mut(COMPONENTS)
                {
                    report.kind = DocumentKind::Tests;
                }
            });
        }),
        row("a receipt with lower counts than its document", "document-unsound", |lab, parts| {
            of(lab, parts, SCAN, |report| report.items.clear());
        }),
    ]
}

/// A row in an installation whose policy reads reports.
fn under(
    name: &'static str,
    code: &'static str,
    read: fn(&mut Lab),
    pieces: fn(&Lab, &mut Parts),
) -> Forgery {
    forged(name, code, pieces).in_lab(read)
}

/// Scans by the runner itself.
fn scanned() -> Vec<Forgery> {
    const DIFFER: &str = "reports-differ";
    fn scans(name: &'static str, code: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
        forged(name, code, pieces).in_lab(|lab| lab.pipeline = PIPELINE_SCANS)
    }
    vec![
        scans("a runner that leaves one of the scans out", DIFFER, |lab, parts| {
            signed(lab, parts, |receipt| drop(receipt.reports.remove(SECRETS)));
        }),
        scans("a runner's own scan as a step's report", DIFFER, |lab, parts| {
            of(lab, parts, SECRETS, |report| report.producer = Producer::Step(Digest::of(b"scan")));
        }),
        scans("a scan for secrets as a list of components", DIFFER, |lab, parts| {
            let list = parts.documents[PACKAGES].clone();
            let summary = list.kind.inspect(&list.bytes).unwrap();
            signed(lab, parts, |receipt| {
                if let Some(report) = receipt.reports.get_mut(SECRETS) {
                    (report.kind, report.document) = (list.kind, list.digest());
                    (report.items, report.tool) = (summary.items.clone(), summary.tool.clone());
                }
            });
        }),
        scans("a secret that one runner's own scan found", "secret-found", |lab, parts| {
            let secret = documents::findings(&[("key", Class::Secret, Severity::High)]);
            one_saw(lab, parts, SECRETS, &LabDocument::of(&secret));
        }),
        forged("a demanded scan that the pipeline dropped", "report-missing", |_, _| {})
            .in_lab(|lab| lab.policy = reading("\"kind\": \"findings\", \"producer\": \"runner\"")),
    ]
}

/// A report by two runners of one host, where the policy demands two.
fn shared_host() -> Forgery {
    under(
        "a demanded report by more runners than the hosts that they share",
        "report-missing",
        |lab| {
            lab.pipeline = PIPELINE_REPORTS;
            lab.policy = lax_policy();
            let read = "reads contains {\"kind\": \"findings\", \"runners\": 2}\n";
            lab.policy.files.get_mut("gate.rego").unwrap().push_str(read);
            lab.unusual = |root| root.runners[1].place.host = root.runners[0].place.host.clone();
        },
        |_, _| {},
    )
}

/// Reports that the policy demands.
fn demanded() -> Vec<Forgery> {
    vec![
        under(
            "a demanded report that no step makes",
            "report-missing",
            |lab| lab.policy = reading("\"kind\": \"findings\""),
            |_, _| {},
        ),
        under(
            "a demanded scan by the runner, made by a step",
            "report-missing",
            |lab| demand(lab, "\"kind\": \"findings\", \"producer\": \"runner\""),
            |_, _| {},
        ),
        under(
            "a report by a step that the policy does not list",
            "report-missing",
            |lab| {
                let listed = Digest::of(b"another step");
                demand(lab, &format!("\"kind\": \"findings\", \"producer\": \"{listed}\""));
            },
            |_, _| {},
        ),
        under(
            "a demanded scan, made in another format",
            "report-missing",
            |lab| demand(lab, "\"kind\": \"findings\", \"format\": \"secrets\""),
            |_, _| {},
        ),
        under(
            "a demanded report by more runners than made it",
            "report-missing",
            |lab| demand(lab, "\"kind\": \"findings\", \"runners\": 3"),
            |_, _| {},
        ),
        shared_host(),
        under(
            "a report that does not say how old its knowledge is",
            "report-undated",
            |lab| demand(lab, "\"kind\": \"findings\", \"days\": 7"),
            |_, _| {},
        ),
        under(
            "a report that rests on old knowledge",
            "report-old",
            |lab| demand(lab, "\"kind\": \"findings\", \"days\": 7"),
            |lab, parts| of(lab, parts, SCAN, |report| report.knowledge = knowledge(-8 * 86_400)),
        ),
        under(
            "a report that rests on knowledge of the future",
            "report-undated",
            |lab| demand(lab, "\"kind\": \"findings\", \"days\": 7"),
            |lab, parts| of(lab, parts, SCAN, |report| report.knowledge = knowledge(86_400)),
        ),
        under(
            "a policy whose demands depend on the evidence",
            "policy-undecided",
            |lab| {
                lab.pipeline = PIPELINE_REPORTS;
                let text = "reads contains {\"kind\": \"findings\", \"producer\": \"runner\"} if input.release.number > 0\n";
                lab.policy = with(text);
            },
            |_, _| {},
        ),
    ]
}

/// Knowledge of several runners, of which some state no age.
fn dated() -> Vec<Forgery> {
    const OLD: &str = "report-old";
    // Rules about age block here.
    fn strict(lab: &mut Lab) {
        lab.pipeline = PIPELINE_REPORTS;
        lab.policy = with(
            "deny contains problem if {\n\tsome problem in problems\n\tproblem.code == \"report-old\"\n}\n",
        );
    }
    vec![
        under("old knowledge of one runner beside another that states none", OLD, strict, |lab, parts| {
            one_knew(lab, parts, -40 * 86_400);
        }),
        under("knowledge of the future, for a rule about its age", OLD, strict, |lab, parts| {
            of(lab, parts, SCAN, |report| report.knowledge = knowledge(86_400));
        }),
        under("fresh knowledge of one runner beside another that states none", OLD, strict, |lab, parts| {
            one_knew(lab, parts, 0);
        }),
    ]
}

/// The second runner alone states when the knowledge of its scanner is from.
fn one_knew(lab: &Lab, parts: &mut Parts, seconds: i64) {
    signed(lab, parts, |receipt| {
        if receipt.runner == runner_name(1)
            && let Some(report) = receipt.reports.get_mut(SCAN)
        {
            report.knowledge = knowledge(seconds);
        }
    });
}

/// Documents of several runners, which differ.
fn joined() -> Vec<Forgery> {
    vec![
        forged("a secret that one runner alone found", "secret-found", |lab, parts| {
            let secret = documents::findings(&[("key", Class::Secret, Severity::High)]);
            one_saw(lab, parts, SCAN, &LabDocument::of(&documents::and_unread(secret)));
        })
        .in_lab(|lab| {
            demand(lab, "\"kind\": \"components\"");
            lab.release = RELEASE_OWNED;
        }),
        row("a secret that another runner calls undecided", "documents-differ", |lab, parts| {
            unlike(lab, parts, |finding| finding.undecided = true);
        }),
        row(
            "a secret to which another runner gives another class and rule",
            "documents-differ",
            |lab, parts| {
                unlike(lab, parts, |finding| {
                    (finding.class, finding.rule) = (Class::Code, "style".into());
                    finding.severity = Severity::High;
                });
            },
        ),
        row("something critical that one runner alone found", "finding-critical", |lab, parts| {
            let critical = documents::findings(&[("sql", Class::Code, Severity::Critical)]);
            one_saw(lab, parts, SCAN, &LabDocument::of(&critical));
        }),
        row("a test that failed on one runner alone", "tests-failed", |lab, parts| {
            one_saw(lab, parts, TESTS, &LabDocument::of(&documents::tests(TestOutcome::Failed)));
        }),
        forged("components that differ between runners", "documents-differ", |lab, parts| {
            one_saw(lab, parts, COMPONENTS, &LabDocument::of(&documents::components("2.0.0")));
        })
        .in_lab(|lab| demand(lab, "\"kind\": \"components\"")),
    ]
}

/// Two reports that say different things about one finding, of which the first one would hide the second.
fn contradicting() -> Vec<Forgery> {
    const DIFFER: &str = "documents-differ";
    fn hide(lab: &Lab, parts: &mut Parts, behind: &str) {
        let worst = documents::findings(&[("key", Class::Secret, Severity::Critical)]);
        let mut other = worst.clone();
        for finding in other.findings.values_mut() {
            (finding.class, finding.rule, finding.severity) = (Class::Code, "style".into(), Severity::Low);
        }
        parts.documents.insert(behind.into(), LabDocument::of(&other));
        parts.documents.insert(SCAN.into(), LabDocument::of(&worst));
        signed(lab, parts, |_| {});
    }
    vec![
        forged("a secret that another scanner calls a matter of style", DIFFER, |lab, parts| {
            hide(lab, parts, OTHER);
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_SCANNERS),
        forged("a secret that the runner's own scan calls a matter of style", DIFFER, |lab, parts| {
            hide(lab, parts, SECRETS);
        })
        .in_lab(|lab| lab.pipeline = PIPELINE_BOTH),
    ]
}

/// Both runners found one secret, and the second one says something else about it.
fn unlike(lab: &Lab, parts: &mut Parts, change: fn(&mut Finding)) {
    let secret = documents::findings(&[("key", Class::Secret, Severity::Medium)]);
    parts.documents.insert(SCAN.into(), LabDocument::of(&secret));
    let mut other = secret;
    other.findings.values_mut().for_each(change);
    one_saw(lab, parts, SCAN, &LabDocument::of(&other));
}

/// The default policy, which also reads these reports, where steps leave them.
fn demand(lab: &mut Lab, read: &str) {
    lab.pipeline = PIPELINE_REPORTS;
    lab.policy = reading(read);
}

fn reading(read: &str) -> PolicyFiles {
    with(&format!("reads contains {{{read}}}\n"))
}

/// The default policy with one more rule.
pub(super) fn with(rule: &str) -> PolicyFiles {
    let mut policy = default_policy();
    policy.files.get_mut("gate.rego").unwrap().push_str(rule);
    policy
}

fn knowledge(seconds: i64) -> Option<Knowledge> {
    Some(Knowledge { source: "osv".into(), digest: Digest::of(b"snapshot"), modified: at(seconds) })
}

/// Both runners state something else about one report.
fn of(lab: &Lab, parts: &mut Parts, path: &str, change: fn(&mut evidence::document::ReportRef)) {
    signed(lab, parts, |receipt| receipt.reports.get_mut(path).into_iter().for_each(change));
}

/// The scanner's report is at another path.
fn moved(lab: &Lab, parts: &mut Parts, path: &str) {
    let scan = parts.documents.remove(SCAN).unwrap();
    parts.documents.insert(path.to_owned(), scan);
    let run = lab.run(parts).idempotency();
    parts.receipts = lab.receipts(parts, run, |_| {});
    lab.approve(parts);
}

/// The second runner has another document of a report.
pub(super) fn one_saw(lab: &Lab, parts: &mut Parts, path: &str, document: &LabDocument) {
    let summary = document.kind.inspect(&document.bytes).unwrap();
    parts.documents.insert("elsewhere".into(), document.clone());
    signed(lab, parts, |receipt| {
        if receipt.runner == runner_name(1)
            && let Some(report) = receipt.reports.get_mut(path)
        {
            report.document = document.digest();
            report.items.clone_from(&summary.items);
            // Tools that found something say so by their exit code, where the pipeline declares it.
            if receipt.report_exits.contains(&1) {
                receipt.exit = Ending::Code(1);
            }
        }
    });
}

/// The receipts with a change, signed by the same keys; approvers saw these changed ones.
pub(super) fn signed(lab: &Lab, parts: &mut Parts, change: impl Fn(&mut Receipt)) {
    let run = lab.run(parts).idempotency();
    parts.receipts = lab.receipts(parts, run, change);
    lab.approve(parts);
}
