//! Migrations with a role of a real PostgreSQL server that was made for them: it is gone after success, failure and cancel, after a
//! killed agent's restart, and once a database that could not be asked can be asked again.

use std::fs;
use std::path::PathBuf;

use evidence::Digest;
use serde_json::{Value, json};

#[path = "../../../mint/tests/roles/postgres.rs"]
#[allow(dead_code, reason = "the crate `mint` uses the rest of it")]
pub mod postgres;

use self::postgres::Postgres;
use super::shop::Shop;
use super::{at, services};
use crate::codes;
use crate::support::until;

const DEV: &str = "shop/ledger-api/dev";
const PASSWORD: &str = "Zt6-password-of-the-one-who-makes-roles-Wq";

/// The steps, by the first argument of the service's script.
const STEPS: &str = "migrate)
  psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE TABLE shop.orders (id int)' -c 'INSERT INTO shop.orders VALUES (1)'
  echo \"$PGUSER\" >> \"$STATE_DIRECTORY/roles\"
  echo \"as $PGUSER with password $PGPASSWORD\" ;;
fail) echo \"$PGUSER\" >> \"$STATE_DIRECTORY/roles\"; psql -X -q -c 'SELECT 1 FROM missing'; exit 3 ;;
wait) psql -X -q -c 'SELECT 1' >/dev/null; echo \"$PGUSER\" >> \"$STATE_DIRECTORY/roles\"; exec psql -X -c 'SELECT pg_sleep(1000)' ;;
until) echo \"$PGUSER\" >> \"$STATE_DIRECTORY/roles\"; while [ ! -e \"$STATE_DIRECTORY/go\" ]; do sleep 0.05; done ;;";

struct Estate {
    shop: Shop,
    postgres: Postgres,
    port: u16,
}

impl Estate {
    fn new(step: &str) -> Option<Self> {
        let postgres = Postgres::start()?;
        postgres.sql(
            "CREATE ROLE shop_owner NOLOGIN; CREATE SCHEMA shop AUTHORIZATION shop_owner; \
             CREATE ROLE minter LOGIN CREATEROLE; GRANT shop_owner TO minter WITH ADMIN OPTION",
        );
        postgres.sql(&format!("ALTER ROLE minter PASSWORD '{PASSWORD}'"));
        let port = postgres.port();
        let estate = Self { shop: Shop::solo(), postgres, port };
        estate.change("1", step);
        Some(estate)
    }

    fn change(&self, version: &str, step: &str) {
        let script = format!(
            "#!/bin/sh\ncase \"${{1:-}}\" in\nprobe) exit 0 ;;\n{STEPS}\n*) exec sleep 1000 ;;\nesac\n# {version}\n"
        );
        self.shop.write("service.sh", &script);
        let file = format!(
            "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: {{ command: [bin/ledger-api], stop-seconds: 1 }}
    databases:
      main: {{ credential: minter, owner: shop_owner, host: 127.0.0.1, port: {port}, database: postgres }}
    before: [{{ name: {step}, command: [bin/ledger-api, {step}], environments: [dev], database: main }}]
    probe: {{ command: [bin/ledger-api, probe], {quick} }}
",
            port = self.port,
            quick = services::QUICK
        );
        self.shop.write(".countersign/release.yaml", &file);
        self.shop.commit(version);
    }

    /// Lets the service have the credential, which the plan needs.
    fn grant(&self) {
        self.shop.ok(&["secret", "grant", "minter", "--to-service", DEV, "--reason", "it migrates", "--yes"]);
    }

    fn put(&self, value: &str) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("value");
        fs::write(&file, value).unwrap();
        let file = file.to_str().unwrap();
        let words =
            ["secret", "put", "--place", DEV, "minter", "--reason", "it is new", "--yes", "--file", file];
        self.shop.in_repository(&words, 0);
    }

    fn agent(&self) -> PathBuf {
        self.shop.home.data().with_file_name("data.agent-ledger-api-dev")
    }

    /// The roles that steps had, in their order.
    fn had(&self) -> Vec<String> {
        let text = fs::read_to_string(self.agent().join("state/roles")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The roles that exist.
    fn roles(&self) -> String {
        self.postgres.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'cs\\_%'")
    }

    fn leases(&self) -> Vec<Value> {
        let text = fs::read(self.agent().join("leases.json")).unwrap();
        let file: Value = serde_json::from_slice(&text).unwrap();
        file["leases"].as_array().unwrap().clone()
    }

    fn log(&self) -> String {
        until(|| {
            let output = self.shop.home.run_in(&self.shop.repository(), &["logs", DEV, "-o", "json"]);
            let said: Value = serde_json::from_slice(&output.stdout).ok()?;
            said["log"].as_str().map(str::to_owned)
        })
    }
}

fn words(failed: &Value) -> String {
    failed["reasons"].as_array().unwrap().iter().map(|reason| format!("{reason}\n")).collect()
}

#[test]
fn a_migration_has_a_role_that_is_gone_after_success_and_failure() {
    let Some(estate) = Estate::new("migrate") else { return };
    let up = estate.shop.home.up();
    let missing = estate.shop.in_repository(&["run"], 3);
    assert_eq!(codes(&missing), ["secret-missing", "secret-not-granted"], "{missing}");
    estate.grant();
    estate.put(&format!("minter:{PASSWORD}\n"));
    let review = estate.shop.home.run_in(&estate.shop.repository(), &["approve", DEV, "--show"]);
    let review = String::from_utf8_lossy(&review.stdout).into_owned();
    let line =
        format!("database main: `postgres` at 127.0.0.1:{}: a role that acts as `shop_owner`", estate.port);
    assert!(
        review.contains(&line) && review.contains(" with a role of database main: bin/ledger-api migrate"),
        "{review}"
    );
    estate.shop.in_repository(&["promote", DEV], 0);
    assert_eq!(estate.roles(), "", "it is gone as soon as the release is reported");
    assert!(estate.leases().is_empty());
    let had = estate.had();
    assert!(had.len() == 1 && had[0].starts_with("cs_"), "{had:?}");
    assert_eq!(
        estate.postgres.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'"),
        "shop_owner"
    );
    assert_eq!(estate.postgres.sql("SELECT count(*) FROM shop.orders"), "1");
    // The password is hidden, and neither the agent's files nor the server's log have that of the one who makes roles.
    let log = until(|| Some(estate.log()).filter(|log| log.contains(&had[0])));
    assert!(log.contains(&format!("as {} with password ***\n", had[0])), "{log}");
    assert!(
        !estate.postgres.log().contains(PASSWORD) || estate.postgres.log().matches(PASSWORD).count() == 1
    );
    for (role, pid) in &up.roles {
        for part in ["environ", "cmdline"] {
            let bytes = fs::read(format!("/proc/{pid}/{part}")).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(PASSWORD), "{role}: {part}");
        }
    }
    estate.change("2", "fail");
    let failed = estate.shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["before-failed"]);
    assert!(
        words(&failed).contains("relation \\\"missing\\\" does not exist")
            || words(&failed).contains("does not exist"),
        "{failed}"
    );
    assert_eq!((estate.roles().as_str(), estate.leases().len(), estate.had().len()), ("", 0, 2));
    assert!(up.stop());
}

