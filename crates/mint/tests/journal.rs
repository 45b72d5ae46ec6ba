//! A journal of leases that was damaged, or that a fault of the disk meets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "these are tests")]

use mint::{Journal, Lease, LeaseId, Target, Terms};

const FILE: &str = "leases.json";

fn lease() -> Lease {
    let target =
        Target { host: "127.0.0.1".into(), port: 5432, database: "shop".parse().unwrap(), authority: None };
    let until = "2026-11-29T12:00:00.000Z".parse().unwrap();
    let terms = Terms { owner: "shop_owner".parse().unwrap(), until, connections: 4 };
    Lease { id: LeaseId::draw().unwrap(), credential: "shop-db".into(), target, terms }
}

/// Otherwise a damaged file would mean that no role is left.
#[test]
fn attack_a_journal_that_is_not_understood_is_not_empty() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.begin(lease()).unwrap();
    let path = dir.path().join(FILE);
    let whole = std::fs::read_to_string(&path).unwrap();
    for damaged in [&whole[..whole.len() / 2], "", &whole.replace("\"v\":1", "\"v\":2")] {
        std::fs::write(&path, damaged).unwrap();
        let said = Journal::open(dir.path()).unwrap_err().to_string();
        assert!(said.contains("cannot be understood: "), "{said}");
        assert!(
            said.ends_with("roles of its leases may be left in databases, by the names `cs_...`"),
            "{said}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let said = Journal::open(dir.path()).unwrap_err().to_string();
    assert!(said.starts_with("cannot read the journal of leases `"), "{said}");
}

/// Every kind of fault of the disk: a lease that was not begun is not minted, and one that was not ended is revoked again.
#[test]
fn a_journal_that_a_fault_meets_has_every_lease_that_was_begun() {
    for (name, kind) in disk::faults::KINDS {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().to_owned();
        let first = lease();
        Journal::open(dir.path()).unwrap().begin(first.clone()).unwrap();
        let begun = std::thread::spawn(move || {
            let mut journal = Journal::open(&place).unwrap();
            let mut once = Some(kind);
            disk::faults::on_write(move |point| once.take_if(|_| point == "mint.leases"));
            journal.begin(lease()).map_err(|error| error.to_string())
        });
        // A crash unwinds the thread.
        assert!(!matches!(begun.join(), Ok(Ok(()))), "{name}: nobody noticed");
        let again = Journal::open(dir.path()).unwrap();
        assert!(again.leases().any(|lease| *lease == first), "{name}");
    }
}
