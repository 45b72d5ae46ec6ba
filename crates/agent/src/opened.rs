//! Secrets of a service in the process that keeps it: opened, put into files that only the service sees, and hidden in its log.
//!
//! Invariant: a value is nowhere but in this process, in the service's files, and in a variable if the plan asks for one. This
//! process writes no core, cannot be traced by the service, and ends with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use evidence::seal::WrappedKey;
use evidence::ssh_access::PlannedSsh;
use evidence::statements::StoreSource;
use evidence::{Digest, Id, Moment, Name, Place};
use mask::{BYTES_MIN, Masker, TimedStream, is_hidden};
use mint::{LeaseId, SshCredential, SshError, SshTerms, certify};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sandbox::{Hold, private_files};
use serde::{Deserialize, Serialize};
use stores::{Access, Wanted};
use vault::{SEALED_BYTES_MAX, SealSecret, SealedValue, SecretVersion};
use zeroize::Zeroizing;

use crate::service_user::ServiceUser;

/// Variables of a step with a role.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintedVariables {
    /// All of them, with the password.
    pub variables: BTreeMap<String, String>,
}

/// A role that was made for a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintedRole {
    /// Certificates in PEM that vouch for its database, and the empty directory over which their file is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<(PathBuf, String)>,
}

impl Drop for MintedVariables {
    fn drop(&mut self) {
        self.variables.values_mut().for_each(zeroize::Zeroize::zeroize);
    }
}

/// Sealed secrets of a service, and where it finds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedSecrets {
    /// File of the agent's seal key.
    pub seal: PathBuf,
    /// Empty directory over which the files are mounted.
    pub directory: PathBuf,
    /// The installation.
    pub installation: Id,
    /// The place.
    pub place: Place,
    /// The secrets.
    pub secrets: Vec<SealedSecret>,
    /// The keys of authorities, each for an SSH certificate of a step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<SealedAuthority>,
    /// Secrets that lie in stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stored: Vec<StoredSecret>,
}

/// The sealed key of an authority, and what it certifies. The service does not get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedAuthority {
    /// The key, under the name of the certificate's file.
    pub key: SealedSecret,
    /// The certificate.
    pub terms: PlannedSsh,
    /// The time of the certificate's beginning.
    pub from: Moment,
}

/// A secret that this process reads in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSecret {
    /// Name of its file.
    pub name: Name,
    /// Variable that has the value too.
    pub variable: Option<String>,
    /// Name of the secret at the place.
    pub secret: Name,
    /// Where it is.
    pub from: StoreSource,
    /// A login.
    pub access: Access,
}

impl SealedSecrets {
    /// Whether the agent's key opens any of them: an agent that reads all in stores needs none.
    fn is_unsealed_by_key(&self) -> bool {
        !self.secrets.is_empty() || !self.authorities.is_empty()
    }
}

/// One sealed secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedSecret {
    /// Name of its file.
    pub name: Name,
    /// Variable that has the value too.
    pub variable: Option<String>,
    /// Name of the secret at the place.
    pub secret: Name,
    /// Number of its version.
    pub number: u32,
    /// Digest of the sealed value.
    pub value: Digest,
    /// The key of the value.
    pub key: WrappedKey,
    /// File of the sealed value.
    pub file: PathBuf,
}

/// Why a value does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnopenedError(String);

