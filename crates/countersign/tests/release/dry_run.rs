//! A policy is tried on the past before anybody signs it: which releases would change, by which rule, and what a hostile one can do.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{PLACE, Shop};
use crate::support::Home;

/// A ledger with a release that waited for its approval, and then went on.
fn past() -> Shop {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.in_repository(&["promote"], 3);
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    shop.ok(&["promote"]);
    assert!(up.stop());
    shop
}

/// Writes the policy of new installations, with a text of its gate replaced.
fn policy(shop: &Shop, name: &str, old: &str, new: &str) -> String {
    let dir = shop.home.dir.path().join(name);
    shop.ok(&["policy", "copy", dir.to_str().unwrap()]);
    let file = dir.join("gate.rego");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(old), "{old}");
    std::fs::write(&file, text.replacen(old, new, 1)).unwrap();
    dir.to_str().unwrap().to_owned()
}

/// The report, which comes before the failure if there is one.
fn tried(home: &Home, words: &[&str], code: i32) -> Value {
    let output = home.run(&[&["policy", "dry-run"][..], words, &["-o", "json"]].concat());
    let out = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}\n{out}\n{error}");
    serde_json::from_str(out.lines().next().unwrap()).unwrap()
}

const BEFORE: &str = "import rego.v1\n";
const APPROVALS: &str = "approvals_needed := 1 if production else := 0";

