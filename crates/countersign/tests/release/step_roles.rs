//! Steps of a pipeline with a role of a real PostgreSQL server that was made for them: it is gone after success, failure and
//! cancel, after a restart of a runner that was killed while the role was made, used or revoked, and once a database that could
//! not be asked can be asked again. Nothing but its process ever has the credential that makes roles.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use mask::Masker;
use serde_json::{Value, json};

use super::held::{files, in_memory};
use super::minted::postgres::Postgres;
use super::shop::Shop;
use super::vault::put;
use crate::support::{Up, until};

const CREDENTIAL: &str = "shop/db/minter";
const PIPELINE: &str = ".countersign/pipeline.yaml";

struct Estate {
    shop: Shop,
    postgres: Postgres,
    password: String,
    /// The pipeline without the step.
    pipeline: String,
}

impl Estate {
    fn new() -> Option<Self> {
        let postgres = Postgres::start()?;
        // Drawn here, so that no program and no page has it.
        let drawn = tempfile::tempdir().unwrap();
        let password =
            format!("{}-{}", drawn.path().display().to_string().replace('/', ""), std::process::id());
        postgres.sql(
            "CREATE ROLE shop_owner NOLOGIN; CREATE SCHEMA shop AUTHORIZATION shop_owner; \
             CREATE ROLE minter LOGIN CREATEROLE; GRANT shop_owner TO minter WITH ADMIN OPTION; CREATE TABLE go (n int)",
        );
        postgres.sql(&format!("GRANT SELECT ON go TO PUBLIC; ALTER ROLE minter PASSWORD '{password}'"));
        let shop = Shop::solo();
        let (data, repository) =
            (shop.home.data().display().to_string(), shop.repository().display().to_string());
        for runner in ["runner-1", "runner-2"] {
            shop.ok(&["runner", "remote", "add", "--data", &format!("{data}.{runner}"), "shop", &repository]);
        }
        let pipeline = std::fs::read_to_string(shop.repository().join(PIPELINE)).unwrap();
        Some(Self { shop, postgres, password, pipeline })
    }

    fn up(&self) -> Up {
        self.shop.home.up_in(&["--allow-network", &self.at()])
    }

    fn at(&self) -> String {
        format!("127.0.0.1:{}", self.postgres.port())
    }

    /// Puts the credential and lends it to the step, with this network.
    fn lend(&self, network: &[&str]) {
        put(&self.shop.home, &[CREDENTIAL], format!("minter:{}\n", self.password).as_bytes(), 0);
        let bounds = ["--ref", "refs/heads/main", "--pool", "branch", "--reason", "it tests", "--yes"];
        let grant = ["secret", "grant", CREDENTIAL, "--to-step", "integrate"];
        self.shop.ok(&[&grant[..], &bounds, network].concat());
    }

    /// A commit whose step `integrate` has a role and runs these lines; `psql` is a function in them.
    fn commit(&self, script: &str) {
        let database = format!("host: 127.0.0.1, port: {}", self.postgres.port());
        self.commit_at(&database, script);
    }

    /// The same with a database at this host.
    fn commit_at(&self, host: &str, script: &str) {
        let command = self.postgres.psql_command("x", "", "x");
        let psql = command.get_program().to_str().unwrap();
        let lines: String = script.lines().map(|line| format!("      {line}\n")).collect();
        let step = format!(
            "steps:\n  integrate:\n    run: |\n      psql() {{ {psql} -X -q -A -t -v ON_ERROR_STOP=1 \"$@\"; }}\n      echo \"role $PGUSER\"\n{lines}    \
             database: {{ credential: db/minter, owner: shop_owner, database: postgres, {host} }}\n"
        );
        self.shop.write(PIPELINE, &self.pipeline.replace("steps:\n", &step));
        self.shop.commit(script.lines().next().unwrap());
    }

    fn run(&self, code: i32) -> Value {
        self.shop.in_repository(&["run", "--ref", "main"], code)
    }

