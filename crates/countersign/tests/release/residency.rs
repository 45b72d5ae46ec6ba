//! Residency: a release with personal data goes to a place in an allowed region alone.

use std::path::Path;

use serde_json::json;

use super::{PLACE, Shop, at};
use crate::codes;

const RELEASE: &str = ".countersign/release.yaml";

#[test]
fn personal_data_go_to_a_place_in_an_allowed_region_alone() {
    let shop = Shop::solo();
    let plain = std::fs::read_to_string(shop.repository().join(RELEASE)).unwrap();
    shop.write(RELEASE, &plain.replace("    probe:", "    data: [personal, public]\n    probe:"));
    let up = shop.home.up();
    let dir = shop.home.dir.path().join("policy");
    shop.stopping_policy(dir.to_str().unwrap());
    let limits = dir.join("limits.rego");
    let text = std::fs::read_to_string(&limits).unwrap();
    let (public, both) = (r#""public": {"any"}"#, r#""public": {"any"}, "personal": {"eu-central-1"}"#);
    assert!(text.contains(public));
    std::fs::write(&limits, text.replace(public, both)).unwrap();
    shop.ok(&["trust", "environment", "--yes", PLACE, "--policy", dir.to_str().unwrap()]);
    let proposed = |why: &str| {
        shop.commit(why);
        shop.ok(&["run"]);
        shop.ok(&["approve", "--yes", "--reason", "looked at the data"]);
    };
    let refused = |words: &str| {
        let refused = shop.in_repository(&["promote"], 3);
        assert_eq!(codes(&refused), ["residency-violated"], "{refused}");
        assert!(refused["reasons"][0]["what"].as_str().unwrap().contains(words), "{refused}");
        assert!(at(&up, "production")["running"].is_null());
    };
    proposed("personal data");
    refused("`personal`, and nobody signed in which region the place is");
    shop.ok(&["trust", "environment", "--yes", PLACE, "--region", "us-east-1"]);
    proposed("elsewhere");
    refused("may be in eu-central-1, and the place is in us-east-1");
    shop.ok(&["trust", "environment", "--yes", PLACE, "--region", "eu-central-1"]);
    proposed("where it may be");
    shop.ok(&["promote"]);
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    // Files of the installation have the region, and take it away again.
    let kept = shop.home.dir.path().join("configuration");
    shop.ok(&["apply", "--export", kept.to_str().unwrap()]);
    let place = kept.join(format!("environments/{PLACE}.yaml"));
    let text = std::fs::read_to_string(&place).unwrap();
    assert!(text.contains("region: eu-central-1\n"), "{text}");
    region_of_files(&shop, &kept, &place, &text);
    assert!(up.stop());
}

/// The files bring another region into force, and none.
fn region_of_files(shop: &Shop, kept: &Path, place: &Path, text: &str) {
    let kept = kept.to_str().unwrap();
    for region in ["eu-west-1", "none"] {
        std::fs::write(place, text.replace("eu-central-1", region)).unwrap();
        let applied = shop.ok(&["apply", kept, "--yes"]);
        assert_eq!(applied["applied"].as_array().unwrap().len(), 1, "{applied}");
        shop.ok(&["apply", kept, "--check"]);
    }
    let explained = shop.ok(&["explain", PLACE, "region", "--dir", kept]);
    assert_eq!(explained[0]["declared"], json!(null), "{explained}");
}
