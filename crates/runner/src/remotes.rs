//! The remotes of a runner's operator: from where it fetches the commits of each project, and with which credentials. The
//! file is `remotes.json` in the runner's directory; `docs/operating/hosts.md` describes it.
//!
//! Invariant: only the operator writes the file, and nothing that a server, a request or a repository says changes it. It
//! holds no secret: credentials are files that only the runner's user reads. No message has a part of a URL that could be one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evidence::{Digest, Name};
use serde::{Deserialize, Serialize};

/// The operator's remotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Remotes {
    /// Version of this format; 1.
    pub v: u8,
    /// Longest time of one fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Most space on the disk for the copy of one project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mib: Option<u64>,
    /// The remote of each project.
    #[serde(deserialize_with = "evidence::unique_map::deserialize")]
    pub projects: BTreeMap<Name, Remote>,
}

/// The remote of a project. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Remote {
    /// `https://HOST/PATH`, `ssh://USER@HOST/PATH`, or the absolute path of a repository on this machine.
    pub url: String,
    /// For HTTPS: file with a token or password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// For HTTPS: name that belongs to the token; default: `git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_user: Option<String>,
    /// For HTTPS: file with the certificates of the authorities that the host is believed by, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// For SSH: file with the private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<PathBuf>,
    /// For SSH: file with the host's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hosts_file: Option<PathBuf>,
}

/// Kinds of remotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteKind {
    /// A repository on this machine.
    Path,
    /// Over HTTPS.
    Https,
    /// Over SSH.
    Ssh,
}

/// Why remotes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RemotesError {
    /// The file cannot be read or written.
    #[error("cannot read `{0}`: {1}")]
    Io(PathBuf, io::Error),
    /// The file does not follow its format.
    #[error("`{0}`: {1}; correct the file")]
    Unsound(PathBuf, String),
    /// Others could change the file, or read a credential.
    #[error("`{}` has mode {mode:04o}, so that others {what}; `chmod 600 {}` mends that", path.display(), path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The right of others.
        what: &'static str,
    },
    /// A remote breaks a rule.
    #[error("remote of project `{0}`: {1}")]
    Rule(Name, &'static str),
}

impl Remotes {
    /// The remotes in a file; none if there is no file.
    ///
    /// # Errors
    /// `RemotesError` if it is unsound, or others could change it.
    pub fn read(path: &Path) -> Result<Self, RemotesError> {
        let (text, found) = match disk::read_bounded(path, FILE_BYTES_MAX) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(RemotesError::Unsound(path.to_path_buf(), error.to_string()));
            }
            Err(error) => return Err(RemotesError::Io(path.to_path_buf(), error)),
        };
        let mode = found.mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(RemotesError::Open { path: path.to_path_buf(), mode, what: "may change it" });
        }
        let unsound = |what: String| RemotesError::Unsound(path.to_path_buf(), what);
        // The words of the parser could repeat a URL, so only the place is told of a value that is wrong.
        let remotes: Self = serde_json::from_slice(&text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data if !error.to_string().starts_with("unknown field") => {
                unsound(format!(
                    "line {}, column {}: a field is missing or has another form",
                    error.line(),
                    error.column()
                ))
            }
            _ => unsound(error.to_string()),
        })?;
        if remotes.v != 1 {
            return Err(unsound(format!("it is of version {}, this program knows version 1", remotes.v)));
        }
        let limits = remotes.seconds.is_none_or(|most| (1..=SECONDS_MAX).contains(&most))
            && remotes.mib.is_none_or(|most| (16..=MIB_MAX).contains(&most));
        if !limits {
            return Err(unsound("`seconds` is 1 to 86400, `mib` 16 to 1048576".into()));
        }
        for (project, remote) in &remotes.projects {
            remote.check(project)?;
        }
        Ok(remotes)
    }

    /// Longest time of one fetch.
    #[must_use]
    pub fn time_max(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(600))
    }

    /// Most space on the disk for the copy of one project.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        self.mib.unwrap_or(4096) << 20
    }
}

impl Default for Remotes {
    fn default() -> Self {
        Self { v: 1, seconds: None, mib: None, projects: BTreeMap::new() }
    }
}

