//! Coverage as coverage.py and c8 (istanbul) write it, and forms that no tool should write.

use std::collections::BTreeMap;

use evidence::document::findings::Origin;
use evidence::document::{CoverageDocument, Document as _};
use scan::reports::ReportFormat::{self, Cobertura, Lcov};
use scan::reports::translate;

use crate::{refusal, sources, tree};

fn coverage(format: ReportFormat, bytes: &[u8], tree: &BTreeMap<String, String>) -> CoverageDocument {
    let translated = translate(format, bytes, tree, Origin::Scan).unwrap_or_else(|error| panic!("{error}"));
    let document = CoverageDocument::decode(&translated.document).unwrap();
    assert_eq!(document.items(), translated.items);
    document
}

fn lines(document: &CoverageDocument) -> Vec<(&str, u64, u64)> {
    document.files.iter().map(|(path, lines)| (path.as_str(), lines.covered, lines.total)).collect()
}

const PYTHON: [(&str, u64, u64); 3] =
    [("shop/__init__.py", 0, 0), ("shop/cart.py", 6, 8), ("shop/unused.py", 0, 3)];
const NODE: [(&str, u64, u64); 2] = [("src/cart.js", 13, 17), ("src/unused.js", 0, 6)];

#[test]
fn two_formats_of_one_tool_say_the_same() {
    let all =
        sources(&["shop/__init__.py", "shop/cart.py", "shop/unused.py", "src/cart.js", "src/unused.js"]);
    for (xml, info, expected) in [
        (
            &include_bytes!("coverage/coverage-py.xml")[..],
            &include_bytes!("coverage/coverage-py.info")[..],
            &PYTHON[..],
        ),
        (include_bytes!("coverage/c8.xml"), include_bytes!("coverage/c8.info"), &NODE[..]),
    ] {
        let (xml, info) = (coverage(Cobertura, xml, &all), coverage(Lcov, info, &all));
        assert_eq!(lines(&xml), expected);
        assert_eq!(lines(&info), expected);
    }
    let python = coverage(Cobertura, include_bytes!("coverage/coverage-py.xml"), &all);
    assert_eq!(python.tools.first().unwrap().to_string(), "coverage.py 7.17.5");
    assert_eq!((python.lines().covered, python.lines().total), (6, 11), "as the report itself counts");
}

#[test]
fn paths_are_those_of_the_tree() {
    let below = sources(&["backend/src/cart.js", "src/cart.js"]);
    let xml = |source: &str| {
        format!(
            "<coverage><sources><source>{source}</source></sources><packages><package><classes><class filename='src/cart.js'>\
             <lines><line number='1' hits='1'/></lines></class></classes></package></packages></coverage>"
        )
    };
    for (source, path) in
        [("/ci/shop/backend", "backend/src/cart.js"), ("/ci/shop/", "src/cart.js"), ("", "src/cart.js")]
    {
        assert_eq!(lines(&coverage(Cobertura, xml(source).as_bytes(), &below)), [(path, 1, 1)], "{source}");
    }
    let info = "SF:/ci/shop/backend/src/cart.js\nDA:1,0\nend_of_record\nSF:/usr/include/x.h\nDA:1,0\nend_of_record\n";
    let expected = [("backend/src/cart.js", 0, 1)];
    assert_eq!(lines(&coverage(Lcov, info.as_bytes(), &below)), expected, "no file of another machine");
}

/// Otherwise a report with invented files or lines that ran would meet every floor.
#[test]
fn only_files_and_lines_of_the_tree_count() {
    let here = tree(&[("src/a.rs", "one\ntwo\nthree"), ("src/empty.rs", "")]);
    let record = |path: &str, lines: &[u64]| {
        let lines: String = lines.iter().map(|n| format!("DA:{n},1\n")).collect();
        format!("SF:{path}\n{lines}end_of_record\n")
    };
    let info = "SF:src/a.rs\nDA:1,0\nDA:2,1\nend_of_record\n".to_owned()
        + &record("src/a.rs", &[0, 3, 4, 9_000])
        + &record("src/invented.rs", &[1, 2, 3])
        + &record("src/empty.rs", &[1]);
    let expected = [("src/a.rs", 2, 3), ("src/empty.rs", 0, 0)];
    assert_eq!(lines(&coverage(Lcov, info.as_bytes(), &here)), expected);
    let class =
        |path: &str, n: u64| format!("<class filename='{path}'><line number='{n}' hits='1'/></class>");
    let xml = |classes: &str| format!("<coverage lines-valid='3' lines-covered='3'>{classes}</coverage>");
    let both = xml(&(class("src/a.rs", 1) + &class("src/a.rs", 4) + &class("src/invented.rs", 1)));
    assert_eq!(lines(&coverage(Cobertura, both.as_bytes(), &here)), [("src/a.rs", 1, 1)]);
    let invented = xml(&class("src/invented.rs", 1));
    for (format, report) in [(Lcov, record("src/invented.rs", &[1])), (Cobertura, invented)] {
        let error = translate(format, report.as_bytes(), &here, Origin::Scan).unwrap_err().to_string();
        assert!(error.contains("none of its files is in the commit"), "{error}");
    }
}

