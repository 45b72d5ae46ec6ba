//! Statements of people as two of them use them: one writes the change, the other accepts what a scanner found, until a date.

use evidence::Moment;
use judge::Judgement;
use serde_json::{Value, json};

use super::reading::{colleague, elsewhere, rehearsal};
use super::reports::{CRITICAL, scanned, tomorrow};
use super::shop::Shop;
use crate::codes;
use crate::support::secrets::token;
use crate::support::{Home, Up, until};

/// A critical finding in a release that waits for people: Ada wrote the change, and Bob works elsewhere, in his directory.
fn scanned_by_two() -> (Shop, Up, Home, String) {
    let (shop, made) = rehearsal();
    scanned(&shop, CRITICAL);
    shop.commit("a scanner");
    let up = shop.home.up();
    let data = elsewhere(&shop, "elsewhere", &up.url);
    let bob = colleague(&shop, &made, "bob", made["people"][1]["person"].as_str().unwrap(), &data);
    shop.ok(&["run"]);
    (shop, up, bob, data)
}

#[test]
fn a_second_person_waives_a_finding_until_a_date() {
    let (shop, up, bob, data) = scanned_by_two();
    let by = |home: &Home, words: &[&str]| home.ok(&[words, &["--data", &data]].concat());
    let release = by(&bob, &["approve", "--yes", "--reason", "tested in staging"])["release"].to_string();
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["finding-critical"], "{refused}");
    let shown = by(&bob, &["approve", "--show"]);
    let finding = shown["findings"]["worst"][0]["id"].as_str().unwrap().to_owned();
    let until = tomorrow();
    let waive = ["waive", &finding, "--yes", "--reason", "the input is ours", "--until", &until];
    // Ada wrote the change.
    let own = shop.in_repository(&waive, 3);
    assert_eq!(codes(&own), ["own-change"], "{own}");
    assert!(own["error"].as_str().unwrap().contains("makes no waiver for it"), "{own}");
    let unknown = ["waive", "ffffffffffff", "--yes", "--reason", "x", "--until", &until];
    shop.in_repository(&unknown, 3);
    bob.json(&[&unknown[..], &["--data", &data]].concat(), 1);
    let waived = by(&bob, &waive);
    assert_eq!(waived["scope"], json!("shop/ledger-api/production"));
    // Bob answers for the tests, and names the version.
    let why = ["--yes", "--reason", "read them", "--until", &until];
    let signed = by(&bob, &[&["sign-off"], &why[..]].concat());
    assert_eq!(signed["kind"], json!("sign-off"));
    let tag = |release: &str, version: &str, code: i32| {
        let words =
            ["tag", release, version, "--label", "channel=stable", "--yes", "--reason", "ready", "--data"];
        bob.json(&[&words[..], &[&data]].concat(), code)
    };
    tag("99", "1.4.0", 1);
    let twice = [
        "tag", &release, "1.4.0", "--label", "a=1", "--label", "a=2", "--yes", "--reason", "x", "--data",
        &data,
    ];
    assert_eq!(bob.json(&twice, 1)["error"], json!("label `a` is given twice"));
    tag(&release, "v1.4", 1);
    let tagged = tag(&release, "1.4.0", 0);
    assert_eq!(tagged["subjects"], signed["subjects"], "the artifact");
    // Code is mended and not declared unaffected.
    let vex = ["not-affected", &finding, "--justification", "component_not_present"];
    let vex = bob.json(&[&vex[..], &why[..], &["--data", &data]].concat(), 1);
    assert!(vex["error"].as_str().unwrap().contains("a dependency"), "{vex}");
    shown_in_status(&shop);
    // Nobody approved it with these yet.
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["approval-void", "approvals-missing"], "{refused}");
    let shown = bob.run(&["approve", "--show", "--data", &data]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        ["waiver: sh/eval, seen as critical, by bob", "tag: 1.4.0 channel=stable", "sign-off: tests by hand"]
            .iter()
            .all(|text| shown.contains(text)),
        "{shown}"
    );
    by(&bob, &["approve", "--yes", "--reason", "with the waiver"]);
    shop.ok(&["promote", "--bundle", "waived.json"]);
    let bytes = std::fs::read(shop.repository().join("waived.json")).unwrap();
    let bundle: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(bundle["lanes"]["statements"].as_array().unwrap().len(), 3);
    assert_eq!(shop.ok(&["verify", "waived.json"])["outcome"], json!("pass"));
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!((&replayed["decisions"], &replayed["differ"]), (&replayed["agree"], &json!(0)), "{replayed}");
    assert!(up.stop());
}

