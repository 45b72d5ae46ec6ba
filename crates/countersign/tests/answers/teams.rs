//! Rules for several people, all on one machine: what holds a release, who may approve it, who has to sign.

use serde_json::json;

use crate::release::shop::Shop;

/// The shop with an installation of Ada, who commits, and Bob.
fn founded(mode: &str) -> Shop {
    let shop = Shop::new();
    shop.quick_pipeline();
    for key in ["ada", "ada-in", "bob", "bob-in"] {
        shop.home.ssh_key(key);
    }
    let dir = shop.home.dir.path();
    shop.config("user.signingkey", dir.join("ada-in").to_str().unwrap());
    let person = |name: &str| {
        json!({ "name": name, "emails": [format!("{name}@example.com")], "key": name,
                "sign_in_key": format!("{name}-in"), "roles": ["developer", "release-manager"] })
    };
    let people = dir.join("people.json");
    std::fs::write(&people, json!([person("ada"), person("bob")]).to_string()).unwrap();
    let init = ["init", "--mode", mode, "--people", people.to_str().unwrap(), "--project", "shop"];
    shop.in_repository(&init, 0);
    shop.commit("a quick pipeline");
    shop
}

#[test]
fn a_team_on_one_machine_is_told_that_waiting_does_not_help() {
    let shop = founded("team");
    let up = shop.home.up();
    let held = shop.in_repository(&["run"], 4);
    assert_eq!(held["reasons"][0]["code"], json!("not-witnessed"), "{held}");
    let remedy = held["reasons"][0]["remedy"].as_str().unwrap();
    for words in
        ["waiting does not help", "run a witness on another host", "countersign init --mode rehearsal"]
    {
        assert!(remedy.contains(words), "{remedy}");
    }
    let said = shop.home.run_in(&shop.repository(), &["status"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("stopped:\n  team mode counts no witness on the server's host"), "{said}");
    // Words are a reader's: what is on record replays.
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}
