//! Windows as people see them: a release that comes outside them is held and shown with the next opening, and goes ahead by
//! itself under windows that are open.

use ::evidence::dsse::Envelope;
use ::evidence::environment::Environment;
use ::evidence::report::ReleaseOutcome;
use ::evidence::windows::{Interval, Windows};
use ::evidence::{Digest, Moment};
use lab::forgery;
use serde_json::json;

use super::{PLACE, Shop, at};
use crate::codes;
use crate::support::Up;

const DEV: &str = "shop/ledger-api/dev";

fn windows(from: Moment, open: Option<(Moment, Moment)>) -> String {
    let open = open.map(|(start, end)| Interval { start, end }).into_iter().collect();
    let until = from.later_by(std::time::Duration::from_hours(24 * 400));
    let windows = Windows { v: 1, from, until, open, sources: Vec::new(), compiled_by: "a test".into() };
    String::from_utf8(windows.encode().unwrap()).unwrap()
}

/// Windows that open in the year 2090.
fn later() -> String {
    let at = |text: &str| text.parse::<Moment>().unwrap();
    let open = (at("2090-02-01T08:00:00.000Z"), at("2090-02-01T16:00:00.000Z"));
    windows(at("2090-01-01T00:00:00.000Z"), Some(open))
}

/// Windows that are open for a year from the time at which the statement of dev was made.
fn open(up: &Up) -> String {
    let envelope: Digest = at(up, "dev")["envelope"].as_str().unwrap().parse().unwrap();
    let (_, bytes) = up.get_bytes(&format!("/api/v1/blobs/{envelope}"));
    let issued = Environment::read(&Envelope::decode(&bytes).unwrap()).unwrap().issued;
    windows(issued, Some((issued, issued.later_by(std::time::Duration::from_hours(24 * 365)))))
}

fn until(up: &Up, environment: &str, what: &str) {
    let mut entries = 0;
    while at(up, environment)[what] == json!(null) {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
}

#[test]
fn a_release_outside_its_windows_is_held_and_goes_when_they_are_open() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.write("later.json", &later());
    shop.write("open.json", &open(&up));
    let sets = |place: &str, windows: &str| {
        shop.ok(&["trust", "environment", "--yes", place, "--windows", windows]);
    };
    sets(DEV, "later.json");
    let held = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&held), ["window-closed"]);
    let reason = &held["reasons"][0];
    assert!(reason["what"].as_str().unwrap().ends_with("they open at 2090-02-01T08:00:00.000Z"), "{held}");
    assert!(reason["remedy"].as_str().unwrap().contains("tried again automatically"), "{held}");
    let status = String::from_utf8_lossy(&shop.home.run(&["status"]).stdout).into_owned();
    assert!(status.contains("; no release begins before 2090-02-01T08:00:00.000Z"), "{status}");
    assert_eq!(at(&up, "dev")["windows"]["open"], json!(false));
    // Other options leave the windows as they are.
    shop.ok(&["trust", "environment", "--yes", DEV, "--port", "8081"]);
    assert_eq!(at(&up, "dev")["windows"]["changes"], json!("2090-02-01T08:00:00.000Z"));
    assert_eq!(at(&up, "dev")["running"], json!(null));
    sets(DEV, "open.json");
    until(&up, "production", "open");
    assert_eq!(at(&up, "dev")["windows"]["open"], json!(true));
    // A person who promotes is held as well; nothing of it needs the windows to be removed.
    sets(PLACE, "later.json");
    until(&up, "production", "open");
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    let promoted = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&promoted), ["window-closed"]);
    let review = shop.home.run_in(&shop.repository(), &["approve", "--show", PLACE]);
    let review = String::from_utf8_lossy(&review.stdout).into_owned();
    assert!(review.contains("they open at 2090-02-01T08:00:00.000Z"), "{review}");
    // One person of an installation of one may lift them for this release; its approval stays.
    let release = at(&up, "production")["open"]["release"].to_string();
    let refused =
        shop.in_repository(&["override", "--yes", "--reason", "now", "--until", "2099-01-01", &release], 1);
    assert!(refused["error"].as_str().unwrap().contains("an override lasts at most 4 hours"), "{refused}");
    let held = String::from_utf8(shop.home.run_in(&shop.repository(), &["status", PLACE]).stdout).unwrap();
    assert!(
        held.contains("window-closed: ") && held.contains("\nwindows: no release begins before 2090-"),
        "{held}"
    );
    let lifted = shop.ok(&["override", "--yes", "--reason", "payments fail", &release]);
    assert_eq!(lifted["next"], json!(format!("countersign status {PLACE}")), "it is approved and promoted");
    until(&up, "production", "running");
    sets(PLACE, "open.json");
    assert_eq!(at(&up, "production")["windows"]["open"], json!(true));
    shop.service("second");
    shop.commit("second");
    shop.release_to("evidence.json");
    let verified = shop.ok(&["verify", "evidence.json"]);
    assert_eq!(verified["outcome"], json!("pass"));
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

#[test]
fn production_is_a_class_and_its_releases_wait_for_a_person() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["trust", "environment", "--yes", PLACE, "--class", "production"]);
    let refused = shop.in_repository(&["trust", "environment", "--yes", PLACE, "--automatic", "true"], 1);
    assert!(refused["error"].as_str().unwrap().contains("`class` is `production`"), "{refused}");
    shop.ok(&["run"]);
    until(&up, "production", "open");
    assert_eq!(at(&up, "production")["open"]["stage"], json!("proposed"));
    shop.release();
    assert!(up.stop());
}

