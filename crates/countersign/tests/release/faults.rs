//! Every write of every role fails, fails after it was done, meets a full disk, or is the last action of a process. After
//! the fault is healed, nothing acknowledged is lost, and nothing is half done.
//!
//! Only in a build with the feature `faults`: `cargo x accept hold faults`.

use serde_json::{Value, json};

use super::relays::Apart;
use super::{Shop, at};
use crate::support::{Home, copy_dir};

/// Points of failure on the way to production.
const ON_THE_WAY: [&str; 15] = [
    "ledger.append",
    "ledger.witnessed",
    "ledger.blob",
    "runner.output",
    "runner.receipt",
    "runner.answer",
    "runner.seen",
    "agent.memory",
    "agent.stamp",
    "agent.layer",
    "agent.kept-layer",
    "agent.declared",
    "agent.evidence",
    "agent.rules",
    "agent.switch",
];
/// Points of failure at a start, or with a long ledger.
const AT_A_START: [&str; 6] =
    ["witness.state", "ledger.tile", "ledger.format", "server.snapshot", "server.reserve", "server.vault"];
/// Points of failure of a status that goes by way of a witness.
const RELAYED: [&str; 2] = ["witness.status", "agent.status"];
/// Points of failure of a person's own command.
const BY_HAND: [(&str, &[&str]); 6] = [
    ("ledger.origin", &["trust", "origin", "--adopt", "next-root.json"]),
    ("ledger.found", &["init", "--project", "shop"]),
    ("runner.image", &["runner", "image", "load", "layout"]),
    ("people.private", &["init", "--project", "shop"]),
    ("server.views", &["audit", "verify", "--rebuild-views"]),
    ("people.file", &["trust", "root", "--out", "root.json"]),
];

/// Points of failure that need a database: the tests of the crate `mint` have them.
const WITH_A_DATABASE: [&str; 1] = ["mint.leases"];

/// Points of failure that need a store: the tests of the crate `stores` have them.
const WITH_A_STORE: [&str; 1] = ["stores.lease"];

/// Points of failure that need a secret of a place: a sealed value that could not be stored is fetched again with the release.
const WITH_SECRETS: [&str; 1] = ["agent.sealed"];

/// Points of failure that need a rollout: tests of the crate `lab` have them.
const WITH_A_ROLLOUT: [&str; 2] = ["agent.observation", "agent.rollout"];

/// Points of failure of an order to return that a person brings: the order stays, and is answered again.
const WITH_AN_ORDER: [&str; 1] = ["agent.answer"];
/// Points of failure that need drift: what could not be put back is tried again at the next look.
const WITH_DRIFT: [&str; 1] = ["agent.restored"];

#[test]
fn every_point_has_its_row() {
    let mut rows: Vec<_> = ON_THE_WAY.into_iter().chain(AT_A_START).chain(RELAYED).collect();
    rows.extend(WITH_A_DATABASE);
    rows.extend(WITH_A_STORE);
    rows.extend(WITH_SECRETS);
    rows.extend(WITH_A_ROLLOUT);
    rows.extend(WITH_AN_ORDER);
    rows.extend(WITH_DRIFT);
    rows.extend(BY_HAND.iter().map(|(point, _)| *point));
    rows.sort_unstable();
    let mut points: Vec<_> = disk::POINTS.iter().map(|(point, _)| *point).collect();
    points.sort_unstable();
    assert_eq!(rows, points);
}

/// Takes a release to production while one write fails, heals the fault, and checks everything.
fn on_the_way(point: &str, kind: &str) {
    let shop = Shop::solo();
    let fault = format!("{point}:{kind}");
    let up = shop.home.up_with(&[("COUNTERSIGN_FAULT", &fault)]);
    let mut acknowledged = 0;
    for arguments in [&["run"][..], &["approve", "--yes", "--reason", "tested"], &["promote"]] {
        let (_, said) = shop.home.try_in(&shop.repository(), arguments, &[]);
        let said: Value =
            said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        acknowledged = acknowledged.max(said["entry"].as_u64().unwrap_or(0));
    }
    up.kill();
    healed(&shop, &fault, acknowledged);
}

fn healed(shop: &Shop, fault: &str, acknowledged: u64) {
    let up = shop.home.up();
    assert!(!up.url.is_empty(), "{fault}: it does not come up again");
    shop.commit("after the fault");
    assert_eq!(shop.release()["outcome"], json!("running"), "{fault}");
    let commit = shop.git(&["rev-parse", "HEAD"]);
    assert_eq!(at(&up, "production")["running"]["commit"], json!(commit.trim()), "{fault}");
    assert!(up.stop(), "{fault}");
    let verified = shop.ok(&["audit", "verify"]);
    assert!(verified["entries"].as_u64().unwrap() > acknowledged, "{fault}: an acknowledged entry is lost");
    assert_eq!((&verified["misfits"], &verified["breaches"]), (&json!(0), &json!([])), "{fault}");
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{fault}: {replayed}");
    println!("{fault}: ok");
}

#[test]
fn a_write_that_fails() {
    ON_THE_WAY.iter().for_each(|point| on_the_way(point, "fail"));
}

#[test]
fn a_write_that_meets_a_full_disk() {
    ON_THE_WAY.iter().for_each(|point| on_the_way(point, "full"));
}

#[test]
fn a_write_that_fails_although_it_was_done() {
    ON_THE_WAY.iter().for_each(|point| on_the_way(point, "persisted"));
}

