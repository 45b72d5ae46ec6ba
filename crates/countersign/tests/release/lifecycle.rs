//! The trust root over its life: holders, thresholds, registrars and witnesses change, each time signed by the old and the
//! new holders.

use serde_json::{Value, json};

use super::Shop;
use crate::codes;
use crate::support::{Home, Up};

/// Ada and Bob found it; Carol is a person with a key. The signer is the person of the profile.
struct Three {
    home: Home,
    profile: std::path::PathBuf,
    ada: String,
}

impl Three {
    fn new() -> Self {
        let home = Home::new();
        for key in ["ada", "ada-in", "bob", "bob-in", "carol", "carol-in", "dave", "dave-in"] {
            home.ssh_key(key);
        }
        let person = |name: &str| {
            json!({ "name": name, "emails": [format!("{name}@example.com")], "key": name,
                    "sign_in_key": format!("{name}-in"), "roles": ["developer"] })
        };
        let people = home.dir.path().join("people.json");
        std::fs::write(&people, json!([person("ada"), person("bob")]).to_string()).unwrap();
        home.ok(&["init", "--mode", "rehearsal", "--people", people.to_str().unwrap()]);
        let profile = home.dir.path().join(".config/countersign/profile.json");
        let ada = std::fs::read_to_string(&profile).unwrap();
        Self { home, profile, ada }
    }

    /// Runs a command with another person's key for statements; requests stay Ada's.
    fn signing_as(&self, name: &str, arguments: &[&str], code: i32) -> Value {
        let mut profile: Value = serde_json::from_str(&self.ada).unwrap();
        profile["approval_key"] = json!(self.home.dir.path().join(name));
        std::fs::write(&self.profile, profile.to_string()).unwrap();
        let said = self.home.json(arguments, code);
        std::fs::write(&self.profile, &self.ada).unwrap();
        said
    }

    fn fingerprint(&self, name: &str) -> String {
        let key = self.home.dir.path().join(format!("{name}.pub"));
        let mut print = self.home.program("ssh-keygen");
        let output = print.arg("-lf").arg(key).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    fn root(&self) -> Value {
        self.home.ok(&["trust", "root"])["statement"].clone()
    }

    fn enrol(&self, registrar: &str, name: &str, code: i32) -> Value {
        let (key, sign_in) = (format!("{name}.pub"), format!("{name}-in.pub"));
        let email = format!("{name}@example.com");
        let who = ["--name", name, "--email", &email, "--key", &key, "--sign-in-key", &sign_in];
        self.signing_as(
            registrar,
            &[&["trust", "enrol", "--yes", "--role", "developer"], &who[..]].concat(),
            code,
        )
    }
}

#[test]
fn roots_rotate_by_the_thresholds_of_both() {
    let three = Three::new();
    let up: Up = three.home.up();
    let amend = [
        "trust",
        "root",
        "--yes",
        "--add",
        "holders=carol.pub",
        "--threshold",
        "holders=3",
        "--out",
        "2.json",
    ];
    three.home.ok(&amend);
    // First one of the two current holders; then both of them, but not all three of the future ones.
    assert_eq!(codes(&three.home.json(&["trust", "send", "2.json"], 3)), ["holders-missing"]);
    three.signing_as("bob", &["trust", "sign", "--yes", "2.json"], 0);
    assert_eq!(codes(&three.home.json(&["trust", "send", "2.json"], 3)), ["holders-missing"]);
    three.signing_as("carol", &["trust", "sign", "--yes", "2.json"], 0);
    three.home.ok(&["trust", "send", "2.json"]);
    let root = three.root();
    assert_eq!((&root["version"], &root["holders"]["threshold"]), (&json!(2), &json!(3)));
    // The root cannot be recorded a second time, and two of three signatures are too few for the next.
    assert_eq!(codes(&three.home.json(&["trust", "send", "2.json"], 3)), ["root-out-of-order"]);
    three.home.ok(&["trust", "root", "--yes", "--renew", "--out", "3.json"]);
    three.signing_as("bob", &["trust", "sign", "--yes", "3.json"], 0);
    assert_eq!(codes(&three.home.json(&["trust", "send", "3.json"], 3)), ["holders-missing"]);
    // Over TCP the server has proved itself by the newer root: an older one is refused then, unless the pin is replaced.
    let at = three.home.dir.path().join("elsewhere");
    std::fs::create_dir(&at).unwrap();
    std::fs::write(at.join("server.url"), &up.url).unwrap();
    let installation = three.home.ok(&["status", "--data", at.to_str().unwrap()])["installation"].clone();
    let person = three.home.dir.path().join(".config/countersign").join(installation.as_str().unwrap());
    let kept = person.join("introduced.json");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), r#"{"v":1,"root":2}"#);
    let pin = std::fs::read_to_string(person.join("pin")).unwrap();
    three.home.ok(&["trust", "pin", "--set", &pin]);
    assert!(kept.exists());
    three.home.ok(&["trust", "pin", "--set", &pin, "--replace"]);
    assert!(!kept.exists());
    // A threshold that cannot be met is refused.
    three.home.json(&["trust", "root", "--yes", "--threshold", "holders=9"], 1);
    three.home.json(&["trust", "root", "--yes", "--threshold", "witnesses=1"], 2);
    assert!(up.stop());
    let verified = three.home.ok(&["audit", "verify"]);
    assert_eq!((&verified["misfits"], &verified["breaches"]), (&json!(0), &json!([])));
    assert_eq!(three.home.ok(&["audit", "replay"])["differ"], json!(0));
}