/// Why a service does not get its secrets.
#[derive(Debug, thiserror::Error)]
pub enum OpenedError {
    /// A file cannot be read.
    #[error("cannot read `{path}`: {1}", path = .0.display())]
    Read(PathBuf, io::Error),
    /// The seal key is damaged.
    #[error("`{path}`: {1}", path = .0.display())]
    Key(PathBuf, vault::SealSecretError),
    /// A value does not open.
    #[error("version {0} of secret `{1}` does not open: {2}")]
    Value(u32, Name, String),
    /// A value that lies in a store cannot be read.
    #[error("secret `{0}`: {1}")]
    Store(Name, stores::StoresError),
    /// A value cannot be in a variable.
    #[error("secret `{0}` has a NUL byte, which no variable can hold: read its file")]
    Variable(Name),
    /// The files cannot be made.
    #[error("its secrets cannot be put into memory that only the service sees: {0}")]
    Files(io::Error),
    /// A certificate cannot be made.
    #[error("SSH certificate `{0}`, by secret `{1}`: {2}")]
    Certificate(Name, Name, SshError),
    /// The values cannot be hidden in the log.
    #[error(transparent)]
    Mask(#[from] mask::MaskError),
}

/// A value: name of its file, variable, and bytes.
type OpenedValue = (Name, Option<String>, Zeroizing<Vec<u8>>);

/// Opened secrets.
pub struct Opened {
    values: Vec<OpenedValue>,
    /// Variables of the role that was made for it.
    minted: Option<MintedVariables>,
    masker: Masker,
}

impl Opened {
    /// Opens secrets and puts them into files. The caller is inside the enclosure of the service.
    ///
    /// # Errors
    /// `OpenedError` when one does not open: then the service is not started.
    pub fn open(
        sealed: Option<&SealedSecrets>,
        minted: Option<(&MintedRole, MintedVariables)>,
        hold: Hold,
        user: Option<ServiceUser>,
    ) -> Result<Self, OpenedError> {
        let authority = minted.as_ref().and_then(|(role, _)| role.authority.as_ref());
        let mut opened = match (sealed, authority) {
            (Some(sealed), _) => {
                Self::unsealed(sealed, (authority.map(|(_, pem)| pem.as_str()), user), hold)?
            }
            (None, Some((directory, pem))) => {
                let files = [(AUTHORITY_FILE, pem.as_bytes())];
                private_files(hold, directory, files, user.map(ServiceUser::ids))
                    .map_err(OpenedError::Files)?;
                Self { values: Vec::new(), minted: None, masker: Masker::new([])? }
            }
            (None, None) => Self { values: Vec::new(), minted: None, masker: Masker::new([])? },
        };
        if let Some((_, minted)) = minted {
            let passwords = minted.variables.iter().filter(|(name, _)| name.as_str() == PASSWORD);
            let passwords = passwords.map(|(_, password)| password.as_bytes());
            let values = opened.values.iter().map(|(_, _, value)| value.as_slice());
            opened.masker = Masker::new(values.chain(passwords))?;
            opened.minted = Some(minted);
        }
        Ok(opened)
    }

    fn unsealed(
        sealed: &SealedSecrets,
        (authority, user): (Option<&str>, Option<ServiceUser>),
        hold: Hold,
    ) -> Result<Self, OpenedError> {
        let read = |path: &Path| fs::read(path).map_err(|error| OpenedError::Read(path.to_path_buf(), error));
        let mut values = stored(&sealed.stored)?;
        let seal = if sealed.is_unsealed_by_key() { Some(Zeroizing::new(read(&sealed.seal)?)) } else { None };
        let text = seal.as_ref().map(|line| std::str::from_utf8(line).unwrap_or_default());
        let seal: Option<SealSecret> =
            text.map(str::parse).transpose().map_err(|error| OpenedError::Key(sealed.seal.clone(), error))?;
        let opened = |secret: &SealedSecret| {
            let version = (&secret.secret, secret.number, secret.value);
            let (installation, place) = (sealed.installation, &sealed.place);
            let failed = |why: String| OpenedError::Value(secret.number, secret.secret.clone(), why);
            let seal = seal.as_ref().ok_or_else(|| failed("there is no key".into()))?;
            open_value(installation, place, version, &secret.key, seal, &read(&secret.file)?)
                .map_err(|why| failed(why.to_string()))
        };
        for secret in &sealed.secrets {
            let value = opened(secret)?;
            if secret.variable.is_some() && value.contains(&0) {
                return Err(OpenedError::Variable(secret.secret.clone()));
            }
            values.push((secret.name.clone(), secret.variable.clone(), value));
        }
        let mut certificates = Vec::new();
        for authority in &sealed.authorities {
            let made = certified(authority, &opened(&authority.key)?)?;
            let name = &authority.key.name;
            certificates.push((format!("{name}-cert.pub"), made.certificate));
            values.push((name.clone(), None, Zeroizing::new(made.key.as_bytes().to_vec())));
        }
        let masker = Masker::new(values.iter().map(|(_, _, value)| value.as_slice()))?;
        let files = values.iter().map(|(name, _, value)| (name.as_str(), value.as_slice()));
        let public = certificates.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
        // Names of secrets have no dot.
        let public = public.chain(authority.map(|pem| (AUTHORITY_FILE, pem.as_bytes())));
        let owner = user.map(ServiceUser::ids);
        private_files(hold, &sealed.directory, files.chain(public), owner).map_err(OpenedError::Files)?;
        Ok(Self { values, minted: None, masker })
    }

    /// Variables that have a value.
    pub fn variables(&self) -> impl Iterator<Item = (&str, OsString)> {
        let minted = self.minted.iter().flat_map(|minted| &minted.variables);
        let minted = minted.map(|(name, value)| (name.as_str(), OsString::from(value.as_str())));
        let secrets = self.values.iter().filter_map(|(_, variable, value)| {
            Some((variable.as_deref()?, OsString::from_vec(value.to_vec())))
        });
        secrets.chain(minted)
    }

