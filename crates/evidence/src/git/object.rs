//! Object ids: a hash over `<kind> <length>\0<bytes>` (<https://git-scm.com/docs/gitformat-pack#_object_types>,
//! <https://git-scm.com/docs/hash-function-transition>).
//!
//! Invariant: bytes that show the marks of a SHA-1 collision attack have no id.

use aws_lc_rs::digest::{SHA256, digest};
use sha1_checked::Sha1;

use crate::CommitId;

/// Largest commit or tree object that is parsed, in bytes.
pub const OBJECT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A directory.
    Tree,
    /// The content of a file.
    Blob,
}

/// Errors of checking an object's id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ObjectError {
    /// The bytes have another id.
    #[error("object {stated}: its bytes have id {found}")]
    Id {
        /// Id requested.
        stated: CommitId,
        /// Id of the bytes.
        found: CommitId,
    },
    /// The bytes were crafted to collide under SHA-1.
    #[error("object {0}: its bytes are part of a SHA-1 collision attack")]
    Collision(CommitId),
}

impl ObjectKind {
    /// Name of the kind in ids and in git's output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
        }
    }
}

/// Checks that bytes have this id.
///
/// # Errors
/// `ObjectError` when they are not.
pub fn check_object(kind: ObjectKind, bytes: &[u8], id: &CommitId) -> Result<(), ObjectError> {
    let found = object_id(kind, bytes, id.as_str().len()).map_err(|()| ObjectError::Collision(id.clone()))?;
    if found == *id { Ok(()) } else { Err(ObjectError::Id { stated: id.clone(), found }) }
}

/// Computes the id of an object, in SHA-1 (40 digits) or SHA-256 (64 digits).
///
/// # Errors
/// When the bytes show the marks of a SHA-1 collision attack.
#[expect(clippy::result_unit_err, reason = "there is one way to fail, and callers name the object")]
pub fn object_id(kind: ObjectKind, bytes: &[u8], digits: usize) -> Result<CommitId, ()> {
    let mut all = format!("{} {}\0", kind.name(), bytes.len()).into_bytes();
    all.extend_from_slice(bytes);
    let hex = if digits == 64 {
        hex::encode(digest(&SHA256, &all).as_ref())
    } else {
        let result = Sha1::try_digest(&all);
        if result.has_collision() {
            return Err(());
        }
        hex::encode(result.hash())
    };
    hex.parse().map_err(|_| ())
}
