//! Examples of the canonical documents, and of a receipt that names one.

use evidence::document::components::Component;
use evidence::document::coverage::Lines;
use evidence::document::findings::{Class, Finding, IdentityPlace, Severity, Site, identity, normalised};
use evidence::document::tests::{Test, TestOutcome};
use evidence::document::{
    ComponentsDocument, CoverageDocument, Document, DocumentKind, FindingsDocument, Knowledge, Producer,
    ReportRef, TestsDocument, Tool,
};
use evidence::machine::MachineSigner;
use evidence::receipt::{self, Ending, Receipt, Work};
use evidence::release_check::ReleaseCheck;
use evidence::{Digest, Moment, canonical};

use super::support::{self, name};
use super::{check, team};

fn findings() -> FindingsDocument {
    let mut document = FindingsDocument::new([Tool::new("bandit", Some("1.8.0"))]);
    let text = normalised("import os\nquery(  'x' )\n", 2, 2);
    let place = IdentityPlace::Source { path: "app/db.py", text: &text, nth: 0 };
    let blank = Finding {
        class: Class::Code,
        rule: "B608".into(),
        aliases: [].into(),
        severity: Severity::Medium,
        score: None,
        epss: None,
        exploited: false,
        unconfirmed: false,
        undecided: false,
        message: "Possible SQL injection".into(),
        site: Site::File { path: "app/db.py".into(), line: Some(2), end: None },
        published: None,
        fixed: None,
        fix_released: None,
    };
    document.add(identity(Class::Code, "B608", &place).unwrap(), blank.clone());
    let purl = "pkg:pypi/jinja2@2.4.1";
    let advisory = Finding {
        class: Class::Dependency,
        rule: "GHSA-462w-v97r-4m45".into(),
        aliases: ["CVE-2019-10906".to_owned()].into(),
        severity: Severity::High,
        score: Some(86),
        epss: Some(120),
        message: "Sandbox escape".into(),
        site: Site::Component { purl: purl.into(), through: vec!["pkg:pypi/flask@0.10".into(), purl.into()] },
        published: Some("2019-04-10T14:30:24.000Z".parse::<Moment>().unwrap()),
        fixed: Some("2.10.1".into()),
        ..blank
    };
    let id = identity(Class::Dependency, &advisory.rule, &IdentityPlace::Component { purl });
    document.add(id.unwrap(), advisory);
    document
}

fn components() -> ComponentsDocument {
    let mut document = ComponentsDocument::new([Tool::new("countersign", None)]);
    document.sources.insert("Cargo.lock".into());
    let one = |name: &str, version: &str| Component {
        name: name.into(),
        version: version.into(),
        scope: Default::default(),
        direct: Some(false),
        pinned: true,
        checksums: [("sha256".to_owned(), "ab".repeat(32))].into(),
        licence: None,
        needs: [].into(),
        sources: ["Cargo.lock".to_owned()].into(),
        differs: None,
    };
    document.add("pkg:cargo/itoa@1.0.0".into(), one("itoa", "1.0.0"));
    let needs = ["pkg:cargo/itoa@1.0.0".to_owned()].into();
    let direct = Component {
        direct: Some(true),
        licence: Some("MIT OR Apache-2.0".into()),
        needs,
        ..one("serde_json", "1.0.1")
    };
    document.add("pkg:cargo/serde_json@1.0.1".into(), direct);
    document
}

fn tests() -> TestsDocument {
    let mut document = TestsDocument::new([Tool::new("nextest", Some("0.9"))]);
    let passed =
        Test { outcome: TestOutcome::Passed, message: None, covers: ["PCI-6.2.4".to_owned()].into() };
    document.add("book".into(), "adds".into(), passed);
    let failed = Test { outcome: TestOutcome::Failed, message: Some("1 is not 2".into()), covers: [].into() };
    document.add("book".into(), "rounds".into(), failed);
    document
}

fn coverage() -> CoverageDocument {
    let mut document = CoverageDocument::new([Tool::new("lcov", None)]);
    document.files.insert("src/book.rs".into(), Lines { covered: 8, total: 10 });
    document.files.insert("src/lib.rs".into(), Lines { covered: 0, total: 2 });
    document
}

