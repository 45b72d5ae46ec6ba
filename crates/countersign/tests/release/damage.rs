//! Damaged directories: two processes on one, half a copy, a newer format, no keys.

use std::process::Command;

use super::Shop;

/// The error of a command.
fn said(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.home.run_in(&shop.repository(), arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn two_processes_of_one_role_do_not_share_a_directory() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let data = shop.home.data();
    let beside = |name: &str| format!("{}.{name}", data.display());
    let url = up.url.clone();
    for (role, dir, more) in [
        ("server", data.display().to_string(), &[][..]),
        ("witness", beside("witness"), &[]),
        ("runner", beside("runner-1"), &["--server", &url]),
        ("agent", beside("agent-ledger-api-production"), &["--server", &url]),
    ] {
        let words = said(&shop, &[&[role, "--data", &dir], more].concat());
        assert!(words.contains("stop it first"), "{role}: {words}");
    }
    assert!(up.stop());
}

#[test]
fn a_directory_that_is_not_whole_is_named_with_what_it_lacks() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    assert!(up.stop());
    let data = shop.home.data();
    let copy = |name: &str| {
        let to = data.with_file_name(name);
        assert!(Command::new("cp").arg("-a").arg(&data).arg(&to).status().unwrap().success());
        to
    };
    // A partial copy: first without blobs, then with half of the database.
    let half = copy("half");
    std::fs::remove_dir_all(half.join("blobs")).unwrap();
    let words = said(&shop, &["audit", "verify", "--data", half.to_str().unwrap()]);
    assert!(words.contains("blob sha256:"), "{words}");
    let torn = copy("torn");
    for file in ["ledger.db-wal", "ledger.db-shm"] {
        drop(std::fs::remove_file(torn.join(file)));
    }
    let database = std::fs::File::options().write(true).open(torn.join("ledger.db")).unwrap();
    database.set_len(database.metadata().unwrap().len() / 2).unwrap();
    let words = said(&shop, &["audit", "verify", "--data", torn.to_str().unwrap()]);
    assert!(words.contains("malformed") || words.contains("does not verify"), "{words}");
    // Of a newer version.
    let newer = copy("newer");
    let database = rusqlite::Connection::open(newer.join("ledger.db")).unwrap();
    database.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(database);
    let words = said(&shop, &["audit", "verify", "--data", newer.to_str().unwrap()]);
    assert!(words.contains("format 99") && words.contains("newer"), "{words}");
    // On another machine, without the keys that were beside the directory.
    let moved = copy("moved");
    let words = said(&shop, &["server", "--data", moved.to_str().unwrap()]);
    assert!(words.contains("ledger.pem"), "{words}");
    // The original was not changed.
    let up = shop.home.up();
    shop.commit("another");
    assert_eq!(shop.release()["outcome"], serde_json::json!("running"));
    assert!(up.stop());
}
