//! Values of build secrets, on the machine of the person who puts or reads them.
//!
//! Input: a value, or the name of a secret. Output: the recorded version, or the value. Invariant: the value is sealed here
//! before anything is sent, so no server has it in its memory, and it never is an argument of a program or a part of an error.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use domain::Reason;
use evidence::secret_name::SecretName;
use evidence::{Bytes, Digest, Moment, Name};
use serde_json::{Map, Value, json};
use vault::{SealedValue, SecretVersion, VALUE_BYTES_MAX};
use wire::{Client, ClientError, ProblemKind, PutValue, SecretView, VaultState, VaultView};
use zeroize::Zeroizing;

use crate::access::Access;
use crate::error::Error;
use crate::random;
use crate::request::{self, Parts, SignedRequest};

/// A new version of a secret.
#[derive(Debug)]
pub struct NewVersion {
    /// The secret.
    pub secret: SecretName,
    /// Its number; the next one if omitted.
    pub number: Option<u32>,
    /// Its value.
    pub value: Zeroizing<Vec<u8>>,
    /// Moment from which it is not lent any more.
    pub expires: Option<Moment>,
    /// Days after which a newer version is due.
    pub rotate_days: Option<u32>,
    /// Whether every read of it is an alert.
    pub honey: bool,
}

/// A version that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutVersion {
    /// Its number.
    pub number: u32,
    /// Digest of the sealed value.
    pub value: Digest,
    /// Number of the entry that records it.
    pub entry: u64,
}

/// Reads a value from a file, whole and as it is.
///
/// # Errors
/// `Error` if it cannot be read, or is too long.
pub fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let opened = File::open(path).and_then(whole);
    let read =
        opened.map_err(|error| Error::unusable(format!("cannot read `{}`: {error}", path.display())))?;
    read.ok_or_else(too_long)
}

/// Reads a value from a file that only its owner may read, whole and as it is.
///
/// # Errors
/// `Error` if others may read it, or it cannot be read, or is too long.
pub fn read_private_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let wrong = |why: String| Error::unusable(format!("cannot read `{}`: {why}", path.display()));
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mode = file.metadata().map_err(|error| wrong(error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        let path = path.display();
        return Err(Error::unusable(format!(
            "others may read the credential in `{path}` (mode {:o}); `chmod 600 {path}`",
            mode & 0o777
        )));
    }
    whole(file).map_err(|error| wrong(error.to_string()))?.ok_or_else(too_long)
}

/// Reads a value from a pipe, whole and as it is.
///
/// # Errors
/// `Error` if it cannot be read, or is too long.
pub fn read_pipe(pipe: impl Read) -> Result<Zeroizing<Vec<u8>>, Error> {
    whole(pipe)?.ok_or_else(too_long)
}

fn too_long() -> Error {
    Error::unusable(format!(
        "the value has more than {VALUE_BYTES_MAX} bytes; a secret is no place for files: put a key that opens the file, and keep \
         the file elsewhere"
    ))
}

/// All bytes; `None` if there are too many. The buffer never grows, so no copy is left behind.
fn whole(from: impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(VALUE_BYTES_MAX + 64));
    from.take(VALUE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= VALUE_BYTES_MAX).then_some(bytes))
}

/// A version that is sealed and not sent yet.
#[derive(Debug)]
pub struct SealedVersion {
    /// Its number.
    pub number: u32,
    /// Digest of the sealed value.
    pub value: Digest,
    put: PutValue,
    signed: SignedRequest,
}

/// Seals a value here, sends it, and has it recorded as the next version.
///
/// # Errors
/// `Error` if the vault is sealed, the number is taken, or the server refuses.
pub async fn put(access: &Access, client: &Client, new: NewVersion) -> Result<PutVersion, Error> {
    seal(access, client, new).await?.send(client).await
}

/// Seals a value here, and signs the request to record it.
///
/// # Errors
/// `Error` if the vault is sealed.
pub async fn seal(access: &Access, client: &Client, new: NewVersion) -> Result<SealedVersion, Error> {
    let vault = client.vault().await?;
    let number = match new.number {
        Some(number) => number,
        None => next(&client.secrets(Some(new.secret.project())).await?, &new.secret),
    };
    let of = SecretVersion::build(new.secret.clone(), number);
    let (value, put) = sealed(&vault, &of, &new.value)?;
    drop(new.value);
    let mut arguments = Map::new();
    arguments.insert("secret".into(), json!(new.secret));
    arguments.insert("number".into(), json!(number));
    arguments.insert("value".into(), json!(value));
    if let Some(expires) = new.expires {
        arguments.insert("expires".into(), json!(expires));
    }
    if let Some(days) = new.rotate_days {
        arguments.insert("rotate_days".into(), json!(days));
    }
    if new.honey {
        arguments.insert("honey".into(), json!(true));
    }
    let signed = request::sign(access, "secret-put", Value::Object(arguments), Parts::default())?;
    Ok(SealedVersion { number, value, put, signed })
}

