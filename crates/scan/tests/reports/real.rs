//! Reports that real tools wrote on small projects; `real/README.md` names versions and options. The expected numbers are
//! those that the tools print.

use std::collections::BTreeSet;

use evidence::document::FindingsDocument;
use scan::reports::ReportFormat::{Bandit, Checkov, Hadolint, Sarif, Semgrep};

use crate::{findings, refusal, tree};

/// Rules and places of the findings, in their order.
fn rows(document: &FindingsDocument) -> BTreeSet<(String, String)> {
    document.findings.values().map(|found| (found.rule.clone(), found.site.to_string())).collect()
}

fn expected(rows: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    rows.iter().map(|(rule, place)| ((*rule).to_owned(), (*place).to_owned())).collect()
}

#[test]
fn semgrep() {
    let source = tree(&[("app/a.py", "import os\n\n    eval(x)\n    subprocess.call(x, shell=True)\n")]);
    let json = findings(Semgrep, include_bytes!("real/semgrep.json"), &source);
    let found = [("py.eval", "app/a.py:3"), ("py.shell", "app/a.py:4")];
    let hidden = [("scan-incomplete", "app/broken.py"), ("scan-incomplete", "app/ignored.py")];
    assert_eq!(rows(&json), expected(&[found, hidden].concat()));
    assert_eq!(json.findings.len(), 5, "the broken file has a warning and was skipped");
    let sarif = findings(Sarif, include_bytes!("real/semgrep.sarif"), &source);
    assert_eq!(rows(&sarif), expected(&[found.as_slice(), &[("scan-incomplete", "no place")]].concat()));
    let shared = json.findings.keys().filter(|id| sarif.findings.contains_key(id)).count();
    assert_eq!(shared, 2, "one problem has one identity in both formats");
}

#[test]
fn bandit() {
    let found = findings(Bandit, include_bytes!("real/bandit.json"), &tree(&[]));
    let rules = [("B404", 1), ("B307", 3), ("B602", 4), ("B324", 5), ("B105", 6), ("B101", 7)];
    let places = rules.map(|(rule, line)| (rule.to_owned(), format!("app/a.py:{line}")));
    assert_eq!(rows(&found), BTreeSet::from(places));
    let error = refusal(Bandit, include_bytes!("real/bandit-broken.json"));
    assert!(error.contains("Bandit could not read `app/broken.py`: syntax error"), "{error}");
}

#[test]
fn checkov() {
    let source = tree(&[("main.tf", "resource\n"), ("Dockerfile", "FROM debian:12\n"), ("bad.tf", "x\n")]);
    let json = findings(Checkov, include_bytes!("real/checkov.json"), &source);
    let found =
        [("CKV_AWS_24", "main.tf:1"), ("CKV_DOCKER_4", "Dockerfile:3"), ("CKV_DOCKER_8", "Dockerfile:4")];
    assert_eq!(rows(&json), expected(&[found.as_slice(), &[("scan-incomplete", "bad.tf")]].concat()));
    let sarif = findings(Sarif, include_bytes!("real/checkov.sarif"), &source);
    assert_eq!(rows(&sarif), expected(&found), "SARIF does not name the file that was not parsed");
    assert!(sarif.findings.keys().all(|id| json.findings.contains_key(id)));
}

#[test]
fn hadolint() {
    let source = tree(&[(
        "Dockerfile.lint",
        "FROM debian\nRUN apt-get update\n# hadolint ignore=DL3002\nUSER root\n",
    )]);
    let json = findings(Hadolint, include_bytes!("real/hadolint.json"), &source);
    let at = |rule: &str, line| (rule.to_owned(), format!("Dockerfile.lint:{line}"));
    let second = ["DL3008", "DL3009", "DL3014", "DL3015"].map(|rule| at(rule, 2));
    let others = [at("DL3006", 1), at("DL3002", 4), at("DL3066", 4)];
    assert_eq!(rows(&json), second.into_iter().chain(others).collect());
    let sarif = findings(Sarif, include_bytes!("real/hadolint.sarif"), &source);
    assert!(json.findings.keys().eq(sarif.findings.keys()), "one problem has one identity in both formats");
    let error = refusal(Hadolint, include_bytes!("real/hadolint-broken.json"));
    assert!(error.contains("hadolint could not parse the file: missing whitespace"), "{error}");
}

#[test]
fn eslint() {
    let source = tree(&[("e/a.js", "eval(\"1\");\neval(\"2\"); // eslint-disable-line no-eval\n")]);
    let found = findings(Sarif, include_bytes!("real/eslint.sarif"), &source);
    assert_eq!(
        rows(&found),
        expected(&[("no-eval", "e/a.js:1"), ("no-eval", "e/a.js:2")]),
        "the comment has no effect"
    );
    let error = refusal(Sarif, include_bytes!("real/eslint-broken.sarif"));
    assert!(error.contains("the tool says that it failed"), "{error}");
}
