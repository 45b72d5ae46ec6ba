//! Infrastructure at the gate: a plan that opens a security group is blocked and named, and one that destroys asks for more people.

use std::path::Path;

use serde_json::json;

use super::{PLACE, Shop, at};
use crate::codes;

const PIPELINE: &str = ".countersign/pipeline.yaml";

/// A step that plans, and a scan by the runner that needs it. The plan is made from files of the commit, as a planner makes it.
const STEPS: &str = "steps:
  plan:
    run: cat head.json changes.json > plan.json
    reports: [{ kind: terraform-plan, path: plan.json }]
    outputs: [plan.json]
  infrastructure:
    needs: [plan]
    scan: [infrastructure, pipelines]
";

/// The beginning of a plan as Terraform writes it.
const HEAD: &str = r#"{"format_version": "1.2", "terraform_version": "1.9.5", "planned_values": {"root_module": {}}, "resource_changes": [
"#;

fn resource(address: &str, actions: &[&str], after: &serde_json::Value) -> String {
    let sort = address.split('.').next().unwrap();
    let change = json!({"actions": actions, "before": null, "after": after, "after_unknown": {}});
    let provider = "registry.terraform.io/hashicorp/aws";
    json!({"address": address, "mode": "managed", "type": sort, "name": "a", "provider_name": provider, "change": change})
        .to_string()
}

fn ssh_from(range: &str) -> String {
    let rule = json!({"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": [range]});
    resource("aws_security_group.web", &["create"], &json!({"name": "web", "ingress": [rule]}))
}

#[test]
fn a_plan_that_opens_a_security_group_is_blocked_until_it_is_mended() {
    let shop = Shop::solo();
    let plain = std::fs::read_to_string(shop.repository().join(PIPELINE)).unwrap();
    shop.write(PIPELINE, &plain.replace("steps:\n", STEPS));
    shop.write("head.json", HEAD);
    let up = shop.home.up();
    let dir = shop.home.dir.path().join("policy");
    let dir = dir.to_str().unwrap();
    shop.stopping_policy(dir);
    shop.ok(&["trust", "environment", "--yes", PLACE, "--policy", dir]);
    let proposed = |changes: &[String], why: &str| {
        shop.write("changes.json", &format!("{}]}}\n", changes.join(",\n")));
        shop.commit(why);
        shop.ok(&["run"]);
        shop.ok(&["approve", "--yes", "--reason", "looked at the plan"]);
    };
    proposed(&[ssh_from("0.0.0.0/0")], "ssh for everybody");
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["finding-critical"], "{refused}");
    let why = refused["reasons"][0]["what"].as_str().unwrap();
    assert!(why.contains("plan.json") && why.contains("aws_security_group.web"), "{refused}");
    assert!(at(&up, "production")["running"].is_null());
    // The plan is mended, and a database would go.
    let database = resource("aws_db_instance.orders", &["delete", "create"], &json!({}));
    proposed(&[ssh_from("10.0.0.0/8"), database], "ssh from inside, another database");
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["destruction-unapproved"], "{refused}");
    assert!(
        refused["reasons"][0]["what"].as_str().unwrap().contains("aws_db_instance.orders (replace)"),
        "{refused}"
    );
    proposed(&[ssh_from("10.0.0.0/8")], "ssh from inside");
    shop.ok(&["promote"]);
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    // A plan that is not whole is no plan.
    shop.write("changes.json", "\n");
    shop.commit("a plan that is cut");
    let failed = shop.in_repository(&["run"], 3);
    assert!(failed.to_string().contains("plan"), "{failed}");
    assert!(up.stop());
    assert!(Path::new(dir).join("rules_infrastructure.rego").exists());
}
