//! A service with a role of a real PostgreSQL server for as long as it runs: each process has its own, a newer release has one
//! before the older one ends, and none is left after the service, a restart of a killed agent, or the agent's end.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::minted::postgres::Postgres;
use super::shop::Shop;
use super::{at, services};
use crate::codes;
use crate::support::until;

const DEV: &str = "shop/ledger-api/dev";
const PASSWORD: &str = "Rk8-password-of-the-one-who-makes-roles-Xv";

/// The service reads without end, and writes down each role, and each read that fails. It ends if it is told to.
const SCRIPT: &str = "#!/bin/sh
case \"${1:-}\" in
probe) exec test -e \"$STATE_DIRECTORY/reads\" ;;
migrate) psql -X -q -c 'SELECT 1' >/dev/null || exit 3; echo \"by ${PGSSLMODE:-near}\" > \"$STATE_DIRECTORY/migrated\"; exit 0 ;;
esac
echo \"$PGUSER\" >> \"$STATE_DIRECTORY/roles\"
echo \"as $PGUSER with password $PGPASSWORD\"
while [ ! -e \"$STATE_DIRECTORY/end-$PGUSER\" ]; do
  if psql -X -q -A -t -c 'SELECT n FROM shop.items' >> \"$STATE_DIRECTORY/reads\"; then :; else echo lost >> \"$STATE_DIRECTORY/lost\"; fi
  sleep 0.05
done
";

struct Estate {
    shop: Shop,
    postgres: Postgres,
    /// Port of the service, whose socket the agent passes on.
    port: u16,
    /// Environments before whose releases a step runs.
    steps: std::cell::Cell<&'static str>,
}

impl Estate {
    fn new() -> Option<Self> {
        let postgres = Postgres::start()?;
        postgres.sql(
            "CREATE ROLE shop_owner NOLOGIN; CREATE SCHEMA shop AUTHORIZATION shop_owner; \
             CREATE TABLE shop.items (n int); INSERT INTO shop.items VALUES (7); ALTER TABLE shop.items OWNER TO shop_owner; \
             CREATE ROLE minter LOGIN CREATEROLE; GRANT shop_owner TO minter WITH ADMIN OPTION",
        );
        postgres.sql(&format!("ALTER ROLE minter PASSWORD '{PASSWORD}'"));
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let estate = Self { shop: Shop::solo(), postgres, port, steps: "dev".into() };
        estate.change("1");
        Some(estate)
    }

    /// From now on no step runs here, so nothing but the service needs a role.
    fn stepless(&self) {
        self.steps.set("staging");
    }

    fn change(&self, version: &str) {
        self.change_at(version, "host: 127.0.0.1");
    }

    /// The same with a database at this host.
    fn change_at(&self, version: &str, host: &str) {
        self.shop.write("service.sh", &format!("{SCRIPT}# {version}\n"));
        let file = format!(
            "version: 1
services:
  ledger-api:
    artifact: ledger-api
    process: {{ command: [bin/ledger-api], port: {free}, stop-seconds: 1 }}
    databases:
      main: {{ credential: minter, owner: shop_owner, port: {port}, database: postgres, {host} }}
    database: main
    before: [{{ name: migrate, command: [bin/ledger-api, migrate], environments: [{steps}], database: main }}]
    probe: {{ command: [bin/ledger-api, probe], {quick} }}
",
            free = self.port,
            steps = self.steps.get(),
            port = self.postgres.port(),
            quick = services::QUICK
        );
        self.shop.write(".countersign/release.yaml", &file);
        self.shop.commit(version);
    }

    fn lend(&self) {
        self.shop.ok(&["secret", "grant", "minter", "--to-service", DEV, "--reason", "it reads", "--yes"]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("value");
        fs::write(&file, format!("minter:{PASSWORD}")).unwrap();
        let file = file.to_str().unwrap();
        let words =
            ["secret", "put", "--place", DEV, "minter", "--reason", "it is new", "--yes", "--file", file];
        self.shop.in_repository(&words, 0);
    }

    fn state(&self) -> PathBuf {
        self.shop.home.data().with_file_name("data.agent-ledger-api-dev/state")
    }

    /// The roles that processes of the service had, in their order.
    fn had(&self) -> Vec<String> {
        let text = fs::read_to_string(self.state().join("roles")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The roles that exist.
    fn roles(&self) -> String {
        self.postgres.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'cs\\_%'")
    }

    fn reads(&self) -> usize {
        fs::read_to_string(self.state().join("reads")).unwrap_or_default().lines().count()
    }

    /// Waits until the service has read again.
    fn reads_on(&self) {
        let before = self.reads();
        until(|| (self.reads() > before).then_some(()));
    }

    fn lost(&self) -> bool {
        self.state().join("lost").exists()
    }

    /// Waits until only the role of the newest process exists.
    fn only(&self, number: usize) -> String {
        let newest = until(|| self.had().get(number).cloned());
        until(|| (self.roles() == newest).then_some(()));
        newest
    }
}

#[test]
fn a_service_has_a_role_for_its_life_and_a_newer_release_its_own() {
    let Some(estate) = Estate::new() else { return };
    let up = estate.shop.home.up();
    estate.shop.in_repository(&["run"], 3);
    estate.lend();
    let review = estate.shop.home.run_in(&estate.shop.repository(), &["approve", DEV, "--show"]);
    let review = String::from_utf8_lossy(&review.stdout).into_owned();
    assert!(review.contains("it runs with a role of database main"), "{review}");
    estate.shop.in_repository(&["promote", DEV], 0);
    let first = estate.only(0);
    estate.reads_on();
    // The log shows the words before the value at once, and the rest when it is known.
    let masked = format!("as {first} with password ***\n");
    let log = until(|| {
        let output = estate.shop.home.run_in(&estate.shop.repository(), &["logs", DEV, "-o", "json"]);
        let said: Value = serde_json::from_slice(&output.stdout).ok()?;
        said["log"].as_str().map(str::to_owned).filter(|log| log.contains(&masked))
    });
    assert_eq!(log.matches(&masked).count(), 1, "{log}");
    let near = "SELECT rolvaliduntil BETWEEN now() + interval '30 minutes' AND now() + interval '61 minutes' FROM pg_roles";
    assert_eq!(estate.postgres.sql(&format!("{near} WHERE rolname = '{first}'")), "t");
    estate.change("2");
    // The next environment has no credential.
    estate.shop.in_repository(&["run"], 3);
    let second = estate.only(1);
    assert_ne!(first, second);
    estate.reads_on();
    assert!(!estate.lost(), "no read was lost");
    // A process that ends by itself leaves its role, and the next one has another.
    fs::write(estate.state().join(format!("end-{second}")), "").unwrap();
    let third = estate.only(2);
    estate.reads_on();
    // A killed agent leaves a role, and revokes it when it starts.
    up.kill_all();
    assert_eq!(estate.roles(), third);
    let up = estate.shop.home.up();
    estate.only(3);
    estate.reads_on();
    assert!(!estate.lost());
    assert!(up.stop());
    assert_eq!(estate.roles(), "", "an agent that is asked to end revokes the role of its service");
}

#[test]
fn a_release_whose_role_cannot_be_made_leaves_what_runs() {
    let Some(estate) = Estate::new() else { return };
    let up = estate.shop.home.up();
    estate.shop.in_repository(&["run"], 3);
    estate.lend();
    estate.shop.in_repository(&["promote", DEV], 0);
    let first = estate.only(0);
    estate.postgres.sql("ALTER ROLE minter NOLOGIN");
    estate.stepless();
    estate.change("2");
    let failed = estate.shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["role-failed"], "{failed}");
    assert!(
        failed.to_string().contains("the service gets no role of its database: no role was made"),
        "{failed}"
    );
    estate.reads_on();
    assert_eq!(
        (estate.had(), estate.lost(), at(&up, "dev")["running"].is_null()),
        (vec![first.clone()], false, false)
    );
    estate.postgres.sql("ALTER ROLE minter LOGIN");
    until(|| (estate.roles() == first).then_some(()));
    assert!(up.stop());
    assert_eq!((estate.roles().as_str(), json!(estate.lost())), ("", json!(false)));
}

#[test]
fn a_service_and_a_step_before_it_accept_only_what_the_authority_vouches_for() {
    let Some(estate) = Estate::new() else { return };
    let [server, other] =
        [(); 2].map(|()| rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap());
    estate.postgres.protect(&server.cert.pem(), &server.signing_key.serialize_pem());
    let host = |pem: String| format!("host: localhost, authority: \"{}\"", pem.replace('\n', "\\n"));
    let up = estate.shop.home.up();
    estate.change_at("2", &host(server.cert.pem()));
    estate.shop.in_repository(&["run"], 3);
    estate.lend();
    estate.shop.in_repository(&["promote", DEV], 0);
    estate.only(0);
    estate.reads_on();
    let protected = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE usename LIKE 'cs\\_%'";
    until(|| (estate.postgres.sql(protected) == "t").then_some(()));
    assert_eq!(fs::read_to_string(estate.state().join("migrated")).unwrap(), "by verify-full\n");
    estate.change_at("3", &host(other.cert.pem()));
    let failed = estate.shop.in_repository(&["run"], 3);
    assert_eq!(codes(&failed), ["before-failed"], "{failed}");
    assert!(failed.to_string().contains("invalid peer certificate"), "{failed}");
    estate.reads_on();
    assert!(!estate.lost() && up.stop());
}
