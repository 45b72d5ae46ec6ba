//! Secrets of a step: each is a file that only the step's user reads, and a variable only if that is asked for.
//!
//! Invariant: the bytes of a secret are in no argument, no encoded specification and no `Debug` output, and a process that
//! hands them on overwrites them. The files live in memory that the kernel never swaps out, below [`SECRETS`].

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Directory of the files.
pub const SECRETS: &str = "/run/secrets";
/// Most secrets of a step.
pub const SECRETS_MAX: usize = 16;
/// Most bytes of a secret.
pub const SECRET_BYTES_MAX: usize = 1 << 20;

/// A secret of a step.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Name of its file.
    pub name: String,
    /// Variable that has the value, too.
    pub variable: Option<String>,
    /// The value.
    #[serde(skip)]
    pub bytes: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// Why the sandbox cannot give this to a step; a text of at most so many bytes can be a variable.
    pub fn fault(&self, text_bytes_max: usize) -> Option<&'static str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !self.name.chars().all(plain) {
            return Some("its name is no plain file name");
        }
        if self.bytes.len() > SECRET_BYTES_MAX {
            return Some("it has more than 1 MiB");
        }
        let variable = self.variable.as_ref()?;
        if variable.is_empty() || variable.contains(['=', '\0']) {
            return Some("its variable has no plain name");
        }
        if self.bytes.contains(&0) {
            return Some("it has a NUL byte, which no variable can hold; use its file");
        }
        let long = variable.len() + 1 + self.bytes.len() > text_bytes_max;
        long.then_some("it is longer than a variable can be; use its file")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("name", &self.name)
            .field("variable", &self.variable)
            .finish_non_exhaustive()
    }
}

/// Reads a secret that was written as one frame, into memory that is overwritten after use.
pub fn receive(mut from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > SECRET_BYTES_MAX {
        return Err(io::Error::other("a secret is too long"));
    }
    // Of its full length from the beginning: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

const NAME_BYTES_MAX: usize = 100;
