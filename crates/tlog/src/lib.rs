//! Transparency-log formats of C2SP (<https://c2sp.org>): the hash tree of RFC 6962, tiles, signed notes, checkpoints,
//! cosignatures and the witness protocol.
//!
//! Invariant: everything here is pure and total. Bytes from outside are bounded, and are parsed into types that cannot
//! hold invalid values. The crate deliberately contains no I/O, storage, clock or knowledge of countersign, so that a
//! verifier can import the formats alone.

mod checkpoint;
mod cosignature;
mod frontier;
mod hash;
mod key;
mod note;
mod proof;
mod signing;
mod tile;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{Cosignature, CosignatureKey};
pub use frontier::{Frontier, FrontierError};
pub use hash::{HASH_BYTES, Hash, HashError, leaf_hash, node_hash};
pub use key::{KeyError, NoteSigner, NoteVerifier, SignatureKind};
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
