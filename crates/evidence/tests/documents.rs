//! Canonical documents: laws of merging, identities of findings, and forms that are refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use evidence::document::components::Component;
use evidence::document::coverage::Lines;
use evidence::document::findings::{Class, Finding, IdentityPlace, Severity, Site, identity, normalised};
use evidence::document::tests::{Test, TestOutcome};
use evidence::document::{
    self, ComponentsDocument, CoverageDocument, Document, FindingsDocument, TestsDocument, Tool,
};
use proptest::prelude::*;

fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(vec![
        Severity::None,
        Severity::Low,
        Severity::Medium,
        Severity::Unknown,
        Severity::High,
        Severity::Critical,
    ])
}

prop_compose! {
    fn finding()(
        severity in severity(),
        message in "[a-c]{1,3}",
        line in 1_u32..4,
        flags in any::<(bool, bool, bool)>(),
        numbers in any::<(Option<u8>, Option<u16>)>(),
        alias in prop::option::of("CVE-[0-9]"),
        fixed in prop::option::of("[0-9]\\.[0-9]"),
        published in prop::option::of(0_u64..1_000_000_000),
    ) -> Finding {
        Finding {
            class: Class::Code,
            rule: "rule".into(),
            aliases: alias.into_iter().collect(),
            severity,
            score: numbers.0.map(|score| score % 101),
            epss: numbers.1.map(|epss| epss % 10_001),
            exploited: flags.0,
            unconfirmed: flags.1,
            undecided: flags.2,
            message,
            site: Site::File { path: "src/a.rs".into(), line: Some(line), end: None },
            published: published.map(|millis| evidence::Moment::from_millis(millis).unwrap()),
            fixed,
            fix_released: None,
        }
    }
}

prop_compose! {
    fn findings()(rows in prop::collection::vec((0_u32..3, finding()), 0..6)) -> FindingsDocument {
        let mut document = FindingsDocument::new([Tool::new("tool", None)]);
        for (nth, finding) in rows {
            let place = IdentityPlace::Source { path: "src/a.rs", text: "x", nth };
            document.add(identity(Class::Code, "rule", &place).unwrap(), finding);
        }
        document
    }
}

prop_compose! {
    fn tests()(rows in prop::collection::vec(("[ab]", "[ab]", 0_usize..5, prop::option::of("[xy]")), 0..6)) -> TestsDocument {
        let outcomes =
            [TestOutcome::Passed, TestOutcome::Flaky, TestOutcome::Skipped, TestOutcome::Error, TestOutcome::Failed];
        let mut document = TestsDocument::new([Tool::new("tool", None)]);
        for (suite, name, outcome, message) in rows {
            document.add(suite, name, Test { outcome: outcomes[outcome], message, covers: [].into() });
        }
        document
    }
}

prop_compose! {
    fn coverage()(rows in prop::collection::btree_map("[a-d]", (0_u64..5, 0_u64..5), 1..4)) -> CoverageDocument {
        let mut document = CoverageDocument::new([Tool::new("tool", None)]);
        document.files =
            rows.into_iter().map(|(path, (covered, more))| (path, Lines { covered, total: covered + more })).collect();
        document
    }
}

/// The laws that make the order of runners and reports meaningless, and repetition harmless.
fn laws<D: Document + Clone + PartialEq + std::fmt::Debug>(a: &D, b: &D, c: &D) {
    let merge = |one: &D, other: &D| one.clone().merge(other.clone());
    assert_eq!(merge(a, b), merge(b, a));
    assert_eq!(merge(&merge(a, b), c), merge(a, &merge(b, c)));
    assert_eq!(merge(a, a), *a);
    assert_eq!(D::decode(&merge(a, b).encode().unwrap()).unwrap(), merge(a, b));
}

