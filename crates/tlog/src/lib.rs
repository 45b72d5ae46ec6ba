//! Transparency-log formats of C2SP (<https://c2sp.org>): the hash tree of RFC 6962, tiles, signed notes, checkpoints,
//! cosignatures and the witness protocol.
//!
//! Invariant: everything here is pure and total. Bytes from outside are bounded, and are parsed into types that cannot
//! hold invalid values. The crate deliberately contains no I/O, storage, clock or knowledge of countersign, so that a
//! verifier can import the formats alone.
//!
//! A tree of four entries, and a proof that one of them is in it:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use tlog::{Hash, Nodes, inclusion_proof, leaf_hash, node_hash, root_of, verify_inclusion};
//!
//! /// A tree whose leaves are all in memory.
//! struct Leaves(Vec<Hash>);
//!
//! impl Nodes for Leaves {
//!     type Error = Infallible;
//!
//!     fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
//!         if level == 0 {
//!             return Ok(self.0[index as usize]);
//!         }
//!         Ok(node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?))
//!     }
//! }
//!
//! let leaves = Leaves(["a", "b", "c", "d"].map(|entry| leaf_hash(entry.as_bytes())).to_vec());
//! let root = root_of(&leaves, 0, 4)?;
//! let proof = inclusion_proof(&leaves, 2, 4)?;
//! verify_inclusion(&leaf_hash(b"c"), 2, 4, &proof, &root)?;
//! assert!(verify_inclusion(&leaf_hash(b"x"), 2, 4, &proof, &root).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Checkpoint`] signs a root as a [`Note`]; [`verify_consistency`] shows that a later root continues an earlier one, and
//! [`add_checkpoint`] is what a witness does.

mod checkpoint;
mod cosignature;
mod frontier;
mod hash;
mod key;
mod key_error;
mod note;
mod proof;
mod signing;
mod tile;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{Cosignature, CosignatureKey};
pub use frontier::{Frontier, FrontierError};
pub use hash::{HASH_BYTES, Hash, HashError, leaf_hash, node_hash};
pub use key::{NoteSigner, NoteVerifier, SignatureKind};
pub use key_error::KeyError;
pub use note::{NOTE_BYTES_MAX, Note, NoteError, NoteSignature};
pub use proof::{
    Nodes, ProofError, consistency_proof, inclusion_proof, root_of, verify_consistency, verify_inclusion,
    verify_subtree_consistency, verify_subtree_inclusion,
};
pub use signing::{MemoryKey, SharedKey, SigningError, SigningKey};
pub use tile::{
    BundleError, ENTRY_BYTES_MAX, TILE_HEIGHT, TILE_WIDTH, TileError, TileKind, TilePath, decode_bundle,
    encode_bundle, partial_width, tile_node, tile_root,
};
pub use witness::{AddCheckpoint, Latest, WitnessError, WitnessRefusal, add_checkpoint};