#[test]
fn a_policy_is_tried_on_the_past_before_it_is_signed() {
    let shop = past();
    let home = &shop.home;
    let same = policy(&shop, "same", BEFORE, BEFORE);
    let found = tried(home, &[&same], 0);
    assert_eq!((&found["same"], &found["changes"]), (&found["decisions"], &json!([])), "{found}");

    // Two people have to approve: the release that one person approved would have stopped, and the one that waited waits.
    let two = policy(&shop, "two", APPROVALS, "approvals_needed := 2 if production else := 0");
    let found = tried(home, &[&two], 0);
    let changes = found["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{found}");
    assert_eq!(
        (&changes[0]["place"], &changes[0]["release"], &changes[0]["verdict"], &changes[0]["would_be"]),
        (&json!(PLACE), &json!(1), &json!("pass"), &json!("fail"))
    );
    assert_eq!((&changes[0]["come"], &changes[0]["go"]), (&json!(["approvals-missing"]), &json!([])));
    assert_eq!(found["releases"], json!([{ "place": PLACE, "release": 1 }]));
    assert_eq!(found["rules"], json!([{ "code": "approvals-missing", "comes": 1, "goes": 0 }]));

    // Nobody has to approve: what waited would have gone on at once, because the judge itself had nothing against it.
    let none = policy(&shop, "none", APPROVALS, "approvals_needed := 0");
    let found = tried(home, &[&none, "--environment", "production"], 0);
    assert_eq!(found["changes"][0]["would_be"], "pass", "{found}");
    assert_eq!(found["changes"][0]["go"], json!(["approvals-missing"]));
    assert_eq!(tried(home, &[&none, "--environment", "shop/ledger-api/dev"], 0)["changes"], json!([]));

    // For people.
    let shown = home.run(&["policy", "dry-run", &two, "--since", "1d"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains(&format!("{PLACE} 1")) && text.contains("+approvals-missing"), "{text}");
    assert!(text.contains("1 release would change") && text.contains("comes 1"), "{text}");

    // A policy that reads other reports: the evidence is checked again.
    let reads = format!(
        "{BEFORE}\nreads contains {{\"kind\": \"findings\", \"format\": \"secrets\", \"producer\": \"runner\"}}\n"
    );
    let more = policy(&shop, "more", BEFORE, &reads);
    let found = tried(home, &[&more], 0);
    let come = |change: &Value| change["come"].as_array().unwrap().contains(&json!("report-missing"));
    assert!(found["changes"].as_array().unwrap().iter().any(come), "{found}");

    // A pack that reads what no evidence of that time carries: nobody knows, and nothing passes.
    let dir = home.dir.path().join("pci");
    shop.ok(&["policy", "copy", "pci-dss", dir.to_str().unwrap()]);
    let found = tried(home, &[dir.to_str().unwrap()], 4);
    assert_eq!((&found["unknown"], &found["same"]), (&found["decisions"], &json!(0)), "{found}");
    let why = found["unknown_decisions"][0]["why"].as_str().unwrap();
    assert!(why.contains("observations `baseline`, which the recorded evidence does not carry"), "{why}");

    // Evidence that is lost is no pass and no failure.
    let blobs = home.data().join("blobs");
    std::fs::rename(&blobs, home.dir.path().join("gone")).unwrap();
    let found = tried(home, &[&two], 4);
    assert_eq!((&found["unknown"], &found["changes"]), (&found["decisions"], &json!([])), "{found}");
}

#[test]
fn a_dry_run_that_cannot_know_says_so() {
    let shop = past();
    let home = &shop.home;
    let two = policy(&shop, "two", APPROVALS, "approvals_needed := 2 if production else := 0");
    for (words, code, what) in [
        (vec![two.as_str(), "--since", "2999-01-01"], 2, "in the future"),
        (vec![two.as_str(), "--since", "yesterday"], 2, "expected a day"),
        (vec![two.as_str(), "--environment", "a/b"], 2, "expected PROJECT/SERVICE/ENVIRONMENT"),
        (vec![two.as_str(), "--environment", "moon"], 1, "no decision of a gate at moon"),
        (vec![two.as_str(), "--decisions", "0"], 2, "0 is not in"),
        (vec!["nowhere"], 1, "nowhere"),
    ] {
        let output = home.run(&[&["policy", "dry-run"][..], words.as_slice()].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?} {said}");
        assert!(said.contains(what), "{words:?} {said}");
    }
    let few = tried(home, &[&two, "--decisions", "2"], 4);
    assert_eq!(few["left_out"], json!(few["decisions"].as_u64().unwrap() - 2), "{few}");
    // A ledger in which nothing was released yet.
    let empty = Shop::solo();
    let output = empty.home.run(&["policy", "dry-run", &two]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("no decision of a gate to make again"),
        "{said}"
    );
}

/// Each file below a directory with its bytes and the time of its last change.
fn files(dir: &Path, found: &mut BTreeMap<String, (Vec<u8>, std::time::SystemTime)>) {
    for item in std::fs::read_dir(dir).unwrap() {
        let item = item.unwrap();
        if item.file_type().unwrap().is_dir() {
            files(&item.path(), found);
        } else if item.file_type().unwrap().is_file() {
            let changed = item.metadata().unwrap().modified().unwrap();
            found.insert(item.path().display().to_string(), (std::fs::read(item.path()).unwrap(), changed));
        }
    }
}

#[test]
fn attack_a_policy_that_is_tried_reads_and_writes_nothing() {
    let shop = past();
    let home = &shop.home;
    let of = |dir: &Path| {
        let mut found = BTreeMap::new();
        files(dir, &mut found);
        // SQLite makes and removes its shared memory when a database is read.
        found.retain(|path, _| !path.ends_with("-shm") && !path.ends_with("-wal"));
        found
    };
    let before = of(&home.data());
    let deny = |body: &str| {
        format!(
            "{BEFORE}\ndeny contains {{\"code\": \"x\", \"what\": \"x\", \"remedy\": \"x\"}} if {{ {body} }}\n"
        )
    };
    // What a policy may call is a list, which has nothing that reads, sends, writes or tells the time.
    for (n, body) in [
        "http.send({\"method\": \"get\", \"url\": \"http://127.0.0.1:1\"}).status_code == 200",
        "net.lookup_ip_addr(\"localhost\") != set()",
        "opa.runtime().env.HOME != \"\"",
        "time.now_ns() > 0",
        "rand.intn(\"x\", 2) == 1",
        "print(\"x\")",
        "input.mode == \"team\" with input.mode as \"team\"",
    ]
    .into_iter()
    .enumerate()
    {
        let dir = policy(&shop, &format!("hostile-{n}"), BEFORE, &deny(body));
        let output = home.run(&["policy", "dry-run", &dir]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{body}: {said}");
    }
    // A rule that never ends stops at its bound: each decision is undecided, and none passes.
    let endless = deny("some a in numbers.range(1, 3000)\n some b in numbers.range(1, 3000)\n a * b == 0");
    let dir = policy(&shop, "endless", BEFORE, &endless);
    let found = tried(home, &[&dir], 4);
    let changes = found["changes"].as_array().unwrap();
    assert!(!changes.is_empty() && changes.iter().all(|change| change["would_be"] == "undecided"), "{found}");
    assert!(changes.iter().all(|change| change["come"] == json!(["policy-undecided"])), "{found}");
    assert_eq!(of(&home.data()), before);
    shop.ok(&["audit", "replay"]);
}