#[test]
fn a_release_soaks_until_its_time_has_ended_or_people_lift_it() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let wrong = shop.in_repository(&["trust", "environment", "--yes", PLACE, "--soak", "3"], 2);
    assert!(wrong["error"].as_str().unwrap().contains("such as 30m, 12h or 3d"), "{wrong}");
    let first = shop.in_repository(&["trust", "environment", "--yes", DEV, "--soak", "1h"], 1);
    assert!(first["error"].as_str().unwrap().contains("`soak_ms` needs `after`"), "{first}");
    shop.ok(&["trust", "environment", "--yes", PLACE, "--soak", "12h"]);
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    let held = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&held), ["soaking"]);
    assert!(
        held["reasons"][0]["what"].as_str().unwrap().starts_with("`staging` has run the artifact since"),
        "{held}"
    );
    let release = at(&up, "production")["open"]["release"].to_string();
    shop.ok(&["override", "--yes", "--reason", "it cannot wait", "--lift", "soak", &release]);
    until(&up, "production", "running");
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

/// Rules are compiled where they are signed, and the server shows the opening that they name.
#[test]
fn rules_become_the_windows_that_a_statement_names() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let always = "version: 1\nzone: Asia/Kolkata\nallow:\n  - { cron: '0 0 * * *', for: 24h }\n";
    shop.write("windows.yaml", always);
    shop.ok(&["trust", "environment", "--yes", DEV, "--windows", "windows.yaml"]);
    let dev = at(&up, "dev");
    let named: Digest = dev["windows"]["windows"].as_str().unwrap().parse().unwrap();
    let (_, bytes) = up.get_bytes(&format!("/api/v1/blobs/{named}"));
    let windows = Windows::decode(&bytes).unwrap();
    assert_eq!((dev["windows"]["open"].clone(), windows.open.len()), (json!(true), 1), "{windows:?}");
    assert_eq!(windows.sources[0].digest, Digest::of(always.as_bytes()));
    shop.write("windows.yaml", &always.replace("Asia/Kolkata", "Asia/Nowhere"));
    let wrong = shop.in_repository(&["trust", "environment", "--yes", DEV, "--windows", "windows.yaml"], 1);
    assert!(wrong["error"].as_str().unwrap().contains("Asia/Nowhere"), "{wrong}");
    assert_eq!(at(&up, "dev")["windows"], dev["windows"]);
    shop.ok(&["run"]);
    assert!(at(&up, "dev")["running"].is_object());
    // A signer reads the rules and the next times; each of the four hundred only if they ask for it.
    let daily = "version: 1\nzone: UTC\nallow:\n  - { cron: '0 9 * * *', for: 7h }\n";
    shop.write("daily.yaml", daily);
    let page = |more: &[&str]| {
        let words =
            ["trust", "environment", "--yes", PLACE, "--windows", "daily.yaml", "--out", "signed.json"];
        let output = shop.home.run_in(&shop.repository(), &[&words, more].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let short = page(&[]);
    assert!(short.contains(&format!("=== rules in daily.yaml\n{daily}")), "{short}");
    assert_eq!(short.matches("+open from ").count(), 5, "{short}");
    assert!(short.contains(" more of 400 open times, the last until "), "{short}");
    assert_eq!(page(&["--all"]).matches("+open from ").count(), 400);
    let signed = shop.home.run_in(&shop.repository(), &["trust", "sign", "--show", "signed.json"]);
    let signed = String::from_utf8(signed.stdout).unwrap();
    assert_eq!(signed.matches("+open from ").count(), 5, "{signed}");
    assert!(up.stop());
}

/// The agent has the evidence of a release from a server that hands it out at another time than it may begin: nothing is fetched
/// or started, and the report says why. Inside the windows the same evidence is wanted.
#[test]
fn attack_a_server_hands_out_a_release_outside_its_windows() {
    let lab = lab::Lab::default();
    let shown = |open: (i64, i64)| {
        let mut parts = lab.honest();
        forgery::with_windows(&lab, &mut parts, forgery::windows(&[open]).encode().unwrap());
        let (bundle, leaves) = lab::assemble(&lab, &parts);
        let proof = lab::proof_for(&bundle, &leaves, &lab.agent().checkpoint.parse().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let signer = ::evidence::machine::MachineSigner::from_seed([125; 32]).unwrap();
        let services = Box::new(lab::NoServices);
        let deployer =
            agent::Deployer::new(dir.path().to_path_buf(), lab.agent(), signer, services, || lab::at(0));
        (bundle, proof, deployer.unwrap(), dir)
    };
    let (bundle, proof, willing, _dir) = shown((-60, 60));
    assert!(willing.wants(&bundle, &proof).unwrap().is_some(), "unmutated");
    for open in [(3_600, 7_200), (-7_200, -3_600)] {
        let (bundle, proof, mut unwilling, _dir) = shown(open);
        assert_eq!(unwilling.wants(&bundle, &proof).unwrap(), None);
        let report = unwilling.release(&bundle, &proof, &agent::Layer::Unasked).unwrap();
        let report = ::evidence::report::AgentReport::read(&report).unwrap();
        assert_eq!(
            (report.outcome, report.reasons),
            (ReleaseOutcome::Refused, vec!["window-closed".to_owned()])
        );
        assert_eq!(report.running, lab.agent().running.map(|known| known.running()), "the old one goes on");
    }
    // They open in 20 seconds: the release stays due.
    let (bundle, proof, mut early, _dir) = shown((20, 60));
    let waits = early.wants(&bundle, &proof).unwrap_err().to_string();
    assert!(waits.contains("window-closed"), "{waits}");
    early.release(&bundle, &proof, &agent::Layer::Unasked).unwrap_err();
    assert_eq!(early.memory().report, None);
}
