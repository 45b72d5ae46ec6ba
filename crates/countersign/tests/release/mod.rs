//! From a commit to production with the commands that people type, on the example service: passing releases, refusals with
//! their reasons, and an auditor's findings afterwards.

mod alerts;
mod bars;
mod before;
mod by_hand;
mod checks;
mod configuration;
mod console;
mod corpus;
mod damage;
mod drift;
mod drift_figures;
mod dry_run;
mod evidence;
#[cfg(feature = "faults")]
mod faults;
mod flows;
mod full;
mod grants;
mod growth;
mod hardware;
mod health;
mod held;
mod hostile;
mod hostile_project;
mod hosts;
mod hosts_figures;
mod hosts_page;
mod images;
mod infrastructure;
mod join_attacks;
mod kill;
mod leaks;
mod lifecycle;
mod loans;
mod minted;
mod nine;
mod origin;
mod origins;
mod peers;
mod pipeline_files;
mod place_secrets;
mod pools;
mod previews;
mod quotas;
mod raw_tls;
mod reading;
mod rehearsal;
mod relays;
mod remote;
mod remote_attacks;
mod remote_profiles;
mod replay;
mod reports;
mod reproduced;
mod residency;
mod rollbacks;
mod rollout_figures;
mod rollout_kills;
mod rollout_orders;
mod rollouts;
mod rotations;
mod runs;
mod scans;
mod secret_kills;
mod service_roles;
mod services;
mod settings;
mod several_agents;
pub mod shop;
mod sources;
mod ssh;
mod ssh_steps;
mod state;
mod step_roles;
mod stopping;
mod stores;
mod tls;
mod transport_attacks;
mod vault;
mod vex;
mod waivers;
mod windows;

use std::path::Path;

use serde_json::{Value, json};

use self::shop::Shop;
use crate::codes;
use crate::support::{Home, Up};

const PLACE: &str = "shop/ledger-api/production";

/// The view of a place.
fn at(up: &Up, environment: &str) -> Value {
    at_place(up, &format!("shop/ledger-api/{environment}"))
}

/// The same by the place's full name.
pub fn at_place(up: &Up, place: &str) -> Value {
    let places: Value = serde_json::from_str(&up.get("/api/v1/places").1).unwrap();
    places.as_array().unwrap().iter().find(|view| view["place"] == json!(place)).unwrap().clone()
}

#[test]
fn one_person_takes_a_commit_to_production() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let ran = shop.ok(&["run"]);
    assert_eq!(
        (&ran["state"], &ran["next"]),
        (&json!("passed"), &json!(format!("countersign approve {PLACE} --reason WHY")))
    );
    let artifact = ran["artifacts"]["ledger-api"].clone();
    for environment in ["dev", "staging"] {
        assert_eq!(at(&up, environment)["running"]["artifact"], artifact, "{environment}");
    }
    // Nobody has approved: the gate refuses, the release stays held, and all of it is recorded.
    let early = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&early), ["approvals-missing"]);
    assert_eq!(at(&up, "production")["open"]["stage"], "held");
    let approved = shop.ok(&["approve", "--yes", "--reason", "tested in staging", "--ticket", "CH-1"]);
    assert_eq!(approved["missing"], json!(["approvals-missing"]));
    let promoted = shop.ok(&["promote", "--bundle", "evidence.json"]);
    assert_eq!(promoted["next"], "countersign verify evidence.json");
    assert_eq!(at(&up, "production")["running"]["artifact"], artifact);
    let verified = shop.ok(&["verify", "evidence.json"]);
    assert_eq!((&verified["outcome"], &verified["mode"]), (&json!("pass"), &json!("solo")));
    assert_eq!((&verified["witnesses"], &verified["same_machine"]), (&json!(1), &json!(true)));
    shop.home.witnessed(&up);
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!((&replayed["differ"], &replayed["verdicts"]), (&json!(0), &json!(4)), "{replayed}");
    assert_eq!(replayed["decisions"], replayed["agree"]);
    let audited = shop.ok(&["audit", "verify"]);
    assert_eq!((&audited["breaches"], &audited["misfits"]), (&json!([]), &json!(0)));
    assert_eq!(audited["orphans"], json!(0), "every blob is named: others are removed some day");
    assert!(up.stop());
}

