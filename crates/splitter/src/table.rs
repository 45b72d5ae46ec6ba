//! The table of a splitter: groups with their weights and backends, and the limits of the port.
//!
//! Invariant: a table is checked before it is used, and every number in it has a bound. It names no release and no product.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::fault::TableError;
use crate::limits::Limits;

/// Highest number of groups.
pub const GROUPS_MAX: usize = 8;
/// Highest number of backends of a group.
pub const BACKENDS_MAX: usize = 32;
/// Highest weight of a group.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// Longest id, token, or name of a cookie or header, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Highest number of addresses whose `X-Forwarded-For` is believed.
pub const TRUSTED_MAX: usize = 64;

/// Groups of processes behind a port, and how requests are given to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The groups, in any order.
    pub groups: Vec<Group>,
    /// How a client stays with its group. If absent, each request is given to a group anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// The protocol of the port.
    #[serde(default)]
    pub protocol: Protocol,
    /// Proxies in front of this one, by whose headers a client's address is known. Everybody else's are replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<IpAddr>,
    /// Limits of the port.
    #[serde(default)]
    pub limits: Limits,
}

/// Processes of one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name, for instance `stable`.
    pub id: String,
    /// Its share of all weights. A group of weight 0 gets only requests of clients that stay with it.
    pub weight: u32,
    /// Where its processes listen.
    pub backends: Vec<SocketAddr>,
    /// Whether its processes take HTTP/2 with prior knowledge. Requests that come by HTTP/2 are sent by it then, all others by
    /// HTTP/1.1.
    #[serde(default, skip_serializing_if = "is_false")]
    pub http2: bool,
    /// The value of the sticky cookie that stands for the group. If absent, the splitter draws one, which is forgotten with its
    /// process. It has to be beyond guessing where a group of weight 0 may not be reached by strangers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// How a client stays with its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sticky {
    /// By a cookie of this name, which the splitter sets.
    Cookie(String),
    /// By the value of this header: equal values go to equal groups, and a group whose weight rises keeps those that it has.
    Header(String),
}

/// The protocol of the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1 and HTTP/2, given to groups request by request.
    #[default]
    Http,
    /// Bytes, given to groups connection by connection.
    Tcp,
}

impl Table {
    /// Checks all names and numbers.
    ///
    /// # Errors
    /// When one of them is beyond its bound, or two groups have the same name.
    pub fn check(&self) -> Result<(), TableError> {
        bounded("groups", self.groups.len(), GROUPS_MAX)?;
        bounded("trusted addresses", self.trusted.len(), TRUSTED_MAX)?;
        let (mut ids, mut tokens) = (BTreeSet::new(), BTreeSet::new());
        for group in &self.groups {
            group.check()?;
            if !ids.insert(&group.id) || group.token.as_ref().is_some_and(|token| !tokens.insert(token)) {
                return Err(TableError::Twice(group.id.clone()));
            }
        }
        match &self.sticky {
            Some(Sticky::Cookie(name) | Sticky::Header(name)) => is_name(name)?,
            None => {}
        }
        self.limits.check()
    }
}

impl Group {
    fn check(&self) -> Result<(), TableError> {
        is_name(&self.id)?;
        self.token.as_deref().map_or(Ok(()), is_name)?;
        bounded("backends", self.backends.len(), BACKENDS_MAX)?;
        if self.weight > WEIGHT_MAX {
            return Err(TableError::Outside("a weight", 0, u64::from(WEIGHT_MAX)));
        }
        if self.weight > 0 && self.backends.is_empty() {
            return Err(TableError::NoBackend(self.id.clone()));
        }
        Ok(())
    }
}

const fn bounded(what: &'static str, count: usize, most: usize) -> Result<(), TableError> {
    if count > most { Err(TableError::TooMany(what, most)) } else { Ok(()) }
}

/// Names are free of everything that has a meaning in a header or a cookie.
fn is_name(text: &str) -> Result<(), TableError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(plain) {
        let shown: String = text.chars().take(NAME_BYTES_MAX).collect();
        return Err(TableError::BadName(shown.escape_default().to_string()));
    }
    Ok(())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let group = |id: &str, weight| Group {
            id: id.to_owned(),
            weight,
            backends: vec![([127, 0, 0, 1], 8000).into()],
            http2: false,
            token: None,
        };
        Table { groups: vec![group("stable", 95), group("canary", 5)], ..Table::default() }
    }

    #[test]
    fn a_table_is_read_as_it_was_written_and_unknown_words_are_refused() {
        let table = Table { sticky: Some(Sticky::Cookie("group".to_owned())), ..table() };
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), table);
        assert!(text.contains(r#""sticky":{"cookie":"group"},"protocol":"http""#), "{text}");
        assert!(serde_json::from_str::<Table>(r#"{"groups":[],"else":1}"#).is_err());
        assert_eq!(serde_json::from_str::<Table>(r#"{"groups":[]}"#).unwrap(), Table::default());
    }

    #[test]
    fn a_table_beyond_a_bound_is_refused() {
        assert_eq!(table().check(), Ok(()));
        let with = |change: &dyn Fn(&mut Table)| {
            let mut table = table();
            change(&mut table);
            table.check().unwrap_err().to_string()
        };
        let first = || table().groups.first().cloned().unwrap();
        for (said, error) in [
            (
                with(&|table| table.groups = std::iter::repeat_n(first(), 9).collect()),
                "groups are more than 8",
            ),
            (with(&|table| table.groups.push(first())), "group `stable` has the name or token"),
            (
                with(&|table| table.groups.iter_mut().for_each(|group| group.token = Some("a".to_owned()))),
                "group `canary` has the name or token",
            ),
            (with(&|table| table.groups.iter_mut().for_each(|group| group.id = "a b".to_owned())), "`a b`"),
            (with(&|table| table.groups.iter_mut().for_each(|group| group.weight = 1_000_001)), "a weight"),
            (with(&|table| table.groups.iter_mut().for_each(|group| group.backends.clear())), "no backend"),
            (with(&|table| table.sticky = Some(Sticky::Cookie("a;b".to_owned()))), "`a;b`"),
            (with(&|table| table.limits.connections = 0), "connections is outside"),
        ] {
            assert!(said.contains(error), "{said}: {error}");
        }
    }
}
