//! A server that shows old trust to a person on another machine: each look succeeds before it is changed.

use std::path::Path;
use std::process::Command;

use super::reading::rehearsal;
use super::remote::{Far, line_of};
use super::shop::Shop;
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
