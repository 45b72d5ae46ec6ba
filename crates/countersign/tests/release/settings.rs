//! Bounds of a place: what the policy signers allow a release file to set.

use serde_json::json;

use super::{PLACE, Shop, at};
use crate::codes;
use crate::support::until;

#[test]
fn a_plan_outside_the_bounds_does_not_reach_production() {
    let shop = Shop::solo();
    shop.commit("a service");
    let up = shop.home.up();
    shop.stopping();
    assert_eq!(shop.ok(&["run"])["state"], json!("passed"));
    shop.write("bounds.yaml", "open-files: 16\n");
    let bounds = shop.repository().join("bounds.yaml");
    shop.ok(&["trust", "environment", "--yes", PLACE, "--bounds", bounds.to_str().unwrap()]);
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    let refused = shop.in_repository(&["promote"], 3);
    assert!(codes(&refused).contains(&"configuration-out-of-bounds"), "{refused}");
    // With other bounds, which the policy signers sign, the same plan passes.
    shop.write("bounds.yaml", "open-files: 4096\n");
    shop.ok(&["trust", "environment", "--yes", PLACE, "--bounds", bounds.to_str().unwrap()]);
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    shop.ok(&["promote"]);
    assert!(up.stop());
}

/// A new statement changes the plan of a release that waits, so it is planned again under a new number, and people approve that.
#[test]
fn a_release_that_waits_is_planned_again_when_its_place_gets_a_variable() {
    let shop = Shop::solo();
    shop.commit("a service");
    let up = shop.home.up();
    assert_eq!(shop.ok(&["run"])["state"], json!("passed"));
    let first = at(&up, "production")["open"]["release"].as_u64().unwrap();
    shop.ok(&["trust", "environment", "--yes", PLACE, "--variable", "LIMIT=5"]);
    until(|| at(&up, "production")["open"]["release"].as_u64().filter(|open| *open > first));
    let approved = shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    assert!(approved["release"].as_u64().unwrap() > first, "{approved}");
    shop.ok(&["promote", "--bundle", "evidence.json"]);
    let bundle = std::fs::read(shop.repository().join("evidence.json")).unwrap();
    let bundle: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
    assert_eq!(bundle["plan"]["variables"]["LIMIT"], json!("5"));
    assert!(up.stop());
}
