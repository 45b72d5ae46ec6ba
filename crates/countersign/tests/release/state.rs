//! The state of verifiers and agents between two commands, against a server that forks, rewinds or withholds.

use ::evidence::dsse::{Envelope, Signature};
use ::evidence::status::{self, StatusFile};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{PLACE, Shop, at};
use crate::codes;

/// Base64 with one character changed.
fn with_another_character(text: &str, at: usize) -> String {
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

#[test]
fn a_verifier_that_keeps_state_notices_forks_and_what_was_frozen_since() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release_to("first.json");
    shop.ok(&["trust", "root", "--out", "root.json"]);
    let kept = ["--state", "state.json"];
    let first = shop.ok(&[&["verify", "first.json", "--trust-root", "root.json"], &kept[..]].concat());
    assert_eq!((&first["outcome"], &first["since"]), (&json!("pass"), &json!([])));
    let state = shop.repository().join("state.json");
    let before = std::fs::read_to_string(&state).unwrap();

    // A later release: only a proof shows that its ledger is the same one.
    shop.commit("another");
    shop.release_to("second.json");
    let verify = |file: &str, url: bool, code: i32| {
        let url = if url { vec!["--url", &up.url] } else { Vec::new() };
        shop.in_repository(&[&["verify", file], &kept[..], &url[..]].concat(), code)
    };
    assert_eq!(codes(&verify("second.json", false, 4)), ["ledger-unproven"]);
    assert_eq!(std::fs::read_to_string(&state).unwrap(), before, "nothing is kept of what did not verify");
    verify("second.json", true, 0);
    assert_ne!(std::fs::read_to_string(&state).unwrap(), before);
    // Old evidence keeps its verdict, and the state does not go back.
    let newest = std::fs::read_to_string(&state).unwrap();
    verify("first.json", true, 0);
    assert_eq!(std::fs::read_to_string(&state).unwrap(), newest);

    // The same size with another root hash: the server shows two ledgers.
    let mut forked: Value = serde_json::from_str(&newest).unwrap();
    let checkpoint = forked["pin"]["checkpoint"].as_str().unwrap().to_owned();
    let mut lines: Vec<_> = checkpoint.split('\n').collect();
    let root = with_another_character(lines[2], 0);
    lines[2] = &root;
    forked["pin"]["checkpoint"] = json!(lines.join("\n"));
    std::fs::write(&state, forked.to_string()).unwrap();
    assert_eq!(codes(&verify("second.json", true, 3)), ["ledger-forked"]);
    std::fs::write(&state, &newest).unwrap();

    // A freeze counts whichever way its status came, and is kept in the state.
    shop.ok(&["trust", "status", "--yes", "--freeze", PLACE]);
    shop.ok(&["trust", "status", "--yes", "--save", "status.json"]);
    let frozen = [&["verify", "second.json", "--status", "status.json"], &kept[..]].concat();
    assert_eq!(codes(&shop.in_repository(&frozen, 3)), ["frozen"]);
    verify("second.json", true, 0);
    shop.ok(&["trust", "status", "--yes", "--unfreeze", PLACE]);
    let again = shop.in_repository(&["trust", "status", "--yes", "--unfreeze", PLACE], 1);
    assert!(again["error"].as_str().unwrap().contains("not frozen"), "{again}");
    shop.ok(&["trust", "status", "--yes", "--save", "status.json"]);
    assert_eq!(shop.ok(&frozen)["status"], json!(3));
    // A status that the root's signers did not sign is an error.
    let text = std::fs::read_to_string(shop.repository().join("status.json")).unwrap();
    let mut forged: Value = serde_json::from_str(&text).unwrap();
    let sig = forged["base"]["signatures"][0]["sig"].as_str().unwrap().to_owned();
    forged["base"]["signatures"][0]["sig"] = json!(with_another_character(&sig, 200));
    std::fs::write(shop.repository().join("status.json"), forged.to_string()).unwrap();
    let refused = shop.in_repository(&frozen, 1);
    assert!(refused["error"].as_str().unwrap().contains("status"), "{refused}");
    assert!(up.stop());
}

#[test]
fn an_agent_that_got_a_freeze_by_hand_refuses_what_the_server_lets_pass() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    // Signed, and never sent to the server.
    shop.ok(&["trust", "status", "--yes", "--freeze", PLACE, "--out", "frozen.json"]);
    let base: Value =
        serde_json::from_slice(&std::fs::read(shop.repository().join("frozen.json")).unwrap()).unwrap();
    std::fs::write(shop.repository().join("status.json"), json!({ "base": base }).to_string()).unwrap();
    let agent = shop.home.data().with_file_name("data.agent-ledger-api-production");
    let given = shop.ok(&["agent", "status", "--data", agent.to_str().unwrap(), "status.json"]);
    assert_eq!(given["status"], json!(2));
    assert_eq!(codes(&shop.in_repository(&["promote"], 3)), ["frozen"]);
    assert_eq!(at(&up, "production")["running"], json!(null));
    // A file that is not a status of this installation changes nothing.
    std::fs::write(shop.repository().join("status.json"), "{}").unwrap();
    shop.in_repository(&["agent", "status", "--data", agent.to_str().unwrap(), "status.json"], 1);
    assert!(up.stop());
}

