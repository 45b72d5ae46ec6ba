//! The statements by which roles are made and dropped.
//!
//! Invariant: they are functions of a lease alone, and every name in them is quoted. They hold for PostgreSQL 12 and later,
//! for a user with CREATEROLE that is no superuser (from 16 on it needs ADMIN OPTION on the owner role).

use crate::lease::{LeaseId, Terms};
use crate::text::literal;
use crate::verifier::Verifier;

/// Makes the role of a lease, in one transaction.
pub fn mint(id: LeaseId, terms: &Terms, verifier: &Verifier) -> String {
    let (role, owner) = (quoted(id), terms.owner.quoted());
    let until = literal(&terms.until.to_string());
    let verifier = literal(verifier.as_str());
    let connections = terms.connections;
    // NOINHERIT: a session that leaves the owner role may do nothing, so it comes to own nothing.
    format!(
        "BEGIN;\n\
         CREATE ROLE {role} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE CONNECTION LIMIT {connections} VALID UNTIL {until} \
         PASSWORD {verifier};\n\
         GRANT {owner} TO {role};\n\
         ALTER ROLE {role} SET role = {};\n\
         COMMIT",
        literal(terms.owner.as_str())
    )
}

/// Moves the end of a role.
pub fn renew(id: LeaseId, terms: &Terms) -> String {
    format!("ALTER ROLE {} VALID UNTIL {}", quoted(id), literal(&terms.until.to_string()))
}

/// Lets nobody begin a session as one of these roles any more.
pub fn close(ids: &[LeaseId]) -> String {
    let closed: Vec<_> = ids.iter().map(|id| format!("ALTER ROLE {} NOLOGIN", quoted(*id))).collect();
    closed.join(";\n")
}

/// Changes rows of roles, unless one is held for too long: a session may change its own password, and so hold its row.
pub fn unless_held(change: &str) -> String {
    format!("BEGIN;\nSET LOCAL lock_timeout = '{LOCK_MILLIS_MAX}ms';\n{change};\nCOMMIT")
}

/// The same after the end of all sessions of roles, in one message, so that no new session comes between.
pub fn after_sessions(names: &[String], change: &str) -> String {
    let names: Vec<_> = names.iter().map(|name| literal(name)).collect();
    let sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN";
    format!("{sessions} ({});\n{}", names.join(", "), unless_held(change))
}

/// Lets the holder end sessions of these roles, and give away what they own: it needs to be a member of them (from version
/// 16 on, by the ADMIN OPTION that making a role gives). Not when a role is made: each membership makes the next one slower.
pub fn join(ids: &[LeaseId]) -> String {
    let names: Vec<_> = ids.iter().map(|id| quoted(*id)).collect();
    format!("GRANT {} TO CURRENT_USER", names.join(", "))
}

/// Gives what a role owns in this database to its owner role, and takes its grants away.
pub fn disown(id: LeaseId, terms: &Terms) -> String {
    let (role, owner) = (quoted(id), terms.owner.quoted());
    format!("BEGIN;\nREASSIGN OWNED BY {role} TO {owner};\nDROP OWNED BY {role};\nCOMMIT")
}

/// Drops roles.
pub fn drop_roles(ids: &[LeaseId]) -> String {
    let names: Vec<_> = ids.iter().map(|id| quoted(*id)).collect();
    format!("DROP ROLE IF EXISTS {}", names.join(", "))
}

/// Names a session after the lease whose role it makes, so that a revocation can wait for its end: the server carries a
/// statement out although the holder that sent it was killed.
pub fn name_session(id: LeaseId) -> String {
    format!("SET application_name = {}", literal(&id.role()))
}

/// Ends the sessions that make the roles in `$1`. They are the holder's own: everybody else can take such a name, too.
pub const END_MAKING: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = ANY($1) \
                              AND usename = CURRENT_USER AND pid <> pg_backend_pid()";
/// Sessions that make the roles in `$1`.
pub const MAKING: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = ANY($1) AND usename = CURRENT_USER \
                          AND pid <> pg_backend_pid()";
/// Ends the sessions of the roles in `$1`.
pub const END_SESSIONS: &str =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = ANY($1)";
/// The roles in `$1` that have sessions.
pub const WITH_SESSIONS: &str = "SELECT DISTINCT usename::text FROM pg_stat_activity WHERE usename = ANY($1)";
/// Sessions of the roles in `$1`.
pub const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename = ANY($1)";
/// The roles in `$1` that exist.
pub const EXISTING: &str = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY($1)";
/// The roles in `$1` on which anything depends.
pub const DEPENDED_ON: &str = "SELECT DISTINCT r.rolname::text FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid \
                               WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname = ANY($1)";
/// Whether the role `$1` may connect to this database.
pub const CONNECTABLE: &str = "SELECT has_database_privilege($1::name, current_database(), 'CONNECT')";

/// Longest wait for a row that a session of the role holds.
const LOCK_MILLIS_MAX: u32 = 2_000;

fn quoted(id: LeaseId) -> String {
    format!("\"{}\"", id.role())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::ITERATIONS;

    #[test]
    fn the_statements_of_a_lease() {
        let id: LeaseId = "00112233445566778899aabbccddeeff".parse().unwrap();
        let until = "2026-11-29T12:00:00.000Z".parse().unwrap();
        let terms = Terms { owner: "shop\"owner".parse().unwrap(), until, connections: 8 };
        let verifier = Verifier::of("secret", b"0123456789abcdef", ITERATIONS);
        let said = mint(id, &terms, &verifier);
        assert!(!said.contains("secret"));
        let lines: Vec<_> = said.lines().collect();
        let role = "\"cs_00112233445566778899aabbccddeeff\"";
        assert_eq!(lines[2], format!("GRANT \"shop\"\"owner\" TO {role};"));
        assert_eq!(lines[3], format!("ALTER ROLE {role} SET role = 'shop\"owner';"));
        assert!(lines[1].contains("LOGIN NOINHERIT"), "{said}");
        assert!(
            lines[1].contains(
                "CONNECTION LIMIT 8 VALID UNTIL '2026-11-29T12:00:00.000Z' PASSWORD 'SCRAM-SHA-256$"
            )
        );
        assert_eq!(renew(id, &terms), format!("ALTER ROLE {role} VALID UNTIL '2026-11-29T12:00:00.000Z'"));
        let closed = format!("ALTER ROLE {role} NOLOGIN");
        assert_eq!(close(&[id, id]), format!("{closed};\n{closed}"));
        let short = format!("BEGIN;\nSET LOCAL lock_timeout = '2000ms';\n{closed};\nCOMMIT");
        assert_eq!(unless_held(&closed), short);
        assert!(after_sessions(&["it's".into()], &closed).ends_with(&format!("IN ('it''s');\n{short}")));
        assert_eq!(drop_roles(&[id, id]), format!("DROP ROLE IF EXISTS {role}, {role}"));
        assert_eq!(join(&[id]), format!("GRANT {role} TO CURRENT_USER"));
        assert!(disown(id, &terms).contains("TO \"shop\"\"owner\";"));
    }
}