proptest! {
    #[test]
    fn findings_merge_in_any_order(a in findings(), b in findings(), c in findings()) {
        laws(&a, &b, &c);
        let both = a.clone().merge(b);
        for (id, finding) in &a.findings {
            let merged = &both.findings[id];
            prop_assert!(merged.severity >= finding.severity && merged.exploited >= finding.exploited);
            prop_assert!(merged.unconfirmed <= finding.unconfirmed && merged.score >= finding.score);
            prop_assert!(merged.aliases.is_superset(&finding.aliases));
        }
    }

    #[test]
    fn tests_merge_in_any_order(a in tests(), b in tests(), c in tests()) {
        laws(&a, &b, &c);
        let both = a.clone().merge(b);
        for (suite, name, test) in a.suites.iter().flat_map(|(suite, tests)| tests.iter().map(move |(n, t)| (suite, n, t))) {
            prop_assert!(both.suites[suite][name].outcome >= test.outcome);
        }
    }

    #[test]
    fn coverage_of_several_runners_is_the_lowest(a in coverage(), b in coverage(), c in coverage()) {
        laws(&a, &b, &c);
        let join = |one: &CoverageDocument, other: &CoverageDocument| one.clone().join(other.clone()).unwrap();
        let both = join(&a, &b);
        prop_assert_eq!(&both, &join(&b, &a));
        prop_assert_eq!(join(&both, &c), join(&a, &join(&b, &c)));
        prop_assert_eq!(&join(&a, &a), &a);
        for one in [&a, &b] {
            prop_assert!(both.lines().covered <= one.lines().covered && both.lines().total >= one.lines().total);
            prop_assert!(one.files.iter().all(|(path, lines)| both.files[path].covered <= lines.covered));
        }
    }

    #[test]
    fn a_text_of_a_tool_becomes_one_that_a_document_holds(original in any::<String>(), most in 0_usize..40) {
        let text = document::text(&original, most);
        prop_assert!(text.len() <= most);
        prop_assert_eq!(document::text(&text, most), text.clone());
        prop_assert!(!text.chars().any(char::is_control));
    }
}

fn component(version: &str) -> Component {
    Component {
        name: "serde".into(),
        version: version.into(),
        scope: Default::default(),
        direct: None,
        pinned: true,
        checksums: [("sha256".to_owned(), "ab".to_owned())].into(),
        licence: None,
        needs: [].into(),
        sources: [].into(),
        differs: None,
    }
}

proptest! {
    /// A less trusted document makes each finding worse as before, and changes no text.
    #[test]
    fn people_read_the_texts_of_the_more_trusted_document(a in findings(), b in findings()) {
        let mut all = document::Documents::default();
        all.add(document::AnyDocument::Findings(a.clone())).unwrap();
        let mut others = document::Documents::default();
        others.add(document::AnyDocument::Findings(b.clone())).unwrap();
        all.add_below(others).unwrap();
        let (over, merged) = (all.findings.unwrap(), a.clone().merge(b.clone()));
        prop_assert!(over.findings.keys().eq(merged.findings.keys()));
        for (id, finding) in &over.findings {
            let texts = a.findings.get(id).unwrap_or_else(|| &b.findings[id]);
            prop_assert_eq!((&finding.message, &finding.site), (&texts.message, &texts.site));
            let rest = Finding { message: texts.message.clone(), site: texts.site.clone(), ..merged.findings[id].clone() };
            prop_assert_eq!(finding, &rest);
        }
    }
}

