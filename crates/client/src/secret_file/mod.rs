//! Files with many secrets, from which `secret import` takes them: `.env`, JSON, and what `sops` decrypts
//! (<https://getsops.io/docs/>).
//!
//! Invariant: a file is read completely or not at all, so that half an import never happens. No error quotes a value. `sops` itself
//! decrypts, with the person's own keys of any sort: age, KMS or PGP; this program takes its output through a pipe.

mod env;
mod tree;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use evidence::Name;
use runner::program;
use zeroize::Zeroizing;

/// The values of a file by their paths in it.
pub type SecretValues = BTreeMap<Vec<Name>, Zeroizing<Vec<u8>>>;

/// Formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFormat {
    /// Lines `NAME=VALUE`.
    Env,
    /// An object of texts, numbers, truth values and objects.
    Json,
    /// A file that `sops` encrypted, in any of its formats.
    Sops,
}

/// Why a file gives no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file system failed.
    #[error("cannot read `{path}`: {1}", path = .0.display())]
    Read(PathBuf, std::io::Error),
    /// It is too large.
    #[error("`{path}` has more than {BYTES_MAX} bytes; a file of secrets is small", path = .0.display())]
    Long(PathBuf),
    /// A line of a `.env` file is unsound.
    #[error("line {line}: {what}")]
    Line {
        /// Its number.
        line: usize,
        /// The fault and its remedy.
        what: &'static str,
    },
    /// A member of an object is unsound.
    #[error("{place}: {what}")]
    Member {
        /// Its path in the file.
        place: String,
        /// The fault and its remedy.
        what: &'static str,
    },
    /// It is no JSON.
    #[error("the file is no JSON object: line {0}, column {1}")]
    Json(usize, usize),
    /// `sops` could not be run.
    #[error(
        "cannot run `sops`: {0}; install it, or decrypt the file by hand into a pipe: `countersign secret import --format json -`"
    )]
    Program(std::io::Error),
    /// `sops` failed.
    #[error("`sops` does not decrypt the file: {0}")]
    Sops(String),
    /// The file has no secret.
    #[error("the file has no secret")]
    Empty,
}

/// Reads a file; `-` is the standard input, which is not for `sops`.
///
/// # Errors
/// `SecretFileError` names place and remedy.
pub fn read(path: &Path, format: SecretFormat) -> Result<SecretValues, SecretFileError> {
    let bytes = match format {
        SecretFormat::Sops => decrypted(path)?,
        SecretFormat::Env | SecretFormat::Json if path == Path::new("-") => bounded(std::io::stdin(), path)?,
        SecretFormat::Env | SecretFormat::Json => {
            bounded(File::open(path).map_err(|error| SecretFileError::Read(path.to_owned(), error))?, path)?
        }
    };
    let values = match format {
        SecretFormat::Env => env::parse(&bytes)?,
        SecretFormat::Json | SecretFormat::Sops => tree::parse(&bytes)?,
    };
    if values.is_empty() { Err(SecretFileError::Empty) } else { Ok(values) }
}

fn bounded(reader: impl std::io::Read, path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    // Room for everything, so that the bytes are never moved and leave no copy.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 1));
    let read = reader.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| SecretFileError::Read(path.to_owned(), error))?;
    if bytes.len() > BYTES_MAX { Err(SecretFileError::Long(path.to_owned())) } else { Ok(bytes) }
}

/// The output of the person's own `sops`.
fn decrypted(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let whole = std::path::absolute(path).map_err(|error| SecretFileError::Read(path.to_owned(), error))?;
    let mut command = program::of_person("sops");
    command.args(["--decrypt", "--output-type", "json"]).arg(whole);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(SecretFileError::Program)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (bytes, said) = std::thread::scope(|scope| {
        // Read beside the output: whichever pipe nobody reads would stop the program.
        let said = scope.spawn(|| err.map(complaint).unwrap_or_default());
        let bytes = out.map_or_else(|| Ok(Zeroizing::default()), |out| bounded(out, path));
        (bytes, said.join().unwrap_or_default())
    });
    let status = child.wait().map_err(SecretFileError::Program)?;
    match status.success() {
        true => bytes,
        false if said.is_empty() => Err(SecretFileError::Sops(status.to_string())),
        false => Err(SecretFileError::Sops(said)),
    }
}

/// The beginning of a complaint, in one line; the rest is read and dropped.
fn complaint(mut from: impl std::io::Read) -> String {
    let mut said = Vec::new();
    let _ = from.by_ref().take(TEXT_BYTES_MAX).read_to_end(&mut said);
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name that a word of a file has here: lower case, with `-` for everything that no name has. `None` if nothing is left.
fn name_of(word: &str) -> Option<Name> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let word: String = word.chars().map(plain).collect();
    let words: Vec<_> = word.split('-').filter(|part| !part.is_empty()).collect();
    words.join("-").parse().ok()
}

const BYTES_MAX: usize = 4 << 20;
const TEXT_BYTES_MAX: u64 = 1_000;
const NAME: &str =
    "its name has nothing that a name here may have: begin it with a letter, 1 to 63 letters, digits and `_`";
const TWICE: &str = "another one has the same name here; give one of the two another name";