#[test]
fn document_examples() {
    check("document", 0, &findings().encode().unwrap());
    check("document", 1, &components().encode().unwrap());
    check("document", 2, &tests().encode().unwrap());
    check("document", 3, &coverage().encode().unwrap());
    assert_eq!(
        coverage().items(),
        [("covered".to_owned(), 8), ("files".to_owned(), 2), ("lines".to_owned(), 12)].into()
    );
    assert_eq!(FindingsDocument::decode(&findings().encode().unwrap()).unwrap(), findings());
    assert_eq!(findings().items(), [("high".to_owned(), 1), ("medium".to_owned(), 1)].into());
    assert_eq!(tests().items(), [("failed".to_owned(), 1), ("passed".to_owned(), 1)].into());
}

fn with_reports(exit: Ending) -> Receipt {
    let document = findings().encode().unwrap();
    let report = ReportRef {
        kind: DocumentKind::Findings,
        format: name("sarif"),
        producer: Producer::Step(Digest::of(b"the step")),
        tool: "bandit 1.8.0".into(),
        document: Digest::of(&document),
        original: Digest::of(b"{}"),
        items: findings().items(),
        knowledge: Some(Knowledge {
            source: "osv".into(),
            digest: Digest::of(b"osv"),
            modified: "2026-11-20T00:00:00.000Z".parse().unwrap(),
        }),
    };
    let reports = [("out/scan.sarif".to_owned(), report)].into();
    Receipt { reports, report_exits: [1].into(), exit, ..support::receipt() }
}

#[test]
fn receipt_with_reports() {
    let signer = MachineSigner::from_seed([24; 32]).unwrap();
    let receipt = with_reports(Ending::Code(1));
    let envelope = receipt.sign(&signer).unwrap();
    let opened = Receipt::open(&envelope, &team()).unwrap();
    assert_eq!(opened, receipt);
    check("receipt", 3, &canonical::encode("reports", &opened.reports).unwrap());
    let work = Work::Check(ReleaseCheck {
        place: "shop/api/staging".parse().unwrap(),
        release: 4,
        artifact: Digest::of(b"manifest"),
        name: "smoke".parse().unwrap(),
    });
    check("receipt", 4, &canonical::encode("work", &work).unwrap());
    let plain = String::from_utf8(canonical::encode("receipt", &support::receipt()).unwrap()).unwrap();
    assert!(!plain.contains("report"), "a receipt without reports is written as it always was");
    assert!(!plain.contains("image"), "nor is a receipt without an image");
    let image = Some(Digest::of(b"image"));
    let in_image = Receipt { image, ..support::receipt() };
    assert_eq!(Receipt::open(&in_image.sign(&signer).unwrap(), &team()).unwrap(), in_image);
    assert!(matches!(Receipt { work, ..in_image }.sign(&signer), Err(receipt::ReceiptError::Rule(_))));
    let odd = |change: fn(&mut ReportRef)| {
        let mut receipt = with_reports(Ending::Code(0));
        receipt.reports.values_mut().for_each(change);
        receipt.sign(&signer)
    };
    assert!(odd(|report| report.tool = "a\nb".into()).is_err());
    assert!(odd(|report| report.items.insert(String::new(), 1).map_or((), drop)).is_err());
    let outside = Receipt {
        reports: with_reports(Ending::Code(0))
            .reports
            .into_values()
            .map(|it| ("../x".to_owned(), it))
            .collect(),
        ..support::receipt()
    };
    assert!(matches!(outside.sign(&signer), Err(receipt::ReceiptError::Rule(_))));
}

#[test]
fn only_declared_codes_with_reports_pass() {
    assert!(with_reports(Ending::Code(0)).passed());
    assert!(with_reports(Ending::Code(1)).passed());
    assert!(!with_reports(Ending::Code(2)).passed());
    assert!(!with_reports(Ending::Code(257)).passed());
    assert!(!with_reports(Ending::Signal(1)).passed());
    assert!(!with_reports(Ending::TimedOut).passed());
    assert!(!Receipt { reports: [].into(), ..with_reports(Ending::Code(1)) }.passed());
}
