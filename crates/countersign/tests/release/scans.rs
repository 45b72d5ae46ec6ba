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