#[test]
fn what_fails_or_is_unsigned_goes_nowhere() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.write("broken", "");
    shop.commit("break the test");
    let failed = shop.in_repository(&["run"], 3);
    assert!(codes(&failed).iter().all(|code| *code == "step-failed"), "{failed}");
    assert_eq!(at(&up, "dev")["running"], json!(null));
    shop.git(&["rm", "-q", "broken"]);
    shop.git(&["commit", "-q", "--no-gpg-sign", "-m", "unsigned"]);
    assert_eq!(codes(&shop.in_repository(&["run"], 3)), ["commit-unsigned"]);
    let stranger = shop.home.ssh_key("stranger");
    let key = format!("user.signingkey={}", stranger.display());
    shop.git(&["-c", &key, "commit", "-q", "--allow-empty", "-S", "-m", "by a stranger"]);
    assert_eq!(codes(&shop.in_repository(&["run"], 3)), ["commit-signer-unknown"]);
    shop.write(".countersign/pipeline.yaml", "version: 1\nsteps: { a: { run: x, needs: [b] } }\n");
    shop.commit("a pipeline that is none");
    let unsound = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&unsound), ["pipeline-unsound"]);
    assert!(unsound["reasons"][0]["what"].as_str().unwrap().contains("`b` is no step"), "{unsound}");
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "refusals are replayed too: {replayed}");
    assert!(up.stop());
}

#[test]
fn a_release_that_does_not_work_returns_and_people_can_return_too() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = shop.release();
    shop.service("bad");
    shop.commit("this will not work");
    let returned = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&returned), ["probe-failed"]);
    let dev = at(&up, "dev");
    assert_eq!(dev["last"]["outcome"], "returned");
    let running = at(&up, "production")["running"]["artifact"].clone();
    assert_eq!(dev["running"]["artifact"], running, "what ran before runs again");
    shop.service("fine");
    shop.commit("this works");
    let second = shop.release();
    assert!(second["release"].as_u64() > first["release"].as_u64());
    assert_ne!(at(&up, "production")["running"]["artifact"], running);
    let back = shop.ok(&["rollback", "--yes", PLACE]);
    assert_eq!(back["outcome"], "running");
    assert_eq!(at(&up, "production")["running"]["artifact"], running);
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

#[test]
fn freezes_and_rejections_stop_a_release() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.ok(&["reject", "--yes", "--reason", "not on a Friday"]);
    assert_eq!(codes(&shop.in_repository(&["promote"], 3)), ["approvals-missing", "rejected"]);
    // A person's later vote replaces the earlier one.
    shop.ok(&["approve", "--yes", "--reason", "it is Monday"]);
    shop.ok(&["trust", "status", "--yes", "--freeze", PLACE]);
    assert_eq!(codes(&shop.in_repository(&["promote"], 3)), ["frozen"]);
    assert_eq!(at(&up, "production")["running"], json!(null));
    assert!(up.stop());
}

#[test]
fn roles_survive_kill_9_and_go_on_where_they_were() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    up.kill();
    let up = shop.home.up();
    let promoted = shop.ok(&["promote"]);
    assert_eq!(promoted["outcome"], "running");
    let running = at(&up, "production")["running"].clone();
    assert!(up.stop());
    let up = shop.home.up();
    assert_eq!(at(&up, "production")["running"], running);
    shop.commit("another");
    shop.release();
    assert!(up.stop());
}

#[test]
fn an_artifact_that_was_replaced_in_the_store_is_refused_by_the_agent() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let ran = shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    // The server's owner changes the layer under its digest's name.
    let digest = ran["artifacts"]["ledger-api"].as_str().unwrap();
    let blob = |digest: &str| {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let (start, rest) = hex.split_at(2);
        shop.home.data().join("blobs/sha256").join(start).join(rest)
    };
    let manifest: Value = serde_json::from_slice(&std::fs::read(blob(digest)).unwrap()).unwrap();
    let layer = blob(manifest["layers"][0]["digest"].as_str().unwrap());
    let honest = std::fs::read(&layer).unwrap();
    let forged: Vec<u8> = honest.iter().map(|byte| if *byte == b'o' { b'0' } else { *byte }).collect();
    std::fs::write(&layer, &forged).unwrap();
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["artifact-differs"]);
    assert_eq!(at(&up, "production")["running"], json!(null));
    std::fs::write(&layer, &honest).unwrap();
    assert!(up.stop());
}

