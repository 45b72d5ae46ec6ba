//! What a person reads of hostile and of long results.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeMap;

use domain::gate::GateOutcome;
use evidence::Digest;
use evidence::document::findings::{Class, Finding, Severity, Site};
use evidence::document::tests::TestOutcome;
use evidence::document::{FindingsDocument, Maker};
use judge::{DocumentProof, Judgement, Owners};

use super::{
    BeforeResults, FindingContext, FindingsShown, LISTED_MAX, ReportCounts, Results, SHOWN_MAX, TestsShown,
    counts,
};

fn finding(rule: &str, severity: Severity, message: &str) -> Finding {
    Finding {
        class: Class::Code,
        rule: rule.to_owned(),
        aliases: [].into(),
        severity,
        score: None,
        epss: None,
        exploited: false,
        unconfirmed: false,
        undecided: false,
        message: message.to_owned(),
        site: Site::File { path: "src/main.rs".into(), line: Some(3), end: None },
        published: None,
        fixed: None,
        fix_released: None,
    }
}

fn document(findings: impl IntoIterator<Item = Finding>) -> FindingsDocument {
    let mut document = FindingsDocument::new([]);
    for (nth, finding) in findings.into_iter().enumerate() {
        document.add(Digest::of(&nth.to_le_bytes()), finding);
    }
    document
}

fn judgement(reasons: &[(&str, &str)]) -> Judgement {
    let mut judgement = Judgement::undecided("x", "x", "x");
    judgement.outcome = GateOutcome::Fail;
    let reason = |(code, what): &(&str, &str)| policy::Reason {
        code: (*code).to_owned(),
        what: (*what).to_owned(),
        remedy: "mend it".into(),
        finding: None,
    };
    judgement.reasons = reasons.iter().map(reason).collect();
    judgement
}

fn shown(document: &FindingsDocument, judgement: &Judgement) -> FindingsShown {
    let (ids, owners) = (super::ids(std::iter::once(document)), Owners::default());
    FindingsShown::of(
        document,
        &FindingContext { ids: &ids, at: "", judgement, statements: &[], owners: &owners },
    )
}

/// What a check found has an id too, which names it among all findings of the release.
#[test]
fn what_checks_found_in_the_environment_before_has_an_id_of_its_own() {
    let (build, before) = (document([finding("high", Severity::High, "a")]), {
        let mut found = FindingsDocument::new([]);
        found.add(Digest::of(b"dast"), finding("header", Severity::Critical, "missing"));
        found
    });
    let said = judgement(&[("finding-critical", "header at src/main.rs:3, in staging: missing")]);
    let (ids, owners) = (super::ids([&build, &before].into_iter()), Owners::default());
    let context = |at| FindingContext { ids: &ids, at, judgement: &said, statements: &[], owners: &owners };
    let results = Results {
        findings: Some(FindingsShown::of(&build, &context(""))),
        before: Some(Box::new(BeforeResults {
            environment: lab::name("staging"),
            reports: Vec::new(),
            findings: Some(FindingsShown::of(&before, &context(", in staging"))),
            tests: None,
        })),
        ..Results::default()
    };
    let id = Digest::of(b"dast").hex();
    let blocking: Vec<_> = results.blocking().map(|finding| finding.id.as_str()).collect();
    assert_eq!(blocking.len(), 1);
    assert!(id.starts_with(blocking[0]), "{blocking:?}");
    let text = results.text();
    assert!(text.contains("\nfindings in staging: 1 critical\n"), "{text}");
    assert!(text.contains(&format!("finding {}; blocks: finding-critical", blocking[0])), "{text}");
}

