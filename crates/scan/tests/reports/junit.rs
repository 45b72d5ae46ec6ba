//! `JUnit` as nextest, pytest and `node --test` write it, and forms that no runner should write.

use evidence::document::tests::TestOutcome::{self, Error, Failed, Flaky, Passed, Skipped};
use scan::reports::ReportFormat::Junit;

use crate::{refusal, tests};

fn outcomes(bytes: &[u8]) -> Vec<(String, String, TestOutcome)> {
    let row = |suite: &String, (name, test): (&String, &evidence::document::tests::Test)| {
        (suite.clone(), name.clone(), test.outcome)
    };
    let suites = tests(bytes).suites;
    suites.iter().flat_map(|(suite, tests)| tests.iter().map(move |test| row(suite, test))).collect()
}

fn check(bytes: &[u8], tool: &str, expected: &[(&str, &str, TestOutcome)]) {
    let expected: Vec<_> = expected.iter().map(|(s, n, o)| ((*s).to_owned(), (*n).to_owned(), *o)).collect();
    assert_eq!(outcomes(bytes), expected);
    assert_eq!(tests(bytes).tools.first().unwrap().name, tool);
}

#[test]
fn nextest() {
    let bytes = include_bytes!("junit/nextest.xml");
    let suite = "cart";
    check(
        bytes,
        "nextest",
        &[(suite, "tests::adds", Passed), (suite, "tests::fails", Failed), (suite, "tests::flaky", Flaky)],
    );
    let flaky = &tests(bytes).suites[suite]["tests::flaky"];
    assert!(flaky.message.as_ref().unwrap().contains("panicked at src/lib.rs:15:9"));
}

#[test]
fn pytest() {
    let bytes = include_bytes!("junit/pytest.xml");
    let suite = "pytest > test_cart";
    check(
        bytes,
        "pytest",
        &[
            (suite, "test_adds", Passed),
            (suite, "test_error", Error),
            (suite, "test_expected_failure", Skipped),
            (suite, "test_fails", Failed),
            (suite, "test_many[1]", Passed),
            (suite, "test_many[2]", Passed),
            (suite, "test_skipped", Skipped),
            (suite, "test_teardown", Error),
        ],
    );
    let document = tests(bytes);
    let covers: Vec<&str> = document.suites[suite]["test_adds"].covers.iter().map(String::as_str).collect();
    assert_eq!(covers, ["PCI-6.3.3", "REQ-1", "SOX-1"]);
    assert!(document.suites[suite]["test_fails"].covers.is_empty());
    let message = document.suites[suite]["test_fails"].message.as_deref();
    assert_eq!(message, Some("AssertionError: one is not two assert 1 == 2"));
}

#[test]
fn node() {
    check(
        include_bytes!("junit/node.xml"),
        "node-test",
        &[
            ("carts > inner > test", "is deep", Passed),
            ("carts > test", "adds", Failed),
            ("carts > test", "holds items", Passed),
            ("test", "adds", Passed),
            ("test", "fails", Failed),
            ("test", "left for later", Skipped),
            ("test", "to do", Skipped),
        ],
    );
}

#[test]
fn one_name_counts_once_with_its_worst_outcome() {
    let twice = b"<testsuite name='s'><testcase name='t'/><testcase name='t'><failure/></testcase><testcase name='t'/></testsuite>";
    check(twice, "junit", &[("s", "t", Failed)]);
    let both = b"<testsuite name='s'><testcase name='t'><skipped/><flakyFailure/></testcase></testsuite>";
    check(both, "junit", &[("s", "t", Skipped)]);
    let idle = b"<testsuite name='s'><testcase name='a' status='run' result='completed'/><testcase name='b' status='notrun' \
        result='suppressed'/></testsuite>";
    check(idle, "junit", &[("s", "a", Passed), ("s", "b", Skipped)]);
}

#[test]
fn properties_of_a_suite_count_for_its_tests() {
    let bytes = b"<testsuites><testsuite name='s'><properties><property name='control' value='C-1'/><property name='os' \
        value='linux'/></properties><testcase name='t'><properties><property name='requirement'>R-1; R-2</property>\
        </properties></testcase></testsuite><testsuite name='r'><testcase name='t'/></testsuite></testsuites>";
    let suites = tests(bytes).suites;
    assert_eq!(suites["s"]["t"].covers.iter().map(String::as_str).collect::<Vec<_>>(), ["C-1", "R-1", "R-2"]);
    assert!(suites["r"]["t"].covers.is_empty());
}

#[test]
fn ran_and_found_no_test() {
    assert!(tests(b"<testsuites name=\"nextest-run\" tests=\"0\"/>").suites.is_empty());
}

#[test]
fn refused() {
    for (bytes, why) in [
        ("<testsuites tests='2'/>", "counts tests and shows none"),
        (
            "<testsuite tests='1' failures='1'><testcase name='a'/></testsuite>",
            "counts failures and shows none",
        ),
        (
            "<testsuites><testsuite errors='1'/><testsuite><testcase name='a'><error/></testcase></testsuite></testsuites>",
            "line 1, element `testsuite`",
        ),
        ("<testsuite tests='-1'/>", "not a count"),
        ("<testsuite><testcase/></testsuite>", "has no name"),
        ("<testsuite><testcase name=' '/></testsuite>", "has no name"),
        (
            "<testsuite><testcase name='a'><properties><property name='control' value=' '/></properties></testcase></testsuite>",
            "names no id",
        ),
        ("<report/>", "expected `testsuites`"),
        ("<testsuites>", "not sound XML"),
        ("{}", "not sound XML"),
    ] {
        let error = refusal(Junit, bytes.as_bytes());
        assert!(error.contains(why), "{bytes}: {error}");
    }
}

#[test]
fn wide_and_nested_reports_are_read_in_linear_time() {
    let cases: String = (0..15_000).map(|n| format!("<testcase name='t{n}'/>")).collect();
    let wide = format!(
        "<testsuite name='s'><properties><property name='control' value='C'/></properties>{cases}</testsuite>"
    );
    assert_eq!(outcomes(wide.as_bytes()).len(), 15_000);
    let nested = format!("{}{}", "<testsuite name='s'>".repeat(50_000), "</testsuite>".repeat(50_000));
    assert!(refusal(Junit, nested.as_bytes()).contains("nested"));
}
