//! Steps that hold on to the role that they were lent, and listeners that want the credential which makes roles.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use mint::{Admin, Minted, RoleName, Server, Target, Turns};
use zeroize::Zeroizing;

use super::{Shop, admin};

/// A session that stays until it is ended.
fn session(shop: &Shop, minted: &Minted, application: &str, statements: &[&str]) -> Child {
    let mut psql = shop.postgres.psql_command(&minted.role, &minted.password, "127.0.0.1");
    psql.env("PGAPPNAME", application);
    for statement in statements.iter().chain(&["SELECT 'held'", "SELECT pg_sleep(1000)"]) {
        psql.args(["-c", statement]);
    }
    let mut session = psql.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let line = BufReader::new(session.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    assert_eq!(line, "held");
    session
}

fn is_ended(session: Child) {
    let done = session.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("terminating connection due to administrator command"), "{said}");
}

/// The name of an application is the client's choice: any user of the database can take the name under which a role is made.
#[test]
fn attack_a_session_that_pretends_to_make_the_role() {
    let Some(shop) = Shop::start() else { return };
    let (server, lease) = (shop.connect(), shop.lease());
    let minted = shop.mint(&server, &lease);
    let own = session(&shop, &minted, &lease.id.role(), &[]);
    shop.postgres.sql("CREATE ROLE bystander LOGIN PASSWORD 'b'");
    let other = Minted { role: "bystander".into(), password: Zeroizing::new("b".into()) };
    let mut other = session(&shop, &other, &lease.id.role(), &[]);
    assert_eq!(shop.revoke(&server, &[lease]), [""; 0]);
    assert_eq!(shop.roles(), "");
    is_ended(own);
    assert!(other.try_wait().unwrap().is_none(), "nobody else's session is ended");
    other.kill().unwrap();
    other.wait().unwrap();
}

/// A session may change the password of its role, and so hold the row that closes it, in as many sessions as the
/// role has.
#[test]
fn attack_a_step_that_locks_its_own_role() {
    let Some(shop) = Shop::start() else { return };
    let (server, lease, innocent) = (shop.connect(), shop.lease(), shop.lease());
    let minted = shop.mint(&server, &lease);
    shop.mint(&server, &innocent);
    let lock = ["SET ROLE NONE", "BEGIN", "ALTER ROLE CURRENT_USER PASSWORD 'mine'"];
    let first = session(&shop, &minted, "", &lock);
    // These wait in the queue for the row, before the session that closes the role.
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let mut psql = shop.postgres.psql_command(&minted.role, &minted.password, "127.0.0.1");
            for statement in lock.iter().chain(&["SELECT pg_sleep(1000)"]) {
                psql.args(["-c", statement]);
            }
            psql.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    while shop.postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") != "3" {}
    assert_eq!(shop.revoke(&server, &[innocent, lease]), [""; 0]);
    assert_eq!(shop.roles(), "");
    waiting.into_iter().chain([first]).for_each(is_ended);
}

/// The same by a user whose turn is over: otherwise a service in wrong hands would keep its password through an incident.
#[test]
fn attack_a_user_that_locks_its_own_row() {
    let Some(shop) = Shop::start() else { return };
    shop.postgres.sql(
        "CREATE ROLE api_a LOGIN PASSWORD 'first'; CREATE ROLE api_b NOLOGIN; GRANT api_a, api_b TO minter WITH ADMIN OPTION",
    );
    let user = Minted { role: "api_a".into(), password: Zeroizing::new("first".into()) };
    let held = session(&shop, &user, "", &["BEGIN", "ALTER ROLE CURRENT_USER PASSWORD 'mine'"]);
    let users = ["api_a", "api_b"].map(|name| name.parse::<RoleName>().unwrap());
    let [former, _] = &users;
    let turns = shop.runtime.block_on(Turns::take(&shop.target(), &admin(), users.clone())).unwrap();
    shop.runtime.block_on(turns.end(former)).unwrap();
    assert_eq!(shop.runtime.block_on(turns.may_log_in()).unwrap(), [false, false]);
    is_ended(held);
}

/// A program that answers at the place of a database, in its first words.
fn listener(answer: &'static [u8]) -> (Target, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut length = [0; 4];
        client.read_exact(&mut length).unwrap();
        let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
        client.read_exact(&mut startup).unwrap();
        client.write_all(answer).unwrap();
        let mut heard = Vec::new();
        // The client may close at once, or send what it was asked for.
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = client.read_to_end(&mut heard);
        heard
    });
    let database = "shop".parse().unwrap();
    (Target { host: "127.0.0.1".into(), port, database, authority: None }, heard)
}

/// While the database is down, anybody on its host can take its port.
#[test]
fn attack_a_listener_that_asks_for_the_credential() {
    let clear = b"R\0\0\0\x08\0\0\0\x03";
    let digest = b"R\0\0\0\x0c\0\0\0\x05salt";
    let no_proof = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for answer in [clear.as_slice(), digest, no_proof] {
        let (target, heard) = listener(answer);
        let connected = runtime.block_on(Server::connect(&target, &admin()));
        let said = connected.map(drop).unwrap_err().to_string();
        assert!(said.contains("scram-sha-256"), "{said}");
        assert_eq!(heard.join().unwrap(), b"", "nothing was sent");
    }
    // A credential without a password has none to give away: its server knows the user of the process.
    let (target, heard) = listener(no_proof);
    let without = Admin { password: Zeroizing::default(), ..admin() };
    runtime.block_on(Server::connect(&target, &without)).unwrap();
    drop(runtime);
    heard.join().unwrap();
}