impl Remote {
    /// A remote without credentials.
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self {
            url,
            token_file: None,
            token_user: None,
            ca_file: None,
            identity_file: None,
            known_hosts_file: None,
        }
    }

    /// How it is reached; `None` if the URL is of no known kind.
    #[must_use]
    pub fn kind(&self) -> Option<RemoteKind> {
        if self.url.starts_with('/') {
            return Some(RemoteKind::Path);
        }
        match self.url.split_once("://")?.0 {
            "https" => Some(RemoteKind::Https),
            "ssh" => Some(RemoteKind::Ssh),
            _ => None,
        }
    }

    /// Digest that no two URLs share.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.url.as_bytes())
    }

    /// Checks all rules of the format. Files are read when they are used.
    ///
    /// # Errors
    /// `RemotesError::Rule` names the rule.
    pub fn check(&self, project: &Name) -> Result<(), RemotesError> {
        let rule =
            |holds: bool, text| if holds { Ok(()) } else { Err(RemotesError::Rule(project.clone(), text)) };
        let kind = self.kind().ok_or_else(|| RemotesError::Rule(project.clone(), KINDS))?;
        rule(self.url.len() <= URL_BYTES_MAX, "the URL has more than 2048 bytes")?;
        let files = [&self.token_file, &self.ca_file, &self.identity_file, &self.known_hosts_file];
        rule(files.into_iter().flatten().all(|file| is_plain(file)), PLAIN)?;
        let (https, ssh) = (
            self.token_file.is_some() || self.token_user.is_some() || self.ca_file.is_some(),
            self.identity_file.is_some() || self.known_hosts_file.is_some(),
        );
        match kind {
            RemoteKind::Path => {
                return rule(!https && !ssh, "a repository on this machine needs no credentials");
            }
            RemoteKind::Https => {
                rule(!ssh, "`identity-file` and `known-hosts-file` are for SSH")?;
                rule(
                    self.token_user.is_none() || self.token_file.is_some(),
                    "`token-user` needs `token-file`",
                )?;
                let user = self.token_user.as_deref().unwrap_or("git");
                rule(is_word(user), "`token-user` has letters, digits, `.`, `_`, `-` and `@`")?;
            }
            RemoteKind::Ssh => {
                rule(!https, "`token-file`, `token-user` and `ca-file` are for HTTPS")?;
                rule(self.identity_file.is_some() && self.known_hosts_file.is_some(), SSH_FILES)?;
            }
        }
        let rest = self.url.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        match kind {
            RemoteKind::Ssh => rule(user.is_none_or(|user| is_word(user) && !user.contains('@')), SECRET)?,
            _ => rule(user.is_none(), SECRET)?,
        }
        let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        rule(is_word(name) && !name.contains(['@', '_']), "the URL names no host")?;
        rule(
            port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0)),
            "the URL's port is no number from 1 to 65535",
        )?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~+@=".contains(&byte);
        let sound = !path.is_empty() && path.bytes().all(allowed) && !path.starts_with('-');
        rule(sound, "the URL's path has letters, digits, and `/`, `.`, `_`, `-`, `~`, `+`, `@`, `=`")
    }
}

/// Whether a path can stand in the command that git runs for SSH: it is absolute, and no character of it means something there.
fn is_plain(path: &Path) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte);
    path.is_absolute() && path.to_str().is_some_and(|text| text.bytes().all(allowed))
}

fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    !text.is_empty() && text.len() <= 253 && !text.starts_with('-') && text.bytes().all(allowed)
}

/// Checks a credential that another program reads: only the runner's user may.
///
/// # Errors
/// `RemotesError` if it cannot be read, or others may read it.
pub fn secret_file(path: &Path) -> Result<(), RemotesError> {
    let found = fs::metadata(path).map_err(|error| RemotesError::Io(path.to_path_buf(), error))?;
    if !found.is_file() {
        return Err(RemotesError::Unsound(path.to_path_buf(), "it is not a file".into()));
    }
    closed(path, &found)
}

/// Reads a credential that only the runner's user may read; `None` if it has more bytes than this.
///
/// # Errors
/// `RemotesError` if it cannot be read, or others may read it.
pub fn secret(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, RemotesError> {
    match disk::read_bounded(path, bytes_max) {
        Ok((bytes, found)) => closed(path, &found).map(|()| Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(None),
        Err(error) => Err(RemotesError::Io(path.to_path_buf(), error)),
    }
}

fn closed(path: &Path, found: &fs::Metadata) -> Result<(), RemotesError> {
    let mode = found.mode() & 0o7777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(RemotesError::Open { path: path.to_path_buf(), mode, what: "may read it" }),
    }
}

/// Name of the file in the runner's directory.
pub const REMOTES_FILE: &str = "remotes.json";
const FILE_BYTES_MAX: u64 = 1 << 20;
const URL_BYTES_MAX: usize = 2048;
const SECONDS_MAX: u64 = 86_400;
const MIB_MAX: u64 = 1 << 20;
const KINDS: &str = "the URL begins with `https://` or `ssh://`, or it is the absolute path of a repository";
const PLAIN: &str = "a file's path is absolute and has letters, digits, and `/`, `.`, `_`, `-`, `+`, `@`";
const SECRET: &str = "the URL has a name or password; put it into a file and name that as `token-file` (`ssh://USER@HOST` may \
                      have a user)";
const SSH_FILES: &str =
    "SSH needs `identity-file` and `known-hosts-file`; `ssh-keyscan` prints the second, compare it";
