//! Revoking 10,000 leases in a real PostgreSQL server, with its floor from the same run: dropping as many bare roles one by
//! one, in one session of the server's own client. `cargo x bench`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark")]

#[path = "../tests/roles/postgres.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod postgres;

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use evidence::Moment;
use mint::{Admin, Lease, LeaseId, Server, Target, Terms};
use postgres::Postgres;
use zeroize::Zeroizing;

fn main() {
    // Other sizes for a profile: `cargo x bench 500`.
    let count = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(10_000);
    let Some(server) = Postgres::start() else { return };
    let (minted, revoked) = leases(&server, count);
    let floor = bare_roles(&server, count);
    let ratio = revoked.as_secs_f64() / floor.as_secs_f64();
    println!(
        "{:44} {:>12} {:>12}   as many bare roles dropped one by one: {floor:.2?}; {ratio:.1} times that; at most 10 s",
        format!("{count} leases revoked"),
        format!("{revoked:.2?}"),
        "-",
    );
    println!(
        "{:44} {:>12} {:>12}   each with its own transaction",
        "their roles made",
        format!("{minted:.2?}"),
        "-"
    );
    assert!(revoked <= Duration::from_secs(10) || count > 10_000, "10,000 leases end within 10 seconds");
}

/// Makes roles and revokes them.
fn leases(server: &Postgres, count: usize) -> (Duration, Duration) {
    server.sql("CREATE ROLE shop_owner NOLOGIN; CREATE ROLE minter LOGIN CREATEROLE PASSWORD 'm'");
    server.sql("GRANT shop_owner TO minter WITH ADMIN OPTION");
    let target = Target {
        host: "127.0.0.1".into(),
        port: server.port(),
        database: "postgres".parse().unwrap(),
        authority: None,
    };
    let terms = Terms { owner: "shop_owner".parse().unwrap(), until: Moment::LAST, connections: 4 };
    let lease = || Lease {
        id: LeaseId::draw().unwrap(),
        credential: "db".into(),
        target: target.clone(),
        terms: terms.clone(),
    };
    let leases: Vec<_> = (0..count).map(|_| lease()).collect();
    let admin = Admin { user: "minter".parse().unwrap(), password: Zeroizing::new("m".into()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let connected = Server::connect(&target, &admin).await.unwrap();
        let begun = Instant::now();
        for lease in &leases {
            connected.mint(lease.id, &lease.terms).await.unwrap();
        }
        let minted = begun.elapsed();
        let begun = Instant::now();
        let left = connected.revoke(&leases).await;
        let revoked = begun.elapsed();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(server.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'cs\\_%'"), "0");
        (minted, revoked)
    })
}

/// Drops bare roles by the server's own client.
fn bare_roles(server: &Postgres, count: usize) -> Duration {
    let script =
        |verb: &str| -> String { (0..count).map(|number| format!("{verb} ROLE bare_{number};\n")).collect() };
    run(server, &script("CREATE"));
    let begun = Instant::now();
    run(server, &script("DROP"));
    begun.elapsed()
}

fn run(server: &Postgres, script: &str) {
    let mut psql = server.psql_command("postgres", "", server.socket().to_str().unwrap());
    let mut psql = psql.stdin(Stdio::piped()).spawn().unwrap();
    psql.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(psql.wait().unwrap().success());
}