    fn begin(&self) -> Child {
        self.shop.home.spawn_in(&self.shop.repository(), &["run", "--ref", "main"])
    }

    fn log(&self, run: &str) -> String {
        self.shop.ok(&["logs", run, "integrate"])["logs"].to_string()
    }

    /// The roles that exist.
    fn roles(&self) -> String {
        self.postgres.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'cs\\_%'")
    }

    /// Roles with a session.
    fn busy(&self) -> String {
        self.postgres.sql("SELECT usename FROM pg_stat_activity WHERE usename LIKE 'cs\\_%'")
    }

    fn runner_dirs(&self) -> Vec<PathBuf> {
        ["runner-1", "runner-2"]
            .map(|name| self.shop.home.data().with_file_name(format!("data.{name}")))
            .to_vec()
    }

    /// Leases and keys of leases that runners have.
    fn leases(&self) -> (usize, usize) {
        let mut counts = (0, 0);
        for dir in self.runner_dirs() {
            let text = std::fs::read(dir.join("leases.json")).unwrap_or_default();
            let file: Value = serde_json::from_slice(&text).unwrap_or_default();
            counts.0 += file["leases"].as_array().map_or(0, Vec::len);
            counts.1 += std::fs::read_dir(dir.join("leases")).map_or(0, Iterator::count);
        }
        counts
    }

    fn is_clear(&self) -> bool {
        self.roles().is_empty() && self.leases() == (0, 0)
    }

    /// Keeps everybody from making, closing and dropping roles.
    fn locked(&self) -> Locked<'_> {
        let mut psql = self.postgres.psql_command("postgres", "", self.postgres.socket().to_str().unwrap());
        let lock = "BEGIN; LOCK pg_authid IN SHARE ROW EXCLUSIVE MODE; SELECT pg_sleep(4000)";
        let child = psql.args(["-c", lock]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let held = "SELECT 1 FROM pg_locks WHERE mode = 'ShareRowExclusiveLock' AND granted";
        until(|| (!self.postgres.sql(held).is_empty()).then_some(()));
        Locked { child, postgres: &self.postgres }
    }

    /// Waits until somebody waits for the lock.
    fn waits(&self) {
        let waits = "SELECT 1 FROM pg_locks WHERE NOT granted";
        until(|| (!self.postgres.sql(waits).is_empty()).then_some(()));
    }
}

struct Locked<'a> {
    child: Child,
    postgres: &'a Postgres,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(4000)%' AND pid <> pg_backend_pid()",
        );
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const WAITS: &str = "until psql -c 'SELECT n FROM go' | grep -q 1; do sleep 0.05; done";