#[test]
fn a_test_covers_what_every_runner_says() {
    let of = |rows: &[(&str, TestOutcome, &[&str])]| {
        let mut document = TestsDocument::new([Tool::new("tool", None)]);
        for (name, outcome, covers) in rows {
            let covers = covers.iter().map(|id| (*id).to_owned()).collect();
            document.add("suite".into(), (*name).into(), Test { outcome: *outcome, message: None, covers });
        }
        document
    };
    let (passed, failed) = (TestOutcome::Passed, TestOutcome::Failed);
    let one = of(&[("both", passed, &["R1", "R2"]), ("mine", failed, &["R3"])]);
    let other = of(&[("both", passed, &["R2", "R4"]), ("theirs", passed, &["R3"])]);
    let both = one.clone().join(other.clone()).unwrap();
    assert_eq!(both, of(&[("both", passed, &["R2"]), ("mine", failed, &[]), ("theirs", passed, &[])]));
    assert_eq!(both, other.clone().join(one.clone()).unwrap());
    assert_eq!(one.clone().join(one.clone()).unwrap(), one);
    // What a third runner says adds nothing again.
    let third = of(&[("both", passed, &["R1", "R2"]), ("theirs", passed, &["R3"])]);
    assert_eq!(both.clone().join(third).unwrap(), both);
    // Two reports of one runner each say something of a test.
    let merged = one.merge(other);
    assert_eq!(merged.suites["suite"]["both"].covers.len(), 3);
}

#[test]
fn components_of_two_runners_are_equal_or_undecided() {
    let mut one = ComponentsDocument::new([Tool::new("tool", None)]);
    one.add("pkg:cargo/serde@1".into(), component("1"));
    assert_eq!(one.clone().join(one.clone()).unwrap(), one);
    let mut other = one.clone();
    other.add("pkg:cargo/serde@2".into(), component("2"));
    let error = one.clone().join(other.clone()).unwrap_err();
    assert_eq!(error.to_string(), "components documents differ: pkg:cargo/serde@2");
    // Two reports of one build may list other packages.
    assert_eq!(one.merge(other).components.len(), 2);
}

#[test]
fn two_documents_that_make_one_finding_two_things_contradict() {
    let place = IdentityPlace::Source { path: "src/a.rs", text: "x", nth: 0 };
    let id = identity(Class::Secret, "key", &place).unwrap();
    let of = |change: &dyn Fn(&mut Finding)| {
        let mut document = FindingsDocument::new([Tool::new("tool", None)]);
        let mut finding = Finding {
            class: Class::Secret,
            rule: "key".into(),
            aliases: [].into(),
            severity: Severity::High,
            score: None,
            epss: None,
            exploited: false,
            unconfirmed: false,
            undecided: false,
            message: "a key".into(),
            site: Site::File { path: "src/a.rs".into(), line: Some(1), end: None },
            published: None,
            fixed: None,
            fix_released: None,
        };
        change(&mut finding);
        document.add(id, finding);
        document
    };
    let honest = of(&|_| ());
    let differs = format!("findings documents differ: finding {id}");
    let added = |other: FindingsDocument| {
        let mut all = document::Documents::default();
        all.add(document::AnyDocument::Findings(honest.clone())).unwrap();
        all.add(document::AnyDocument::Findings(other)).map_err(|error| error.to_string())
    };
    let joined = |other: FindingsDocument| honest.clone().join(other).map_err(|error| error.to_string());
    let moved = |path: &str, line| Site::File { path: path.into(), line: Some(line), end: None };
    let contradictions: [&dyn Fn(&mut Finding); 4] = [
        &|it| it.class = Class::Code,
        &|it| it.rule = "style".into(),
        &|it| it.site = moved("src/b.rs", 1),
        &|it| it.site = Site::Whole,
    ];
    for change in contradictions {
        assert_eq!(joined(of(change)).unwrap_err(), differs);
        assert_eq!(added(of(change)).unwrap_err(), differs);
    }
    // A scanner names its findings in any order, and the worse severity counts.
    let other = of(&|it| (it.site, it.severity) = (moved("src/a.rs", 2), Severity::Critical));
    assert_eq!(joined(other.clone()).unwrap().findings[&id].severity, Severity::Critical);
    added(other).unwrap();
    let undecided = of(&|it| it.undecided = true);
    assert_eq!(joined(undecided.clone()).unwrap_err(), differs);
    added(undecided).unwrap();
}

