//! Keys of ledger, provenance and receipts in a PKCS#11 device: SoftHSM, in a separate directory of the test.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::evidence::machine::{MachineSigner, key_file};
use serde_json::json;

use super::at;
use super::shop::Shop;
use super::vault::put;
use crate::codes;
use crate::support::Home;

/// A token with keys in it, and the file with its PIN.
struct Device {
    dir: PathBuf,
    util: PathBuf,
    module: PathBuf,
}

impl Device {
    /// Makes a token in a directory of the home, where every program of the home finds it.
    fn new(home: &mut Home) -> Self {
        let (util, module) = soft_hsm();
        let device = Self { dir: home.dir.path().join("hsm"), util, module };
        std::fs::create_dir_all(device.dir.join("tokens")).unwrap();
        let tokens = device.dir.join("tokens");
        let settings = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
        std::fs::write(device.dir.join("conf"), settings).unwrap();
        let conf = device.dir.join("conf").display().to_string();
        home.variables.push(("SOFTHSM2_CONF".to_owned(), conf));
        device.util(&["--init-token", "--free", "--label", "release keys", "--so-pin", "87654321"]);
        device.set_pin(PIN);
        device
    }

    fn util(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.util);
        command.arg("--module").arg(&self.module).args(arguments).args(["--pin", PIN]);
        command.env("SOFTHSM2_CONF", self.dir.join("conf"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Content of the file that unlocks the device.
    fn set_pin(&self, pin: &str) {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(self.pin()).unwrap();
        file.write_all(format!("{pin}\n").as_bytes()).unwrap();
    }

    fn pin(&self) -> PathBuf {
        self.dir.join("pin")
    }

    /// Creates a key in the token, returns its URI.
    fn key(&self, label: &str, number: u8) -> String {
        let file = self.dir.join("import.pem");
        std::fs::write(&file, key_file(&[number; 32])).unwrap();
        self.moved(&file, label, number)
    }

    /// Moves a key file into the token, returns its URI.
    fn moved(&self, file: &Path, label: &str, number: u8) -> String {
        let id = format!("{number:02x}");
        let token = ["--token", "release keys", "--label", label, "--id", &id];
        self.util(&[&["--import", file.to_str().unwrap()], &token[..]].concat());
        std::fs::remove_file(file).unwrap();
        self.uri(&format!("token=release%20keys;object={label};type=private"))
    }

    fn uri(&self, path: &str) -> String {
        format!(
            "pkcs11:{path}?module-path={}&pin-source=file:{}",
            self.module.display(),
            self.pin().display()
        )
    }

    /// Removes the token, or puts it back.
    fn is_there(&self, there: bool) {
        let (here, away) = (self.dir.join("tokens"), self.dir.join("away"));
        if there {
            std::fs::remove_dir(&here).unwrap();
            std::fs::rename(away, here).unwrap();
        } else {
            std::fs::rename(&here, away).unwrap();
            std::fs::create_dir(here).unwrap();
        }
    }
}

/// SoftHSM's program and module: those of `cargo x setup`, or the system's.
fn soft_hsm() -> (PathBuf, PathBuf) {
    let target = Path::new(env!("CARGO_BIN_EXE_countersign")).ancestors().nth(2).unwrap();
    let places = [target.join("softhsm2"), PathBuf::from("/")];
    let pairs =
        places.map(|root| (root.join("usr/bin/softhsm2-util"), root.join("usr/lib/softhsm/libsofthsm2.so")));
    let found = pairs.into_iter().find(|(util, module)| util.exists() && module.exists());
    found.ok_or("SoftHSM is not there: `cargo x setup`").unwrap()
}

const PIN: &str = "1234";

/// An installation whose server and runners have their keys in a device.
fn shop() -> (Device, Shop) {
    let mut home = Home::new();
    let device = Device::new(&mut home);
    let shop = Shop::of(home);
    shop.quick_pipeline();
    let (ledger, provenance) = (device.key("ledger", 1), device.key("provenance", 2));
    let (first, second) = (device.key("first", 3), device.key("second", 4));
    let given = ["--ledger-key", &ledger, "--provenance-key", &provenance];
    let runners = ["--runner-key", &first, "--runner-key", &second];
    shop.in_repository(&[&["init", "--project", "shop"], &given[..], &runners[..]].concat(), 0);
    shop.commit("a quick pipeline");
    (device, shop)
}

/// The public half of the device's key with this number.
fn public(number: u8) -> String {
    MachineSigner::from_seed([number; 32]).unwrap().public().to_string()
}

#[test]
fn a_release_is_signed_by_keys_in_a_device() {
    let (_device, shop) = shop();
    let root = shop.ok(&["trust", "root"])["statement"].clone();
    assert_eq!(root["provenance"], json!(public(2)));
    assert_eq!(
        (&root["runners"][0]["key"], &root["runners"][1]["key"]),
        (&json!(public(3)), &json!(public(4)))
    );
    let kept = shop.home.data().with_extension("keys");
    assert!(
        kept.join("ledger.pkcs11").exists() && !kept.join("ledger.pem").exists(),
        "no file here is a key"
    );
    let up = shop.home.up();
    shop.release_to("evidence.json");
    shop.home.witnessed(&up);
    // The same as with keys in files: no record shows where the keys are.
    assert_eq!(shop.ok(&["verify", "evidence.json"])["outcome"], "pass");
    assert!(at(&up, "production")["running"]["artifact"].is_string());
    assert_eq!(shop.ok(&["audit", "verify"])["breaches"], json!([]));
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

#[test]
fn one_key_in_a_device_does_not_serve_two_roles() {
    let mut home = Home::new();
    let device = Device::new(&mut home);
    let (one, other) = (device.key("one", 1), device.uri("token=release%20keys;id=%01"));
    let given = ["init", "--bare", "--name", "Ada", "--email", "ada@example.com", "--ledger-key", &one];
    let twice = home.run(&[&given[..], &["--runner-key", &other]].concat());
    let said = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(!twice.status.success() && said.contains("are one key; each role needs its own"), "{said}");
    let thrice = [["--runner-key", &one]; 3].concat();
    assert_eq!(home.run(&[&given[..], &thrice].concat()).status.code(), Some(2));
    // Nothing was made, so the command can be repeated.
    home.ok(&given);
}

#[test]
fn without_its_device_the_server_records_nothing_and_says_why() {
    let (device, shop) = shop();
    let kept = shop.home.data().with_extension("keys");
    let mode = |mode| std::fs::set_permissions(device.pin(), Permissions::from_mode(mode)).unwrap();
    let refused = |why: &str| {
        let output = shop.home.run(&["up"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
    };
    device.set_pin("4321");
    refused("cannot log in");
    device.set_pin(PIN);
    mode(0o644);
    refused("can be read by others");
    mode(0o600);
    device.is_there(false);
    refused("no token matches it; is the device connected?");
    device.is_there(true);
    std::fs::write(kept.join("ledger.pem"), key_file(&[9; 32])).unwrap();
    refused("both hold a key");
    std::fs::remove_file(kept.join("ledger.pem")).unwrap();
    // The token is removed while the server runs: a request is not recorded meanwhile, and is once the token is back.
    let up = shop.home.up();
    let freeze = ["trust", "status", "--yes", "--freeze", "shop/ledger-api/production"];
    let entries = up.get("/checkpoint").1;
    device.is_there(false);
    let lost = shop.home.run_in(&shop.repository(), &freeze);
    let said = String::from_utf8_lossy(&lost.stderr).into_owned();
    assert!(!lost.status.success() && said.contains("nothing was recorded"), "{said}");
    assert!(said.contains("the signing key did not sign"), "{said}");
    assert_eq!(up.get("/checkpoint").1.lines().nth(1), entries.lines().nth(1));
    device.is_there(true);
    shop.ok(&freeze);
    shop.ok(&["trust", "status", "--yes", "--unfreeze", "shop/ledger-api/production"]);
    shop.release();
    assert!(up.stop());
}

/// A few wrong PINs lock a token, and a server uses it at every entry.
#[test]
fn a_pin_that_was_refused_is_not_tried_again() {
    let (device, shop) = shop();
    let up = shop.home.up();
    let freeze = ["trust", "status", "--yes", "--freeze", "shop/ledger-api/production"];
    let refused = |why: &str| {
        let output = shop.home.run_in(&shop.repository(), &freeze);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{why}: {said}");
    };
    device.is_there(false);
    refused("no token matches it");
    device.is_there(true);
    device.set_pin("4321");
    refused("cannot log in");
    for _ in 0..3 {
        refused("was refused before");
    }
    device.set_pin(PIN);
    shop.ok(&freeze);
    assert!(up.stop());
}

#[test]
fn new_machines_and_a_new_origin_take_keys_in_a_device() {
    let mut home = Home::new();
    let device = Device::new(&mut home);
    let shop = Shop::solo_of(home);
    let pin = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let (runner, agent) = (device.key("runner", 1), device.key("agent", 2));
    let join = ["runner", "join", "--data", "third", "--name", "runner-3", "--pin", &pin, "--key", &runner];
    assert_eq!(shop.ok(&join)["key"], json!(public(1)));
    let place = "shop/ledger-api/dev";
    let join = ["agent", "join", "--data", "other", "--name", "agent-2", "--pin", &pin, "--place", place];
    assert_eq!(shop.ok(&[&join[..], &["--key", &agent]].concat())["key"], json!(public(2)));
    let again = [&join[..], &["--key", &runner]].concat();
    let refused = shop.home.run_in(&shop.repository(), &again);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("it keeps its key, so omit --key"),
        "{refused:?}"
    );
    // Nothing is made for a missing key or an invalid URI.
    let join = ["runner", "join", "--data", "fourth", "--name", "runner-4", "--pin", &pin, "--key"];
    shop.in_repository(&[&join[..], &[&device.uri("object=nobody")]].concat(), 1);
    shop.in_repository(&[&join[..], &["runner.pem"]].concat(), 2);
    assert!(!shop.repository().join("fourth/runner.json").exists());
    // A witness's key moves into the device, and its root still names it; then the ledger gets a new key there.
    let own = shop.home.data().with_extension("witness").join("key.pem");
    let witness = device.moved(&own, "witness", 4);
    // With the mode of a secret file.
    std::fs::copy(device.pin(), own.with_extension("pkcs11")).unwrap();
    std::fs::write(own.with_extension("pkcs11"), witness).unwrap();
    let up = shop.home.up();
    shop.release();
    shop.home.witnessed(&up);
    assert!(up.stop());
    let ledger = device.key("ledger", 3);
    shop.ok(&["trust", "origin", "--yes", "--out", "next.json", "--key", &ledger]);
    shop.ok(&["trust", "origin", "--adopt", "next.json"]);
    let kept = shop.home.data().with_extension("keys");
    assert!(kept.join("ledger.pkcs11").exists() && !kept.join("ledger.pem").exists());
    let up = shop.home.up();
    shop.commit("another");
    shop.release();
    assert!(up.stop());
    assert_eq!(shop.ok(&["audit", "verify"])["breaches"], json!([]));
}

/// The root key of the vault never leaves the device: without the device the vault is sealed.
#[test]
fn a_vault_has_its_root_key_in_a_device() {
    let mut home = Home::new();
    let device = Device::new(&mut home);
    let file = device.dir.join("aes");
    std::fs::write(&file, [7; 32]).unwrap();
    let named = ["--token", "release keys", "--label", "vault", "--id", "0a"];
    device.util(&[&["--import", file.to_str().unwrap(), "--aes"], &named[..]].concat());
    std::fs::remove_file(&file).unwrap();
    let uri = device.uri("token=release%20keys;object=vault;type=secret-key");
    home.ok(&["init", "--name", "Ada", "--email", "Ada@example.com"]);
    let up = home.up_in(&["--root-key", &uri]);
    assert_eq!(put(&home, &["shop/token"], b"a value", 0)["number"], json!(1));
    assert!(up.stop());
    // `init` has made a file that this vault never used.
    let keys = home.data().with_file_name("data.keys");
    std::fs::remove_file(keys.join("vault-root.key")).unwrap();
    device.is_there(false);
    let up = home.up_in(&["--root-key", &uri]);
    assert_eq!(codes(&put(&home, &["shop/token"], b"a value", 3)), ["vault-sealed"]);
    assert!(up.stop());
    device.is_there(true);
    let new = keys.join("vault-root.key");
    let unnamed = home.json(&["secret", "rotate-root", "--root-key", &uri], 2);
    assert!(unnamed["error"].as_str().unwrap().contains("name the new one with --to"), "{unnamed}");
    let rotated = home.ok(&["secret", "rotate-root", "--root-key", &uri, "--to", new.to_str().unwrap()]);
    assert_eq!(rotated["keys"], json!(1));
    let up = home.up();
    assert_eq!(put(&home, &["shop/token"], b"a value", 0)["number"], json!(2));
    assert!(up.stop());
    let back = home.ok(&["secret", "rotate-root", "--to", &uri]);
    assert_eq!(back["keys"], json!(2));
}