#[test]
fn a_line_counts_once_and_ran_if_a_record_says_so() {
    let info = "TN:a\nSF:a.rs\nDA:1,0\nDA:2,3,abc\nend_of_record\nTN:b\nSF:./a.rs\nDA:1,99999999999999999999999\n\
                DA:2,0\nDA:3,00\nend_of_record\n";
    assert_eq!(lines(&coverage(Lcov, info.as_bytes(), &sources(&["a.rs"]))), [("a.rs", 2, 3)]);
    let class = "<class filename='A.java'><methods><method><lines><line number='1' hits='0'/></lines></method></methods>\
                 <lines><line number='1' hits='2'/><line number='2' hits='0'/></lines></class>";
    let xml = format!("<coverage lines-valid='6' lines-covered='2'>{class}{class}</coverage>");
    assert_eq!(lines(&coverage(Cobertura, xml.as_bytes(), &sources(&["A.java"]))), [("A.java", 1, 2)]);
}

#[test]
fn refused() {
    let long = format!("SF:{}\nDA:1,1\nend_of_record\n", "a/".repeat(1_000));
    let lcov = [
        ("TN:\n", "names no file"),
        ("SF:a\nDA:1,1\n", "does not end"),
        ("SF:a\nDA:1,1\nSF:b\nend_of_record\n", "before the one above ended"),
        ("DA:1,1\n", "lines of no file"),
        ("end_of_record\n", "did not begin"),
        ("SF:a\nDB:1,1\nend_of_record\n", "line 2: not sound"),
        ("SF:a\nDA:1,-1\nend_of_record\n", "how often it ran"),
        ("SF:a\nDA:x,1\nend_of_record\n", "how often it ran"),
        ("SF:a\nDA:1\nend_of_record\n", "how often it ran"),
        ("SF:a\nDA:1,1\nLF:2\nend_of_record\n", "more lines than it shows"),
        ("SF:a\nDA:1,1\nLH:0\nend_of_record\n", "fewer lines that ran"),
        ("SF:\nDA:1,1\nend_of_record\n", "path of the file"),
        (&long, "path of the file"),
        ("<coverage/>", "not sound"),
    ];
    for (text, why) in lcov {
        let error = refusal(Lcov, text.as_bytes());
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn refused_xml() {
    let coverage = |attributes: &str, inner: &str| format!("<coverage {attributes}>{inner}</coverage>");
    let class = |lines: &str| coverage("", &format!("<class filename='a'>{lines}</class>"));
    let typed = |kind: &str| format!("<!DOCTYPE {kind}><coverage/>");
    for (text, why) in [
        (coverage("", ""), "names no file"),
        (coverage("lines-valid='2'", "<class filename='a'/>"), "shows none"),
        (
            coverage("lines-covered='0'", "<class filename='a'><line number='1' hits='1'/></class>"),
            "fewer lines that ran",
        ),
        (coverage("lines-valid='many'", "<class filename='a'/>"), "not a count"),
        (coverage("", "<class><line number='1' hits='1'/></class>"), "path of the file"),
        (class("<line number='1'/>"), "how often it ran"),
        (class("<line hits='1'/>"), "how often it ran"),
        ("<testsuites/>".into(), "expected `coverage`"),
        (typed("coverage SYSTEM \"a\" [<!ENTITY b \"c\">]"), "document type"),
        (typed("other SYSTEM \"a\""), "document type"),
        (typed("coverage SYSTEM \"a\"><!DOCTYPE coverage SYSTEM \"b\""), "document type"),
        (coverage("", "<a/><!DOCTYPE coverage SYSTEM \"a\">"), "not sound"),
    ] {
        let error = refusal(Cobertura, text.as_bytes());
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn endless_lines_are_refused() {
    let info = format!("SF:a\n{}end_of_record\n", "DA:1,1\n".repeat(2_000_001));
    assert!(refusal(Lcov, info.as_bytes()).contains("more than 2000000 lines"));
}
