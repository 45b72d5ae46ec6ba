//! `JUnit` XML as written by nextest, pytest, `node --test` and others. There is no standard; the least common form is
//! <https://github.com/testmoapp/junitxml>.
//!
//! Invariant: each `testcase` counts, and of several with one name the worst. Counts in attributes are compared with
//! the elements: a report that states failures and shows none is refused.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::tests::{Test, TestOutcome};
use evidence::document::{MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, TestsDocument, Tool, text};
use roxmltree::Node;

use super::xml;
use crate::ScanError;

pub(super) const WHAT: &str = "JUnit report";

/// Reads a report.
pub(super) fn read(input: &str) -> Result<TestsDocument, ScanError> {
    let parsed = xml::parse(WHAT, input)?;
    let root = parsed.root_element();
    if !xml::is(root, "testsuites") && !xml::is(root, "testsuite") {
        return Err(xml::fault(WHAT, root, "expected `testsuites` or `testsuite`"));
    }
    let covers = covers(root)?;
    let mut document = TestsDocument::new([tool(root)]);
    let mut counts: BTreeMap<usize, Counts> = BTreeMap::new();
    for (n, case) in root.descendants().filter(|node| xml::is(*node, "testcase")).enumerate() {
        if n >= CASES_MAX {
            return Err(xml::fault(WHAT, case, format_args!("more than {CASES_MAX} tests; report less")));
        }
        let name =
            case.attribute("name").map(|name| text(name, TEXT_BYTES_MAX)).filter(|name| !name.is_empty());
        let Some(name) = name else { return Err(xml::fault(WHAT, case, "the test has no name")) };
        let test = test(case, &covers);
        for above in case.ancestors().skip(1) {
            let counts = counts.entry(above.id().get_usize()).or_default();
            counts.tests += 1;
            counts.failures += u64::from(matches!(test.outcome, TestOutcome::Failed | TestOutcome::Error));
        }
        document.add(suite(case), name, test);
    }
    for suite in root.descendants().filter(|node| xml::is(*node, "testsuites") || xml::is(*node, "testsuite"))
    {
        check(suite, counts.get(&suite.id().get_usize()).copied().unwrap_or_default())?;
    }
    Ok(document)
}

/// Elements inside a suite.
#[derive(Clone, Copy, Default)]
struct Counts {
    tests: u64,
    failures: u64,
}

/// The runner of the tests. Names in reports are chosen by projects, so only known ones count.
fn tool(root: Node<'_, '_>) -> Tool {
    let suites = std::iter::once(root).chain(xml::children(root, "testsuite"));
    let names: BTreeSet<&str> = suites.filter_map(|suite| suite.attribute("name")).collect();
    let known = |tool: &&(&str, &str)| names.iter().any(|name| name.starts_with(tool.0));
    // Node's runner names itself nowhere; it ends its report with counts in comments.
    let is_node = || {
        root.children()
            .any(|node| node.is_comment() && node.text().is_some_and(|text| text.contains("duration_ms")))
    };
    let name = TOOLS.iter().find(known).map(|(_, name)| *name).or_else(|| is_node().then_some("node-test"));
    Tool::new(name.unwrap_or("junit"), None)
}

/// The suites around a test, from the outside, then its class.
fn suite(case: Node<'_, '_>) -> String {
    let suites = case.ancestors().skip(1).filter(|node| xml::is(*node, "testsuite"));
    let mut names: Vec<&str> = suites.filter_map(|suite| suite.attribute("name")).collect();
    names.reverse();
    names.extend(case.attribute("classname").filter(|class| names.last() != Some(class)));
    // One long name may stand around each of many tests.
    let names: Vec<&str> =
        names.iter().filter_map(|name| name.get(..name.floor_char_boundary(TEXT_BYTES_MAX))).collect();
    let joined = text(&names.join(" > "), TEXT_BYTES_MAX);
    if joined.is_empty() { "unnamed".to_owned() } else { joined }
}

fn test(case: Node<'_, '_>, covers: &BTreeMap<usize, BTreeSet<String>>) -> Test {
    let (outcome, cause) = outcome(case);
    let message = cause.map(|node| message(node)).filter(|message| !message.is_empty());
    let covers =
        case.ancestors().filter_map(|node| covers.get(&node.id().get_usize())).flatten().cloned().collect();
    Test { outcome, message, covers }
}

