//! What scanners and tests found, where a person decides on it: in `run`, `status` and `approve`.

use super::Page;
use crate::release::shop::Shop;

const PLACE: &str = "shop/ledger-api/production";

/// A result of a scanner whose texts a terminal would act on.
fn result(rule: &str, score: &str, line: u32) -> String {
    let message = format!("reads \\u001b[2J what \\u202e it runs {}", "x".repeat(300));
    format!(
        "{{\"ruleId\":\"{rule}\",\"message\":{{\"text\":\"{message}\"}},\"properties\":{{\"security-severity\":\"{score}\"}},\
         \"locations\":[{{\"physicalLocation\":{{\"artifactLocation\":{{\"uri\":\"service.sh\"}},\"region\":{{\"startLine\":{line}}}}}}}]}}"
    )
}

/// A commit whose steps report these results and tests.
fn commit(shop: &Shop, results: &[String], failure: &str) {
    let driver = r#"{"driver":{"name":"scanner","version":"1"}}"#;
    let all = results.join(",");
    shop.write(
        "found/scan.sarif",
        &format!("{{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{driver},\"results\":[{all}]}}]}}"),
    );
    shop.write(
        "found/junit.xml",
        &format!(
            "<testsuites name=\"t\"><testsuite name=\"book\"><testcase name=\"adds\"/><testcase name=\"pays\">{failure}</testcase>\
             </testsuite></testsuites>"
        ),
    );
    shop.commit("results");
}

#[test]
fn results_are_read_before_a_signature() {
    let shop = Shop::solo();
    let path = ".countersign/pipeline.yaml";
    let text = std::fs::read_to_string(shop.repository().join(path)).unwrap();
    let step = "steps:
  scan:
    run: cp found/* .
    reports: [{ kind: sarif, path: scan.sarif }, { kind: junit, path: junit.xml }]
";
    shop.write(path, &text.replace("steps:\n", step));
    let up = shop.home.up();
    shop.stopping();
    let mut page = Page::within(&shop.home, shop.repository());
    let many: Vec<_> = (1..14).map(|line| result(&format!("rule-{line}"), "5.0", line)).collect();
    commit(&shop, &[&many[..], &[result("sh/eval", "9.8", 1)]].concat(), "");
    let run = page.home.run_in(&shop.repository(), &["run"]);
    page.entry("the end of a run", &["run"], &std::process::Output { stderr: Vec::new(), ..run });
    page.shows("a gate that will say no", &["status"]);
    page.shows("the release in full", &["status", PLACE]);
    page.shows("the gate, rule by rule", &["policy", "explain", PLACE]);
    page.shows("the evidence", &["approve", "--show"]);
    page.shows("an approval that is not enough", &["approve", "--yes", "--reason", "tested"]);
    page.fails_in_the_end("a promotion that was foretold", &["promote"]);
    commit(&shop, &[], "<failure message=\"2 is not 3\"/>");
    page.fails_in_the_end("a test that failed", &["run"]);
    page.shows("its release", &["status", "shop/ledger-api/dev"]);
    commit(&shop, &[], "");
    shop.ok(&["run"]);
    page.shows("nothing is left", &["approve", "--show"]);
    shop.ok(&["reject", "--yes", "--reason", "not on a Friday"]);
    page.fails("an approval after one's own rejection", &["approve", "--reason", "it is Monday"]);
    let asked = shop.home.on_terminal(&shop.repository(), "approve --reason monday", "n\n");
    let asked = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(asked.contains("Lift your rejection, and sign this approval? [y/N]"), "{asked}");
    let lifted = shop.ok(&["approve", "--yes", "--reason", "it is Monday"]);
    assert_eq!(lifted["replaces"]["decision"], "reject", "{lifted}");
    page.fails("a rejection after one's own approval", &["reject", "--reason", "it is Friday again"]);
    shop.ok(&["promote"]);
    page.shows("a release that runs", &["status", PLACE, "2"]);
    page.fails("a release that is not there", &["status", PLACE, "9"]);
    page.end("results");
    assert!(up.stop());
}
