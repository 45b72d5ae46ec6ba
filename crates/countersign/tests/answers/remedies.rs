//! Errors with a remedy that works, word for word.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::release::shop::Shop;
use crate::support::{Home, copy_dir};

#[test]
fn a_pipeline_that_is_not_in_the_commit_is_found_where_it_is() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.git(&["rm", "-q", "--cached", ".countersign/pipeline.yaml"]);
    shop.git(&["commit", "-q", "-S", "-m", "without"]);
    let said = |shop: &Shop| {
        let failed = shop.in_repository(&["run"], 1)["error"].as_str().unwrap().to_owned();
        failed.split_once(" has no .countersign/pipeline.yaml; ").unwrap().1.to_owned()
    };
    let uncommitted = "the file is there and not committed: `git add -f .countersign && git commit -S`, and run that commit";
    assert_eq!(said(&shop), uncommitted);
    shop.git(&["add", "-A"]);
    for elsewhere in [".countersign/pipeline.yml", "pipeline.yaml", "sub/.countersign/pipeline.yaml"] {
        std::fs::create_dir_all(shop.repository().join("sub/.countersign")).unwrap();
        let from = shop.git(&["ls-files", "*pipeline.y*ml"]);
        shop.git(&["mv", &from, elsewhere]);
        shop.commit("misplaced");
        let misplaced = format!(
            "there is {elsewhere}, which is not where it belongs: `git mv {elsewhere} .countersign/pipeline.yaml`, commit it and run that commit"
        );
        assert_eq!(said(&shop), misplaced);
    }
    assert!(up.stop());
}

#[test]
fn runners_that_differ_are_told_by_file() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let random =
        "      mkdir -p out\n      cat /proc/sys/kernel/random/uuid > out/when\n      echo same > out/same";
    let text =
        text.replace("      mkdir -p out", random).replace("outputs: [out/ledger-api]", "outputs: [out]");
    let text = text
        .replace("bin/ledger-api: { step: build, path: out/ledger-api }", "bin: { step: build, path: out }");
    shop.write(".countersign/pipeline.yaml", &text);
    shop.commit("not the same twice");
    let up = shop.home.up();
    let failed = shop.in_repository(&["run"], 3);
    let what = "the runners' outputs differ: step build: out/when";
    assert_eq!(failed["reasons"][0]["what"], json!(what), "{failed}");
    assert!(up.stop());
}

#[test]
fn keys_and_roles_that_do_not_count_say_why() {
    let home = Home::new();
    let rsa = home.dir.path().join("rsa");
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "", "-f"]).arg(&rsa);
    assert!(make.status().unwrap().success());
    let rsa = rsa.to_str().unwrap();
    let short = "this RSA key has 2048 bits, at least 3072 are needed: use another key, or make one with `ssh-keygen -t ed25519`";
    let init = ["init", "--name", "Ada", "--email", "a@b.example"];
    let failed = home.json(&[&init[..], &["--key", rsa]].concat(), 1)["error"].clone();
    assert_eq!(failed, json!(format!("`{rsa}.pub`: {short}")));
    for key in ["ada", "ada-in", "bob", "bob-in"] {
        home.ssh_key(key);
    }
    let person = |name: &str, roles: &[&str]| {
        json!({ "name": name, "emails": [format!("{name}@b.example")], "key": name,
                "sign_in_key": format!("{name}-in"), "roles": roles })
    };
    let people = home.dir.path().join("people.json");
    let people = people.to_str().unwrap();
    let founded = |roles: &[&str]| -> Value {
        std::fs::write(people, json!([person("ada", &["developer"]), person("bob", roles)]).to_string())
            .unwrap();
        home.json(&["init", "--mode", "rehearsal", "--people", people], 1)["error"].clone()
    };
    let slip = "bob has the role `relase-manager`, which no rule uses; did you mean `release-manager`?";
    assert_eq!(founded(&["relase-manager"]), json!(format!("`{people}`: {slip}")));
    let none = "bob has no role; known are developer, release-manager, secret-owner, security, tester";
    assert_eq!(founded(&[]), json!(format!("`{people}`: {none}")));
}

#[test]
fn a_new_colleague_is_told_what_to_type() {
    let home = Home::solo();
    let up = home.up();
    let (key, sign_in) = (home.ssh_key("bob"), home.ssh_key("bob-in"));
    let (key, sign_in) = (key.to_str().unwrap(), sign_in.to_str().unwrap());
    let enrol = ["trust", "enrol", "--name", "Bob", "--email", "b@c", "--role", "developer", "--yes"];
    let output = home.run(&[&enrol[..], &["--key", key, "--sign-in-key", sign_in]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("Bob is enrolled as person ") && said.contains("  countersign key use --person "),
        "{said}"
    );
    let person = said.split("countersign key use --person ").nth(1).unwrap().split(' ').next().unwrap();
    let pin = said.trim_end().rsplit("--pin ").next().unwrap();
    let data = home.data();
    let adopt = ["key", "use", "--pin", pin, "--data", data.to_str().unwrap()];
    let wrong =
        home.json(&[&adopt[..], &["--person", &person[..8], "--key", sign_in]].concat(), 1)["error"].clone();
    assert!(
        wrong.as_str().unwrap().contains("is not the key that")
            && wrong.as_str().unwrap().ends_with("name that one with --key"),
        "{wrong}"
    );
    let used = home.json(&[&adopt[..], &["--key", key, "--sign-in-key", sign_in]].concat(), 0);
    assert_eq!(used["person"], json!(person), "found by the key");
    assert!(up.stop());
}

/// An auditor gets a read-only copy, and a bundle to which an editor added a final line break.
#[test]
fn copies_that_cannot_be_written_and_bundles_with_a_newline_are_verified() {
    let Some(auditor) = Home::of_ordinary_user() else { return };
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release_to("evidence.json");
    let bundle = shop.repository().join("evidence.json");
    let mut bytes = std::fs::read(&bundle).unwrap();
    bytes.extend_from_slice(b"\r\n\n");
    std::fs::write(&bundle, bytes).unwrap();
    shop.ok(&["verify", "evidence.json"]);
    shop.home.witnessed(&up);
    assert!(up.stop());
    // The copy belongs to root and is read-only: the auditor can read it, and can create no file in it.
    let copy = auditor.dir.path().join("co py#1");
    copy_dir(&shop.home.data(), &copy);
    let mut dirs = vec![copy.clone()];
    while let Some(dir) = dirs.pop() {
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o555)).unwrap();
        for item in std::fs::read_dir(&dir).unwrap().flatten() {
            if item.path().is_dir() {
                dirs.push(item.path());
            } else {
                std::fs::set_permissions(item.path(), std::fs::Permissions::from_mode(0o444)).unwrap();
            }
        }
    }
    let data = copy.to_str().unwrap();
    let verified = auditor.json(&["audit", "verify", "--data", data], 0);
    assert_eq!((&verified["breaches"], &verified["views"]), (&json!([]), &json!("as the ledger says")));
    assert_eq!(auditor.json(&["audit", "replay", "--data", data], 0)["differ"], json!(0));
}
