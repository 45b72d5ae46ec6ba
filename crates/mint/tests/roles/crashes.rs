//! Holders that are killed, databases that are away, and roles that cannot be dropped.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use mint::{Journal, Server};

use super::{Shop, admin};

/// A holder that was killed right after the journal was written, or right after the role was made.
#[test]
fn a_restarted_holder_revokes_what_its_journal_has() {
    let Some(shop) = Shop::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    let (made, never_made) = (shop.lease(), shop.lease());
    journal.begin(made.clone()).unwrap();
    shop.mint(&shop.connect(), &made);
    journal.begin(never_made).unwrap();
    drop(journal);
    assert_eq!(shop.roles(), made.id.role());

    let mut journal = Journal::open(dir.path()).unwrap();
    let leases: Vec<_> = journal.leases().cloned().collect();
    assert_eq!(shop.revoke(&shop.connect(), &leases), [""; 0]);
    journal.end(&leases.iter().map(|lease| lease.id).collect::<Vec<_>>()).unwrap();
    assert_eq!(shop.roles(), "");
    assert_eq!(Journal::open(dir.path()).unwrap().leases().count(), 0);
    // Revoked once more, as after a crash before the journal was written, it does no harm.
    assert_eq!(shop.revoke(&shop.connect(), &leases), [""; 0]);
}

/// A holder that was killed while it made a role: the server carries the statement out, although nobody waits any more.
#[test]
fn attack_a_role_that_is_made_after_its_revocation() {
    let Some(shop) = Shop::start() else { return };
    // An event that waits for this lock keeps the statement from its end.
    shop.postgres.sql("CREATE TABLE held (id int)");
    let lock = "BEGIN; LOCK pg_authid IN SHARE ROW EXCLUSIVE MODE; SELECT 'held'";
    let mut psql = shop.postgres.psql_command("postgres", "", shop.postgres.socket().to_str().unwrap());
    let psql = psql.args(["-c", lock, "-c", "SELECT pg_sleep(1000)"]).stdout(Stdio::piped());
    let mut holder = psql.spawn().unwrap();
    let line = BufReader::new(holder.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    assert_eq!(line, "held");
    let (server, lease) = (shop.connect(), shop.lease());
    let (id, terms) = (lease.id, lease.terms.clone());
    let making = shop.runtime.spawn(async move { server.mint(id, &terms).await.map(drop) });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while shop.postgres.sql(waits) != "1" {}
    // It is not there yet.
    assert_eq!(shop.revoke(&shop.connect(), &[lease]), [""; 0]);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(shop.runtime.block_on(making).unwrap().is_err());
    assert_eq!(shop.roles(), "");
}

#[test]
fn one_role_that_cannot_be_dropped_does_not_keep_the_others() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    let leases = [shop.lease(), shop.lease(), shop.lease()];
    let minted = leases.each_ref().map(|lease| shop.mint(&server, lease));
    // It owns something in a database that the holder does not know.
    shop.postgres.sql("CREATE DATABASE other");
    shop.postgres.sql_in(
        "other",
        &format!("CREATE TABLE public.far (id int); ALTER TABLE far OWNER TO {}", minted[1].role),
    );
    let left = shop.revoke(&server, &leases);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].contains(" does not drop a role: db error: ERROR: "), "{left:?}");
    assert_eq!(shop.roles(), minted[1].role);
    // It is closed all the same.
    let (worked, said) = shop.postgres.as_user(&minted[1].role, &minted[1].password, "SELECT 1");
    assert!(!worked && said.contains("is not permitted to log in"), "{said}");
    shop.postgres.sql("DROP DATABASE other");
    assert_eq!(shop.revoke(&server, &leases), [""; 0]);
    assert_eq!(shop.roles(), "");
}

#[test]
fn a_database_that_is_away_is_named_with_its_place() {
    let Some(shop) = Shop::start() else { return };
    let (lease, target) = (shop.lease(), shop.target());
    let server = shop.connect();
    let Shop { postgres, runtime } = shop;
    drop(postgres);
    let left = runtime.block_on(server.revoke(&[lease]));
    assert_eq!(left.len(), 1);
    assert!(
        left[0].why.starts_with(&format!("the database {target} does not end the sessions of a role: ")),
        "{left:?}"
    );
    let said = runtime.block_on(Server::connect(&target, &admin())).unwrap_err().to_string();
    assert!(said.starts_with(&format!("cannot connect to the database {target}: ")), "{said}");
}

/// The figure: at most 10 seconds for 10,000. Here 600, so more than one batch, in a debug build.
#[test]
fn many_leases_are_revoked_together() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    let leases: Vec<_> = (0..600).map(|_| shop.lease()).collect();
    leases.iter().for_each(|lease| drop(shop.mint(&server, lease)));
    assert_eq!(shop.roles().lines().count(), 600);
    assert_eq!(shop.revoke(&server, &leases), [""; 0]);
    assert_eq!(shop.roles(), "");
    let log = shop.postgres.log();
    assert_eq!(log.lines().filter(|line| line.contains("DROP ROLE")).count(), 2);
}
