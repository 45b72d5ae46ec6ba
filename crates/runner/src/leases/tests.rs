//! Leases of steps: how long a key, a lease and a credential are kept.

use std::cell::RefCell;

use mint::{Target, Terms};

use super::*;

fn lease(until: Moment) -> Lease {
    let target =
        Target { host: "127.0.0.1".into(), port: 5432, database: "shop".parse().unwrap(), authority: None };
    let terms = Terms { owner: "shop_owner".parse().unwrap(), until, connections: 1 };
    Lease { id: LeaseId::draw().unwrap(), credential: "{}".into(), target, terms }
}

fn noon() -> Moment {
    "2026-11-29T12:00:00.000Z".parse().unwrap()
}

fn keys(dir: &Path) -> usize {
    fs::read_dir(dir.join(KEYS)).map_or(0, Iterator::count)
}

#[test]
fn a_key_lives_as_long_as_its_lease() {
    let dir = tempfile::tempdir().unwrap();
    let leases = Leases::of(dir.path());
    let lease = lease(noon());
    let public = leases.key(lease.id).unwrap();
    leases.begin(lease.clone()).unwrap();
    let line = fs::read_to_string(leases.key_file(lease.id)).unwrap();
    assert_eq!(line.parse::<SealSecret>().unwrap().public().unwrap(), public);
    let away = |_: Vec<LeftLease>| Err(io::Error::other("the database is away"));
    assert!(leases.end(lease.id, &away).unwrap().ends_with("cannot be revoked: the database is away"));
    assert_eq!(keys(dir.path()), 1);
    // Another process, after this one was killed.
    let again = Leases::of(dir.path());
    let asked = RefCell::new(Vec::new());
    let gone = |leases: Vec<LeftLease>| {
        asked.borrow_mut().extend(leases.iter().map(|left| left.key.clone()));
        Ok(Revoked { gone: leases.iter().map(|left| left.lease.id).collect(), left: Vec::new() })
    };
    fs::write(dir.path().join("leases/0123456789abcdef0123456789abcdef.key"), "of a killed process").unwrap();
    again.look(&gone, noon());
    assert_eq!((asked.borrow().clone(), keys(dir.path())), (vec![leases.key_file(lease.id)], 0));
    assert_eq!(Journal::open(dir.path()).unwrap().leases().count(), 0);
}

#[test]
fn a_lease_that_a_step_uses_is_not_revoked_before_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let leases = Leases::of(dir.path());
    let lease = lease(noon());
    leases.key(lease.id).unwrap();
    leases.begin(lease.clone()).unwrap();
    leases.look(&|_| unreachable!("it is used"), noon());
    assert_eq!(keys(dir.path()), 1);
    let gone = |leases: Vec<LeftLease>| {
        Ok(Revoked { gone: leases.iter().map(|left| left.lease.id).collect(), left: Vec::new() })
    };
    leases.close(&gone);
    assert_eq!(keys(dir.path()), 0);
    let said = leases.begin(self::lease(noon())).unwrap_err().to_string();
    assert_eq!(said, "the runner is about to end");
}

#[test]
fn a_credential_is_forgotten_a_day_after_the_time_of_its_role() {
    let dir = tempfile::tempdir().unwrap();
    let leases = Leases::of(dir.path());
    let lease = lease(noon());
    leases.key(lease.id).unwrap();
    leases.begin(lease.clone()).unwrap();
    let away = |_: Vec<LeftLease>| Ok(Revoked { gone: Vec::new(), left: vec!["it is away".into()] });
    assert_eq!(leases.end(lease.id, &away).as_deref(), Some("it is away"));
    leases.look(&away, noon().later_by(KEPT));
    assert_eq!((keys(dir.path()), Journal::open(dir.path()).unwrap().leases().count()), (1, 1));
    let told = leases.state().told.iter().next().cloned().unwrap();
    assert!(told.ends_with("it is tried again: it is away"), "{told}");
    leases.look(&away, noon().later_by(KEPT + Duration::from_millis(1)));
    assert_eq!((keys(dir.path()), Journal::open(dir.path()).unwrap().leases().count()), (0, 0));
}

#[test]
fn nothing_is_revoked_or_begun_with_a_journal_that_is_not_understood() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("leases.json"), "{").unwrap();
    let leases = Leases::of(dir.path());
    leases.look(&|_| unreachable!("nothing is known"), noon());
    assert!(leases.state().told.iter().next().unwrap().contains("cannot be understood"));
    let id = LeaseId::draw().unwrap();
    leases.key(id).unwrap();
    assert!(leases.begin(lease(noon())).is_err());
    assert!(leases.end(id, &|_| unreachable!("nothing is known")).unwrap().contains("cannot be understood"));
    assert_eq!(keys(dir.path()), 1, "a key stays, as its lease may");
}
