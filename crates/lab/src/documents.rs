//! Documents of reports in the lab: what scanners and tests said about a commit, and how receipts and bundles carry it.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::Lanes;
use evidence::document::components::Component;
use evidence::document::findings::{Class, Finding, IdentityPlace, Severity, Site, identity};
use evidence::document::tests::{Test, TestOutcome};
use evidence::document::{
    ComponentsDocument, DocumentKind, FindingsDocument, Listed, Producer, ReportRef, Summary, TestsDocument,
    Tool,
};
use evidence::dsse::Envelope;
use evidence::pipeline::{Image, Pipeline, Step};
use evidence::receipt::{self, Receipt, Work};
use evidence::{Bytes, Digest, Name, canonical};

/// A document in the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabDocument {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl LabDocument {
    /// Wraps a document.
    #[must_use]
    pub fn of<D: Listed>(document: &D) -> Self {
        Self { kind: D::KIND, bytes: document.encode().unwrap() }
    }

    /// Digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// Documents that no policy minds, by the paths of `PIPELINE_REPORTS`.
#[must_use]
pub fn harmless() -> BTreeMap<String, LabDocument> {
    [
        (TESTS.to_owned(), LabDocument::of(&tests(TestOutcome::Passed))),
        (SCAN.to_owned(), LabDocument::of(&findings(&[("style", Class::Code, Severity::Low)]))),
        (COMPONENTS.to_owned(), LabDocument::of(&components("1.0.0"))),
        (ATTACK.to_owned(), LabDocument::of(&findings(&[("header", Class::Code, Severity::Low)]))),
        (SMOKE.to_owned(), LabDocument::of(&smoke(TestOutcome::Passed))),
        (SECRETS.to_owned(), LabDocument::of(&FindingsDocument::new([Tool::new("secrets", None)]))),
        (PACKAGES.to_owned(), LabDocument::of(&components("1.0.0"))),
    ]
    .into()
}

/// One test with this outcome.
#[must_use]
pub fn tests(outcome: TestOutcome) -> TestsDocument {
    let mut document = TestsDocument::new([Tool::new("nextest", None)]);
    document.add(
        "book".into(),
        "adds".into(),
        Test { outcome, message: None, covers: ["REQ-1".to_owned()].into() },
    );
    document
}

/// One test of a service with this outcome.
#[must_use]
pub fn smoke(outcome: TestOutcome) -> TestsDocument {
    let mut document = TestsDocument::new([Tool::new("smoke", None)]);
    let test = Test { outcome, message: None, covers: [].into() };
    document.add("service".into(), "answers".into(), test);
    document
}

/// Findings of these rules, one line each.
#[must_use]
pub fn findings(rules: &[(&str, Class, Severity)]) -> FindingsDocument {
    let mut document = FindingsDocument::new([Tool::new("semgrep", Some("1.0"))]);
    for (rule, class, severity) in rules {
        let id =
            identity(*class, rule, &IdentityPlace::Source { path: "src/main.rs", text: "run()", nth: 0 });
        let finding = Finding {
            class: *class,
            rule: (*rule).to_owned(),
            aliases: [].into(),
            severity: *severity,
            score: None,
            epss: None,
            exploited: false,
            unconfirmed: false,
            undecided: false,
            message: format!("about {rule}"),
            site: Site::File { path: "src/main.rs".into(), line: Some(1), end: None },
            published: None,
            fixed: None,
            fix_released: None,
        };
        document.add(id.unwrap(), finding);
    }
    document
}

/// The same findings, and one more that says that something was not read.
#[must_use]
pub fn and_unread(mut document: FindingsDocument) -> FindingsDocument {
    let mut more = findings(&[("scan-incomplete", Class::Supply, Severity::Unknown)]);
    more.findings.values_mut().for_each(|finding| finding.undecided = true);
    document.findings.append(&mut more.findings);
    document
}

