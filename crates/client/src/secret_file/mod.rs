//! Files with many secrets, from which `secret import` takes them: `.env`, JSON, and what `sops` decrypts
//! (<https://getsops.io/docs/>).
//!
//! Invariant: a file is read completely or not at all, so that half an import never happens. No error quotes a value. `sops` itself
//! decrypts, with the person's own keys of any sort: age, KMS or PGP; this program takes its output through a pipe.

mod env;
mod tree;
mod values;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::Stdio;

use runner::program;
use zeroize::Zeroizing;

use values::BYTES_MAX;
pub use values::{SecretFileError, SecretValues};

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

/// Reads a file, or in its place `input`, such as the standard input, from which `sops` takes nothing.
///
/// # Errors
/// `SecretFileError` names place and remedy.
pub fn read(
    path: &Path,
    format: SecretFormat,
    input: Option<&mut dyn io::Read>,
) -> Result<SecretValues, SecretFileError> {
    let failed = |error| SecretFileError::Read(path.to_owned(), error);
    let bytes = match (format, input) {
        (SecretFormat::Sops, _) => decrypted(path)?,
        (SecretFormat::Env | SecretFormat::Json, Some(input)) => bounded(input, path)?,
        (SecretFormat::Env | SecretFormat::Json, None) => bounded(File::open(path).map_err(failed)?, path)?,
    };
    let values = match format {
        SecretFormat::Env => env::parse(&bytes)?,
        SecretFormat::Json | SecretFormat::Sops => tree::parse(&bytes)?,
    };
    if values.is_empty() { Err(SecretFileError::Empty) } else { Ok(values) }
}

fn bounded(reader: impl io::Read, path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
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
fn complaint(mut from: impl io::Read) -> String {
    let mut said = Vec::new();
    let _ = from.by_ref().take(TEXT_BYTES_MAX).read_to_end(&mut said);
    let _ = io::copy(&mut from, &mut io::sink());
    String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ")
}

const TEXT_BYTES_MAX: u64 = 1_000;
