//! A server that shows old trust to a person on another machine, or shows nothing: each look succeeds before it is changed.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::reading::rehearsal;
use super::remote::{Far, line_of};
use super::shop::Shop;
use crate::codes;
use crate::support::Up;

/// The directories of an installation at one time.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(shop: &Shop) -> Self {
        let copy = tempfile::tempdir().unwrap();
        exchange(shop.home.data().parent().unwrap(), copy.path());
        Self(copy)
    }

    /// A server with the state of that time, at the address of the last start.
    fn again(&self, shop: &Shop) -> Up {
        let dir = shop.home.data().parent().unwrap().to_path_buf();
        std::fs::remove_dir_all(&dir).unwrap();
        exchange(self.0.path(), &dir);
        shop.home.up()
    }
}

fn exchange(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    assert!(copy.arg("-aT").args([from, to]).status().unwrap().success());
}

/// Two people sign a root with another end, and one of them sends it.
fn renew(ada: &Far, bob: &Far) {
    let file = ada.home.dir.path().join("root.json");
    let file = file.to_str().unwrap();
    ada.ok(&["trust", "root", "--renew", "--yes", "--out", file]);
    bob.ok(&["trust", "sign", "--yes", file]);
    bob.ok(&["trust", "send", file]);
}

#[test]
fn attack_a_server_that_was_rolled_back_gets_no_signature() {
    let (shop, _) = rehearsal();
    let up = shop.home.up();
    let url = up.url.clone();
    let line = line_of(&shop, &up);
    let (ada, bob) = (Far::using(&shop, "ada", &line), Far::using(&shop, "bob", &line));
    assert!(up.stop());
    let before_root = Copy::of(&shop);
    let up = shop.home.up();
    assert_eq!(up.url, url, "the address stays");
    renew(&ada, &bob);
    ada.ok(&["status"]);
    assert!(up.stop());
    let before_status = Copy::of(&shop);
    let up = shop.home.up();
    bob.ok(&["freeze", "--yes", "shop"]);
    ada.ok(&["freeze", "--yes", "shop/ledger-api"]);
    assert!(up.stop());

    // The status that both have seen is withheld.
    let up = before_status.again(&shop);
    assert_eq!(up.url, url);
    for arguments in
        [&["trust", "status"][..], &["freeze", "--yes", "shop/ledger-api/dev"], &["trust", "pin"]]
    {
        let said = ada.refused(arguments);
        assert!(
            said.contains("the server shows status number 1, and you have seen 2"),
            "{arguments:?}: {said}"
        );
    }
    assert!(up.stop());
    // The root that both have seen is withheld: nothing at all is asked in their name.
    let up = before_root.again(&shop);
    for arguments in [&["status"][..], &["trust", "root"], &["freeze", "--yes", "shop"]] {
        let said = ada.refused(arguments);
        assert!(said.contains("root version 2 was seen before"), "{arguments:?}: {said}");
    }
    assert!(up.stop());
}

/// Nobody who stops a server can prevent a freeze: the file is made without it, and carried by hand.
#[test]
fn attack_a_stopped_server_prevents_no_freeze() {
    let (shop, _) = rehearsal();
    let up = shop.home.up();
    let line = line_of(&shop, &up);
    let (ada, bob) = (Far::using(&shop, "ada", &line), Far::using(&shop, "bob", &line));
    ada.ok(&["run"]);
    bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert!(up.stop());
    let frozen = bob.home.dir.path().join("frozen.json");
    let freeze = ["freeze", "--yes", "shop/ledger-api/production", "--save", frozen.to_str().unwrap()];
    let made = bob.home.run_in(&bob.repository(), &freeze);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(
        made.status.success() && said.contains("is based on status 1, which this machine saw last"),
        "{said}"
    );
    bob.refused(&freeze[..3]);
    bob.refused(&["unfreeze", "--yes", "shop", "--save", frozen.to_str().unwrap()]);
    let agent = shop.home.data().with_file_name("data.agent-ledger-api-production");
    let given = ["agent", "status", "--data", agent.to_str().unwrap(), frozen.to_str().unwrap()];
    assert_eq!(shop.home.ok(&given)["status"], json!(2));
    let up = shop.home.up();
    assert_eq!(codes(&ada.json(&["promote"], 3)), ["frozen"], "the agent knows what the server does not");
    bob.ok(&["trust", "send", frozen.to_str().unwrap()]);
    assert_eq!(ada.ok(&["trust", "status"])["statement"]["number"], json!(2));
    // Without what was kept there is nothing to build on.
    assert!(up.stop());
    for person in std::fs::read_dir(bob.home.dir.path().join(".config/countersign")).unwrap() {
        drop(std::fs::remove_file(person.unwrap().path().join("trust.json")));
    }
    let said = bob.refused(&["freeze", "--yes", "shop", "--save", frozen.to_str().unwrap()]);
    assert!(said.contains("no address of your server leads to it"), "{said}");
}
