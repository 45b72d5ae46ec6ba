//! Credentials that exist for one lease, a step's or a service's: roles of a PostgreSQL server, gone afterwards, and SSH
//! certificates, which end by themselves.
//!
//! Invariant: a lease is in the journal on disk before its role exists, and leaves the journal only after the role is
//! gone; so whatever ends the holder, its next start knows every role that may be left. A minted role owns nothing: each
//! of its sessions acts as an owner role (`SET ROLE`), so it can be dropped at any moment. The server sees a verifier
//! (RFC 5803) and never the password, so its log cannot show it. This crate deliberately omits other databases, and how
//! somebody is entitled to mint: callers check that.

mod error;
mod journal;
mod lease;
mod login;
mod server;
mod ssh;
mod statements;
mod text;
mod tls;
mod turns;
mod verifier;

pub use error::{AdminError, JournalError, LeaseIdError, MintError, SshError, TextError};
pub use journal::{Journal, LEASES_MAX};
pub use lease::{Admin, Lease, LeaseId, Minted, Target, Terms};
pub use server::{Left, Server};
pub use ssh::{PRINCIPALS_MAX, SshCredential, SshTerms, VALIDITY_MAX, certify};
pub use text::{DatabaseName, RoleName};
pub use turns::Turns;
pub use verifier::{ITERATIONS, Verifier};