    /// A line for each secret that the log does not hide.
    fn unhidden(&self) -> String {
        let short = self.values.iter().filter(|(_, _, value)| !is_hidden(value));
        let line = |name: &Name| {
            format!(
                "countersign: secret `{name}` has fewer than {BYTES_MIN} bytes, so the log does not hide it\n"
            )
        };
        short.map(|(name, _, _)| line(name)).collect()
    }

    /// Copies a service's output to its log until it ends, without the values; tells when that is done.
    pub fn hide(self, output: PipeReader, log: OwnedFd) -> io::Result<Receiver<()>> {
        let (end, done) = channel();
        std::thread::Builder::new().name("mask".into()).spawn(move || {
            // Nobody reads the log if the agent has ended; then this process ends too.
            let mut log = fs::File::from(log);
            drop(log.write_all(self.unhidden().as_bytes()).and_then(|()| copied(&self.masker, output, log)));
            let _ = end.send(());
        })?;
        Ok(done)
    }
}

/// Draws a key and has it certified. The authority's key goes no further than this.
fn certified(authority: &SealedAuthority, key: &[u8]) -> Result<SshCredential, OpenedError> {
    let SealedAuthority { key: SealedSecret { name, secret, .. }, terms, from } = authority;
    let failed = |why| OpenedError::Certificate(name.clone(), secret.clone(), why);
    let text = std::str::from_utf8(key).map_err(|_| failed(SshError::Authority))?;
    let terms = SshTerms {
        principals: terms.principals.iter().cloned().collect(),
        validity: Duration::from_secs(terms.seconds),
        command: terms.command.clone(),
        sources: terms.sources.iter().cloned().collect(),
        terminal: false,
    };
    let lease = LeaseId::draw().map_err(|_| failed(SshError::Randomness))?;
    certify(text, &terms, lease, *from).map_err(failed)
}

/// Reads the secrets that lie in stores.
fn stored(secrets: &[StoredSecret]) -> Result<Vec<OpenedValue>, OpenedError> {
    let until = Instant::now() + STORES_TIME_MAX;
    let mut values = Vec::new();
    for StoredSecret { name, variable, secret, from, access } in secrets {
        let left = until.saturating_duration_since(Instant::now());
        let value = stores::read(Wanted { access, from }, left);
        let value = value.map_err(|error| OpenedError::Store(secret.clone(), error))?;
        if variable.is_some() && value.contains(&0) {
            return Err(OpenedError::Variable(secret.clone()));
        }
        values.push((name.clone(), variable.clone(), value));
    }
    Ok(values)
}

/// Opens the sealed value of a secret's version: its name, number and digest.
pub fn open_value(
    installation: Id,
    place: &Place,
    (secret, number, digest): (&Name, u32, Digest),
    key: &WrappedKey,
    seal: &SealSecret,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, UnopenedError> {
    if bytes.len() > SEALED_BYTES_MAX || Digest::of(bytes) != digest {
        return Err(UnopenedError("its file was changed".into()));
    }
    let value = SealedValue::decode(bytes).map_err(|error| UnopenedError(error.to_string()))?;
    let wanted = SecretVersion::deploy(place.clone(), secret.clone(), number);
    if *value.of() != wanted {
        return Err(UnopenedError(format!("it was sealed as {}", value.of())));
    }
    let binding = value.binding(installation, None).map_err(|error| UnopenedError(error.to_string()))?;
    let key = seal.unwrap(key, &binding).map_err(|error| UnopenedError(error.to_string()))?;
    value.open(installation, &key).map_err(|error| UnopenedError(error.to_string()))
}

/// Masks until the end of the output.
fn copied(masker: &Masker, mut output: PipeReader, mut log: fs::File) -> io::Result<()> {
    let mut stream = TimedStream::new(masker);
    let mut buffer = Zeroizing::new(vec![0; 64 * 1024]);
    loop {
        if let Some(due) = stream.due_at() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || !is_readable_within(&output, left)? {
                log.write_all(&stream.due(Instant::now()))?;
                continue;
            }
        }
        match output.read(&mut buffer) {
            Ok(0) => return log.write_all(&stream.end()),
            Ok(count) => {
                let piece = buffer.get(..count).unwrap_or_default();
                log.write_all(&stream.push(piece, Instant::now()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether more output comes within this time. A signal ends the wait early, as if nothing came.
fn is_readable_within(output: &PipeReader, wait: Duration) -> io::Result<bool> {
    let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
    let mut polled = [PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)];
    match poll(&mut polled, Some(&wait)) {
        Err(rustix::io::Errno::INTR) => Ok(false),
        done => Ok(done? > 0),
    }
}

/// File with the certificates that vouch for the database of a role.
pub const AUTHORITY_FILE: &str = "authority.pem";
/// Variable with the password of a role.
pub const PASSWORD: &str = "PGPASSWORD";
/// Longest time of all reads in stores: less than a start may take.
const STORES_TIME_MAX: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;
