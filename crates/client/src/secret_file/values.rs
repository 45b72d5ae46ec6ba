//! Values of a file, and why it gives none.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evidence::Name;
use zeroize::Zeroizing;

/// The values of a file by their paths in it.
pub type SecretValues = BTreeMap<Vec<Name>, Zeroizing<Vec<u8>>>;

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

/// The name that a word of a file has here: lower case, with `-` for everything that no name has. `None` if nothing is left.
pub fn name_of(word: &str) -> Option<Name> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let word: String = word.chars().map(plain).collect();
    let words: Vec<_> = word.split('-').filter(|part| !part.is_empty()).collect();
    words.join("-").parse().ok()
}

/// Largest file in bytes.
pub const BYTES_MAX: usize = 4 << 20;
/// A word that no name can be made of.
pub const NAME: &str =
    "its name has nothing that a name here may have: begin it with a letter, 1 to 63 letters, digits and `_`";
/// Two words of one name.
pub const TWICE: &str = "another one has the same name here; give one of the two another name";
