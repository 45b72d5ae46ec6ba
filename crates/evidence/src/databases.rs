//! Databases of a service: where its agent makes a role for a step before a release, and whose rights the role has. Declared in
//! `release.yaml`.
//!
//! Invariant: a plan has each database with its host, so approvers see where a role is made and as whom it acts. The credential
//! that makes roles is a secret of the place, by reference; nothing of it is in the file or the plan.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Name;

/// Highest number of databases of a service.
pub const DATABASES_MAX: usize = 16;
/// Variable that names the host, if the file does not.
pub const HOST_VARIABLE: &str = "PGHOST";
/// Variable that names the port, if the file does not.
pub const PORT_VARIABLE: &str = "PGPORT";
/// Variable that names the database, if the file does not.
pub const DATABASE_VARIABLE: &str = "PGDATABASE";

/// A PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Database {
    /// The secret of the place that has user and password of somebody who may make roles, as `USER:PASSWORD`.
    #[schemars(with = "String")]
    pub credential: Name,
    /// Lowest number of its version; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<u64>,
    /// The role that a made role acts as; tables that a step makes belong to it.
    pub owner: String,
    /// Host of the server, or the directory of its Unix socket. If omitted, the variable `PGHOST` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its port. If omitted, the variable `PGPORT` names it; 5432 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The database. If omitted, the variable `PGDATABASE` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Certificates in PEM, one of which vouches for the server. Needed unless the server is on the agent's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Most sessions of a role at the same time; 8 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
}

/// A database as a plan has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedDatabase {
    /// The secret of the place with the credential.
    pub credential: Name,
    /// Lowest number of its version.
    pub least: u64,
    /// Host, or directory of a Unix socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Database.
    pub database: String,
    /// The role that a made role acts as.
    pub owner: String,
    /// Most sessions of a role.
    pub connections: u32,
    /// Certificates in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// The broken rule of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseFault(pub(crate) &'static str);

impl Database {
    /// The database with what the variables of a place say.
    ///
    /// # Errors
    /// `DatabaseFault`, if something is missing or is no name.
    pub fn planned(&self, variables: &BTreeMap<String, String>) -> Result<PlannedDatabase, DatabaseFault> {
        let said = |own: Option<&String>, variable: &str| own.or_else(|| variables.get(variable)).cloned();
        let host = said(self.host.as_ref(), HOST_VARIABLE);
        let host = host.ok_or(DatabaseFault(
            "a database needs `host`, or the variable PGHOST in release file or configuration",
        ))?;
        let database = said(self.database.as_ref(), DATABASE_VARIABLE);
        let database = database.ok_or(DatabaseFault(
            "a database needs `database`, or the variable PGDATABASE in release file or configuration",
        ))?;
        let port = match (self.port, variables.get(PORT_VARIABLE)) {
            (Some(port), _) => port,
            (None, Some(text)) => {
                text.parse().map_err(|_| DatabaseFault("the variable PGPORT is no port"))?
            }
            (None, None) => 5432,
        };
        let planned = PlannedDatabase {
            credential: self.credential.clone(),
            least: self.least.unwrap_or(1),
            host,
            port,
            database,
            owner: self.owner.clone(),
            connections: self.connections.unwrap_or(8),
            authority: self.authority.clone(),
        };
        match planned.fault() {
            None => Ok(planned),
            Some(fault) => Err(DatabaseFault(fault)),
        }
    }

    /// The broken rule that no configuration mends, if there is one.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let any = || Some("x".to_owned());
        let whole = Self {
            host: self.host.clone().or_else(any),
            database: self.database.clone().or_else(any),
            port: self.port.or(Some(1)),
            ..self.clone()
        };
        whole.planned(&BTreeMap::new()).err().map(|fault| fault.0)
    }
}

impl PlannedDatabase {
    /// The broken rule, if there is one.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let least = (self.least == 0).then_some("`least` of a database's credential starts at 1");
        let described = Described {
            owner: &self.owner,
            database: &self.database,
            host: &self.host,
            port: self.port,
            connections: self.connections,
            authority: self.authority.as_deref(),
        };
        described_fault(&described).or(least)
    }
}

/// A database, wherever it is described.
pub(crate) struct Described<'a> {
    pub owner: &'a str,
    pub database: &'a str,
    pub host: &'a str,
    pub port: u16,
    pub connections: u32,
    pub authority: Option<&'a str>,
}

/// The broken rule of a database, if there is one.
pub(crate) fn described_fault(of: &Described<'_>) -> Option<&'static str> {
    let is_name = |text: &str| (1..=63).contains(&text.len()) && !text.contains(char::is_control);
    let is_host = (1..=255).contains(&of.host.len())
        && !of.host.contains(|letter: char| letter.is_control() || letter.is_whitespace());
    let faults = [
        (is_name(of.owner), "`owner` of a database has 1 to 63 bytes in one line"),
        (is_name(of.database), "`database` has 1 to 63 bytes in one line"),
        (is_host, "`host` of a database has 1 to 255 bytes and no spaces"),
        (of.port > 0, "`port` of a database starts at 1"),
        ((1..=100).contains(&of.connections), "`connections` of a database lie between 1 and 100"),
        (
            of.authority.is_none_or(|pem| pem.len() <= AUTHORITY_BYTES_MAX),
            "`authority` of a database has more than 16,384 bytes",
        ),
    ];
    faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
}

const AUTHORITY_BYTES_MAX: usize = 16_384;
