//! A disk that is really full: a small separate file system, in a mount namespace that ends with the test.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{PLACE, Shop, at};

/// Tells this process that it has a separate mount namespace.
const INSIDE: &str = "COUNTERSIGN_TEST_FULL_DISK";

#[test]
fn a_full_disk_stops_the_writer_and_lets_people_stop_things() {
    if std::env::var_os(INSIDE).is_some() {
        return on_a_small_disk();
    }
    // Root needs only a mount namespace; any other user needs a user namespace around it.
    let flags: &[&str] =
        if rustix::process::geteuid().is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
    let mut command = Command::new("unshare");
    command.args(flags).args(["--propagation", "private"]).arg(std::env::current_exe().unwrap());
    let name = "release::full::a_full_disk_stops_the_writer_and_lets_people_stop_things";
    command.args([name, "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

fn on_a_small_disk() {
    let outside = tempfile::tempdir().unwrap();
    let at_disk = outside.path();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=96m", "none"]).arg(at_disk).status();
    assert!(mount.unwrap().success());
    let home = crate::support::Home::below(at_disk);
    let shop = Shop::solo_of(home);
    let up = shop.home.up();
    shop.release();
    let first = at(&up, "production")["running"]["artifact"].clone();
    shop.service("second");
    shop.commit("the second");
    shop.release();
    let second = at(&up, "production")["running"]["artifact"].clone();
    assert_ne!(first, second);
    let reserve = shop.home.data().join("reserve");
    assert!(reserve.exists(), "room is held back");

    fill(&at_disk.join("filler"));
    shop_cannot_grow(&shop);
    let entries = shop.ok(&["audit", "verify"])["entries"].as_u64().unwrap();
    shop_cannot_grow(&shop);
    assert_eq!(
        shop.ok(&["audit", "verify"])["entries"],
        json!(entries),
        "what was turned away left no entry"
    );

    // Commands for a full disk: a freeze and a rollback, from the record to the running release.
    shop.ok(&["trust", "status", "--yes", "--freeze", PLACE]);
    assert!(!reserve.exists(), "the reserve was given up for it");
    assert_eq!(shop.ok(&["rollback", "--yes", PLACE])["outcome"], json!("running"));
    assert_eq!(at(&up, "production")["running"]["artifact"], first);
    shop_cannot_grow(&shop);

    // With free space again, everything continues automatically, and the reserve is made again.
    fs::remove_file(at_disk.join("filler")).unwrap();
    shop.ok(&["trust", "status", "--yes", "--unfreeze", PLACE]);
    shop.ok(&["run", "--again"]);
    shop.ok(&["approve", "--yes", "--reason", "it was not the cause"]);
    assert_eq!(shop.ok(&["promote"])["outcome"], json!("running"));
    assert_eq!(at(&up, "production")["running"]["artifact"], second);
    assert!(reserve.exists());
    assert!(up.stop());
    let verified = shop.ok(&["audit", "verify"]);
    assert_eq!((&verified["misfits"], &verified["breaches"]), (&json!(0), &json!([])));
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
}

/// A run is refused, with a remedy.
fn shop_cannot_grow(shop: &Shop) {
    let output = shop.home.run_in(&shop.repository(), &["run", "--again"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the server's disk is full") && said.contains("free space on the disk"), "{said}");
}

/// Fills the disk to the last byte.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut piece = vec![0; 1 << 20];
    while !piece.is_empty() {
        if file.write_all(&piece).is_err() {
            piece.truncate(piece.len() / 2);
        }
    }
}
