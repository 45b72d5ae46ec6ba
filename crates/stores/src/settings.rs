//! The operator's stores: the file `stores.json` in the directory of a runner or agent. Format: `docs/secrets/stores.md`.
//!
//! Invariant: only the operator writes the file, and nothing that a server, a grant or a repository says changes it. It holds no
//! secret: the secret id of a login is a file that only the machine's user reads.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use evidence::statements::StoreSource;
use evidence::{Name, unique_map};
use openbao::{Place, StorePath, StorePathError};
use serde::Deserialize;

use crate::access::{Access, Bearer, LoginAccess};
use crate::error::StoresError;

/// The operator's stores; they are read anew for each use.
#[derive(Clone, Debug)]
pub struct Stores(PathBuf);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u8,
    #[serde(deserialize_with = "unique_map::deserialize")]
    stores: BTreeMap<Name, Store>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Store {
    address: String,
    ca_file: Option<PathBuf>,
    namespace: Option<String>,
    login: Login,
    /// Beginnings of the places that steps and services of a project may read.
    #[serde(deserialize_with = "unique_map::deserialize")]
    projects: BTreeMap<Name, Vec<StorePathText>>,
}

/// The beginning of a place, as text.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct StorePathText(String);

impl TryFrom<String> for StorePathText {
    type Error = StorePathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse::<StorePath>().map(|path| Self(path.to_string()))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Login {
    Approle(AppRole),
    Jwt(Jwt),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AppRole {
    mount: Option<String>,
    role_id: String,
    secret_id_file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Jwt {
    mount: Option<String>,
    role: String,
    audience: String,
}

impl Stores {
    /// The stores that the operator names in the directory of a runner or agent.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self(dir.join(STORES_FILE))
    }

    /// Checks the whole file.
    ///
    /// # Errors
    /// `StoresError` names what is unsound in it.
    pub fn check(&self) -> Result<(), StoresError> {
        for (name, store) in self.read()? {
            self.sound(&name, &store)?;
        }
        Ok(())
    }

    /// A login by which a place may be read for a project. `bearer` is this machine, if the store believes its tokens.
    ///
    /// # Errors
    /// `StoresError` if there is no such store, the operator does not let the project read there, or a file cannot be used.
    pub fn access(
        &self,
        from: &StoreSource,
        project: &Name,
        bearer: &Bearer<'_>,
    ) -> Result<Access, StoresError> {
        let mut stores = self.read()?;
        // A machine's own login may read what several projects have there, and the person who grants owns one of them.
        let allowed = stores.get(&from.store).and_then(|store| store.projects.get(project));
        let is_allowed = allowed.is_some_and(|beginnings| beginnings.iter().any(|own| from.is_below(&own.0)));
        if stores.contains_key(&from.store) && !is_allowed {
            let (at, project, path) = (from.to_string(), project.clone(), self.0.clone());
            return Err(StoresError::Project { store: from.store.clone(), at, project, path });
        }
        self.login_to(&from.store, stores.remove(&from.store), bearer)
    }

    /// A login to a store, for what no project reads.
    ///
    /// # Errors
    /// `StoresError` if there is no such store, or a file of it cannot be used.
    pub fn login(&self, name: &Name, bearer: &Bearer<'_>) -> Result<Access, StoresError> {
        self.login_to(name, self.read()?.remove(name), bearer)
    }

    fn login_to(
        &self,
        name: &Name,
        store: Option<Store>,
        bearer: &Bearer<'_>,
    ) -> Result<Access, StoresError> {
        let unknown = || StoresError::Unknown { store: name.clone(), path: self.0.clone() };
        let store = store.ok_or_else(unknown)?;
        self.sound(name, &store)?;
        let authority = store.ca_file.as_deref().map(authority).transpose()?;
        let Store { address, namespace, login, .. } = store;
        let login = match login {
            Login::Approle(AppRole { mount, role_id, secret_id_file }) => {
                let mount = mount.unwrap_or_else(|| APPROLE.to_owned());
                LoginAccess::Approle { mount, role_id, secret_id_file }
            }
            Login::Jwt(Jwt { mount, role, audience }) => {
                let token = bearer.token(&audience);
                let token = token.map_err(|error| StoresError::Token(name.clone(), error.to_string()))?;
                let mount = mount.unwrap_or_else(|| JWT.to_owned());
                LoginAccess::Jwt { mount, role, token }
            }
        };
        Ok(Access { store: name.clone(), address, authority, namespace, login })
    }

    fn read(&self) -> Result<BTreeMap<Name, Store>, StoresError> {
        let (bytes, found) = match disk::read_bounded(&self.0, FILE_BYTES_MAX) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(StoresError::Io(self.0.clone(), error)),
        };
        let mode = found.mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(StoresError::Open { path: self.0.clone(), mode, what: "may change it" });
        }
        let file: File = serde_json::from_slice(&bytes).map_err(|error| self.unsound(error.to_string()))?;
        match file.v {
            1 => Ok(file.stores),
            v => Err(self.unsound(format!("version {v} is unknown"))),
        }
    }

