//! The place of a secret's value in a store of the operator, instead of in the vault.
//!
//! Invariant: the statement names a store, and never its address or a login: those are the operator's of the machine that reads.
//! Mount, path and role are plain names, so that none of them leads elsewhere or means anything in a URL.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Name;

/// Where the value of a secret is read: a field of the KV engine, version 2, or a role of the database engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSource {
    /// The store, as the operator names it.
    pub store: Name,
    /// Mount of the engine.
    pub mount: String,
    /// Path of the secret, of the KV engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The field that has the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Number of the version; absent for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Role of the database engine, for which a user is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
}

/// The thing that is read at a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreItem<'a> {
    /// A field of a secret.
    Field {
        /// Path of the secret.
        path: &'a str,
        /// The field.
        field: &'a str,
        /// Number of the version; absent for the newest.
        version: Option<u32>,
    },
    /// A user of a database, made for one step.
    Database {
        /// The role.
        role: &'a str,
    },
}

/// The text names no place in a store.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no place in a store: expected `STORE:MOUNT/PATH#FIELD`, with `@VERSION` behind it or not, or `STORE:MOUNT/creds/ROLE` for a user of a database; names have letters, digits, `.`, `_` and `-`, and none is `.` or `..`"
)]
pub struct StoreSourceError(String);

impl StoreSource {
    /// The thing that is read; `None` if the fields do not fit together.
    #[must_use]
    pub fn item(&self) -> Option<StoreItem<'_>> {
        match (&self.path, &self.field, self.version, &self.database) {
            (Some(path), Some(field), version, None) => Some(StoreItem::Field { path, field, version }),
            (None, None, None, Some(role)) => Some(StoreItem::Database { role }),
            _ => None,
        }
    }

    /// Whether a user of a database is made, which is two values.
    #[must_use]
    pub fn is_database(&self) -> bool {
        matches!(self.item(), Some(StoreItem::Database { .. }))
    }

    /// Whether it lies below a path that begins with a mount, or is that path.
    #[must_use]
    pub fn is_below(&self, path: &str) -> bool {
        let rest = match self.item() {
            Some(StoreItem::Field { path, .. }) => path.to_owned(),
            Some(StoreItem::Database { role }) => format!("{CREDENTIALS}/{role}"),
            None => return false,
        };
        let own = format!("{}/{rest}", self.mount);
        own.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        let Some(item) = self.item() else {
            return Some("its place in a store is neither a field at a path nor a role of a database");
        };
        let sound = is_path(&self.mount)
            && match item {
                StoreItem::Field { path, field, version } => {
                    is_path(path) && is_word(field, FIELD_BYTES_MAX) && version != Some(0)
                }
                StoreItem::Database { role } => is_word(role, BYTES_MAX),
            };
        (!sound).then_some("a name of its place in a store has other signs than letters, digits, `.`, `_` and `-`, or leads elsewhere")
    }
}

impl fmt::Display for StoreSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, mount, .. } = self;
        match self.item() {
            Some(StoreItem::Field { path, field, version }) => {
                write!(f, "{store}:{mount}/{path}#{field}")?;
                version.map_or(Ok(()), |version| write!(f, "@{version}"))
            }
            Some(StoreItem::Database { role }) => write!(f, "{store}:{mount}/{CREDENTIALS}/{role}"),
            None => write!(f, "{store}:{mount}"),
        }
    }
}

impl FromStr for StoreSource {
    type Err = StoreSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = parsed(text).filter(|read| read.fault().is_none());
        read.ok_or_else(|| StoreSourceError(text.chars().take(120).collect()))
    }
}

/// The mount is the first name.
fn parsed(text: &str) -> Option<StoreSource> {
    let (store, rest) = text.split_once(':')?;
    let (mount, rest) = rest.split_once('/')?;
    let (store, mount) = (store.parse().ok()?, mount.to_owned());
    let bare = StoreSource { store, mount, path: None, field: None, version: None, database: None };
    let Some((path, field)) = rest.split_once('#') else {
        let role = rest.strip_prefix(CREDENTIALS)?.strip_prefix('/')?;
        return Some(StoreSource { database: Some(role.to_owned()), ..bare });
    };
    let (field, version) = match field.split_once('@') {
        Some((field, version)) => (field, Some(version.parse().ok()?)),
        None => (field, None),
    };
    Some(StoreSource { path: Some(path.to_owned()), field: Some(field.to_owned()), version, ..bare })
}