#[test]
fn what_blocks_comes_first_and_then_the_severest() {
    let mut suspected = finding("suspected", Severity::Critical, "perhaps");
    suspected.unconfirmed = true;
    let mut exploited = finding("exploited", Severity::Low, "in use");
    (exploited.exploited, exploited.fixed) = (true, Some("1.2.3".into()));
    let all = [
        finding("low", Severity::Low, "a"),
        suspected,
        Finding { undecided: true, ..finding("unread", Severity::Unknown, "not read") },
        finding("high", Severity::High, "b"),
        exploited,
        finding("secret", Severity::Medium, "a key"),
    ];
    let said = judgement(&[("secret-found", "secret at src/main.rs:3: a key"), ("other", "high")]);
    let found = shown(&document(all), &said);
    let rules: Vec<_> = found.worst.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["secret", "exploited", "high", "unread", "low", "suspected"]);
    assert_eq!(counts(&found.counts), "1 high, 1 unknown, 1 medium, 2 low, 1 unconfirmed");
    let results = Results { findings: Some(found), ..Results::default() };
    let text = results.text();
    assert!(text.contains("; blocks: secret-found\n"), "{text}");
    assert!(text.contains("  low, known to be exploited: exploited at src/main.rs:3: in use\n"), "{text}");
    assert!(text.contains("; fixed in 1.2.3\n"), "{text}");
    assert!(text.contains("  unknown, could not decide: unread at src/main.rs:3: not read\n"), "{text}");
    assert_eq!(results.blocking().count(), 1);
    let said =
        Finding { undecided: true, ..finding("unread", Severity::Unknown, "could not decide: no lock") };
    let results = Results { findings: Some(shown(&document([said]), &judgement(&[]))), ..Results::default() };
    let text = results.text();
    assert_eq!(text.matches("could not decide").count(), 1, "once: {text}");
}

#[test]
fn texts_of_tools_neither_act_nor_flood() {
    let hostile = format!("ok\u{202e}\u{1b}[2J{}", "x".repeat(1_000));
    let all = (0..300).map(|nth| finding(&format!("r{nth}{hostile}"), Severity::High, &hostile));
    let mut tests = lab::documents::tests(TestOutcome::Failed);
    for nth in 0..300 {
        let test = tests.suites["book"]["adds"].clone();
        tests.add("book".into(), format!("{nth}{hostile}"), test);
    }
    let report = ReportCounts {
        maker: Maker::Step(lab::name("scan")),
        path: hostile.clone(),
        format: "sarif".into(),
        tool: hostile.clone(),
        runners: 2,
        items: BTreeMap::from([(hostile.clone(), 1)]),
    };
    let results = Results {
        reports: vec![report; 50],
        findings: Some(shown(&document(all), &judgement(&[]))),
        tests: Some(TestsShown::of(&tests, &DocumentProof::default(), &[])),
        before: None,
    };
    let found = results.findings.as_ref().unwrap();
    assert_eq!((found.worst.len(), found.counts["high"]), (LISTED_MAX, 300));
    let text = results.text();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert!(text.lines().count() <= 5 * SHOWN_MAX, "{}", text.lines().count());
    assert!(text.lines().all(|line| line.chars().count() <= 450), "{text}");
    for said in ["and 40 more reports", "and 290 more findings", "and 291 more failed tests"] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn without_reports_nothing_is_said() {
    assert_eq!(Results::default().text(), "");
    let found = shown(&document([]), &judgement(&[]));
    let results = Results { findings: Some(found), ..Results::default() };
    assert_eq!(results.text(), "\nfindings: nothing");
}

/// A reason names its finding by identity. Two findings with one sentence are told apart, and other words of a policy do not
/// hide what blocks.
#[test]
fn a_reason_blocks_the_finding_that_it_names() {
    let all = document([
        finding("sql", Severity::High, "a query of text"),
        finding("sql", Severity::High, "a query of text"),
        finding("old", Severity::Low, "by its sentence"),
    ]);
    let mut said = judgement(&[
        ("finding-critical", "in other words"),
        ("old-policy", "old at src/main.rs:3: by its sentence"),
    ]);
    let second = Digest::of(&1_usize.to_le_bytes());
    said.reasons[0].finding = Some(second);
    let found = shown(&all, &said);
    let blocked: Vec<_> = found
        .worst
        .iter()
        .filter(|finding| !finding.blocks.is_empty())
        .map(|finding| (finding.id.as_str(), finding.blocks.first().unwrap().as_str()))
        .collect();
    assert_eq!(blocked.len(), 2, "{found:?}");
    assert!(second.to_string().contains(blocked[0].0), "{blocked:?}");
    assert_eq!((blocked[0].1, blocked[1].1), ("finding-critical", "old-policy"));
    // A reason that names a finding is not matched by its sentence besides.
    said.reasons[1].finding = Some(second);
    let found = shown(&all, &said);
    let blocked = found.worst.iter().filter(|finding| !finding.blocks.is_empty()).count();
    assert_eq!(blocked, 1);
}
