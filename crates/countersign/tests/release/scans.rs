//! Scans by the runner itself: a secret stops at the gate without any scanner of the project, and a place can demand the scan.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::{PLACE, Shop, at};
use crate::codes;

const PIPELINE: &str = ".countersign/pipeline.yaml";
const DEMAND: &str =
    "\nreads contains {\"kind\": \"findings\", \"format\": \"secrets\", \"producer\": \"runner\"}\n";

#[test]
fn a_committed_secret_and_a_dropped_scan_stop_at_the_gate() {
    let shop = Shop::solo();
    let unscanned = std::fs::read_to_string(shop.repository().join(PIPELINE)).unwrap();
    shop.write(PIPELINE, &unscanned.replace("steps:\n", "steps:\n  scan: { scan: [secrets, components] }\n"));
    // No issuer has given it out. It is put together, so that no scanner finds it in this file.
    let key = format!("AKIA{}", "Q7RTPLM2XWZNKD5J");
    let secret = format!("{}{}", "wJq3rV8tXz0LmPs9YbNc", "4KdHgF7uEaRo2iTx1CvB");
    let text = format!("aws_access_key_id = \"{key}\"\naws_secret_access_key = \"{secret}\"\n");
    shop.write("deploy.py", &text);
    // A file that other scanners would obey.
    shop.write(".gitleaksignore", "deploy.py\n");
    shop.commit("a secret");
    let up = shop.home.up();
    let refused = shop.in_repository(&["run"], 3);
    assert!(codes(&refused).contains(&"secret-found"), "{refused}");
    let shown = refused.to_string();
    assert!(shown.contains("deploy.py:") && !shown.contains(&secret) && !shown.contains(&key), "{shown}");
    assert!(at(&up, "dev")["running"].is_null(), "a secret goes nowhere");
    // Production demands the scan from now on. It passes once the secret is gone.
    let dir = shop.home.dir.path().join("policy");
    let dir = dir.to_str().unwrap();
    shop.ok(&["policy", "copy", dir]);
    let mut gate = std::fs::File::options().append(true).open(Path::new(dir).join("gate.rego")).unwrap();
    gate.write_all(DEMAND.as_bytes()).unwrap();
    shop.ok(&["trust", "environment", "--yes", PLACE, "--policy", dir]);
    std::fs::remove_file(shop.repository().join("deploy.py")).unwrap();
    shop.commit("without the secret");
    assert_eq!(shop.release()["outcome"], json!("running"));
    // A pipeline that does not scan reaches the places that demand nothing.
    shop.write(PIPELINE, &unscanned);
    shop.commit("no scan");
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["report-missing"], "{refused}");
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

const EMPTY: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"grep"}},"results":[]}]}"#;

/// A scanner as a step: it finds `eval` in a directory, and marks what a comment suppresses, as scanners do.
fn scanner(directory: &str, after: &str) -> String {
    format!(
        "steps:
  scan:
    run: |
      found='' by=''
      if grep -q nosec {directory}/*.sh; then by=',\"suppressions\":[{{\"kind\":\"inSource\"}}]'; fi
      if grep -q 'eval ' {directory}/*.sh; then
        found='{{\"ruleId\":\"sh/eval\",\"message\":{{\"text\":\"runs what it reads\"}},\"properties\":{{\"security-severity\":\"9.8\"}}'\"$by\"'}}'
      fi
      echo '{{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{{\"name\":\"grep\"}}}},\"results\":['\"$found\"']}}]}}' > scan.sarif
      {after}
    reports: [{{ kind: sarif, path: scan.sarif }}]
"
    )
}

#[test]
fn a_developer_who_bends_a_scan_does_not_reach_production() {
    let shop = Shop::solo();
    let unscanned = std::fs::read_to_string(shop.repository().join(PIPELINE)).unwrap();
    let pipeline = |step: &str| shop.write(PIPELINE, &unscanned.replace("steps:\n", step));
    pipeline(&scanner(".", ":"));
    shop.write("bad.sh", "eval \"$1\"\n");
    shop.commit("a scanner, and what it finds");
    let plan = shop.ok(&["pipeline", "check"]);
    let steps = plan["steps"].as_array().unwrap();
    let scan = steps.iter().find(|step| step["name"] == json!("scan")).unwrap();
    let producer = scan["producer"].as_str().unwrap();
    let demand =
        format!("\nreads contains {{\"kind\": \"findings\", \"producer\": \"{producer}\"}} if production\n");
    let up = shop.home.up();
    let dir = shop.home.dir.path().join("policy");
    let dir = dir.to_str().unwrap();
    shop.stopping_policy(dir);
    let mut gate = std::fs::File::options().append(true).open(Path::new(dir).join("gate.rego")).unwrap();
    gate.write_all(demand.as_bytes()).unwrap();
    shop.ok(&["trust", "environment", "--yes", PLACE, "--policy", dir]);
    let refused = |why: &str| {
        shop.commit(why);
        shop.ok(&["run"]);
        shop.ok(&["approve", "--yes", "--reason", "it is urgent"]);
        let refused = shop.in_repository(&["promote"], 3);
        assert!(at(&up, "production")["running"].is_null(), "{why}");
        codes(&refused).join(" ")
    };
    shop.write("bad.sh", "eval \"$1\" # nosec\n");
    assert_eq!(refused("a comment that suppresses"), "finding-critical");
    pipeline(&scanner(".", &format!("echo '{EMPTY}' > scan.sarif")));
    assert_eq!(refused("a report that the step empties"), "report-missing");
    pipeline(&scanner("src", ":"));
    assert_eq!(refused("a scan of another tree"), "report-missing");
    shop.write(PIPELINE, &unscanned);
    assert_eq!(refused("no scan"), "report-missing");
    // Without a byte it is no report, and the run fails.
    pipeline(&scanner(".", ": > scan.sarif"));
    shop.commit("an empty file");
    let failed = shop.in_repository(&["run"], 3);
    assert!(failed.to_string().contains("scan"), "{failed}");
    assert!(up.stop());
}