#[test]
fn audit_verify_names_a_changed_view_and_mends_it_identically() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release();
    shop.home.witnessed(&up);
    shop.ok(&["status"]);
    assert!(up.stop());
    let views = shop.home.data().join("views.db");
    let dump = || {
        let kept = rusqlite::Connection::open(&views).unwrap();
        let mut statement = kept
            .prepare("SELECT run || state || services FROM run UNION SELECT name || state FROM work")
            .unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let before = dump();
    assert_eq!(shop.ok(&["audit", "verify"])["views"], "as the ledger says");
    for change in [
        "UPDATE run SET state = 'failed'",
        "DELETE FROM work WHERE kind = 'artifact'",
        "INSERT INTO artifact (run, name, manifest) VALUES ('x', 'y', 'z')",
        "UPDATE last SET outcome = 'refused' WHERE place LIKE '%production'",
        "UPDATE cursor SET entries = 9999",
    ] {
        rusqlite::Connection::open(&views).unwrap().execute(change, []).unwrap();
        let found = shop.in_repository(&["audit", "verify"], 1);
        assert!(
            found["error"].as_str().unwrap_or_default().contains("views") || found["views"] == "changed",
            "{change}: {found}"
        );
        shop.ok(&["audit", "verify", "--rebuild-views"]);
        assert_eq!(dump(), before, "{change}");
        assert_eq!(shop.ok(&["audit", "verify"])["views"], "as the ledger says");
    }
    std::fs::remove_file(&views).unwrap();
    let without = shop.ok(&["audit", "verify"])["views"].clone();
    assert!(without.as_str().unwrap().starts_with("missing"), "{without}");
}

#[test]
fn policies_are_tested_and_decide_only_when_signed() {
    let shop = Shop::solo();
    let dir = shop.home.dir.path().join("policy");
    let dir = dir.to_str().unwrap();
    shop.ok(&["policy", "copy", dir]);
    let tested = shop.ok(&["policy", "test", dir]);
    assert_eq!((tested["passed"].as_array().unwrap().len() >= 10, &tested["failed"]), (true, &json!([])));
    let built_in = shop.ok(&["policy", "check"])["digest"].clone();
    assert_eq!(shop.ok(&["policy", "check", dir])["digest"], built_in);
    let file = Path::new(dir).join("gate.rego");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("approvals_needed := 1 if production else := 0", "approvals_needed := 0"),
    )
    .unwrap();
    let failing = shop.in_repository(&["policy", "test", dir], 1);
    assert!(failing["failed"].as_array().is_none_or(|failed| !failed.is_empty()));
    std::fs::write(&file, "package countersign.gate\nallow := true\n").unwrap();
    shop.in_repository(&["policy", "check", dir], 1);
    // A policy without that rule decides once the policy signer has signed its digest, and not before.
    std::fs::write(
        &file,
        text.replace("approvals_needed := 1 if production else := 0", "approvals_needed := 0"),
    )
    .unwrap();
    let up = shop.home.up();
    shop.ok(&["run"]);
    assert_eq!(codes(&shop.in_repository(&["promote"], 3)), ["approvals-missing"]);
    // Another signer sees the changed line, and a different policy beside the file is detected.
    let out = shop.home.dir.path().join("next.json");
    let out = out.to_str().unwrap();
    shop.ok(&["trust", "environment", "--yes", PLACE, "--policy", dir, "--out", out]);
    let shown = shop.ok(&["trust", "sign", "--yes", "--show", out]);
    let changes = shown["changes"].as_str().unwrap();
    assert!(changes.contains("\n-approvals_needed := 1 if production else := 0\n+approvals_needed := 0\n"));
    assert!(changes.contains("+  \"number\": 2,") && !changes.contains("+  \"project\""), "{changes}");
    std::fs::write(format!("{out}.policy"), "{\"files\":{},\"v\":1}").unwrap();
    shop.in_repository(&["trust", "sign", "--yes", out], 1);
    shop.ok(&["trust", "environment", "--yes", PLACE, "--policy", dir]);
    shop.ok(&["run"]);
    assert_eq!(shop.ok(&["promote"])["outcome"], "running");
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

#[test]
fn an_ordinary_user_takes_a_commit_to_production() {
    // If the tests themselves run as an ordinary user, all the other tests show this.
    let Some(home) = Home::of_ordinary_user() else { return };
    let shop = Shop::solo_of(home);
    let up = shop.home.up();
    assert_eq!(shop.release()["outcome"], "running");
    shop.service("bad");
    shop.commit("this will not work");
    assert_eq!(codes(&shop.in_repository(&["run"], 3)), ["probe-failed"]);
    assert!(up.stop());
}

#[test]
fn an_approver_rebuilds_first_and_signs_what_came_out() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    let approved = shop.ok(&["approve", "--yes", "--rebuild", "--reason", "built it myself"]);
    assert_eq!(approved["rebuilt"], true);
    shop.ok(&["promote", "--bundle", "evidence.json"]);
    let evidence = std::fs::read(shop.repository().join("evidence.json")).unwrap();
    let bundle = ::evidence::bundle::Bundle::decode(&evidence).unwrap();
    let signed = ::evidence::approval::Signed::read(&bundle.approvals[0]).unwrap();
    assert_eq!(signed.said.rebuild.unwrap()["manifest.json"], bundle.artifact());
    assert!(up.stop());
}