#[test]
fn a_withdrawn_waiver_lets_its_finding_block_again() {
    let (shop, up, bob, data) = scanned_by_two();
    let by = |words: &[&str]| bob.ok(&[words, &["--data", &data]].concat());
    let shown_in_text = || {
        let shown = bob.run(&["approve", "--show", "--data", &data]);
        String::from_utf8(shown.stdout).unwrap()
    };
    let worst = || by(&["approve", "--show"])["findings"]["worst"][0].clone();
    let finding = worst()["id"].as_str().unwrap().to_owned();
    // The line of the run can be copied; a date and a reason are missing in it.
    let run = shop.home.run_in(&shop.repository(), &["run"]);
    let run = String::from_utf8(run.stdout).unwrap();
    let waive =
        format!("countersign waive {finding} --place shop/ledger-api/production --until DATE --reason WHY\n");
    assert!(run.contains(&format!("(finding {finding})\n")) && run.contains(&waive), "{run}");
    let end = tomorrow();
    let waived = by(&["waive", &finding, "--yes", "--reason", "the input is ours", "--until", &end]);
    by(&["approve", "--yes", "--reason", "with the waiver"]);
    let settled = worst();
    assert_eq!((&settled["waived_until"], &settled["blocks"]), (&waived["until"], &json!([])), "{settled}");
    let text = shown_in_text();
    assert!(text.contains(", waived until ") && text.contains("\n  settles sh/eval at "), "{text}");
    let statement = || {
        let status = shop.ok(&["status"]);
        let places = status["places"].as_array().unwrap();
        let here = places.iter().find(|view| view["place"] == json!("shop/ledger-api/production"));
        here.unwrap()["statements"][0].clone()
    };
    let digest = waived["statement"].as_str().unwrap();
    assert_eq!((&statement()["statement"], &statement()["state"]), (&json!(digest), &json!("in-force")));
    let withdraw = ["trust", "status", "--yes", "--withdraw", digest];
    let said = shop.home.run_in(&shop.repository(), &withdraw);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains(&format!(
            "withdraws the statement {digest}: it does not count any more. It is a waiver"
        )),
        "{said}"
    );
    assert_eq!(statement()["state"], json!("withdrawn"));
    let open = worst();
    assert_eq!((&open["waived_until"], &open["blocks"]), (&Value::Null, &json!(["finding-critical"])));
    assert!(!shown_in_text().contains("waived until"));
    by(&["approve", "--yes", "--reason", "without the waiver"]);
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["finding-critical"], "{refused}");
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

/// Statements in the evidence that the server collects at a moment, and its judgement of it.
fn judged_by_server(shop: &Shop, moment: Moment) -> (usize, Judgement) {
    let data = shop.home.data();
    let blobs = ledger::Blobs::read_only(&data.join(ledger::BLOBS));
    let readers = server::Readers::new(&data);
    let store = server::LedgerStore::new(&readers, &blobs);
    let (state, _) = server::state_of(&data, &ledger::Reader::open(&data).unwrap()).unwrap();
    let place = super::PLACE.parse().unwrap();
    let collected = judge::collect(&state, &store, &place, moment).unwrap();
    let dossier = server::attach_log_proofs(&collected, &readers).unwrap();
    let (anchors, seen) = judge::own_context(&state, &place, moment).unwrap();
    let judgement = judge::judge(&dossier.bundle, &anchors, &seen);
    (collected.bundle.lanes.statements.len(), judgement)
}

