//! A login to a store, as a short-lived process gets it from the machine that starts it.
//!
//! Invariant: the private key of the machine stays with the machine: a process gets a token, which ends within minutes. The
//! secret id of an `AppRole` is read by that process itself. Nothing of either is in a `Debug` text.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use evidence::{Id, Moment, Name};
use openbao::{Clear, Login, Place, Session, StorePath, Token};
use serde::{Deserialize, Serialize};
use tlog::{SharedKey, SigningError};
use zeroize::Zeroize as _;

use crate::error::StoresError;

/// A store, and a login to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    pub(crate) store: Name,
    pub(crate) address: String,
    /// Certificates in PEM.
    pub(crate) authority: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) login: LoginAccess,
}

/// A login.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum LoginAccess {
    Approle { mount: String, role_id: String, secret_id_file: PathBuf },
    Jwt { mount: String, role: String, token: String },
}

impl fmt::Debug for LoginAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approle { .. } => "Approle(..)",
            Self::Jwt { .. } => "Jwt(..)",
        })
    }
}

impl Drop for LoginAccess {
    fn drop(&mut self) {
        if let Self::Jwt { token, .. } = self {
            token.zeroize();
        }
    }
}

/// The machine that logs in, and its purpose: the claims of its token.
pub struct Bearer<'a> {
    /// The installation.
    pub installation: Id,
    /// `runner` or `agent`.
    pub role: &'static str,
    /// Name of the machine.
    pub machine: &'a Name,
    /// Its key.
    pub key: SharedKey,
    /// Its clock.
    pub now: Moment,
    /// A number that no other token has.
    pub id: String,
    /// The purpose, such as project and step.
    pub about: BTreeMap<&'a str, &'a str>,
}

impl fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("machine", self.machine).finish_non_exhaustive()
    }
}

impl Bearer<'_> {
    /// A token for a store.
    pub(crate) fn token(&self, audience: &str) -> Result<String, SigningError> {
        let issuer = format!("spiffe://{}/{}/{}", self.installation, self.role, self.machine);
        let token = Token {
            issuer: &issuer,
            subject: self.machine.as_str(),
            audience,
            issued: self.now.millis() / 1000,
            validity: VALIDITY,
            id: &self.id,
            about: self.about.clone(),
        };
        Ok(token.try_signed(|bytes| self.key.sign(bytes))?.as_str().to_owned())
    }
}

impl Access {
    /// The store's name.
    #[must_use]
    pub const fn store(&self) -> &Name {
        &self.store
    }

    /// Logs in. Everything under this session ends at `until`. `at` is the place for which it is, for errors.
    pub(crate) fn open(&self, at: &str, until: Instant) -> Result<Session, StoresError> {
        let unusable = |what: String| StoresError::Place(self.store.clone(), format!("{at}: {what}"));
        let authority = self.authority.clone().map(String::into_bytes);
        let place = Place::new(&self.address, authority, self.namespace.clone())
            .map_err(|error| unusable(error.to_string()))?;
        let mount = |text: &str| text.parse::<StorePath>().map_err(|error| unusable(error.to_string()));
        let login = match &self.login {
            LoginAccess::Approle { mount: at, role_id, secret_id_file } => Login::AppRole {
                mount: mount(at)?,
                role: role_id.clone(),
                secret: secret_id(secret_id_file)?,
            },
            LoginAccess::Jwt { mount: at, role, token } => {
                Login::Jwt { mount: mount(at)?, role: role.clone(), token: Clear::new(token.clone()) }
            }
        };
        let opened = Session::open_until(&place, &login, Some(until));
        opened.map_err(|error| StoresError::Store {
            store: self.store.clone(),
            at: at.to_owned(),
            error: Box::new(error),
        })
    }
}

/// The secret id in a file that only the machine's user may read.
fn secret_id(path: &std::path::Path) -> Result<Clear, StoresError> {
    use std::os::unix::fs::MetadataExt as _;
    let read = disk::read_bounded(path, SECRET_ID_BYTES_MAX);
    let (mut bytes, found) = read.map_err(|error| StoresError::Io(path.to_path_buf(), error))?;
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        bytes.zeroize();
        return Err(StoresError::Open { path: path.to_path_buf(), mode, what: "may read it" });
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| StoresError::Unsound(path.to_path_buf(), "it is no text".into()))?;
    let text = Clear::new(text);
    Ok(Clear::new(text.as_str().trim().to_owned()))
}

const VALIDITY: Duration = Duration::from_secs(120);
const SECRET_ID_BYTES_MAX: u64 = 4096;