#[test]
fn what_is_signed_is_shown_beside_what_it_changes() {
    let three = Three::new();
    let authority = format!("sha256:{}", "5a".repeat(32));
    let amend = [
        "trust",
        "root",
        "--yes",
        "--add",
        "holders=carol.pub",
        "--threshold",
        "holders=3",
        "--out",
        "2.json",
    ];
    three.home.ok(&[&amend[..], &["--authority", &authority]].concat());
    let before = std::fs::read(three.home.dir.path().join("2.json")).unwrap();
    let shown = three.home.ok(&["trust", "sign", "--yes", "--show", "2.json"]);
    let changes = shown["changes"].as_str().unwrap();
    assert!(changes.contains("-    \"threshold\": 2\n+    \"threshold\": 3\n"), "{changes}");
    assert!(changes.contains(&format!("+        \"subject\": \"ssh:{}\"\n", three.fingerprint("carol"))));
    assert!(changes.contains(&format!("+  \"authority\": \"{authority}\",\n")), "{changes}");
    assert!(!changes.contains("registrars"), "what stays is not shown: {changes}");
    three.home.json(&["trust", "root", "--yes", "--authority", "5a5a", "--out", "3.json"], 2);
    let with = shown["compared_with"].as_str().unwrap();
    assert!(with.starts_with("version 1, ") && with.contains("pinned"), "{with}");
    assert_eq!((&shown["signed"], &shown["signatures"]), (&json!(false), &json!(1)));
    assert_eq!(std::fs::read(three.home.dir.path().join("2.json")).unwrap(), before);
    // A person without the current statement sees the whole new one; a statement of another installation is not signed.
    let elsewhere = ["trust", "sign", "--yes", "--show", "2.json", "--data", "nowhere"];
    let whole = three.home.ok(&elsewhere);
    assert!(whole["compared_with"].as_str().unwrap().starts_with("nothing: "));
    assert!(whole["changes"].as_str().unwrap().contains("\"registrars\""));
    let other = Three::new();
    std::fs::copy(three.home.dir.path().join("2.json"), other.home.dir.path().join("2.json")).unwrap();
    let refused = other.home.json(&["trust", "sign", "--yes", "2.json"], 1);
    assert!(refused["error"].as_str().unwrap().contains("another installation"), "{refused}");
    // All of an enrolment is shown.
    let enrol =
        ["trust", "enrol", "--yes", "--role", "developer", "--name", "carol", "--email", "carol@example.com"];
    let keys = ["--key", "carol.pub", "--sign-in-key", "carol-in.pub", "--out", "carol.json"];
    three.home.ok(&[&enrol[..], &keys[..]].concat());
    let shown = three.home.ok(&["trust", "sign", "--yes", "--show", "carol.json"]);
    assert!(shown["changes"].as_str().unwrap().contains("\"role\": \"developer\""), "{shown}");
}