#[test]
fn attack_a_role_outlives_neither_a_freeze_nor_a_killed_agent() {
    let Some(estate) = Estate::new("wait") else { return };
    let up = estate.shop.home.up();
    estate.shop.in_repository(&["run"], 3);
    estate.grant();
    estate.put(&format!("minter:{PASSWORD}"));
    std::thread::scope(|scope| {
        let promote = scope.spawn(|| estate.shop.in_repository(&["promote", DEV], 3));
        until(|| (!estate.had().is_empty()).then_some(()));
        estate.shop.ok(&["trust", "status", "--yes", "--freeze", "shop"]);
        promote.join().unwrap();
    });
    until(|| estate.roles().is_empty().then_some(()));
    assert!(estate.leases().is_empty());
    estate.shop.ok(&["trust", "status", "--yes", "--unfreeze", "shop"]);
    // Another step, whose agent is killed with everything else. Its session would run for a quarter of an hour.
    estate.change("2", "wait");
    let mut run = estate.shop.home.spawn_in(&estate.shop.repository(), &["run"]);
    let second = until(|| estate.had().get(1).cloned());
    up.kill_all();
    drop(run.kill());
    run.wait().unwrap();
    assert_eq!(estate.roles(), second);
    assert_eq!(estate.leases().len(), 1);
    let up = estate.shop.home.up();
    let exists = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{second}'");
    until(|| (estate.postgres.sql(&exists) == "0").then_some(()));
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{second}'");
    assert_eq!(estate.postgres.sql(&sessions), "0");
    // The release is still due, so its step runs once more, with another role.
    let third = until(|| estate.had().get(2).cloned());
    assert_ne!(third, second);
    assert!(up.stop());
    assert_eq!(estate.roles(), "", "an agent that is asked to end revokes what its step had");
}

#[test]
fn a_role_that_cannot_be_revoked_is_revoked_later() {
    let Some(estate) = Estate::new("until") else { return };
    let up = estate.shop.home.up();
    estate.shop.in_repository(&["run"], 3);
    estate.grant();
    estate.put(&format!("minter:{PASSWORD}"));
    std::thread::scope(|scope| {
        let promote = scope.spawn(|| estate.shop.in_repository(&["promote", DEV], 0));
        until(|| (!estate.had().is_empty()).then_some(()));
        // Nobody can be asked any more who may drop roles.
        estate.postgres.sql("ALTER ROLE minter NOLOGIN");
        fs::write(estate.agent().join("state/go"), "").unwrap();
        promote.join().unwrap();
    });
    let role = estate.had().remove(0);
    assert_eq!((estate.roles(), estate.leases().len()), (role.clone(), 1));
    // Without anybody's help it ends by itself.
    let until_sql = format!(
        "SELECT rolvaliduntil < now() + interval '12 minutes' FROM pg_roles WHERE rolname = '{role}'"
    );
    assert_eq!(estate.postgres.sql(&until_sql), "t");
    estate.postgres.sql("ALTER ROLE minter LOGIN");
    until(|| estate.roles().is_empty().then_some(()));
    until(|| estate.leases().is_empty().then_some(()));
    assert!(up.stop());
}

#[test]
fn a_credential_that_makes_no_role_fails_the_step_by_name() {
    let Some(estate) = Estate::new("migrate") else { return };
    let up = estate.shop.home.up();
    estate.shop.in_repository(&["run"], 3);
    estate.grant();
    for (value, expected) in [
        ("somebody", "no role was made: "),
        ("minter:wrong", "password authentication failed for user"),
        ("two\nlines", "is not one line of text"),
    ] {
        estate.put(value);
        estate.change(&Digest::of(value.as_bytes()).hex(), "migrate");
        let failed = estate.shop.in_repository(&["run"], 3);
        assert_eq!(codes(&failed), ["before-failed"], "{value}");
        assert!(words(&failed).contains(expected), "{value}: {failed}");
        assert!(!words(&failed).contains("wrong"), "{failed}");
    }
    assert_eq!((estate.roles(), at(&up, "dev")["running"].clone()), (String::new(), json!(null)));
    assert!(up.stop());
}
