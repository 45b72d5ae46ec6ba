//! What runs is judged again: an advisory that comes after a release alerts its owner, blocks its promotion and names its fix; an answer,
//! the fix and the end of a waiver are on record.

use serde_json::{Value, json};

use super::reports::tomorrow;
use super::shop::Shop;
use super::{PLACE, at};
use crate::codes;
use crate::support::packages::{LOCKFILE, record};
use crate::support::{Up, until};

const DEV: &str = "shop/ledger-api/dev";
const RULE: &str = "RUSTSEC-2026-0007";

/// The shop with a lockfile, a scan of it by the runner, an owner, and advisories about another package.
fn watched() -> (Shop, String) {
    let shop = Shop::solo();
    let pipeline = std::fs::read_to_string(shop.repository().join(".countersign/pipeline.yaml")).unwrap();
    let step = "steps:\n  scan: { scan: [components, dependencies] }\n";
    shop.write(".countersign/pipeline.yaml", &pipeline.replace("steps:\n", step));
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\n\n[dependencies]\nserde = \"1\"\n";
    shop.write("Cargo.toml", manifest);
    with(&shop, "ok", "1.0.0");
    let file = shop.home.dir.path().join("advisories").to_str().unwrap().to_owned();
    synced(&shop, &file, &[("RUSTSEC-2026-0001", "left-pad")]);
    std::fs::write(shop.home.data().join("alerts.json"), RULES).unwrap();
    (shop, file)
}

const RULES: &str =
    r#"{ "days": { "critical": 3 }, "champions": { "@shop/payments": "carol" }, "hold": ["production"] }"#;

/// A commit with this version of the package, whose artifact is another one.
fn with(shop: &Shop, word: &str, version: &str) {
    shop.service(word);
    let release = std::fs::read_to_string(shop.repository().join(".countersign/release.yaml")).unwrap();
    let owned = release
        .replace("    artifact: ledger-api\n", "    artifact: ledger-api\n    owner: \"@shop/payments\"\n");
    shop.write(".countersign/release.yaml", &owned);
    shop.write("Cargo.lock", &LOCKFILE.replace("version = \"1.0.0\"", &format!("version = \"{version}\"")));
    shop.commit(&format!("serde {version}, {word}"));
}

/// Makes the database of advisories anew, from a directory with these records.
fn synced(shop: &Shop, file: &str, records: &[(&str, &str)]) {
    let mirror = shop.home.dir.path().join("mirror");
    let _ = std::fs::remove_dir_all(&mirror);
    std::fs::create_dir(&mirror).unwrap();
    for (id, name) in records {
        std::fs::write(mirror.join(format!("{id}.json")), record(id, name)).unwrap();
    }
    shop.ok(&["osv", "sync", "--from", mirror.to_str().unwrap(), "--advisories", file]);
}

/// Alerts of a place after a judgement; `all` with those that are closed.
fn alerts(shop: &Shop, place: &str, all: bool) -> Vec<Value> {
    shop.ok(&["rescan"]);
    let more: &[&str] = if all { &["--all"] } else { &[] };
    shop.ok(&[&["alerts", "list", "--place", place], more].concat()).as_array().unwrap().clone()
}

/// Everything again. The processes before may take a moment to be gone.
fn up_again(shop: &Shop, file: &str) -> Up {
    until(|| Some(shop.home.up_in(&["--advisories", file])).filter(|up| !up.url.is_empty()))
}

/// The places in an answer, in the order of their names.
fn spots(answer: &Value, state: &str) -> Vec<String> {
    let all = answer["spots"].as_array().unwrap().iter().filter(|spot| spot["state"] == json!(state));
    let mut places: Vec<_> = all.map(|spot| spot["place"].as_str().unwrap().to_owned()).collect();
    places.sort();
    places
}

