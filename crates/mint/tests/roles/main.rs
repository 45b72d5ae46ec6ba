//! Roles in a real PostgreSQL server: what they may do, that they are gone, and what is left when something fails.
//!
//! The admin of these tests is no superuser: it has CREATEROLE and is a member of the owner role.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod attacks;
mod crashes;
mod lifecycle;
mod postgres;
mod quoting;
mod transport;
mod turns;

use evidence::Moment;
use mint::{Admin, Lease, LeaseId, Minted, Server, Target, Terms};
use postgres::Postgres;
use zeroize::Zeroizing;

/// A database with an owner role, a table of it, and an admin.
struct Shop {
    postgres: Postgres,
    runtime: tokio::runtime::Runtime,
}

impl Shop {
    fn start() -> Option<Self> {
        let postgres = Postgres::start()?;
        // From version 16 on the admin needs ADMIN OPTION; older ones take the same statement.
        postgres.sql(
            "CREATE ROLE shop_owner NOLOGIN; CREATE SCHEMA shop AUTHORIZATION shop_owner; \
             SET ROLE shop_owner; CREATE TABLE shop.orders (id int); RESET ROLE; \
             CREATE ROLE minter LOGIN CREATEROLE PASSWORD 'm'; GRANT shop_owner TO minter WITH ADMIN OPTION",
        );
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Some(Self { postgres, runtime })
    }

    fn target(&self) -> Target {
        let database = "postgres".parse().unwrap();
        Target { host: "127.0.0.1".into(), port: self.postgres.port(), database, authority: None }
    }

    fn connect(&self) -> Server {
        self.runtime.block_on(Server::connect(&self.target(), &admin())).unwrap()
    }

    fn lease(&self) -> Lease {
        let terms = Terms { owner: "shop_owner".parse().unwrap(), until: until(3_600_000), connections: 4 };
        Lease { id: LeaseId::draw().unwrap(), credential: "shop-db".into(), target: self.target(), terms }
    }

    fn mint(&self, server: &Server, lease: &Lease) -> Minted {
        self.runtime.block_on(server.mint(lease.id, &lease.terms)).unwrap()
    }

    /// Leases that are left, with the reasons.
    fn revoke(&self, server: &Server, leases: &[Lease]) -> Vec<String> {
        self.runtime.block_on(server.revoke(leases)).into_iter().map(|left| left.why).collect()
    }

    fn roles(&self) -> String {
        self.postgres.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'cs\\_%'")
    }
}

fn admin() -> Admin {
    Admin { user: "minter".parse().unwrap(), password: Zeroizing::new("m".into()) }
}

/// Milliseconds after the moment that the server's clock, which is this machine's, has now.
fn until(millis: i64) -> Moment {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    Moment::from_millis((i64::try_from(now).unwrap() + millis).unsigned_abs()).unwrap()
}
