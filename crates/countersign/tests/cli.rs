//! The real binary: an installation is founded, roles run as processes, commands are recorded, refusals have their
//! reasons, the ledger is verified from its files, and another implementation reads its tiles.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod answers;
mod release;
mod support;
mod texts;

use std::process::Command;

use evidence::Digest;
use evidence::pin::Pin;
use serde_json::{Value, json};
use support::{Home, copy_dir};

fn codes(failure: &Value) -> Vec<&str> {
    failure["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

#[test]
fn init_finds_out_what_it_can_and_never_overwrites() {
    let home = Home::new();
    let lacks = home.json(&["init", "--email", "a@b"], 1);
    assert_eq!(lacks["error"], "git knows no user.name; give one with --name");
    assert!(!home.data().exists(), "nothing was half done");
    std::fs::write(home.dir.path().join(".gitconfig"), "[user]\nname = Ada\nemail = ada@example.com\n")
        .unwrap();
    let made = home.ok(&["init"]);
    assert_eq!((&made["mode"], &made["next"]), (&json!("solo"), &json!("countersign up")));
    let again = home.json(&["init"], 1);
    assert!(again["error"].as_str().unwrap().contains("exists already; nothing was changed"));
    let moved = home.data().with_file_name("moved");
    std::fs::rename(home.data(), &moved).unwrap();
    let stray = home.json(&["init"], 1);
    assert!(stray["error"].as_str().unwrap().contains("exist without their data directory"), "{stray}");
    std::fs::rename(&moved, home.data()).unwrap();
    let root = home.ok(&["trust", "root"]);
    assert_eq!(root["digest"], made["trust_root"]);
    assert_eq!(home.ok(&["trust", "pin"])["pin"], made["pin"]);
}

#[test]
fn keys_and_directories_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::solo();
    let beside = home.data().parent().unwrap().to_path_buf();
    for dir in ["data", "data.keys", "data.runner-1", "data.runner-2", "data.witness"] {
        let mode = std::fs::metadata(beside.join(dir)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{dir}");
    }
    let key = beside.join("data.keys/ledger.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let person = std::fs::read_to_string(home.dir.path().join(".ssh/id_ed25519")).unwrap();
    let middle = person.lines().nth(2).unwrap();
    let found = Command::new("grep").args(["-rlF", middle]).arg(&beside).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "a person's private key lies below no role");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = home.run(&["up"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("can be read by others"));
}

#[test]
fn a_refusal_is_on_record_with_every_reason() {
    let home = Home::solo();
    let up = home.up();
    let (bob, bob2) = (home.ssh_key("bob"), home.ssh_key("bob2"));
    let (bob, bob2) = (bob.to_str().unwrap(), bob2.to_str().unwrap());
    let enrol = [
        "trust",
        "enrol",
        "--yes",
        "--name",
        "Bob",
        "--email",
        "b@c",
        "--key",
        bob,
        "--sign-in-key",
        bob2,
        "--role",
        "developer",
    ];
    let recorded = home.ok(&enrol);
    assert_eq!((&recorded["accepted"], &recorded["entry"]), (&json!(true), &json!(3)));
    let refused = home.json(&enrol, 3);
    assert_eq!(codes(&refused), ["subject-taken", "key-taken", "key-taken"]);
    let entries: Value = serde_json::from_str(&up.get("/api/v1/entries?from=4").1).unwrap();
    assert_eq!(entries[0]["kind"], "refused");
    assert_eq!(entries[0]["facts"]["reasons"], json!(["subject-taken", "key-taken", "key-taken"]));
    assert_eq!(entries[0]["particulars"]["refusal"], refused["reasons"]);

    // A withdrawn enrolment makes room for a new one.
    let seen: Value = serde_json::from_str(&up.get("/api/v1/installation").1).unwrap();
    let people = seen["people"].as_array().unwrap();
    let roles = json!(["developer"]);
    let withdrawn = people.iter().find(|person| person["roles"] == roles).unwrap()["enrolment"].clone();
    home.ok(&["trust", "status", "--yes", "--withdraw", withdrawn.as_str().unwrap()]);
    home.ok(&enrol);
    assert!(up.stop());
}

/// A digest that names nothing.
fn digest(two: &str) -> String {
    format!("sha256:{}", two.repeat(32))
}

#[test]
fn status_is_amended_and_survives_a_restart() {
    let home = Home::solo();
    let up = home.up();
    home.ok(&["trust", "status", "--yes", "--bar", &digest("ab")]);
    let status = home.ok(&["trust", "status"]);
    assert_eq!(status["statement"]["barred"], json!([digest("ab")]));
    let deep = home.json(&["trust", "status", "--yes", "--freeze", "a/b/c/d"], 2);
    assert!(deep["error"].as_str().unwrap().starts_with("`a/b/c/d` has more than three parts"), "{deep}");
    up.kill();
    let up = home.up();
    assert_eq!(home.ok(&["trust", "status"]), status, "kill -9 loses nothing that was acknowledged");
    home.witnessed(&up);
    let verified = home.ok(&["audit", "verify"]);
    assert_eq!(verified["breaches"], json!([]));
    assert_eq!((&verified["witnesses"], &verified["same_machine"]), (&json!(1), &json!(true)));
    assert_eq!((&verified["belief"], &verified["misfits"]), (&json!("pinned"), &json!(0)));
    assert!(up.stop());
}

#[test]
fn requests_that_cannot_be_authenticated_leave_no_entry() {
    let home = Home::solo();
    let up = home.up();
    let size =
        || serde_json::from_str::<Value>(&up.get("/api/v1/installation").1).unwrap()["entries"].clone();
    let json = "Content-Type: application/json\r\n";
    let before = size();
    for (headers, body, status) in [
        ("", "{}", 400),
        (json, "{", 400),
        (json, "{}", 400),
        (json, r#"{"request":{"payload":"","payloadType":"x","signatures":[]}}"#, 400),
        (
            json,
            r#"{"request":{"payload":"e30=","payloadType":"x","signatures":[{"keyid":"a","sig":"AA=="}]}}"#,
            400,
        ),
    ] {
        let (found, problem) = up.post("/api/v1/requests", headers, body);
        assert_eq!(found, status, "{body}: {problem}");
        let problem: Value = serde_json::from_str(&problem).unwrap();
        assert_eq!(problem["type"], "tag:countersign,2026:malformed", "{body}");
    }
    // Nobody can send a body beyond the limit, and an unknown sender can send only a small one.
    for (length, status) in [(50_000_000, 413), (5_000_000, 401)] {
        let head = format!("POST /api/v1/requests HTTP/1.0\r\nHost: localhost\r\n{json}");
        assert_eq!(up.send(&format!("{head}Content-Length: {length}\r\n\r\n")).0, status, "{length}");
    }
    assert_eq!(up.send("GET /checkpoint HTTP/1.0\r\nHost: attacker.example\r\n\r\n").0, 400);
    assert_eq!(up.get("/api/v1/blobs/latest").0, 400);
    assert_eq!(up.get(&format!("/api/v1/blobs/sha256:{}", "0".repeat(64))).0, 404);
    assert_eq!(up.get("/tile/0/0").0, 400);
    assert_eq!(up.get("/tile/0/000").0, 404);

    // A stranger with a valid profile but another key is unknown here.
    let stranger = home.ssh_key("stranger");
    let profile = home.dir.path().join(".config/countersign/profile.json");
    let text = std::fs::read_to_string(&profile).unwrap();
    let mut changed: Value = serde_json::from_str(&text).unwrap();
    changed["sign_in_key"] = json!(stranger);
    std::fs::write(&profile, changed.to_string()).unwrap();
    let failed = home.json(&["trust", "status", "--yes", "--bar", &digest("ab")], 1);
    assert!(failed["error"].as_str().unwrap().contains("not among those that may sign"), "{failed}");
    assert_eq!(size(), before);
    assert!(up.stop());
}

#[test]
fn audit_verify_fails_on_a_changed_directory_and_on_another_root() {
    let home = Home::solo();
    let up = home.up();
    home.witnessed(&up);
    assert!(up.stop());
    home.ok(&["audit", "verify"]);
    let copy = home.dir.path().join("copy");
    copy_dir(&home.data(), &copy);
    let copy_text = copy.to_str().unwrap();
    home.ok(&["audit", "verify", "--data", copy_text]);
    let ledger = rusqlite::Connection::open(copy.join("ledger.db")).unwrap();
    ledger.execute("UPDATE entry SET facts = CAST('{}' AS BLOB) WHERE seq = 2", []).unwrap();
    drop(ledger);
    let output = home.run(&["audit", "verify", "--data", copy_text]);
    assert_eq!(output.status.code(), Some(1));
    let other = Home::solo();
    let pin = other.ok(&["trust", "pin"])["pin"].clone();
    let root = home.ok(&["trust", "pin", "--set", pin.as_str().unwrap()]);
    assert_ne!(root["installation"], home.ok(&["trust", "root"])["statement"]["installation"]);
    let foreign = home.ok(&["audit", "verify"]);
    assert_eq!(foreign["belief"], "pinned", "a pin of another installation changes nothing here");
    let config = home.dir.path().join(".config/countersign");
    let mine = foreign_installation(&home);
    std::fs::copy(
        config.join(root["installation"].as_str().unwrap()).join("pin"),
        config.join(&mine).join("pin"),
    )
    .unwrap();
    let refused = home.json(&["audit", "verify"], 1);
    assert!(refused["error"].as_str().unwrap().contains("that you have pinned"), "{refused}");
    std::fs::remove_file(config.join(&mine).join("pin")).unwrap();
    assert_eq!(home.ok(&["audit", "verify"])["belief"], "unpinned");
}

/// Pinned numbers are kept when a person pins another line.
#[test]
fn a_line_that_contradicts_what_is_pinned_is_not_taken_unseen() {
    let home = Home::solo();
    let line = home.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let pin: Pin = line.parse().unwrap();
    let set = |pin: &Pin, code| home.json(&["trust", "pin", "--set", &pin.to_string()], code);
    let says = |said: &Value, what: &str| said["error"].as_str().unwrap().contains(what);
    let other = Pin { root: Digest::of(b"another"), ..pin.clone() };
    assert!(says(&set(&other, 1), "another trust root of version 1"));
    let newer = Pin { root_version: 2, root: Digest::of(b"the next"), status: pin.status + 1, ..pin.clone() };
    set(&newer, 0);
    assert!(says(&set(&pin, 1), "you have pinned trust root version 2"));
    let adopt = ["key", "use", "--person", &"1f".repeat(16), "--pin", &line];
    assert!(says(&home.json(&adopt, 1), "you have pinned trust root version 2"));
    let less = Pin { status: 0, environments: Vec::new(), ..newer.clone() };
    let kept = set(&less, 0);
    assert_eq!(
        (&kept["status"], kept["environments"].as_array().unwrap().len()),
        (&json!(newer.status), pin.environments.len())
    );
    home.json(&["trust", "pin", "--set", &line, "--replace"], 0);
}

fn foreign_installation(home: &Home) -> String {
    home.ok(&["trust", "root"])["statement"]["installation"].as_str().unwrap().to_owned()
}

#[test]
fn an_independent_client_reads_our_tiles() {
    let home = Home::solo();
    let client = home.dir.path().join("tile_client");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tile_client.c");
    assert!(Command::new("gcc").args(["-O1", "-o"]).arg(&client).arg(source).status().unwrap().success());
    let up = home.up();
    for n in 0..3 {
        home.ok(&["trust", "status", "--yes", "--bar", &digest(&format!("a{n}"))]);
    }
    let port = up.address().rsplit(':').next().unwrap();
    let read = Command::new(&client).arg(port).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&read.stdout), "6 ok\n");
    assert!(up.stop());
}

#[test]
fn two_people_found_an_installation_and_need_each_other() {
    let home = Home::new();
    for key in ["ada", "ada-in", "bob", "bob-in"] {
        home.ssh_key(key);
    }
    let person = |name: &str| {
        json!({ "name": name, "emails": [format!("{name}@example.com")], "key": name,
                "sign_in_key": format!("{name}-in"), "roles": ["developer"] })
    };
    let people = home.dir.path().join("people.json");
    let init = ["init", "--mode", "rehearsal", "--people", people.to_str().unwrap()];
    home.json(&["init", "--mode", "team"], 2);
    std::fs::write(&people, json!([person("ada")]).to_string()).unwrap();
    home.json(&init, 2);
    std::fs::write(&people, json!([person("ada"), person("bob")]).to_string()).unwrap();
    assert_eq!(home.ok(&init)["mode"], "rehearsal");
    let root = home.ok(&["trust", "root"])["statement"].clone();
    assert_eq!((&root["holders"]["threshold"], &root["registrars"]["threshold"]), (&json!(2), &json!(1)));
    let up = home.up();
    // One of the two may freeze alone, and may not renew alone.
    home.ok(&["trust", "status", "--yes", "--bar", &digest("ab")]);
    let alone = home.json(&["trust", "status", "--yes", "--renew"], 1);
    assert!(alone["error"].as_str().unwrap().contains("needs signatures of 2 status signers"), "{alone}");
    // Both together may renew: one writes, the other signs and sends.
    let file = home.dir.path().join("renewal.json");
    let file = file.to_str().unwrap();
    home.ok(&["trust", "status", "--yes", "--renew", "--out", file]);
    let profile = home.dir.path().join(".config/countersign/profile.json");
    let ada = std::fs::read_to_string(&profile).unwrap();
    let mut bob: Value = serde_json::from_str(&ada).unwrap();
    bob["approval_key"] = json!(home.dir.path().join("bob"));
    std::fs::write(&profile, bob.to_string()).unwrap();
    assert_eq!(home.ok(&["trust", "sign", "--yes", file])["signatures"], 2);
    std::fs::write(&profile, ada).unwrap();
    home.ok(&["trust", "send", file]);
    home.witnessed(&up);
    assert_eq!(home.ok(&["audit", "verify"])["mode"], "rehearsal");
    assert!(up.stop());
}
