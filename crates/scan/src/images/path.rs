//! Paths of entries, and the links that they lead through.
//!
//! Invariant: a path has parts that are plain names, and none of them leads upwards. Equal bytes give equal paths, and
//! other bytes other paths: bytes that are no text stand as `\xNN`, and so does the backslash.

use std::fmt::Write as _;

/// Why the path of an entry cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It is too long.
    #[error("has a path of more than {PATH_BYTES_MAX} bytes")]
    Long,
    /// It leads upwards.
    #[error("has `..` in its path")]
    Upwards,
    /// It begins at the root of the host.
    #[error("has an absolute path")]
    Absolute,
    /// It is too deep.
    #[error("lies more than {DEPTH_MAX} directories deep")]
    Deep,
    /// It has a byte that no path has.
    #[error("has a NUL in its path")]
    Nul,
}

/// The path of an entry; empty for the root.
///
/// # Errors
/// The fault.
pub fn plain(path: &[u8]) -> Result<String, PathFault> {
    if path.len() > PATH_BYTES_MAX {
        return Err(PathFault::Long);
    }
    if path.contains(&0) {
        return Err(PathFault::Nul);
    }
    if path.first() == Some(&b'/') {
        return Err(PathFault::Absolute);
    }
    let (mut plain, mut depth) = (String::with_capacity(path.len()), 0);
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => continue,
            b".." => return Err(PathFault::Upwards),
            _ => {}
        }
        depth += 1;
        if depth > DEPTH_MAX {
            return Err(PathFault::Deep);
        }
        if !plain.is_empty() {
            plain.push('/');
        }
        push(&mut plain, part);
    }
    Ok(plain)
}

/// Adds bytes as text.
pub fn push(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => out.push_str("\\x5c"),
                letter if letter.is_control() => escape(out, letter.to_string().as_bytes()),
                letter => out.push(letter),
            }
        }
        escape(out, chunk.invalid());
    }
}

fn escape(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A `String` takes every write.
        let _ = write!(out, "\\x{byte:02x}");
    }
}

/// The directory of a path; empty for the root.
pub fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// The path of a name in a directory.
pub fn joined(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// The last part of a path.
pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

const PATH_BYTES_MAX: usize = 4_096;
const DEPTH_MAX: usize = 128;