impl SealedVersion {
    /// Sends it, and has it recorded.
    ///
    /// # Errors
    /// `Error` if the number is taken, or the server refuses.
    pub async fn send(self, client: &Client) -> Result<PutVersion, Error> {
        let Self { number, value, put, signed } = self;
        client.put_value(signed.envelope().clone(), &value, &put).await.map_err(refused)?;
        let sent = signed.send(client).await?;
        Ok(PutVersion { number, value, entry: sent.outcome.entry })
    }
}

/// Has a version destroyed; the entry that records it.
///
/// # Errors
/// `Error` if the server refuses.
pub async fn destroy(
    access: &Access,
    client: &Client,
    secret: &SecretName,
    number: u32,
) -> Result<u64, Error> {
    let arguments = json!({ "secret": secret, "number": number });
    let signed = request::sign(access, "secret-destroy", arguments, Parts::default())?;
    Ok(signed.send(client).await?.outcome.entry)
}

/// The secrets of a project, or of all that the person may read.
///
/// # Errors
/// `Error` if there is no answer.
pub async fn list(client: &Client, project: Option<&Name>) -> Result<Vec<SecretView>, Error> {
    Ok(client.secrets(project).await?)
}

/// The number of the next version.
fn next(known: &[SecretView], secret: &SecretName) -> u32 {
    let known = known.iter().find(|view| view.secret == *secret);
    known.and_then(|view| view.versions.first()).map_or(1, |newest| newest.number.saturating_add(1))
}

/// The sealed value, and what is sent to the vault.
fn sealed(vault: &VaultView, of: &SecretVersion, value: &[u8]) -> Result<(Digest, PutValue), Error> {
    let Some(intake) = vault.intake.filter(|_| vault.state == VaultState::Open) else {
        let why = vault.why.clone().unwrap_or_else(|| "the server was started without a root key".into());
        let what = "the vault is sealed, so it takes no value in";
        let remedy = "the server's operator starts it with its root key: `countersign server --root-key`";
        return Err(Error::Counted {
            message: format!("{what}: {why}"),
            reasons: vec![Reason::new("vault-sealed", what, remedy)],
        });
    };
    let unusable = |error: &dyn std::fmt::Display| Error::unusable(error.to_string());
    let made = random::drawing(|draw| SealedValue::seal(vault.installation, of, value, draw))?;
    let (sealed, key) = made.map_err(|error| unusable(&error))?;
    let binding = sealed.binding(vault.installation, None)?;
    let key = key.wrap(&intake, &binding).map_err(|error| unusable(&error))?;
    Ok((binding.value, PutValue { sealed: Bytes(sealed.encode()?), key }))
}

/// A refusal that is no decision about a command, with its reasons.
pub(crate) fn refused(error: ClientError) -> Error {
    match error {
        ClientError::Problem(problem) if problem.kind == ProblemKind::Refused => {
            Error::Counted { message: problem.detail, reasons: problem.reasons }
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_value_is_read_as_it_is_up_to_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("value");
        for value in [&b""[..], b"a\n", b"\0\xff\r\n", &vec![b'x'; VALUE_BYTES_MAX]] {
            disk::write(&file, value, 0o600).unwrap();
            assert_eq!(read_file(&file).unwrap().as_slice(), value);
            assert_eq!(read_pipe(value).unwrap().as_slice(), value);
        }
        disk::write(&file, &vec![b'x'; VALUE_BYTES_MAX + 1], 0o600).unwrap();
        let error = read_file(&file).unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes") && !error.contains("xxx"), "{error}");
        assert!(read_pipe(vec![b'x'; VALUE_BYTES_MAX + 1].as_slice()).is_err());
        assert!(read_file(dir.path()).is_err());
    }

    #[test]
    fn a_credential_is_read_from_a_file_of_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("credential");
        disk::write(&file, b"minter:x\n", 0o600).unwrap();
        assert_eq!(read_private_file(&file).unwrap().as_slice(), b"minter:x\n");
        for mode in [0o640, 0o604, 0o644, 0o620] {
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let error = read_private_file(&file).unwrap_err().to_string();
            let path = file.display();
            let words =
                format!("others may read the credential in `{path}` (mode {mode:o}); `chmod 600 {path}`");
            assert_eq!(error, words);
        }
        let error = read_private_file(&dir.path().join("none")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `"), "{error}");
    }
}
