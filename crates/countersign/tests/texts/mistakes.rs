//! Mistakes that people make on their first day.

use std::net::TcpListener;

use super::Page;
use crate::release::shop::Shop;

#[test]
fn first_mistakes_are_named() {
    let shop = Shop::solo();
    let outside = shop.home.dir.path().join("notes.txt");
    std::fs::write(&outside, "no key\n").unwrap();
    let mut page = Page::within(&shop.home, shop.repository());
    page.fails("a key that is none", &["init", "--data", "../other", "--key", "../notes.txt"]);
    page.fails("a file as the data directory", &["init", "--data", "../notes.txt"]);
    page.fails("the same where one is looked for", &["status", "--data", "../notes.txt"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    page.fails("an address that is taken", &["up", "--listen", &address]);
    page.fails("an empty reason", &["approve", "--reason", " "]);
    page.fails("a placeholder as the reason", &["approve", "--reason", "WHY"]);
    shop.ok(&["policy", "copy", "policy"]);
    let gate = shop.repository().join("policy/gate.rego");
    let text = std::fs::read_to_string(&gate).unwrap();
    std::fs::write(&gate, text.replacen("import rego.v1", "import rego.v1\n\ndeny contains {", 1)).unwrap();
    let output = shop.home.run_in(&shop.repository(), &["policy", "check", "policy"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().next().unwrap().to_owned();
    assert!(line.starts_with("error: `policy/gate.rego`, line ") && line.contains(", column "), "{said}");
    reports(&mut page, &shop);
    let up = shop.home.up();
    page.fails(
        "a place that is not there",
        &["trust", "environment", "shop/ledger-api/test", "--port", "8081"],
    );
    page.end("mistakes");
    assert!(up.stop());
}

/// Steps whose reports are not what the pipeline declares.
fn reports(page: &mut Page<'_>, shop: &Shop) {
    let sarif = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"s"}},"results":[]}]}"#;
    let path = ".countersign/pipeline.yaml";
    let text = std::fs::read_to_string(shop.repository().join(path)).unwrap();
    let steps = format!(
        "steps:
  missing:
    run: echo no report
    reports: [{{ kind: sarif, path: scan.sarif }}]
  other:
    run: |
      echo '{sarif}' > tests.xml
    reports: [{{ kind: junit, path: tests.xml }}]
"
    );
    shop.write(path, &text.replace("steps:\n", &steps));
    page.fails_in_the_end("a report that is not there", &["pipeline", "run", "missing"]);
    page.fails_in_the_end("a report of another format", &["pipeline", "run", "other"]);
    for (step, words) in [
        ("missing", "report `scan.sarif` (sarif) cannot be read: the step left no such file"),
        ("other", "it looks like `sarif` and is declared as `junit`"),
    ] {
        let output = shop.home.run_in(&shop.repository(), &["pipeline", "run", step]);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(words), "{said}");
    }
}
