//! Holders that are killed, databases that are away, and roles that cannot be dropped.

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
    assert!(left[0].why.starts_with(&format!("the database {target} does not list roles: ")), "{left:?}");
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
