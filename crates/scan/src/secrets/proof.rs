//! Digests that tell a secret from another one at the same place, and reveal neither.
//!
//! Invariant: only a secret that chance made, with at least [`GUESS_BITS_MIN`] bits, has a digest. A digest of a password that a
//! person chose could be compared with guesses; the file's digest stands for it, which the list of the tree has anyway.

use std::cell::OnceCell;

use evidence::Digest;
use evidence::document::findings::Proof;

use super::rule::{Rule, Sort};

/// A file, whose digest is computed once and only where a secret needs it.
#[derive(Debug)]
pub struct Bytes<'a> {
    bytes: &'a [u8],
    digest: OnceCell<Digest>,
}

impl<'a> Bytes<'a> {
    /// The bytes of a file.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, digest: OnceCell::new() }
    }

    /// The proof of the file as a whole.
    pub fn proof(&self) -> Proof {
        Proof::File(*self.digest.get_or_init(|| Digest::of(self.bytes)))
    }

    /// The proof of a secret in it.
    pub fn proof_of(&self, rule: &Rule, secret: &[u8]) -> Proof {
        if is_unguessable(rule, secret) { Proof::Value(value(rule, secret)) } else { self.proof() }
    }
}

/// Digest of a secret. Of one that can be guessed it must never be written.
pub fn value(rule: &Rule, secret: &[u8]) -> Digest {
    Digest::of(&[rule.id.as_bytes(), b"\0", secret].concat())
}

/// Whether an issuer made the secret by chance, and made it long enough. The sort says the first: the matcher has measured the
/// chance of those bytes.
fn is_unguessable(rule: &Rule, secret: &[u8]) -> bool {
    if secret.starts_with(b"-----BEGIN") {
        // A header alone is no secret.
        return secret.len() >= KEY_BYTES_MIN;
    }
    let prefix = rule.keywords.iter().filter_map(|keyword| secret.strip_prefix(keyword.as_bytes())).next();
    let random = prefix.unwrap_or(secret);
    let has = |is: fn(&u8) -> bool| random.iter().any(is);
    let is_hex = random.iter().all(u8::is_ascii_hexdigit)
        && !(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase));
    // Bits for each character in sixteenths, rounded down.
    let sixteenths = match (has(u8::is_ascii_digit), has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase))
    {
        _ if is_hex => 64,
        (true, true, true) => 95,
        (_, true, true) => 91,
        (true, ..) => 82,
        (false, ..) => 75,
    };
    matches!(rule.sort, Sort::Token | Sort::Checked | Sort::Jwt | Sort::Value | Sort::Random)
        && random.len() * sixteenths >= GUESS_BITS_MIN * 16
}

/// Least number of bits of a secret that has a digest: nobody tries so many values.
const GUESS_BITS_MIN: usize = 80;
/// Least length of a private key with its header.
const KEY_BYTES_MIN: usize = 120;
