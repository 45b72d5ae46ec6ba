//! A lease from its beginning to its end.

use std::process::Stdio;

use super::{Shop, until};

#[test]
fn a_role_acts_as_its_owner_and_is_gone_afterwards() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    let lease = shop.lease();
    let minted = shop.mint(&server, &lease);
    let run = |sql: &str| shop.postgres.as_user(&minted.role, &minted.password, sql);
    assert_eq!(run("SELECT current_user"), (true, "shop_owner".into()));
    let (worked, said) = run("ALTER TABLE shop.orders ADD total int; CREATE TABLE shop.new (id int)");
    assert!(worked, "{said}");
    let owner = shop.postgres.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'new'");
    assert_eq!(owner, "shop_owner");
    assert_eq!(shop.revoke(&server, &[lease]), [""; 0]);
    assert_eq!(shop.roles(), "");
    let (worked, said) = run("SELECT 1");
    assert!(!worked && said.contains("authentication failed"), "{said}");
    // The tables that the role made stay.
    assert_eq!(shop.postgres.sql("SELECT count(*) FROM shop.new"), "0");
}

/// `log_statement=all` is on: whatever the server is told stands in its log.
#[test]
fn the_log_of_the_server_never_has_the_password() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    let minted = shop.mint(&server, &shop.lease());
    let (worked, _) = shop.postgres.as_user(&minted.role, &minted.password, "SELECT 'seen'");
    assert!(worked);
    // Another thread reads the log, line by line.
    while !shop.postgres.log().contains("SELECT 'seen'") {
        std::thread::yield_now();
    }
    let log = shop.postgres.log();
    assert!(
        log.contains(&format!("CREATE ROLE \"{}\"", minted.role)) && log.contains("SELECT 'seen'"),
        "{log}"
    );
    assert!(log.contains("SCRAM-SHA-256$4096:"));
    assert!(!log.contains(minted.password.as_str()));
}

#[test]
fn attack_a_role_may_nothing_that_its_owner_may_not() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    shop.postgres.sql("CREATE ROLE other_owner NOLOGIN; CREATE SCHEMA other AUTHORIZATION other_owner");
    let minted = shop.mint(&server, &shop.lease());
    let run = |sql: &str| shop.postgres.as_user(&minted.role, &minted.password, sql);
    let (worked, _) = run("CREATE TABLE shop.one (id int)");
    assert!(worked);
    for attack in [
        "CREATE TABLE other.one (id int)",
        "SET ROLE other_owner",
        "SET ROLE minter",
        "CREATE ROLE more LOGIN",
        "SET SESSION AUTHORIZATION postgres",
        "COPY shop.orders TO PROGRAM 'cat'",
        "GRANT shop_owner TO other_owner",
        // Without the owner role it has no right at all, so it cannot come to own anything.
        "SET ROLE NONE; SELECT * FROM shop.orders",
        "SET ROLE NONE; CREATE TABLE shop.two (id int)",
    ] {
        let (worked, said) = run(attack);
        assert!(!worked && said.contains("permission denied") || said.contains("must "), "{attack}: {said}");
    }
}

#[test]
fn a_session_that_runs_ends_with_its_lease() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    let lease = shop.lease();
    let minted = shop.mint(&server, &lease);
    let mut psql = shop.postgres.psql_command(&minted.role, &minted.password, "127.0.0.1");
    let psql = psql.args(["-c", "LOCK shop.orders; SELECT 'held'", "-c", "SELECT pg_sleep(1000)"]);
    let mut session = psql.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = std::io::BufReader::new(session.stdout.take().unwrap());
    let line = std::io::BufRead::lines(said).next().unwrap().unwrap();
    assert_eq!(line, "held");
    assert_eq!(shop.revoke(&server, &[lease]), [""; 0]);
    let done = session.wait_with_output().unwrap();
    assert!(!done.status.success());
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("terminating connection due to administrator command"), "{said}");
    assert_eq!(shop.roles(), "");
}

/// A role that its owner let own something (`GRANT CREATE ... TO PUBLIC` is what older servers begin with).
#[test]
fn what_a_role_owns_goes_to_its_owner_role() {
    let Some(shop) = Shop::start() else { return };
    shop.postgres.sql("GRANT CREATE ON SCHEMA public TO PUBLIC");
    let server = shop.connect();
    let lease = shop.lease();
    let minted = shop.mint(&server, &lease);
    let sql = "SET ROLE NONE; CREATE TABLE public.mine (id int)";
    assert!(shop.postgres.as_user(&minted.role, &minted.password, sql).0);
    assert_eq!(shop.postgres.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'mine'"), minted.role);
    assert_eq!(shop.revoke(&server, &[lease]), [""; 0]);
    assert_eq!(shop.roles(), "");
    assert_eq!(shop.postgres.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'mine'"), "shop_owner");
}

#[test]
fn a_role_that_nobody_revokes_ends_by_itself() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    let (mut past, future) = (shop.lease(), shop.lease());
    past.terms.until = until(-1_000);
    let [ended, good] = [&past, &future].map(|lease| shop.mint(&server, lease));
    assert!(shop.postgres.as_user(&good.role, &good.password, "SELECT 1").0);
    let (worked, said) = shop.postgres.as_user(&ended.role, &ended.password, "SELECT 1");
    assert!(!worked && said.contains("authentication failed"), "{said}");
}

#[test]
fn a_database_that_roles_may_not_connect_to_is_named() {
    let Some(shop) = Shop::start() else { return };
    let server = shop.connect();
    shop.postgres
        .sql("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC; GRANT CONNECT ON DATABASE postgres TO minter");
    let lease = shop.lease();
    let error = shop.runtime.block_on(server.mint(lease.id, &lease.terms)).unwrap_err().to_string();
    assert!(error.ends_with("may not connect to it: grant CONNECT on it to PUBLIC"), "{error}");
    assert_eq!(shop.revoke(&server, &[lease]), [""; 0]);
    assert_eq!(shop.roles(), "");
}