/// The worst that the children of a test say. A test that was run again and passed is flaky.
fn outcome<'a, 'i>(case: Node<'a, 'i>) -> (TestOutcome, Option<Node<'a, 'i>>) {
    let row = |node: Node<'a, 'i>| {
        let outcome = match node.tag_name().name() {
            "failure" => TestOutcome::Failed,
            "error" => TestOutcome::Error,
            "skipped" => TestOutcome::Skipped,
            "flakyFailure" | "flakyError" | "rerunFailure" | "rerunError" => TestOutcome::Flaky,
            _ => return None,
        };
        Some((outcome, Some(node)))
    };
    let rows = case.children().filter(Node::is_element).filter_map(row);
    // GoogleTest marks a test that did not run by an attribute alone.
    let is_idle = |name| case.attribute(name).is_some_and(|value| IDLE.contains(&value));
    let default =
        if is_idle("status") || is_idle("result") { TestOutcome::Skipped } else { TestOutcome::Passed };
    rows.rev().max_by_key(|(outcome, _)| *outcome).unwrap_or((default, None))
}

fn message(node: Node<'_, '_>) -> String {
    let attribute =
        node.attribute("message").map(|message| text(message, MESSAGE_BYTES_MAX)).unwrap_or_default();
    if attribute.is_empty() { text(&xml::content(node), MESSAGE_BYTES_MAX) } else { attribute }
}

/// Ids of requirements and controls, by the test or suite whose properties name them.
fn covers(root: Node<'_, '_>) -> Result<BTreeMap<usize, BTreeSet<String>>, ScanError> {
    let mut covers: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for property in root.descendants().filter(|node| xml::is(*node, "property")) {
        if !property.attribute("name").is_some_and(|name| COVERS.contains(&name)) {
            continue;
        }
        let Some(owner) = property.ancestors().nth(2) else { continue };
        let value = property.attribute("value").map_or_else(|| xml::content(property), str::to_owned);
        let ids = value.split([',', ';', ' ', '\n', '\t']).map(|id| text(id, TEXT_BYTES_MAX));
        let ids: BTreeSet<String> = ids.filter(|id| !id.is_empty()).collect();
        if ids.is_empty() {
            return Err(xml::fault(WHAT, property, "the property names no id; write `value=\"ID\"`"));
        }
        let covers = covers.entry(owner.id().get_usize()).or_default();
        covers.extend(ids);
        if covers.len() > COVERS_MAX {
            return Err(xml::fault(
                WHAT,
                owner,
                format_args!("it names more than {COVERS_MAX} requirements and controls"),
            ));
        }
    }
    Ok(covers)
}

/// Refuses a suite that counts tests or failures and shows none.
fn check(suite: Node<'_, '_>, counts: Counts) -> Result<(), ScanError> {
    let count = |name: &str| -> Result<u64, ScanError> {
        let Some(value) = suite.attribute(name) else { return Ok(0) };
        value
            .trim()
            .parse()
            .map_err(|_| xml::fault(WHAT, suite, format_args!("the attribute `{name}` is not a count")))
    };
    if count("tests")? > 0 && counts.tests == 0 {
        return Err(xml::fault(WHAT, suite, "it counts tests and shows none; is the file cut?"));
    }
    if count("failures")?.saturating_add(count("errors")?) > 0 && counts.failures == 0 {
        return Err(xml::fault(WHAT, suite, "it counts failures and shows none; is the file cut?"));
    }
    Ok(())
}

/// Highest number of tests that are read; a document holds fewer, each once.
const CASES_MAX: usize = 100_000;

/// Highest number of ids that a test or a suite names.
const COVERS_MAX: usize = 64;

/// Names of the properties that name requirements and controls.
const COVERS: [&str; 5] = ["requirement", "requirements", "control", "controls", "covers"];

/// Values of `status` and `result` that say that a test did not run.
const IDLE: [&str; 5] = ["notrun", "disabled", "skipped", "suppressed", "ignored"];

/// Starts of the names that test runners give to their reports.
const TOOLS: [(&str, &str); 2] = [("nextest-run", "nextest"), ("pytest", "pytest")];
