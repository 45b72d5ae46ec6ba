//! Reports of steps: read in the second sandbox, named in the receipt, and never half.

use std::collections::BTreeSet;

use evidence::Digest;
use evidence::document::findings::{Class, IdentityPlace, identity};
use evidence::document::{Document as _, DocumentKind, FindingsDocument, Producer};
use evidence::pipeline::Pipeline;
use evidence::receipt::Ending;
use runner::Execution;

use super::{build, name, project};

/// A scanner that finds `count` problems in the second line of `main.c` and ends with this code.
fn scanner(count: usize, code: u8) -> String {
    let result = r#"{"ruleId":"c/puts","level":"error","message":{"text":"puts"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"main.c"},"region":{"startLine":2}}}]}"#;
    // Findings with one place and one message would be one.
    let results = (0..count).map(|n| result.replace("\"puts\"", &format!("\"puts {n}\"")));
    let results = results.collect::<Vec<_>>().join(",");
    format!(
        "      cat > scan.sarif <<'EOF'\n      {{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{{\"name\":\"scanner\",\"version\":\"1\"}}}},\"results\":[{results}]}}]}}\n      EOF\n      exit {code}\n"
    )
}

fn pipeline(script: &str, declared: &str) -> String {
    format!("version: 1\nsteps:\n  scan:\n    run: |\n{script}{declared}")
}

const COMMITTED: &str = "    reports: [{kind: sarif, path: main.c}]\n";
const SCAN: &str = "    reports: [{kind: sarif, path: scan.sarif}]\n    report-exits: [1]\n";

fn scan(script: &str, declared: &str) -> Execution {
    build(&project(&pipeline(script, declared)), 1).executions.remove(&name("scan")).unwrap()
}

fn said(done: &Execution) -> String {
    String::from_utf8_lossy(&done.log).into_owned()
}

#[test]
fn a_report_becomes_a_document_that_the_receipt_names() {
    let text = pipeline(&scanner(2, 1), SCAN);
    let done = build(&project(&text), 1).executions.remove(&name("scan")).unwrap();
    assert_eq!((done.facts.exit, done.facts.passed()), (Ending::Code(1), true), "{}", said(&done));
    let report = &done.facts.reports["scan.sarif"];
    assert_eq!(
        (report.kind, report.format.as_str(), report.tool.as_str()),
        (DocumentKind::Findings, "sarif", "scanner 1")
    );
    let pipeline = Pipeline::parse(text.as_bytes()).unwrap();
    assert_eq!(report.producer, Producer::Step(pipeline.producer(&name("scan")).unwrap()));
    let document = done.reports.iter().find(|bytes| Digest::of(bytes) == report.document).unwrap();
    let document = FindingsDocument::decode(document).unwrap();
    assert_eq!(
        (document.items(), document.findings.len()),
        (report.items.clone(), 2),
        "two equal places are two findings"
    );
    assert_eq!(done.reports.len(), 1, "the original is named and not kept");
    assert!(done.outputs.is_empty(), "a report is no output");
    assert!(
        said(&done).contains("countersign: report `scan.sarif`: findings by scanner 1: 2 high"),
        "{}",
        said(&done)
    );
}

#[test]
fn nothing_found_is_a_report_that_says_so() {
    let done = scan(&scanner(0, 0), SCAN);
    assert!(done.facts.passed() && done.facts.reports["scan.sarif"].items.is_empty(), "{}", said(&done));
    assert!(said(&done).contains("by scanner 1: nothing found"), "{}", said(&done));
}

/// The judge refuses such a receipt too, so the runner does not make one.
#[test]
fn an_output_of_an_earlier_step_is_no_report() {
    let text = "version: 1\nsteps:\n  make:\n    run: 'echo x > scan.sarif'\n    outputs: [scan.sarif]\n  scan:\n    needs: [make]\n    run: 'true'\n";
    let done = build(&project(&format!("{text}{SCAN}")), 1).executions.remove(&name("scan")).unwrap();
    assert_eq!((done.facts.exit, done.facts.passed()), (Ending::Code(253), false), "{}", said(&done));
    assert!(said(&done).contains("it is an output of an earlier step"), "{}", said(&done));
}