#[test]
fn a_package_that_one_source_leaves_open_is_open() {
    let mut document = ComponentsDocument::new([Tool::new("tool", None)]);
    document.add("pkg:cargo/serde@1".into(), component("1"));
    document.add("pkg:cargo/serde@1".into(), Component { pinned: false, ..component("1") });
    assert_eq!(document.items()["unpinned"], 1);
}

#[test]
fn unsound_documents_are_refused_with_the_entry() {
    let mut document = ComponentsDocument::new([Tool::new("tool", None)]);
    document.add("serde".into(), component("1"));
    assert!(document.encode().unwrap_err().to_string().contains("`serde` is not a package URL"));
    let mut document = ComponentsDocument::new([Tool::new("tool", None)]);
    document
        .add("pkg:cargo/a@1".into(), Component { needs: ["pkg:cargo/b@1".into()].into(), ..component("1") });
    assert!(
        document.encode().unwrap_err().to_string().contains("needs a component that is not in the document")
    );
    let none = FindingsDocument::new([]);
    assert!(none.encode().unwrap_err().to_string().contains("names 0 tools"));
    let mut coverage = CoverageDocument::new([Tool::new("tool", None)]);
    assert!(coverage.encode().unwrap_err().to_string().contains("it has 0 files"));
    coverage.files.insert("a.rs".into(), Lines { covered: 2, total: 1 });
    assert!(coverage.encode().unwrap_err().to_string().contains("impossible number of lines: 2 of 1"));
    let mut hidden = TestsDocument::new([Tool::new("tool", None)]);
    let test = Test { outcome: TestOutcome::Passed, message: Some("a\u{202e}b".into()), covers: [].into() };
    hidden.add("suite".into(), "name".into(), test);
    assert!(hidden.encode().is_err(), "a message that turns the reading direction");
    assert!(FindingsDocument::decode(br#"{"findings":{},"tools":[{"name":"x"}],"v":2}"#).is_err());
    assert!(FindingsDocument::decode(br#"{"findings":{},"more":1,"tools":[{"name":"x"}],"v":1}"#).is_err());
}

#[test]
fn an_identity_survives_moved_lines_and_other_spacing() {
    let id = |source: &str, line: u32| {
        let text = normalised(source, line, line);
        identity(Class::Code, "sql", &IdentityPlace::Source { path: "a.py", text: &text, nth: 0 }).unwrap()
    };
    let before = id("import os\nquery(  'x' )\n", 2);
    assert_eq!(before, id("import os\n\n\n    query( 'x' )\n", 4));
    assert_ne!(before, id("import os\nquery( 'y' )\n", 2));
    // The identity is a format: waivers name it.
    assert_eq!(before.to_string(), "sha256:ad74babdecfc6c7b0d6f004325a87da76a7dd804048190554c65e033a4ecf328");
}

#[test]
fn an_identity_has_the_whole_region() {
    // The first texts are whole: their form is that of waivers that were signed before.
    let lines = |count: usize| "line\n".repeat(count);
    assert_eq!(normalised(&lines(16), 1, 16), lines(16).trim_end());
    assert_eq!(normalised(&"x".repeat(4_096), 1, 1), "x".repeat(4_096));
    let long = |tail: &str| normalised(&format!("{}{tail}\n", lines(16)), 1, 17);
    assert!(long("safe()").starts_with(&format!("{}sha256:", lines(16))));
    assert_ne!(long("safe()"), long("eval(x)"));
    assert_ne!(long("safe()"), normalised(&format!("{}safe()\n", lines(16)), 1, 16));
    let wide = |tail: &str| normalised(&format!("{} {tail}", "é".repeat(2_500)), 1, 1);
    assert_ne!(wide("safe()"), wide("eval(x)"));
    assert_eq!(wide("safe()"), wide("   safe()"));
    assert!(wide("safe()").len() <= 4_096 + 1 + "sha256:".len() + 64);
    // A text that has the form of a cut one is cut itself.
    let forged = long("safe()");
    assert_ne!(normalised(&forged, 1, 17), forged);
}
