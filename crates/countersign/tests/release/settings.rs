//! Bounds of a place: what the policy signers allow a release file to set.

use serde_json::json;

use super::{PLACE, Shop};
use crate::codes;

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