/// The lab's table of the agent and the command line has the same moments:
/// `a_statement_counts_until_just_before_its_end_and_from_then_on_nowhere`.
#[test]
fn a_waiver_blocks_again_at_its_second_in_what_the_server_collects_and_always_in_the_hook() {
    let (shop, up, bob, data) = scanned_by_two();
    let by = |words: &[&str]| bob.ok(&[words, &["--data", &data]].concat());
    let shown = by(&["approve", "--show"]);
    let finding = shown["findings"]["worst"][0]["id"].as_str().unwrap().to_owned();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let end = u64::try_from(now.as_millis()).unwrap() / 1_000 * 1_000 + 3_600_000;
    let at = |millis: u64| Moment::from_millis(millis).unwrap();
    let until = at(end).to_string();
    by(&["waive", &finding, "--yes", "--reason", "the input is ours", "--until", &until]);
    by(&["approve", "--yes", "--reason", "with the waiver"]);
    assert!(up.stop());
    for (moment, statements, open) in [
        (end - 1_000, 1, false),
        (end - 1, 1, false),
        (end, 0, true),
        (end + 1, 0, true),
        (end + 1_000, 0, true),
    ] {
        let (found, judgement) = judged_by_server(&shop, at(moment));
        let codes = judgement.codes();
        assert_eq!(found, statements, "at {}: {codes:?}", at(moment));
        assert_eq!(codes.contains(&"finding-critical".to_owned()), open, "at {}: {codes:?}", at(moment));
        assert!(open || codes == ["not-promoted"], "nothing else is missing: {codes:?}");
    }
    // The hook asks no server: it refuses what is staged whether somebody waived it elsewhere or not, and says so.
    shop.write("deploy.py", &format!("TOKEN = \"{}\"\n", token()));
    shop.git(&["add", "deploy.py"]);
    let hook = shop.home.run_in(&shop.repository(), &["hook", "run", "pre-commit"]);
    let said = String::from_utf8_lossy(&hook.stderr).into_owned();
    assert_eq!(hook.status.code(), Some(3), "{said}");
    assert!(said.contains("a waiver counts at the gate, not in this hook"), "{said}");
}

/// A step that reports the tests of a file in the commit.
fn tested(shop: &Shop, cases: &str) {
    let path = ".countersign/pipeline.yaml";
    let text = std::fs::read_to_string(shop.repository().join(path)).unwrap();
    let step = "steps:
  unit:
    run: |
      cp results.xml junit.xml
      ! grep -q '<failure' junit.xml
    reports: [{ kind: junit, path: junit.xml }]
    report-exits: [1]
";
    if !text.contains("junit.xml") {
        shop.write(path, &text.replace("steps:\n", step));
    }
    let properties = "<properties><property name=\"requirement\" value=\"REQ-7\"/></properties>";
    let adds = "<testcase classname=\"Book\" name=\"adds\"/>";
    let pays = format!("<testcase classname=\"Book\" name=\"pays\">{properties}{cases}</testcase>");
    shop.write(
        "results.xml",
        &format!("<testsuites><testsuite name=\"book\">{adds}{pays}</testsuite></testsuites>"),
    );
}

