//! A lease: a role by its id, the database that it is in, and its terms.
//!
//! Invariant: the name of a role is `cs_` and the id of its lease, 128 random bits; so no two leases share a role, and no
//! text from outside is in it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use evidence::Moment;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{AdminError, LeaseIdError, MintError};
use crate::text::{DatabaseName, RoleName};
use crate::verifier::random;

/// Id of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LeaseId([u8; 16]);

impl LeaseId {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn draw() -> Result<Self, MintError> {
        random().map(Self)
    }

    /// The role of the lease.
    #[must_use]
    pub fn role(self) -> String {
        format!("cs_{self}")
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&hex::encode(self.0))
    }
}

impl FromStr for LeaseId {
    type Err = LeaseIdError;

    fn from_str(text: &str) -> Result<Self, LeaseIdError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| LeaseIdError)?;
        let id = Self(bytes);
        // One id has one text.
        if id.to_string() == text { Ok(id) } else { Err(LeaseIdError) }
    }
}

impl TryFrom<String> for LeaseId {
    type Error = LeaseIdError;

    fn try_from(text: String) -> Result<Self, LeaseIdError> {
        text.parse()
    }
}

impl From<LeaseId> for String {
    fn from(id: LeaseId) -> Self {
        id.to_string()
    }
}

/// A database at a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name or address of its host, or the directory of its Unix socket, which begins with `/`.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database.
    pub database: DatabaseName,
    /// Certificates in PEM, one of which has to vouch for the server; needed unless the host is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

impl Target {
    /// Whether nothing leaves this machine on the way there.
    #[must_use]
    pub fn is_near(&self) -> bool {
        let is_loopback = self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        self.host.starts_with('/') || is_loopback
    }
}

impl fmt::Display for Target {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "`{}` at {}:{}", self.database.as_str(), self.host, self.port)
    }
}

/// The rights of a role, and how long it has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The role that its sessions act as.
    pub owner: RoleName,
    /// After this the server takes its password no more, also if nobody revokes the lease.
    pub until: Moment,
    /// Most sessions at the same time.
    pub connections: u32,
}

/// A lease, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Its id.
    pub id: LeaseId,
    /// By what the holder can open the credential that may revoke it; never the credential itself.
    pub credential: String,
    /// The database.
    pub target: Target,
    /// Its terms.
    pub terms: Terms,
}

/// A role that exists now.
#[derive(Debug)]
pub struct Minted {
    /// Name of the role.
    pub role: String,
    /// Its password.
    pub password: Zeroizing<String>,
}

/// User and password of somebody who may make and drop roles.
pub struct Admin {
    /// The user.
    pub user: RoleName,
    /// The password; empty where the server asks for none, such as at a Unix socket by the user of the process.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Admin").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Admin {
    /// Reads a credential: `USER:PASSWORD`, or `USER` alone where the server asks for no password, and perhaps the end of a line.
    ///
    /// # Errors
    /// When it begins with no name of a role, or is no text.
    pub fn parse(bytes: &[u8]) -> Result<Self, AdminError> {
        let text = std::str::from_utf8(bytes).map_err(|_| AdminError::Text)?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let (user, password) = line.split_once(':').unwrap_or((line, ""));
        let is_line = !line.contains(char::is_control);
        let user = user.parse().map_err(AdminError::User)?;
        let password = Zeroizing::new(password.to_owned());
        if is_line { Ok(Self { user, password }) } else { Err(AdminError::Text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text() {
        let id = LeaseId::draw().unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.role(), format!("cs_{id}"));
        for text in ["", "00", &id.to_string().to_uppercase().replace('0', "A"), &format!("{id}\"; DROP")] {
            let said = text.parse::<LeaseId>().unwrap_err().to_string();
            assert_eq!(said, "an id of a lease is 32 lower-case hexadecimal digits");
        }
    }

    #[test]
    fn only_sockets_and_loopback_addresses_are_near() {
        let near = |host: &str| {
            let database = "shop".parse().unwrap();
            Target { host: host.into(), port: 5432, database, authority: None }.is_near()
        };
        assert!(near("/run/postgresql") && near("127.0.0.1") && near("::1"));
        // A name may resolve to anything.
        assert!(!near("localhost") && !near("127.0.0.1.example.org") && !near("10.0.0.1"));
    }

    #[test]
    fn a_credential_is_one_line() {
        let read = |text: &str| Admin::parse(text.as_bytes());
        let admin = read("minter:a:b\n").unwrap();
        assert_eq!((admin.user.as_str(), admin.password.as_str()), ("minter", "a:b"));
        assert!(read("minter").unwrap().password.is_empty());
        let said = [read(":x"), read("m:secret\n\n"), Admin::parse(b"m:\xff")]
            .map(|read| read.unwrap_err().to_string());
        assert_eq!(
            said,
            [
                "the credential has no user: a name has 1 to 63 bytes; this one has 0",
                "the credential is not one line of text, `USER:PASSWORD`",
                "the credential is not one line of text, `USER:PASSWORD`",
            ]
        );
    }

    #[test]
    fn a_credential_does_not_show_its_password() {
        let admin = Admin { user: "minter".parse().unwrap(), password: Zeroizing::new("hunter2".into()) };
        assert_eq!(format!("{admin:?}"), "Admin { user: RoleName(\"minter\"), .. }");
    }
}