/// A report that is missing, empty, of another format, no file, or beside a broken one counts as not read, whatever the code.
#[test]
fn what_cannot_be_read_fails_the_step() {
    let both = "    reports: [{kind: sarif, path: scan.sarif}, {kind: junit, path: tests.xml}]\n    report-exits: [1]\n";
    let other = "    reports: [{kind: cobol, path: scan.sarif}]\n";
    for (what, script, declared, code, text) in [
        ("missing", "      true\n".to_owned(), SCAN, 253, "scan.sarif"),
        ("missing, with a code for findings", "      exit 1\n".to_owned(), SCAN, 1, "scan.sarif"),
        ("empty", "      : > scan.sarif\n".to_owned(), SCAN, 253, "cannot be read"),
        ("a link", "      ln -s /etc/passwd scan.sarif\n".to_owned(), SCAN, 253, "cannot be read"),
        ("a pipe", "      mkfifo scan.sarif\n".to_owned(), SCAN, 253, "cannot be read"),
        (
            "no runs",
            "      echo '{\"version\":\"2.1.0\",\"runs\":[]}' > scan.sarif\n".to_owned(),
            SCAN,
            253,
            "cannot be read",
        ),
        ("a file of the commit", "      true\n".to_owned(), COMMITTED, 253, "it is a file of the commit"),
        ("one of two", scanner(1, 0), both, 253, "tests.xml"),
        ("an unknown format", scanner(1, 0), other, 253, "`cobol` is no format"),
        ("a code that is not declared", scanner(1, 2), SCAN, 2, ""),
    ] {
        let done = scan(&script, declared);
        assert_eq!(
            (done.facts.exit, done.facts.passed()),
            (Ending::Code(code), false),
            "{what}: {}",
            said(&done)
        );
        assert!(done.facts.reports.is_empty() && done.reports.is_empty(), "{what}");
        assert!(said(&done).contains(text), "{what}: {}", said(&done));
    }
}

/// The reader has the source and the report. It sees no file of the host, and a hostile report cannot make it say more.
#[test]
fn a_report_that_would_lead_out_of_the_tree_reads_nothing_there() {
    let outside = scanner(1, 0).replace("\"uri\":\"main.c\"", "\"uri\":\"../../../etc/passwd\"");
    let done = scan(&outside, SCAN);
    assert!(done.facts.passed(), "{}", said(&done));
    let document = done.reports.iter().find_map(|bytes| FindingsDocument::decode(bytes).ok()).unwrap();
    let text = String::from_utf8(document.encode().unwrap()).unwrap();
    assert!(!text.contains("root:"), "{text}");
}

/// The source of a place counts, also in a file that is not wholly UTF-8. Where no source tells places apart, the step
/// and the report do: a waiver of one finding must not cover another tool's.
#[test]
fn places_keep_their_source_and_their_report() {
    let result = |line: u32| {
        format!(
            r#"{{"ruleId":"r","message":{{"text":"m"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"latin.c"}},"region":{{"startLine":{line}}}}}}}]}}"#
        )
    };
    let step = |name: &str| {
        let run = r#"{"tool":{"driver":{"name":"t"}},"results":["#;
        let (read, none) = (result(2), result(900));
        format!(
            "  {name}:\n    run: |\n      echo '{{\"version\":\"2.1.0\",\"runs\":[{run}{read},{none}]}}]}}' > scan.sarif\n{SCAN}"
        )
    };
    let project = project(&format!("version: 1\nsteps:\n{}{}", step("one"), step("two")));
    std::fs::write(project.path().join("latin.c"), b"// caf\xe9\nputs(x);\n").unwrap();
    project.commit("latin", "signing");
    let ran = build(&project, 1);
    let ids = |step: &str| {
        let done = &ran.executions[&name(step)];
        let document = done.reports.first().unwrap_or_else(|| panic!("{}", said(done)));
        FindingsDocument::decode(document).unwrap().findings.into_keys().collect::<BTreeSet<_>>()
    };
    let (one, two) = (ids("one"), ids("two"));
    let source = IdentityPlace::Source { path: "latin.c", text: "puts(x);", nth: 0 };
    let read = identity(Class::Code, "r", &source).unwrap();
    assert_eq!((one.len(), two.len()), (2, 2));
    assert_eq!(one.intersection(&two).collect::<Vec<_>>(), [&read]);
}
