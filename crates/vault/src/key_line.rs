//! A secret key in a file: one line, a word that says what the key is, a space, and 32 bytes in standard base64.
//!
//! Invariant: a key has one line. No reason is given for another text, since it may be a key nearly.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::cipher::Key;

/// The line of a key. It is secret.
pub fn write(word: &str, key: &Key) -> Zeroizing<String> {
    // A string that grows would leave copies of its beginning behind.
    let mut line = Zeroizing::new(String::with_capacity(word.len() + " ".len() + BASE64_BYTES + "\n".len()));
    line.push_str(word);
    line.push(' ');
    STANDARD.encode_string(key.as_bytes(), &mut line);
    line.push('\n');
    line
}

/// The key of a line, with the end of the line or without.
pub fn read(word: &str, text: &str) -> Option<Key> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let encoded = line.strip_prefix(word)?.strip_prefix(' ')?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    Key::from_slice(&bytes)
}

/// 32 bytes in base64.
const BASE64_BYTES: usize = 44;
