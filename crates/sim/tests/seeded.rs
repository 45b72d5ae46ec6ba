//! A seeded installation is a ledger like any other: it verifies, replays, and has the views that follow from it.

use std::path::Path;

use ledger::{Anchors, BLOBS, Blobs, Reader};
use server::views::Views;
use sim::{SeedOrder, Seeded};

#[expect(clippy::unwrap_used, reason = "a failure fails the test")]
fn made(dir: &Path, releases: u64, entries: u64, seed: u64) -> (Seeded, String) {
    let end = "2026-11-25T15:00:00.000Z".parse().unwrap();
    let seeded = sim::seed(&SeedOrder { dir, releases, entries, seed, end, progress: |_, _| () });
    (seeded, Reader::open(dir).unwrap().head().unwrap().checkpoint.text().to_owned())
}

#[test]
fn a_seeded_installation_verifies_and_replays() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let (seeded, _) = made(&data, 50, 2_500, 1);
    assert!(seeded.releases >= 50 && seeded.entries >= 2_500, "{seeded:?}");
    for what in ["runs", "runs of branches", "deployments", "approvals", "promotions", "freezes"] {
        assert!(seeded.happened.contains_key(what), "no {what}: {seeded:?}");
    }
    let reader = Reader::open(&data).unwrap();
    let root = sim::seeded_root(&data);
    let anchors = Anchors {
        ledger: root.ledger_key().unwrap(),
        witnesses: root.witness_keys().unwrap(),
        quorum: 2,
        seen: None,
    };
    let verified = ledger::verify(&data, &anchors).unwrap();
    assert!(verified.breaches.is_empty(), "{:?}", verified.breaches);
    let (readers, blobs) = (server::Readers::new(&data), Blobs::read_only(&data.join(BLOBS)));
    let store = server::LedgerStore::new(&readers, &blobs);
    let replay = server::replay(&reader, &store, |_| {}).unwrap();
    let others: Vec<_> = replay.others.iter().map(|other| &other.what).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!((replay.agree, replay.state().misfits), (replay.decisions, 0));
    assert_eq!(server::views::compare(&data, &reader).unwrap(), Some(Vec::new()));
    let views = Views::open(&data).unwrap();
    let count = |table: &str| {
        let question = format!("SELECT count(*) FROM {table}");
        views.ask(|rows| rows.query_row(&question, [], |row| row.get::<_, i64>(0))).unwrap()
    };
    assert!(count("run") > 100 && count("release") >= 50);
}

#[test]
fn a_seed_and_an_end_always_give_the_same_ledger() {
    let home = tempfile::tempdir().unwrap();
    let order = |name: &str, seed| made(&home.path().join(name), 8, 0, seed);
    let first = order("one", 7);
    assert_eq!(order("two", 7), first);
    assert_ne!(order("three", 8).1, first.1);
}