#[test]
fn the_port_stays_open_while_one_version_takes_the_place_of_another() {
    let shop = Shop::compiled();
    let up = shop.home.up();
    shop.ok(&["run"]);
    let memory = shop.home.data().with_file_name("data.agent-ledger-api-dev").join("memory.json");
    let memory: Value = serde_json::from_slice(&std::fs::read(memory).unwrap()).unwrap();
    let port =
        u16::try_from(memory["running"]["plan"]["target"]["process"]["port"].as_u64().unwrap()).unwrap();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = std::sync::Arc::clone(&done);
    // A client that never stops asking: its connections must never be refused.
    let asking = std::thread::spawn(move || {
        let mut answers = 0;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("the port is open");
            // A connection that the old version had accepted when it ended is cut; the client asks again.
            let mut text = String::new();
            let asked = stream
                .write_all(b"GET /balance HTTP/1.1\r\n\r\n")
                .and_then(|()| stream.read_to_string(&mut text));
            answers += u32::from(asked.is_ok() && text.starts_with("HTTP/1.1 200"));
        }
        answers
    });
    shop.write(
        "src/main.rs",
        &std::fs::read_to_string(shop.repository().join("src/main.rs"))
            .unwrap()
            .replace("there is no such thing", "nothing here"),
    );
    shop.commit("another word");
    shop.ok(&["run"]);
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(asking.join().unwrap() > 10);
    assert!(up.stop());
}

#[test]
fn an_approval_by_a_revoked_key_no_longer_counts() {
    let shop = Shop::solo();
    let (key, sign_in) = (shop.home.ssh_key("approver"), shop.home.ssh_key("approver-in"));
    let up = shop.home.up();
    shop.ok(&["run"]);
    let enrol = [
        "trust",
        "enrol",
        "--yes",
        "--name",
        "Bob",
        "--email",
        "bob@example.com",
        "--role",
        "release-manager",
    ];
    let keys = ["--key", key.to_str().unwrap(), "--sign-in-key", sign_in.to_str().unwrap()];
    shop.ok(&[&enrol[..], &keys[..]].concat());
    let people = shop.ok(&["key", "list"]);
    let fingerprint = |path: &Path| shop.ok(&["key", "show", path.to_str().unwrap()])["fingerprint"].clone();
    let bob = people
        .as_array()
        .unwrap()
        .iter()
        .find(|person| person["keys"].as_array().unwrap().contains(&fingerprint(&key)));
    let pin = shop.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    let profile = shop.home.dir.path().join(".config/countersign/profile.json");
    let ada = std::fs::read_to_string(&profile).unwrap();
    let data = shop.home.data();
    let adopt = [
        "key",
        "use",
        "--pin",
        &pin,
        "--person",
        bob.unwrap()["person"].as_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ];
    shop.ok(&[&adopt[..], &keys[..]].concat());
    shop.ok(&["approve", "--yes", "--reason", "looks right"]);
    std::fs::write(&profile, ada).unwrap();
    let stolen = fingerprint(&key);
    let revoke = ["trust", "status", "--yes", "--revoke", stolen.as_str().unwrap()];
    shop.ok(&revoke);
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["approval-void", "approvals-missing"], "{refused}");
    assert!(refused.to_string().contains("is revoked"), "{refused}");
    // The key was only lost, and its holder says from when on: the approval is older.
    shop.ok(&[&revoke[..], &["--since", "2199-01-01T00:00:00.000Z"]].concat());
    shop.ok(&["promote"]);
    assert!(at(&up, "production")["running"]["artifact"].is_string());
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

#[test]
fn a_gate_that_runs_out_of_its_budget_could_not_decide() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let dir = shop.home.dir.path().join("endless");
    std::fs::create_dir(&dir).unwrap();
    let policy = "package countersign.gate
import rego.v1
checks contains \"much\"
deny contains {\"code\": \"x\", \"what\": \"x\", \"remedy\": \"x\"} if {
  count([x | some a in numbers.range(1, 4000); some b in numbers.range(1, 4000); x := a * b; x < 0]) > 0
}
";
    std::fs::write(dir.join("gate.rego"), policy).unwrap();
    shop.ok(&["trust", "environment", "--yes", "shop/ledger-api/dev", "--policy", dir.to_str().unwrap()]);
    let undecided = shop.in_repository(&["run"], 4);
    assert_eq!(codes(&undecided), ["policy-undecided"]);
    assert!(undecided.to_string().contains("did not end within"), "{undecided}");
    assert_eq!(at(&up, "dev")["running"], json!(null));
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}