#[test]
fn a_step_has_a_role_that_is_gone_after_success_failure_and_cancel() {
    let Some(estate) = Estate::new() else { return };
    let masker = Masker::new([estate.password.as_bytes()]).unwrap();
    let up = estate.up();
    let at = estate.at();
    estate.lend(&["--network", &at]);
    estate.commit(
        "psql -c 'CREATE TABLE shop.orders (id int)' -c 'INSERT INTO shop.orders VALUES (1)'\n\
         echo \"with $PGPASSWORD\"; test \"$PGPASSWORD\" = \"$(cat /run/secrets/database)\"; ls /run/secrets; env | grep -c '^PG'",
    );
    let ran = estate.run(0);
    let log = estate.log(ran["run"].as_str().unwrap());
    assert!(log.contains("role cs_") && log.contains("with ***\\ndatabase\\n5\\n"), "{log}");
    assert!(estate.is_clear(), "{} {:?}", estate.roles(), estate.leases());
    let owner = estate.postgres.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'");
    assert_eq!(
        (owner.as_str(), estate.postgres.sql("SELECT count(*) FROM shop.orders").as_str()),
        ("shop_owner", "1")
    );
    // Nobody has the credential afterwards: no file, no memory of a role, no variable, no log of the database.
    for (role, pid) in &up.roles {
        assert!(!in_memory(*pid, &masker), "{role} has the credential in memory");
        for file in ["environ", "cmdline"] {
            assert!(!masker.finds(&std::fs::read(format!("/proc/{pid}/{file}")).unwrap()), "{role}: {file}");
        }
    }
    let (count, found) = files(estate.shop.home.data().parent().unwrap(), &masker);
    assert!(found.is_empty() && count > 100, "{found:?} of {count}");
    assert!(!masker.finds(log.as_bytes()));

    estate.commit("psql -c 'SELECT 1 FROM missing'");
    let failed = estate.run(3);
    assert!(failed.to_string().contains("does not exist"), "{failed}");
    assert!(estate.is_clear(), "{} {:?}", estate.roles(), estate.leases());

    estate.commit("psql -c 'SELECT pg_sleep(1000)'");
    let begun = estate.shop.in_repository(&["run", "--ref", "main", "--no-wait"], 0);
    until(|| (!estate.busy().is_empty()).then_some(()));
    assert_eq!(estate.leases(), (1, 1));
    estate.shop.ok(&["cancel", begun["run"].as_str().unwrap()]);
    until(|| estate.is_clear().then_some(()));
    assert!(up.stop());
    assert_eq!(estate.shop.ok(&["audit", "replay"])["differ"], json!(0));
}

#[test]
fn attack_a_role_outlives_no_runner_that_is_killed() {
    let Some(estate) = Estate::new() else { return };
    let masker = Masker::new([estate.password.as_bytes()]).unwrap();
    let up = estate.up();
    let at = estate.at();
    estate.lend(&["--network", &at]);
    estate.commit(WAITS);
    // While the role is made: the server carries the statement out although nobody waits for it any more.
    let locked = estate.locked();
    let mut run = estate.begin();
    estate.waits();
    assert_eq!((estate.roles().as_str(), estate.leases()), ("", (1, 1)));
    up.kill_all();
    drop(run.kill());
    run.wait().unwrap();
    // A thief of the disk finds no value; docs/secrets/databases.md says what the journal and its key give together.
    assert_eq!(files(estate.shop.home.data().parent().unwrap(), &masker).1, [""; 0]);
    drop(locked);
    let up = estate.up();
    // The step is still due, so another role comes after the one that was begun is gone.
    let second = until(|| Some(estate.busy()).filter(|role| role.starts_with("cs_")));
    let second = second.lines().next().unwrap().to_owned();
    until(|| (estate.roles() == second && estate.leases() == (1, 1)).then_some(()));
    // While the step runs, all at once.
    up.kill_all();
    assert_eq!(estate.roles(), second);
    let up = estate.up();
    let exists = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{second}'");
    until(|| (estate.postgres.sql(&exists) == "0").then_some(()));
    // While the role is revoked.
    let third = until(|| Some(estate.busy()).filter(|role| role.starts_with("cs_")));
    let third = third.lines().next().unwrap().to_owned();
    until(|| (estate.roles() == third).then_some(()));
    let locked = estate.locked();
    estate.postgres.sql("INSERT INTO go VALUES (1)");
    estate.waits();
    up.kill_all();
    assert_eq!((estate.roles(), estate.leases()), (third, (1, 1)));
    drop(locked);
    let up = estate.up();
    until(|| estate.is_clear().then_some(()));
    estate.run(0);
    assert!(estate.is_clear() && up.stop());
}

#[test]
fn a_runner_that_is_asked_to_end_revokes_the_roles_of_its_steps() {
    let Some(estate) = Estate::new() else { return };
    let up = estate.up();
    let at = estate.at();
    estate.lend(&["--network", &at]);
    estate.commit(WAITS);
    let mut run = estate.begin();
    until(|| (!estate.busy().is_empty()).then_some(()));
    assert!(up.stop());
    drop(run.kill());
    run.wait().unwrap();
    assert!(estate.is_clear(), "{} {:?}", estate.roles(), estate.leases());
}

