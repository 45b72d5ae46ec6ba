//! Reports from a step to a gate: what a scanner found stops a release where the policy says so, and nowhere else.

use serde_json::{Value, json};

use super::{PLACE, Shop, at};
use crate::codes;

/// The pipeline of the shop with a scanner that reports what `findings.json` in the commit says.
pub fn scanned(shop: &Shop, results: &str) {
    let path = ".countersign/pipeline.yaml";
    let text = std::fs::read_to_string(shop.repository().join(path)).unwrap();
    let step = "steps:
  scan:
    run: |
      cp findings.json scan.sarif
      ! grep -q ruleId scan.sarif
    reports: [{ kind: sarif, path: scan.sarif }]
    report-exits: [1]
";
    if !text.contains("scan.sarif") {
        shop.write(path, &text.replace("steps:\n", step));
    }
    let driver = r#"{"driver":{"name":"scanner","version":"1"}}"#;
    let report =
        format!("{{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{driver},\"results\":[{results}]}}]}}");
    shop.write("findings.json", &report);
}

pub const CRITICAL: &str = r#"{"ruleId":"sh/eval","level":"error","message":{"text":"runs what it reads"},"properties":{"security-severity":"9.8"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"service.sh"},"region":{"startLine":2}}}]}"#;

/// The date of tomorrow in UTC.
pub fn tomorrow() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let millis = u64::try_from(now.as_millis()).unwrap() + 86_400_000;
    evidence::Moment::from_millis(millis).unwrap().to_string()[..10].to_owned()
}

fn codes_of(reasons: &Value) -> Vec<&str> {
    reasons.as_array().into_iter().flatten().filter_map(|reason| reason["code"].as_str()).collect()
}

#[test]
fn something_critical_reaches_staging_and_not_production() {
    let shop = Shop::solo();
    scanned(&shop, CRITICAL);
    shop.write("CODEOWNERS", "* @everybody\n/service.sh @shell-team\n");
    shop.commit("a scanner");
    let up = shop.home.up();
    shop.stopping();
    let ran = shop.ok(&["run"]);
    assert_eq!(ran["state"], json!("passed"));
    assert!(at(&up, "staging")["running"].is_object(), "staging has another limit");
    // The approver sees what the gate will say, before the signature and after it.
    let shown = shop.ok(&["approve", "--show"]);
    let worst = &shown["findings"]["worst"][0];
    assert_eq!(worst["at"], "service.sh:2", "{shown}");
    assert_eq!(
        (worst["severity"].as_str(), &worst["blocks"]),
        (Some("critical"), &json!(["finding-critical"]))
    );
    assert_eq!(worst["owner"], "@shell-team", "CODEOWNERS travels with the source: {shown}");
    let explained = shop.ok(&["policy", "explain", PLACE]);
    let rules = explained["rules"].as_array().unwrap();
    let first = &rules[0];
    assert_eq!(
        (&first["code"], &first["verdict"]),
        (&json!("approvals-missing"), &json!("block")),
        "{explained}"
    );
    let critical = rules.iter().find(|rule| rule["code"] == "finding-critical").unwrap();
    assert_eq!((&critical["verdict"], &critical["reasons"][0]["owner"]), (&json!("block"), &worst["owner"]));
    assert_eq!(critical["reasons"][0]["finding"], worst["id"]);
    assert_eq!(shown["reports"][0]["items"], json!({ "critical": 1 }));
    assert_eq!((&shown["entry"], codes_of(&shown["left"])), (&json!(null), vec!["finding-critical"]));
    let approved = shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    let next = approved["next"].as_str().unwrap();
    assert!(
        next.starts_with("mend what blocks it") && next.contains(worst["id"].as_str().unwrap()),
        "{next}"
    );
    let refused = shop.in_repository(&["promote"], 3);
    assert!(codes(&refused).contains(&"finding-critical"), "{refused}");
    assert_eq!(
        codes_of(&refused["reasons"]),
        codes_of(&shown["left"]),
        "no other reason than those foretold"
    );
    let finding = worst["id"].as_str().unwrap();
    // Waived, it goes out, once somebody has approved it with the waiver.
    let waive = ["waive", finding, "--yes", "--reason", "the input is ours", "--until"];
    shop.in_repository(&[&waive[..], &["2020-01-01"]].concat(), 1);
    shop.in_repository(&[&waive[..], &["someday"]].concat(), 2);
    let waived = shop.ok(&[&waive[..], &[&tomorrow()]].concat());
    assert!(waived["subjects"][0].as_str().unwrap().starts_with(&format!("sha256:{finding}")));
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["approval-void", "approvals-missing"], "{refused}");
    shop.ok(&["approve", "--yes", "--reason", "with the waiver"]);
    shop.ok(&["promote", "--bundle", "waived.json"]);
    let bundle: Value =
        serde_json::from_slice(&std::fs::read(shop.repository().join("waived.json")).unwrap()).unwrap();
    assert_eq!(bundle["lanes"]["statements"].as_array().unwrap().len(), 1);
    // Mended, it goes out, and its evidence carries the scanner's document.
    scanned(&shop, "");
    shop.commit("nothing runs what it reads");
    shop.release_to("evidence.json");
    let bundle: Value =
        serde_json::from_slice(&std::fs::read(shop.repository().join("evidence.json")).unwrap()).unwrap();
    assert_eq!(bundle["lanes"]["documents"].as_object().unwrap().len(), 1);
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["decisions"], replayed["agree"], "{replayed}");
    assert!(up.stop());
}
