//! A database in which a role is made for a step, for its time alone.
//!
//! Invariant: the credential that makes roles is a secret of the project, which somebody has to grant to the step; the step gets
//! nothing of it but the role. A database on another machine has an authority, so that nothing goes there in the clear.

use core::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretPath;
use crate::databases::{Described, described_fault};

/// Name of the file with the password of a step's role, and of its credential among the secrets that are lent for the step.
pub const DATABASE_FILE: &str = "database";
/// Variables that name the role to the step.
pub const DATABASE_VARIABLES: [&str; 7] =
    ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSSLMODE", "PGSSLROOTCERT"];

/// A PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StepDatabase {
    /// Path of the secret in the project that has user and password of somebody who may make roles, as `USER:PASSWORD`. The step
    /// gets nothing of it.
    #[schemars(with = "String")]
    pub credential: SecretPath,
    /// The role that the made role acts as; tables that the step makes belong to it.
    pub owner: String,
    /// Host of the server, which the grant of the credential has to name with the port.
    pub host: String,
    /// Its port; 5432 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The database.
    pub database: String,
    /// Certificates in PEM, one of which vouches for the server. Needed unless `host` is an address of the runner's loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Most sessions of the role at the same time; 8 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
}

impl StepDatabase {
    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(5432)
    }

    /// Most sessions of the role.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.connections.unwrap_or(8)
    }

    /// The destination, `HOST:PORT`, to which the step's connections are forwarded.
    #[must_use]
    pub fn destination(&self) -> String {
        match self.host.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]:{}", self.port()),
            _ => format!("{}:{}", self.host, self.port()),
        }
    }

    /// The broken rule, if there is one.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let is_near = self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if self.host.starts_with('/') {
            return Some("`host` is a name or an address: a step sees no socket of the runner's host");
        }
        if !is_near && self.authority.is_none() {
            return Some(
                "needs `authority`, certificates in PEM, so that nothing goes to another machine in the clear",
            );
        }
        described_fault(&Described {
            owner: &self.owner,
            database: &self.database,
            host: &self.host,
            port: self.port(),
            connections: self.connections(),
            authority: self.authority.as_deref(),
        })
    }
}
