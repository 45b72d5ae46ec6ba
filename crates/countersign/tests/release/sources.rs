//! The parts of a repository that count: signatures below the tip in solo mode, odd commits, and git's signing key.

use serde_json::{Value, json};

use super::{PLACE, Shop, at};
use crate::codes;
use crate::support::Home;

fn commit_object(shop: &Shop, text: &str) -> String {
    let file = shop.home.dir.path().join("object");
    std::fs::write(&file, text).unwrap();
    shop.git(&["hash-object", "-t", "commit", "-w", "--literally", file.to_str().unwrap()])
}

/// The signer of the tip vouches for merged commits: commits without a signature, and one by an old program. The tip itself
/// must be signed.
#[test]
fn solo_mode_asks_for_a_signature_on_the_tip_alone() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.write("unsigned", "x");
    shop.git(&["add", "-A"]);
    shop.git(&["commit", "-q", "--no-gpg-sign", "-m", "unsigned"]);
    let refused = shop.in_repository(&["run"], 3);
    assert!(refused.to_string().contains("commit-unsigned"), "{refused}");
    let tree = shop.git(&["rev-parse", "HEAD^{tree}"]);
    let who = "Greg Old<go <Greg Old<go@example.org>> 1282910542 +0200";
    let old = commit_object(&shop, &format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nimport\n"));
    let head = shop.git(&["rev-parse", "HEAD"]);
    let merge = shop.git(&["commit-tree", "-S", "-m", "merge", "-p", &head, "-p", &old, &tree]);
    shop.git(&["update-ref", "refs/heads/main", &merge]);
    let ran = shop.ok(&["run"]);
    assert_eq!(ran["next"], json!(format!("countersign approve {PLACE} --reason WHY")));
    assert_eq!(at(&up, "staging")["running"]["commit"], json!(merge));
}

fn config(home: &Home, name: &str, value: &str) {
    assert!(home.program("git").args(["config", "--global", name, value]).status().unwrap().success());
}

/// A person whose commits are signed by a key in `~/keys`, which is not one of the usual files.
fn person() -> (Home, String, String) {
    let home = Home::new();
    for (name, value) in [("user.name", "Ada"), ("user.email", "ada@example.com"), ("gpg.format", "ssh")] {
        config(&home, name, value);
    }
    let public = std::fs::read_to_string(home.ssh_key(".ssh/work").with_extension("pub")).unwrap();
    let print = |file: &str| {
        let path = home.dir.path().join(file);
        let output = home.program("ssh-keygen").arg("-lf").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    let (usual, own) = (print(".ssh/id_ed25519.pub"), print(".ssh/work.pub"));
    assert_ne!(usual, own);
    (home, public.trim().to_owned(), own)
}

fn enrolled(made: &Value) -> &str {
    made["people"][0]["key"].as_str().unwrap()
}

#[test]
fn the_key_that_git_signs_with_is_the_one_enrolled() {
    for form in ["~/.ssh/work.pub", "~/.ssh/work", "key::", "", "command"] {
        let (home, public, print) = person();
        match form {
            "key::" => config(&home, "user.signingkey", &format!("key::{public}")),
            "" => config(&home, "user.signingkey", &public),
            "command" => config(&home, "gpg.ssh.defaultKeyCommand", "cat ~/.ssh/work.pub"),
            path => config(&home, "user.signingkey", path),
        }
        let made = home.ok(&["init", "--bare"]);
        assert!(enrolled(&made).contains(&print), "{form}: {made}");
    }
}

#[test]
fn a_signing_key_that_cannot_be_used_is_named() {
    let (home, ..) = person();
    let fails = |what: &[&str]| {
        let failed = home.json(&["init", "--bare"], 1);
        let said = failed["error"].as_str().unwrap().to_owned();
        assert!(what.iter().all(|what| said.contains(what)), "{said}");
        assert!(!home.data().exists());
    };
    config(&home, "user.signingkey", "~/.ssh/absent.pub");
    fails(&["user.signingkey", ".ssh/absent.pub", "--key FILE"]);
    let other = home.ssh_key("elsewhere").with_extension("pub");
    config(&home, "user.signingkey", &format!("key::{}", std::fs::read_to_string(other).unwrap().trim()));
    fails(&["user.signingkey", "no file", "SHA256:"]);
    assert!(
        home.program("git")
            .args(["config", "--global", "--unset", "user.signingkey"])
            .status()
            .unwrap()
            .success()
    );
    config(&home, "gpg.ssh.defaultKeyCommand", "exit 3");
    fails(&["gpg.ssh.defaultKeyCommand", "`exit 3`", "named no key"]);
    // With the name of an OpenPGP key, the usual SSH key file is used.
    config(&home, "gpg.format", "openpgp");
    config(&home, "user.signingkey", "0xDEADBEEF");
    let made = home.ok(&["init", "--bare"]);
    assert!(enrolled(&made).contains("SHA256:"), "{made}");
    let (home, ..) = person();
    std::fs::write(home.dir.path().join(".gitconfig"), "[user\n").unwrap();
    let failed = home.json(&["init", "--bare"], 1);
    assert!(failed["error"].as_str().unwrap().contains("bad config line 1"), "{failed}");
}

/// A nested package with its own `deny` decides nothing: the commands report it.
#[test]
fn a_policy_that_nothing_asks_is_refused() {
    let home = Home::new();
    let dir = home.dir.path().join("policy");
    let dir = dir.to_str().unwrap();
    home.ok(&["policy", "copy", dir]);
    home.ok(&["policy", "check", dir]);
    let tested = home.ok(&["policy", "test", dir]);
    assert!(tested["passed"].as_array().unwrap().len() > 10, "{tested}");
    let extra = "package countersign.gate.extra\ndeny contains 1\n";
    std::fs::write(home.dir.path().join("policy/extra.rego"), extra).unwrap();
    for verb in ["check", "test"] {
        let refused = home.json(&["policy", verb, dir], 1);
        let said = refused["error"].as_str().unwrap();
        assert!(said.contains("extra.rego") && said.contains("countersign.gate.extra"), "{said}");
        assert_eq!(codes(&refused), Vec::<&str>::new());
    }
}
