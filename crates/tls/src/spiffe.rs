//! Names of roles in certificates: SPIFFE ids
//! (<https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>), `spiffe://INSTALLATION/ROLE/NAME`.

use std::fmt;
use std::str::FromStr;

use evidence::{Id, Name};

use crate::error::TlsError;

/// Kinds of roles that hold certificates of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The server.
    Server,
    /// A runner that the trust root names.
    Runner,
    /// An agent that an environment statement names.
    Agent,
}

/// The name of a role in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpiffeId {
    /// The installation, which is the trust domain.
    pub installation: Id,
    /// Kind of the role.
    pub role: Role,
    /// Name of the role.
    pub name: Name,
}

impl SpiffeId {
    /// The DNS name that belongs to the id. The domain is reserved for private use, so no name service gives it away.
    #[must_use]
    pub fn dns_name(&self) -> String {
        format!("{}.{}.{}.{DOMAIN}", self.name, self.role, self.installation)
    }
}

impl Role {
    const ALL: [Self; 3] = [Self::Server, Self::Runner, Self::Agent];

    const fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Runner => "runner",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}/{}", self.installation, self.role, self.name)
    }
}

impl FromStr for SpiffeId {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        let read = || {
            let mut parts = text.strip_prefix(SCHEME)?.split('/');
            let (installation, role, name) = (parts.next()?, parts.next()?, parts.next()?);
            let role = Role::ALL.into_iter().find(|known| known.word() == role)?;
            let id = Self { installation: installation.parse().ok()?, role, name: name.parse().ok()? };
            parts.next().is_none().then_some(id)
        };
        read().ok_or_else(|| TlsError::Spiffe(text.to_owned()))
    }
}

const SCHEME: &str = "spiffe://";
const DOMAIN: &str = "countersign.internal";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let text = format!("spiffe://{}/runner/runner-1", "ab".repeat(16));
        let id: SpiffeId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.dns_name(), format!("runner-1.runner.{}.countersign.internal", "ab".repeat(16)));
        for bad in [
            text.to_uppercase(),
            format!("{text}/"),
            format!("{text}/more"),
            text.replace("/runner/", "/root/"),
            text.replace("runner-1", "Runner-1"),
            text.replace("spiffe", "https"),
            text.replacen("ab", "a", 1),
            String::new(),
        ] {
            let error = bad.parse::<SpiffeId>().unwrap_err();
            assert!(error.to_string().contains("is not the SPIFFE id of a role"), "{error}");
        }
    }
}