    fn sound(&self, name: &Name, store: &Store) -> Result<(), StoresError> {
        let named = |what: String| self.unsound(format!("store `{name}`: {what}"));
        let authority = store.ca_file.as_deref().map(authority).transpose()?;
        Place::new(&store.address, authority.map(String::into_bytes), store.namespace.clone())
            .map_err(|error| named(error.to_string()))?;
        let (mount, words) = match &store.login {
            Login::Approle(AppRole { mount, role_id, secret_id_file }) => {
                if !secret_id_file.is_absolute() {
                    return Err(named("`secret-id-file` is not an absolute path".into()));
                }
                (mount, [role_id, role_id])
            }
            Login::Jwt(Jwt { mount, role, audience }) => (mount, [role, audience]),
        };
        if words.iter().any(|word| !(1..=WORD_BYTES_MAX).contains(&word.len())) {
            return Err(named("role and audience of a login have 1 to 500 bytes".into()));
        }
        let mount: Option<Result<StorePath, _>> = mount.as_ref().map(|mount| mount.parse());
        mount.transpose().map(drop).map_err(|error| named(error.to_string()))
    }

    fn unsound(&self, what: String) -> StoresError {
        StoresError::Unsound(self.0.clone(), what)
    }
}

/// The certificates in a file, as text.
fn authority(path: &Path) -> Result<String, StoresError> {
    let read = disk::read_bounded(path, FILE_BYTES_MAX);
    let (bytes, _) = read.map_err(|error| StoresError::Io(path.to_path_buf(), error))?;
    let text = String::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN CERTIFICATE-----"));
    text.ok_or_else(|| StoresError::Unsound(path.to_path_buf(), "there is no certificate in PEM".into()))
}

/// Name of the file.
pub const STORES_FILE: &str = "stores.json";
const APPROLE: &str = "approle";
const JWT: &str = "jwt";
const FILE_BYTES_MAX: u64 = 1 << 20;
const WORD_BYTES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn stores(dir: &Path, text: &str) -> Stores {
        disk::write(&dir.join(STORES_FILE), text.as_bytes(), 0o644).unwrap();
        Stores::of(dir)
    }

    const APPROLE: &str = r#"{"approle": {"role-id": "r", "secret-id-file": "/etc/secret-id"}}"#;

    fn one(address: &str, login: &str) -> String {
        format!(
            r#"{{"v": 1, "stores": {{"bao": {{"address": "{address}", "login": {login}, "projects": {{"shop": ["secret/shop"]}}}}}}}}"#
        )
    }

    #[test]
    fn a_mistake_in_the_file_of_stores_is_named() {
        let dir = tempfile::tempdir().unwrap();
        Stores::of(dir.path()).check().unwrap();
        stores(dir.path(), &one("https://bao.example:8200", APPROLE)).check().unwrap();
        let jwt = r#"{"jwt": {"role": "countersign", "audience": "bao", "mount": "ci/jwt"}}"#;
        stores(dir.path(), &one("https://bao.example", jwt)).check().unwrap();
        let bad = "https://bao.example";
        for (text, said) in [
            ("{".to_owned(), "EOF"),
            (r#"{"v": 2, "stores": {}}"#.into(), "version 2 is unknown"),
            (
                one("http://bao.example", APPROLE),
                "store `bao`: `http://bao.example` would carry secrets in clear",
            ),
            (one("https://bao.example/v1", APPROLE), "is not the address of a store"),
            (one(bad, r#"{"approle": {"role-id": "", "secret-id-file": "/x"}}"#), "1 to 500 bytes"),
            (one(bad, r#"{"approle": {"role-id": "r", "secret-id-file": "x"}}"#), "not an absolute path"),
            (one(bad, r#"{"approle": {"role-id": "r", "secret-id": "x"}}"#), "unknown field `secret-id`"),
            (
                one(bad, r#"{"jwt": {"role": "r", "audience": "a", "mount": "../sys"}}"#),
                "is not a path in a store",
            ),
            (one(bad, r#"{"token": "s.x"}"#), "unknown variant"),
            (one(bad, APPROLE).replace("}}}}", "}}, \"bao\": {}}}"), "`bao` stands twice"),
            (one(bad, APPROLE).replace("\"shop\": [", "\"shop\": [], \"shop\": ["), "`shop` stands twice"),
            (one(bad, APPROLE).replace("secret/shop", "secret/../bank"), "is not a path in a store"),
        ] {
            let error = stores(dir.path(), &text).check().unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("correct the file"), "{said}: {error}");
        }
        let file = dir.path().join(STORES_FILE);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        let error = Stores::of(dir.path()).check().unwrap_err().to_string();
        assert!(error.contains("has mode 0666, so that others may change it"), "{error}");
    }
}