#[test]
fn a_role_of_a_step_that_cannot_be_revoked_is_revoked_later() {
    let Some(estate) = Estate::new() else { return };
    let up = estate.up();
    let at = estate.at();
    estate.lend(&["--network", &at]);
    estate.commit(WAITS);
    let ran = std::thread::scope(|scope| {
        let running = scope.spawn(|| estate.run(0));
        until(|| (!estate.busy().is_empty()).then_some(()));
        // Nobody can be asked any more who may drop roles.
        estate.postgres.sql("ALTER ROLE minter NOLOGIN; INSERT INTO go VALUES (1)");
        running.join().unwrap()
    });
    let log = estate.log(ran["run"].as_str().unwrap());
    assert!(log.contains("may be left; it takes no password after its time"), "{log}");
    let role = estate.roles();
    assert!(role.starts_with("cs_") && estate.leases() == (1, 1), "{role}");
    let until_sql = format!(
        "SELECT rolvaliduntil < now() + interval '32 minutes' FROM pg_roles WHERE rolname = '{role}'"
    );
    assert_eq!(estate.postgres.sql(&until_sql), "t");
    estate.postgres.sql("ALTER ROLE minter LOGIN");
    until(|| estate.is_clear().then_some(()));
    assert!(up.stop());
}

#[test]
fn a_step_accepts_only_the_certificate_that_its_authority_vouches_for() {
    let Some(estate) = Estate::new() else { return };
    let [server, other] =
        [(); 2].map(|()| rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap());
    estate.postgres.protect(&server.cert.pem(), &server.signing_key.serialize_pem());
    let at = format!("localhost:{}", estate.postgres.port());
    let up = estate.shop.home.up_in(&["--allow-network", &at]);
    estate.lend(&["--network", &at]);
    let host = |pem: String| {
        let pem = pem.replace('\n', "\\n");
        format!("host: localhost, port: {}, authority: \"{pem}\"", estate.postgres.port())
    };
    let script = "psql -c '\\conninfo' && echo \"$PGSSLMODE $PGSSLROOTCERT\"";
    estate.commit_at(&host(server.cert.pem()), script);
    let ran = estate.run(0);
    let log = estate.log(ran["run"].as_str().unwrap());
    assert!(log.contains("SSL connection (protocol: TLSv1.3"), "{log}");
    assert!(log.contains("verify-full /run/certificates.pem\\n"), "{log}");
    estate.commit_at(&host(other.cert.pem()), "true");
    let said = estate.run(3).to_string();
    assert!(said.contains("invalid peer certificate"), "{said}");
    assert!(estate.is_clear() && up.stop());
}

#[test]
fn attack_a_step_gets_no_role_that_nobody_granted() {
    let Some(estate) = Estate::new() else { return };
    let up = estate.up();
    estate.commit("true");
    let said = estate.run(3).to_string();
    assert!(said.contains("secret-not-granted"), "{said}");
    // A grant that does not name the database: the credential goes nowhere.
    estate.lend(&["--network", "other.example:5432"]);
    estate.shop.commit("again");
    let said = estate.run(3).to_string();
    assert!(said.contains("do not all name its database 127.0.0.1:"), "{said}");
    let at = estate.at();
    estate.lend(&["--network", &at]);
    for (value, expected) in [
        ("minter:wrong-7d", "password authentication failed for user"),
        ("two\nlines", "is not one line of text"),
    ] {
        put(&estate.shop.home, &[CREDENTIAL], value.as_bytes(), 0);
        estate.shop.commit(expected);
        let said = estate.run(3).to_string();
        assert!(said.contains(expected) && !said.contains("wrong-7d"), "{said}");
        assert!(estate.is_clear(), "{expected}");
    }
    assert!(up.stop());
}