#[test]
fn a_write_that_the_disk_breaks_at() {
    ON_THE_WAY.iter().for_each(|point| on_the_way(point, "broken"));
}

#[test]
fn a_write_that_is_cut_short() {
    ON_THE_WAY.iter().for_each(|point| on_the_way(point, "short"));
}

#[test]
fn a_write_that_a_process_does_not_live_to_see() {
    ON_THE_WAY.iter().for_each(|point| on_the_way(point, "lost"));
}

#[test]
fn a_write_that_is_the_last_thing_a_process_does() {
    ON_THE_WAY.iter().for_each(|point| on_the_way(point, "crash"));
}

/// Starts with a long ledger while one write fails, then again without faults.
fn at_a_start(point: &str) {
    assert!(AT_A_START.contains(&point));
    for (kind, _) in disk::faults::KINDS {
        let shop = Shop::solo();
        crate::support::grow::grow(&shop.home, 10_300);
        if point == "ledger.format" {
            let database = rusqlite::Connection::open(shop.home.data().join("ledger.db")).unwrap();
            database.execute_batch("DROP TABLE cosigned; PRAGMA user_version = 1").unwrap();
        }
        let fault = format!("{point}:{kind}");
        let up = shop.home.up_with(&[("COUNTERSIGN_FAULT", &fault)]);
        let (_, _) = shop.home.try_in(&shop.repository(), &["run"], &[]);
        up.kill();
        let up = shop.home.up();
        assert!(!up.url.is_empty(), "{fault}: it does not come up again");
        shop.commit("after the fault");
        assert_eq!(shop.release()["outcome"], json!("running"), "{fault}");
        assert!(up.stop(), "{fault}");
        assert_eq!(shop.ok(&["audit", "verify"])["misfits"], json!(0), "{fault}");
        println!("{fault}: ok");
    }
}

#[test]
fn a_witness_notes_what_it_cosigns() {
    at_a_start("witness.state");
}

#[test]
fn a_key_ring_is_made() {
    at_a_start("server.vault");
}

#[test]
fn a_full_tile_is_derived() {
    at_a_start("ledger.tile");
}

#[test]
fn an_older_ledger_is_brought_to_a_newer_format() {
    at_a_start("ledger.format");
}

#[test]
fn a_snapshot_is_named() {
    at_a_start("server.snapshot");
}

#[test]
fn room_is_held_back() {
    at_a_start("server.reserve");
}

/// A freeze goes by a witness to an agent while one write fails, then again without faults.
#[test]
fn a_status_is_relayed() {
    for point in RELAYED {
        for (kind, _) in disk::faults::KINDS {
            let fault = ("COUNTERSIGN_FAULT".to_owned(), format!("{point}:{kind}"));
            let mut apart = Apart::new();
            apart.shop.home.variables.push(fault.clone());
            let witness = apart.witness();
            apart.shop.home.variables.clear();
            let server = apart.server(&witness);
            let freeze = ["freeze", super::PLACE, "--yes", "--witness", &witness.url];
            apart.shop.home.try_in(&apart.shop.repository(), &freeze, &[]);
            drop(witness);
            let witness = apart.witness();
            apart.shop.ok(&["trust", "status", "--witness", &witness.url]);
            apart.shop.home.variables.push(fault.clone());
            // It may end at the fault, and its log does then.
            let mut faulty = apart.agent("production", &server, &witness);
            faulty.says_or_ends("witness");
            drop(faulty);
            apart.shop.home.variables.clear();
            let dir = apart.dir("agent-ledger-api-production");
            let mut agent = apart.agent("production", &server, &witness);
            if !std::path::Path::new(&dir).join("status.json").exists() {
                agent.says("status 2 came from the witness");
            }
            println!("{fault:?}: ok");
        }
    }
}

#[test]
fn writes_by_hand_are_done_again_by_the_same_command() {
    for (point, arguments) in BY_HAND {
        for (kind, _) in disk::faults::KINDS {
            let fault = format!("{point}:{kind}");
            let shop = if arguments[0] == "init" { Shop::of(Home::new()) } else { Shop::solo() };
            if point == "server.views" {
                let up = shop.home.up();
                shop.ok(&["run"]);
                assert!(up.stop());
            }
            if point == "runner.image" {
                let mut layout = super::images::layout();
                layout.seal();
                copy_dir(layout.path(), &shop.repository().join("layout"));
            }
            if point == "ledger.origin" {
                shop.ok(&["trust", "origin", "--yes", "--out", "next-root.json"]);
            }
            let (code, said) =
                shop.home.try_in(&shop.repository(), arguments, &[("COUNTERSIGN_FAULT", &fault)]);
            assert_ne!(code, Some(0), "{fault}: nobody noticed: {said}");
            let (mut code, mut said) = shop.home.try_in(&shop.repository(), arguments, &[]);
            if point == "ledger.found" || point == "people.private" {
                // `init` names the remains of the failed one, and does not guess which are needed.
                if code != Some(0) {
                    assert!(said.contains("countersign/data"), "{fault}: {said}");
                    std::fs::remove_dir_all(shop.home.data().parent().unwrap()).unwrap();
                    (code, said) = shop.home.try_in(&shop.repository(), arguments, &[]);
                }
            }
            assert_eq!(code, Some(0), "{fault}: {said}");
            let up = shop.home.up();
            assert!(!up.url.is_empty(), "{fault}");
            assert!(up.stop(), "{fault}");
            println!("{fault}: ok");
        }
    }
}