/// One component of this version.
#[must_use]
pub fn components(version: &str) -> ComponentsDocument {
    let mut document = ComponentsDocument::new([Tool::new("syft", None)]);
    let component = Component {
        name: "serde".into(),
        version: version.to_owned(),
        scope: Default::default(),
        direct: Some(true),
        pinned: true,
        checksums: [].into(),
        licence: Some("MIT".into()),
        needs: [].into(),
        sources: [].into(),
        differs: None,
    };
    document.add(format!("pkg:cargo/serde@{version}"), component);
    document
}

/// References from a receipt to the reports of its work.
pub(crate) fn references(
    pipeline: &Pipeline,
    documents: &BTreeMap<String, LabDocument>,
    work: &Work,
) -> BTreeMap<String, ReportRef> {
    let Some((name, step)) = step_of(pipeline, work) else { return [].into() };
    of_step(step, pipeline.producer(name).unwrap(), documents)
}

/// References to the reports of a step or check.
#[must_use]
pub fn of_step(
    step: &Step,
    producer: Digest,
    documents: &BTreeMap<String, LabDocument>,
) -> BTreeMap<String, ReportRef> {
    let refer = |(path, format): (&str, &str)| {
        let document = documents.get(path)?;
        let none = || Summary { items: [].into(), tool: "none".into() };
        let summary = document.kind.inspect(&document.bytes).unwrap_or_else(|_| none());
        let reference = ReportRef {
            kind: document.kind,
            format: format.parse().unwrap(),
            producer: if step.scan.is_empty() { Producer::Step(producer) } else { Producer::Runner },
            tool: summary.tool,
            document: document.digest(),
            original: Digest::of(path.as_bytes()),
            items: summary.items,
            knowledge: None,
        };
        Some((path.to_owned(), reference))
    };
    step.declared_reports().into_iter().filter_map(refer).collect()
}

/// Exit codes that the step of some work declares.
pub(crate) fn exits(pipeline: &Pipeline, work: &Work) -> BTreeSet<u8> {
    step_of(pipeline, work).map(|(_, step)| step.report_exits.clone()).unwrap_or_default()
}

/// The image in which some work runs.
pub(crate) fn image(pipeline: &Pipeline, work: &Work) -> Option<Digest> {
    step_of(pipeline, work).and_then(|(_, step)| pipeline.image_of(step)).map(Image::digest)
}

/// The receipts in these envelopes.
pub(crate) fn receipts(envelopes: &[Envelope]) -> Vec<Receipt> {
    let read = |envelope: &Envelope| {
        let payload = envelope.payload(receipt::PAYLOAD_TYPE).ok()?;
        canonical::decode("receipt", payload, 1 << 20).ok()
    };
    envelopes.iter().filter_map(read).collect()
}

/// The lanes of a bundle that carries these documents, as far as they are read.
pub(crate) fn lanes(documents: &BTreeMap<String, LabDocument>, read: &BTreeSet<Digest>) -> Lanes {
    let all = documents.values().map(|document| (document.digest(), Bytes(document.bytes.clone())));
    Lanes { documents: all.filter(|(digest, _)| read.contains(digest)).collect(), ..Lanes::default() }
}

fn step_of<'a>(pipeline: &'a Pipeline, work: &Work) -> Option<(&'a Name, &'a Step)> {
    let Work::Step(name) = work else { return None };
    pipeline.steps.get_key_value(name)
}

/// Path of the report of tests.
pub const TESTS: &str = "out/tests.xml";
/// Path of the scanner's report.
pub const SCAN: &str = "out/scan.sarif";
/// Path of another scanner's report.
pub const OTHER: &str = "out/other.sarif";
/// Path of the report of the check that attacks a service.
pub const ATTACK: &str = "out/zap.json";
/// Path of the report of the check that tries a service.
pub const SMOKE: &str = "out/smoke.xml";
/// Name of the runner's own scan for secrets.
pub const SECRETS: &str = "secrets";
/// Name of the runner's own list of components.
pub const PACKAGES: &str = "components";
/// Path of the report of components.
pub const COMPONENTS: &str = "out/bom.json";
