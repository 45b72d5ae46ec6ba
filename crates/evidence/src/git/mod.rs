//! Git objects as bytes: ids, commits, trees, and the signature on a commit.
//!
//! Invariant: an object counts only if its bytes have the requested id. So its source (a repository, a server, a
//! bundle) does not matter. SHA-1 ids are computed with collision detection. The module deliberately contains no
//! repositories or packs, and no ref but names of refs.

mod changes;
mod commit;
mod identity;
mod object;
mod ref_name;
mod ref_pattern;
mod tree;

pub use changes::{COMPARED_MAX, FileChange, FileChanges, changes};
pub use commit::{Commit, CommitError, CommitSignature};
pub use identity::{Identity, Trailers};
pub use object::{OBJECT_BYTES_MAX, ObjectError, ObjectKind, check_object, object_id};
pub use ref_name::{RefName, RefNameError};
pub use ref_pattern::{RefPattern, RefPatternError};
pub use tree::{GitMode, TreeItem, TreeObjectError, parse_tree};