#[test]
fn registrars_and_witnesses_change_with_the_root() {
    let three = Three::new();
    let up: Up = three.home.up();
    three.enrol("ada", "carol", 0);
    let ada = format!("registrars={}", three.fingerprint("ada"));
    let bob = format!("registrars={}", three.fingerprint("bob"));
    let amend =
        ["trust", "root", "--yes", "--add", "registrars=carol.pub", "--remove", &ada, "--remove", &bob];
    three.home.ok(&[&amend[..], &["--out", "2.json"]].concat());
    three.signing_as("bob", &["trust", "sign", "--yes", "2.json"], 0);
    three.home.ok(&["trust", "send", "2.json"]);
    // A former registrar can enrol nobody; a current one can.
    assert!(!codes(&three.enrol("ada", "dave", 3)).is_empty());
    three.enrol("carol", "dave", 0);
    // One more witness, and a quorum over half of them; exactly half is refused.
    let vkey = three.root()["witnesses"]["keys"][0]["vkey"].as_str().unwrap().to_owned();
    let other = tlog::CosignatureKey::from_seed("witness/second", &[9; 32]).unwrap().verifier().to_string();
    let add = format!("{other}@elsewhere");
    three.home.json(&["trust", "root", "--yes", "--witness", &add, "--out", "3.json"], 1);
    three.home.ok(&["trust", "root", "--yes", "--witness", &add, "--witness-quorum", "2", "--out", "3.json"]);
    three.signing_as("bob", &["trust", "sign", "--yes", "3.json"], 0);
    three.home.ok(&["trust", "send", "3.json"]);
    assert_eq!(three.root()["witnesses"]["quorum"], json!(2));
    // The second witness is not up: it can be removed, which needs no witness.
    let amend = ["trust", "root", "--yes", "--remove-witness", "witness/second", "--witness-quorum", "1"];
    three.home.ok(&[&amend[..], &["--out", "4.json"]].concat());
    three.signing_as("bob", &["trust", "sign", "--yes", "4.json"], 0);
    three.home.ok(&["trust", "send", "4.json"]);
    assert_eq!(
        three.root()["witnesses"]["keys"],
        json!([{ "place": three.root()["witnesses"]["keys"][0]["place"], "vkey": vkey }])
    );
    three.home.witnessed(&up);
    assert!(up.stop());
    assert_eq!(three.home.ok(&["audit", "replay"])["differ"], json!(0));
}

/// One signer may date a key's theft earlier; a later date needs the threshold.
#[test]
fn a_revocation_begins_earlier_by_one_and_later_by_all() {
    let three = Three::new();
    let up: Up = three.home.up();
    let carol = three.fingerprint("carol");
    let revoke = |since: &str, more: &[&str], code: i32| {
        let given = ["trust", "status", "--yes", "--revoke", &carol, "--since", since];
        three.home.json(&[&given[..], more].concat(), code)
    };
    let since = || three.home.ok(&["trust", "status"])["statement"]["revoked"][0]["invalid_since"].clone();
    revoke("2026-03-01T00:00:00.000Z", &[], 0);
    revoke("2026-02-01T00:00:00.000Z", &[], 0);
    assert_eq!(since(), json!("2026-02-01T00:00:00.000Z"));
    let refused = revoke("2026-04-01T00:00:00.000Z", &[], 1);
    assert!(refused.to_string().contains("needs `--renew` and the threshold"), "{refused}");
    revoke("2026-04-01T00:00:00.000Z", &["--renew", "--out", "status.json"], 0);
    assert_eq!(codes(&three.home.json(&["trust", "send", "status.json"], 3)), ["status-unsound"]);
    three.signing_as("bob", &["trust", "sign", "--yes", "status.json"], 0);
    three.home.ok(&["trust", "send", "status.json"]);
    assert_eq!(since(), json!("2026-04-01T00:00:00.000Z"));
    three.home.ok(&["trust", "status", "--yes", "--revoke", &carol]);
    assert_eq!(since(), json!("1970-01-01T00:00:00.000Z"));
    assert!(up.stop());
}

