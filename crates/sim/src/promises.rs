//! The promises of the nodes: content that their disks must still have after a power cut.

use evidence::Digest;
use serde::{Deserialize, Serialize};

/// The promises of the nodes so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    /// Entries of the ledger, and the root of their tree.
    pub entries: u64,
    /// The root in base64.
    pub root: String,
    /// Size of the tree that each witness has cosigned.
    pub cosigned: [u64; 3],
    /// Each agent's highest release, and its running artifact.
    pub agents: [Option<(u64, Option<Digest>)>; 2],
    /// Receipts that each runner has sent.
    pub receipts: [Vec<Digest>; 2],
}
