//! Rules for several people, all on one machine: reasons that hold a release, possible approvers, required signers.

use serde_json::{Value, json};

use crate::codes;
use crate::release::shop::Shop;
use crate::support::Home;

const PLACE: &str = "shop/ledger-api/production";

/// The shop with an installation of Ada, who commits, and Bob, who has a separate home.
pub fn founded(mode: &str) -> (Shop, Home) {
    let (shop, bob) = (Shop::new(), Home::new());
    shop.quick_pipeline();
    let dir = shop.home.dir.path();
    for key in ["ada", "ada-in", "bob", "bob-in"] {
        let path = shop.home.ssh_key(key);
        for ending in ["", ".pub"].into_iter().filter(|_| key.starts_with("bob")) {
            let to = bob.dir.path().join(format!(".ssh/id_{key}{ending}"));
            std::fs::copy(format!("{}{ending}", path.display()), to).unwrap();
        }
    }
    shop.config("user.signingkey", dir.join("ada-in").to_str().unwrap());
    let person = |name: &str| {
        json!({ "name": name, "emails": [format!("{name}@example.com")], "key": name,
                "sign_in_key": format!("{name}-in"), "roles": ["developer", "release-manager"] })
    };
    let people = dir.join("people.json");
    std::fs::write(&people, json!([person("ada"), person("bob")]).to_string()).unwrap();
    let init = ["init", "--mode", mode, "--people", people.to_str().unwrap(), "--project", "shop"];
    let made = shop.in_repository(&init, 0);
    let typed = made["people"][1]["types"].as_str().unwrap().to_owned();
    bob.ok(&typed.split_whitespace().skip(1).collect::<Vec<_>>());
    shop.commit("a quick pipeline");
    (shop, bob)
}

fn entries(shop: &Shop) -> Value {
    shop.ok(&["status"])["entries"].clone()
}

#[test]
fn a_team_on_one_machine_is_told_that_waiting_does_not_help() {
    let (shop, bob) = founded("team");
    let up = shop.home.up();
    let held = shop.in_repository(&["run"], 4);
    assert_eq!(held["reasons"][0]["code"], json!("not-witnessed"), "{held}");
    let remedy = held["reasons"][0]["remedy"].as_str().unwrap();
    for words in
        ["waiting does not help", "run a witness on another host", "countersign init --mode rehearsal"]
    {
        assert!(remedy.contains(words), "{remedy}");
    }
    let status = || {
        let said = shop.home.run_in(&shop.repository(), &["status"]);
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let stopped = "stopped:\n  team mode counts no witness on the server's host";
    assert!(status().contains(stopped), "{}", status());
    // As docs/operating/ceremonies.md describes: the root names the witness on another host.
    let witness = shop.ok(&["trust", "root"])["statement"]["witnesses"]["keys"][0]["vkey"].clone();
    let vkey = witness.as_str().unwrap();
    let (name, elsewhere) = (vkey.split('+').next().unwrap(), format!("{vkey}@elsewhere"));
    let next = shop.home.dir.path().join("next.json");
    let next = next.to_str().unwrap();
    shop.ok(&["trust", "root", "--yes", "--remove-witness", name, "--witness", &elsewhere, "--out", next]);
    bob.ok(&["trust", "sign", "--yes", next]);
    shop.ok(&["trust", "send", next]);
    assert!(!status().contains("team mode counts no witness"), "{}", status());
    shop.ok(&["run", "--again"]);
    // Only the shown words differ: the recorded verdict replays.
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

#[test]
fn an_author_is_told_who_approves_and_signs_nothing_for_it() {
    let (shop, bob) = founded("rehearsal");
    let up = shop.home.up();
    let next = format!("have bob approve: countersign approve {PLACE} --reason WHY");
    assert_eq!(shop.ok(&["run"])["next"], json!(next));
    let before = entries(&shop);
    let own = shop.in_repository(&["approve", "--yes", "--reason", "I wrote it"], 3);
    assert_eq!(codes(&own), ["own-change"]);
    assert!(own["error"].as_str().unwrap().ends_with("nothing was signed"), "{own}");
    assert_eq!(own["reasons"][0]["remedy"], json!(next));
    assert_eq!(entries(&shop), before, "nothing was sent either");
    bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(shop.ok(&["promote"])["outcome"], json!("running"));
    // Both are authors of the next change, so nobody is left to approve.
    shop.git(&[
        "-c",
        "user.name=bob",
        "-c",
        "user.email=bob@example.com",
        "commit",
        "-q",
        "--allow-empty",
        "-S",
        "-m",
        "by both",
    ]);
    let nobody = shop.ok(&["run"])["next"].as_str().unwrap().to_owned();
    assert!(nobody.starts_with("every person with the role release-manager is an author"), "{nobody}");
    // A node of a pipeline needs somebody else too.
    shop.sign_off();
    let run = shop.ok(&["run"]);
    let expected = format!(
        "have somebody other than the change authors approve: countersign approve --run {} --step sign-off",
        run["run"].as_str().unwrap()
    );
    assert_eq!(run["next"], json!(expected));
    assert!(up.stop());
}

#[test]
fn what_lifts_a_freeze_names_the_signature_that_is_missing() {
    let (shop, bob) = founded("rehearsal");
    let up = shop.home.up();
    shop.ok(&["freeze", "--yes", PLACE]);
    let before = entries(&shop);
    let failed = shop.in_repository(&["unfreeze", "--yes", PLACE], 1)["error"].clone();
    let words = format!(
        "lifting a freeze or renewing the status needs signatures of 2 status signers, and this would be one: nothing was \
         signed and nothing was sent. First `countersign unfreeze {PLACE} --out status.json`; then each other signer, until \
         there are 2: `countersign trust sign status.json`; then `countersign trust send status.json`"
    );
    assert_eq!(failed, json!(words));
    let renewed = shop.in_repository(&["trust", "status", "--renew", "--yes"], 1)["error"].clone();
    assert!(renewed.as_str().unwrap().contains("`countersign trust status --renew --out status.json`"));
    assert_eq!(entries(&shop), before);
    // The printed commands work unchanged.
    shop.ok(&["unfreeze", "--yes", PLACE, "--out", "status.json"]);
    let file = shop.repository().join("status.json");
    bob.ok(&["trust", "sign", "--yes", file.to_str().unwrap()]);
    shop.ok(&["trust", "send", "status.json"]);
    assert_eq!(shop.ok(&["status"])["frozen"], json!([]));
    assert!(up.stop());
}