#[test]
fn a_runner_joins_when_the_root_names_its_key() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let pin = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let dir = shop.home.data().with_file_name("data.runner-3");
    let join = ["runner", "join", "--data", dir.to_str().unwrap(), "--name", "runner-3", "--pin", &pin];
    let key = shop.ok(&join)["key"].as_str().unwrap().to_owned();
    let text = shop.sign_off();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    shop.ok(&[
        "trust",
        "root",
        "--yes",
        "--runner",
        &format!("runner-3={key}"),
        "--remove-runner",
        "runner-1",
    ]);
    let view: Value = serde_json::from_str(&up.get(&format!("/api/v1/runs/{run}")).1).unwrap();
    assert_eq!(view["state"], "lost", "a run of the runner that is gone has ended");
    shop.write(".countersign/pipeline.yaml", &text);
    shop.commit("it does not");
    let root = shop.ok(&["trust", "root"])["statement"].clone();
    let names: Vec<_> =
        root["runners"].as_array().unwrap().iter().map(|runner| runner["name"].clone()).collect();
    assert_eq!((&root["version"], names), (&json!(2), vec![json!("runner-2"), json!("runner-3")]));
    assert!(up.stop());
    std::fs::remove_dir_all(shop.home.data().with_file_name("data.runner-1")).unwrap();
    let up = shop.home.up();
    assert_eq!(shop.release()["outcome"], "running", "under the new root, by the new runner");
    let audited = shop.ok(&["audit", "verify"]);
    assert_eq!((&audited["root_version"], &audited["belief"]), (&json!(2), &json!("pinned")));
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

/// The server continues a run that began before; the runners check the root again before each step.
#[test]
fn a_commit_whose_key_was_revoked_is_built_no_further() {
    let shop = Shop::solo();
    let (key, commits) = (shop.home.ssh_key("bob"), shop.home.ssh_key("bob-commits"));
    let up = shop.home.up();
    let enrol =
        ["trust", "enrol", "--yes", "--name", "Bob", "--email", "bob@example.com", "--role", "developer"];
    let keys = ["--key", key.to_str().unwrap(), "--sign-in-key", commits.to_str().unwrap()];
    shop.ok(&[&enrol[..], &keys[..]].concat());
    let bobs = shop.ok(&["key", "show", commits.to_str().unwrap()])["fingerprint"].clone();
    shop.config("user.email", "bob@example.com");
    shop.config("user.signingkey", commits.to_str().unwrap());
    shop.sign_off();
    let run = shop.ok(&["run", "--no-wait"])["run"].as_str().unwrap().to_owned();
    let view = || serde_json::from_str::<Value>(&up.get(&format!("/api/v1/runs/{run}")).1).unwrap();
    let mut entries = 0;
    let mut wait =
        || entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    let passed = |view: &Value| {
        let works = view["works"].as_array().unwrap();
        works.iter().filter(|work| work["kind"] == "step" && work["state"] == "passed").count()
    };
    while passed(&view()) < 4 {
        wait();
    }
    shop.ok(&["trust", "status", "--yes", "--revoke", bobs.as_str().unwrap()]);
    shop.ok(&["approve", "--yes", "--run", &run, "--step", "sign-off"]);
    while view()["state"] == "running" {
        wait();
    }
    assert_eq!(view()["state"], "failed");
    // The first receipt with this failure ends the run; the other runner's is not waited for.
    let ended = view();
    let works = ended["works"].as_array().unwrap();
    let failed = works.iter().find(|work| work["kind"] == "artifact" && work["state"] == "failed").unwrap();
    let runner = failed["runner"].as_str().unwrap();
    let log = up.get(&format!("/api/v1/logs/{run}/artifact/ledger-api/{runner}")).1;
    assert!(log.contains("commit-unsigned"), "{log}");
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}