fn is_path(text: &str) -> bool {
    text.len() <= BYTES_MAX
        && text.split('/').count() <= SEGMENTS_MAX
        && text.split('/').all(|name| is_word(name, BYTES_MAX))
}

fn is_word(text: &str, bytes_max: usize) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=bytes_max).contains(&text.len()) && text != "." && text != ".." && text.chars().all(is_plain)
}

/// Where the database engine gives out users.
const CREDENTIALS: &str = "creds";
const BYTES_MAX: usize = 256;
const FIELD_BYTES_MAX: usize = 128;
const SEGMENTS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_store_has_one_text() {
        for text in [
            "bao:secret/shop/registry#token",
            "bao:secret/shop/registry#token@3",
            "vault-2:kv/a#b.c_d-e",
            "bao:database/creds/migrate",
        ] {
            let read: StoreSource = text.parse().unwrap();
            assert_eq!((read.to_string().as_str(), read.fault()), (text, None));
            assert_eq!(read.is_database(), text.contains("creds"));
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<StoreSource>(&json).unwrap(), read);
        }
    }

    #[test]
    fn a_place_lies_below_whole_names() {
        let is_below = |text: &str, path| text.parse::<StoreSource>().unwrap().is_below(path);
        for path in ["secret", "secret/shop", "secret/shop/registry"] {
            assert!(is_below("bao:secret/shop/registry#token", path), "{path}");
        }
        for path in ["secret/sho", "secret/shop/registry/token", "sec", "kv", ""] {
            assert!(!is_below("bao:secret/shop/registry#token", path), "{path}");
        }
        assert!(is_below("bao:database/creds/migrate", "database/creds/migrate"));
        assert!(!is_below("bao:database/creds/migrate", "database/creds/mig"));
    }

    /// Nothing of a grant leads elsewhere than below the mount that it names.
    #[test]
    fn attack_a_place_in_a_store_that_leads_elsewhere() {
        for bad in [
            "",
            "bao",
            "bao:secret",
            "bao:secret/a",
            "Bao:secret/a#b",
            "bao:secret/#b",
            "bao:secret/a#",
            "bao:secret/../sys/seal#b",
            "bao:../sys/a#b",
            "bao:secret/a/./b#c",
            "bao:secret/a//b#c",
            "bao:secret//a#b",
            "bao:secret/a?version=1#b",
            "bao:secret/a%2f..#b",
            "bao:secret/a b#c",
            "bao:secret/a#b@0",
            "bao:secret/a#b@x",
            "bao:secret/a#b#c",
            "bao:database/creds/",
            "bao:database/creds/a/b",
            "bao:database/static/a",
            "bao:secret/ä#b",
            "bao:secret/a\n#b",
        ] {
            let error = bad.parse::<StoreSource>().unwrap_err();
            assert!(error.to_string().contains("is no place in a store"), "{bad}");
        }
        let good: StoreSource = "bao:secret/a#b".parse().unwrap();
        let leads = [
            StoreSource { mount: "secret/../sys".into(), ..good.clone() },
            StoreSource { mount: String::new(), ..good.clone() },
            StoreSource { path: Some("../../sys/mounts".into()), ..good.clone() },
            StoreSource { path: Some("a/".repeat(8) + "a"), ..good.clone() },
            StoreSource { path: Some("a".repeat(300)), ..good.clone() },
            StoreSource { field: Some("b?c".into()), ..good.clone() },
            StoreSource { version: Some(0), ..good.clone() },
            StoreSource { field: None, ..good.clone() },
            StoreSource { path: None, ..good.clone() },
            StoreSource { database: Some("role".into()), ..good.clone() },
            StoreSource { path: None, field: None, database: Some("..".into()), ..good.clone() },
            StoreSource {
                path: None,
                field: None,
                version: Some(1),
                database: Some("a".into()),
                ..good.clone()
            },
        ];
        assert_eq!(good.fault(), None);
        for bad in leads {
            assert!(bad.fault().is_some(), "{bad:?}");
        }
    }
}