#[test]
fn a_failed_test_in_quarantine_does_not_block_and_is_counted_over_runs() {
    let (shop, made) = rehearsal();
    tested(&shop, "<failure message=\"2 is not 3\"/>");
    shop.commit("a test that fails");
    let up = shop.home.up();
    let data = elsewhere(&shop, "elsewhere", &up.url);
    let bob = colleague(&shop, &made, "bob", made["people"][1]["person"].as_str().unwrap(), &data);
    let by = |words: &[&str], code: i32| bob.json(&[words, &["--data", &data]].concat(), code);
    let refused = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&refused), ["tests-failed"], "{refused}");
    let dev = "shop/ledger-api/dev";
    let shown = shop.ok(&["status", dev]);
    let failed = &shown["tests"]["failed"][0];
    assert_eq!(failed["test"], json!("book > Book pays"), "{shown}");
    assert_eq!(
        shown["tests"]["covers"],
        json!([{ "covered": false, "id": "REQ-7", "tests": { "failed": 1 } }])
    );
    let test = failed["id"].as_str().unwrap();
    let end = tomorrow();
    let waive = ["waive", test, "--yes", "--reason", "the bank is down", "--until", &end];
    let waive = [&waive[..], &["--place", dev, "--everywhere"]].concat();
    // Ada wrote the change.
    assert_eq!(codes(&shop.in_repository(&waive, 3)), ["own-change"]);
    let waived = by(&waive, 0);
    assert_eq!(waived["scope"], json!("shop/ledger-api/*"));
    assert!(waived["subjects"][0].as_str().unwrap().starts_with(&format!("sha256:{test}")));
    shop.ok(&["promote", dev]);
    // Staging follows by itself, and nothing tells this program when production waits.
    let shown = until(|| {
        let shown = bob.run(&["approve", "--show", "-o", "json", "--data", &data]);
        shown.status.success().then(|| serde_json::from_slice::<Value>(&shown.stdout).unwrap())
    });
    assert!(shown["tests"]["failed"][0]["waived_until"].is_string(), "{shown}");
    by(&["approve", "--yes", "--reason", "one test is in quarantine"], 0);
    shop.ok(&["promote", "--bundle", "waived.json"]);
    assert_eq!(shop.ok(&["verify", "waived.json"])["outcome"], json!("pass"));
    // Another test that fails is not waived.
    let results = std::fs::read_to_string(shop.repository().join("results.xml")).unwrap();
    shop.write(
        "results.xml",
        &results.replace("name=\"adds\"/>", "name=\"adds\"><failure message=\"no\"/></testcase>"),
    );
    shop.commit("another test fails");
    let refused = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&refused), ["tests-failed"], "{refused}");
    assert!(refused["reasons"].to_string().contains("book > Book adds"), "{refused}");
    assert!(!refused["reasons"].to_string().contains("Book pays"), "{refused}");
    // It passed when it was tried again in one step.
    tested(&shop, "<flakyFailure message=\"2 is not 3\"/>");
    shop.commit("tried again");
    shop.ok(&["run"]);
    let history = shop.ok(&["tests", "shop"]);
    let rows = history["tests"].as_array().unwrap();
    let row = |test: &str| rows.iter().find(|row| row["test"] == test).unwrap();
    let counts =
        |row: &Value| ["runs", "failed", "flaky", "disagreements"].map(|name| row[name].as_u64().unwrap());
    assert_eq!(counts(row("pays")), [6, 4, 2, 0], "{history}");
    assert_eq!(counts(row("adds")), [6, 2, 0, 0], "{history}");
    assert_eq!((&history["runs"], &history["reports"]), (&json!(3), &json!(6)), "{history}");
    assert_eq!(waived["subjects"][0], row("pays")["id"], "waivers name the same test");
    assert_eq!(counts(&shop.ok(&["tests", "--runs", "1"])["tests"][0]), [2, 0, 2, 0]);
    let text = shop.home.run_in(&shop.repository(), &["tests"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.starts_with(
            "2 tests in 6 reports of 3 runs; 1 flaky\nflaky: shop: book > Book pays: 6 times, 4 failed"
        ),
        "{text}"
    );
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

/// The statements stand at their place, the newest first, with the person who signed.
fn shown_in_status(shop: &Shop) {
    let status = shop.ok(&["status"]);
    let places = status["places"].as_array().unwrap();
    let place = places.iter().find(|view| view["place"] == json!("shop/ledger-api/production")).unwrap();
    let stated: Vec<_> = place["statements"].as_array().unwrap().iter().collect();
    let kinds: Vec<_> = stated.iter().map(|view| view["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tag", "sign-off", "waiver"], "the newest first");
    assert!(
        stated.iter().all(|view| view["state"] == json!("in-force") && view["by"]["name"] == json!("bob")),
        "{stated:?}"
    );
    assert_eq!(stated[2]["content"]["reason"], json!("the input is ours"));
}