#[test]
fn an_advisory_after_a_release_alerts_its_owner_blocks_its_promotion_and_names_its_fix() {
    let (shop, file) = watched();
    let up = shop.home.up_in(&["--advisories", &file]);
    shop.ok(&["run"]);
    assert_eq!(alerts(&shop, DEV, true), Vec::<Value>::new(), "nothing is known against it");

    // Where the package runs and waits, by name, range, package URL and artifact.
    for what in ["serde", "serde<1.0.1", "serde@1.0.0", "pkg:cargo/serde", "pkg:cargo/serde@1.0.0"] {
        let found = shop.ok(&["where", what]);
        assert_eq!(spots(&found, "runs"), [DEV, "shop/ledger-api/staging"], "{what}: {found}");
        assert_eq!((spots(&found, "waits"), &found["behind"]), (vec![PLACE.to_owned()], &json!(0)), "{what}");
    }
    let artifact = at(&up, "dev")["running"]["artifact"].as_str().unwrap().to_owned();
    assert_eq!(spots(&shop.ok(&["where", &artifact]), "runs").len(), 2);
    assert_eq!(shop.ok(&["where", "serde>1.0.0"])["running"], json!(0));
    assert_eq!(shop.ok(&["where", "CVE-2026-7"])["running"], json!(0));

    // An advisory is published.
    synced(&shop, &file, &[("RUSTSEC-2026-0001", "left-pad"), (RULE, "serde")]);
    let opened = alerts(&shop, DEV, false);
    let [alert] = opened.as_slice() else { panic!("{opened:?}") };
    for (field, value) in [
        ("subject", RULE),
        ("component", "pkg:cargo/serde@1.0.0"),
        ("severity", "critical"),
        ("fixed", "1.0.1"),
        ("owner", "@shop/payments"),
        ("champion", "carol"),
        ("state", "open"),
        ("remedy", "upgrade pkg:cargo/serde to 1.0.1"),
    ] {
        assert_eq!(alert[field], json!(value), "{field}: {alert}");
    }
    assert_eq!(alerts(&shop, PLACE, false).len(), 1, "what waits is judged, too, and once");
    assert_eq!(spots(&shop.ok(&["where", "CVE-2026-7"]), "runs").len(), 2, "an alert names the advisory");
    let mine = shop.ok(&["rescan", DEV, "--advisories", &file]);
    assert_eq!(
        (&mine["problems"][0]["rule"], &mine["problems"][0]["fixed"]),
        (&json!(RULE), &json!("1.0.1"))
    );
    let (status, page) = up.get("/alerts");
    assert!(status == 200 && page.contains(RULE) && page.contains("@shop/payments"), "{page}");
    assert!(up.get("/alerts?state=closed").1.contains("No alert is like this"));
    assert!(up.get("/where?what=serde").1.contains("runs at 2 places"));
    assert!(up.get("/").1.contains("/alerts"), "the overview leads there");

    // It blocks the promotion, also once somebody looks after it.
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    let refused = shop.in_repository(&["promote"], 4);
    assert_eq!(codes(&refused), ["alert-open"], "{refused}");
    assert!(refused.to_string().contains("upgrade pkg:cargo/serde to 1.0.1"), "{refused}");
    let digits = alert["alert"].as_str().unwrap()["sha256:".len()..][..12].to_owned();
    let answered = shop.ok(&["alerts", "acknowledge", &digits, "--reason", "the fix is on its way"]);
    assert_eq!(answered["state"], json!("acknowledged"));
    assert_eq!(answered["acknowledged"]["reason"], json!("the fix is on its way"));
    shop.in_repository(&["alerts", "acknowledge", "ffffffffffff", "--reason", "x"], 1);
    let refused = shop.in_repository(&["promote"], 4);
    assert_eq!(codes(&refused), ["alert-open"], "{refused}");

    // The fix goes to production, and the alerts close by themselves.
    with(&shop, "fixed", "1.0.1");
    shop.release();
    for place in [DEV, PLACE] {
        let all = alerts(&shop, place, true);
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(all[0]["state"], json!("closed"), "{all:?}");
        assert_eq!(all[0]["why_closed"], json!("the release neither runs nor waits there any more"));
    }
    let found = shop.ok(&["where", "serde@1.0.0"]);
    assert_eq!(spots(&found, "ran").len(), 2, "{found}");
    assert!(found["spots"][0]["until"].is_string(), "{found}");

    // A gate that holds for alerts does not pass while nobody can judge.
    with(&shop, "later", "1.0.1");
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested in staging"]);
    let sound = std::fs::read(&file).unwrap();
    std::fs::write(&file, &sound[..sound.len() - 1]).unwrap();
    let refused = shop.in_repository(&["promote"], 4);
    assert_eq!(codes(&refused), ["alert-open"], "{refused}");
    assert!(refused.to_string().contains("the artifact cannot be judged again"), "{refused}");
    std::fs::write(&file, sound).unwrap();
    shop.ok(&["promote"]);

    // Everything is on record, and nothing of it is a decision.
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    shop.home.witnessed(&up);
    shop.ok(&["audit", "verify"]);
    assert!(up.stop());
}

#[test]
fn the_end_of_a_waiver_alerts_and_another_waiver_closes_it() {
    let (shop, file) = watched();
    synced(&shop, &file, &[(RULE, "serde")]);
    let up = shop.home.up_in(&["--advisories", &file]);
    shop.ok(&["run"]);
    let shown = shop.ok(&["approve", "--show"]);
    let worst = shown["findings"]["worst"].as_array().unwrap().clone();
    let finding =
        worst.iter().find(|found| found["rule"] == json!(RULE)).unwrap()["id"].as_str().unwrap().to_owned();
    let until = tomorrow();
    let waive = ["waive", &finding, "--yes", "--reason", "the input is ours", "--until", &until];
    let waiver = shop.ok(&waive)["statement"].as_str().unwrap().to_owned();
    shop.ok(&["approve", "--yes", "--reason", "with the waiver"]);
    shop.ok(&["promote"]);
    assert_eq!(alerts(&shop, PLACE, true), Vec::<Value>::new(), "the release knew the finding");
    shop.ok(&["trust", "status", "--yes", "--withdraw", &waiver]);
    let opened = alerts(&shop, PLACE, false);
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert_eq!((&opened[0]["cause"], &opened[0]["subject"]), (&json!("statement-ended"), &json!(RULE)));
    assert_eq!(opened[0]["fixed"], json!("1.0.1"));
    // A server that was killed knows the alert, and does not open it twice; the same with the answer to it.
    up.kill_all();
    let up = up_again(&shop, &file);
    assert_eq!(alerts(&shop, PLACE, false), opened);
    let digits = &opened[0]["alert"].as_str().unwrap()["sha256:".len()..][..12];
    let answered = shop.ok(&["alerts", "acknowledge", digits, "--reason", "it is ours"]);
    up.kill_all();
    let up = up_again(&shop, &file);
    assert_eq!(alerts(&shop, PLACE, false), [answered]);
    // A new run has the finding, too, and another waiver settles it.
    with(&shop, "again", "1.0.0");
    shop.ok(&["run"]);
    shop.ok(&waive);
    let all = alerts(&shop, PLACE, true);
    assert_eq!(
        all.iter().map(|alert| (&alert["state"], &alert["why_closed"])).collect::<Vec<_>>(),
        [(&json!("closed"), &json!("a statement settles it"))],
        "{all:?}"
    );
    assert!(up.stop());
}