/// A status file of a newer program, signed by the status signer as `ssh-keygen` signs.
fn of_a_newer_program(shop: &Shop, number: u64) -> String {
    let dir = shop.home.dir.path();
    let frozen = std::fs::read(shop.repository().join("frozen.json")).unwrap();
    let frozen = Envelope::decode(&frozen).unwrap();
    let mut payload: Value = serde_json::from_slice(frozen.payload(status::PAYLOAD_TYPE).unwrap()).unwrap();
    (payload["v"], payload["number"]) = (json!(2), json!(number));
    let bytes = ::evidence::canonical::encode("status", &payload).unwrap();
    let mut envelope = Envelope::new(status::PAYLOAD_TYPE, bytes);
    let (key, file) = (dir.join(".ssh/id_ed25519"), dir.join("pae"));
    std::fs::write(&file, envelope.pae()).unwrap();
    let mut sign = shop.home.program("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", status::NAMESPACE, "-f"]).arg(key).arg(&file);
    assert!(sign.status().unwrap().success());
    let text = std::fs::read_to_string(file.with_extension("sig")).unwrap();
    std::fs::remove_file(file.with_extension("sig")).unwrap();
    let sig: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let keyid = frozen.signatures()[0].keyid.clone();
    envelope.add(Signature { keyid, sig: STANDARD.decode(sig).unwrap() });
    let file = StatusFile { base: envelope, tightening: None };
    String::from_utf8(file.encode().unwrap()).unwrap()
}

/// It holds from the first release on at which the agent meets it, also after somebody has taken the file away.
#[test]
fn attack_an_agent_that_cannot_read_a_status_by_hand_does_not_go_on() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["trust", "status", "--yes", "--freeze", PLACE, "--out", "frozen.json"]);
    std::fs::write(shop.repository().join("status.json"), of_a_newer_program(&shop, 2)).unwrap();
    let agent = shop.home.data().with_file_name("data.agent-ledger-api-production");
    let give = ["agent", "status", "--data", agent.to_str().unwrap(), "status.json"];
    let given = shop.ok(&give);
    assert_eq!(given["status"], json!(null));
    let fault = "status: `v` is not 1, the version that this program knows";
    assert_eq!(given["unread"], json!(fault));
    // It replaces no other file.
    let again = shop.in_repository(&give, 1);
    let kept = "another such status lies there, so nothing was changed; upgrade this program";
    assert_eq!(again["error"], json!(format!("{fault}; {kept}")));
    let promoted = |exit| {
        shop.ok(&["run", "--again"]);
        shop.ok(&["approve", "--yes", "--reason", "tested"]);
        shop.in_repository(&["promote"], exit)
    };
    assert_eq!(codes(&promoted(3)), ["status-unreadable"]);
    std::fs::remove_file(agent.join("status.json")).unwrap();
    assert_eq!(codes(&promoted(3)), ["status-unreadable"]);
    // The same number says nothing about which one is newer; the next one does.
    shop.ok(&["trust", "status", "--yes", "--renew"]);
    assert_eq!(codes(&promoted(3)), ["status-unreadable"]);
    assert_eq!(at(&up, "production")["running"], json!(null));
    shop.ok(&["trust", "status", "--yes", "--renew"]);
    promoted(0);
    assert_ne!(at(&up, "production")["running"], json!(null));
    assert!(up.stop());
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
}

/// A service that does not start is tried again, without a server.
#[test]
fn an_agent_alone_starts_again_what_should_run() {
    let shop = Shop::solo();
    // A pipe in its directory shows that the probe ran; the probe fails.
    let script = "#!/bin/sh
pipe=$STATE_DIRECTORY/told
case $1 in
probe) if test -p \"$pipe\"; then echo asked > \"$pipe\"; exit 1; fi ;;
*) exec sleep 1000 ;;
esac
";
    shop.write("service.sh", script);
    shop.write(
        ".countersign/release.yaml",
        "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: { command: [bin/ledger-api, serve], stop-seconds: 1 }
    probe: { command: [bin/ledger-api, probe], attempts: 1, interval-ms: 10 }
",
    );
    shop.commit("a service that tells");
    let up = shop.home.up();
    shop.ok(&["run"]);
    assert!(up.stop());
    let dir = shop.home.data().with_file_name("data.agent-ledger-api-dev");
    let pipe = dir.join("state/told");
    assert!(shop.home.program("mkfifo").arg(&pipe).status().unwrap().success());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut agent = shop.home.program(env!("CARGO_BIN_EXE_countersign"));
    agent.args(["agent", "--server", &format!("http://{nobody}"), "--data"]).arg(&dir);
    let mut agent = agent.stdin(std::process::Stdio::null()).spawn().unwrap();
    // At the agent's own start, and at each check.
    for _ in 0..2 {
        assert_eq!(std::fs::read_to_string(&pipe).unwrap(), "asked\n");
    }
    agent.kill().unwrap();
    agent.wait().unwrap();
}
