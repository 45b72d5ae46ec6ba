//! The head of the ledger as the server tells it: its log, its key, and the witnesses that cosigned it.

use std::convert::Infallible;

use tlog::{Checkpoint, Hash, Nodes, Note, leaf_hash, node_hash};

use crate::world::{Lab, at, ledger_key};

/// The ledger as the server tells it.
#[derive(Clone, Debug)]
pub struct Head {
    /// Name of the log.
    pub origin: String,
    /// Seed of the key that signs it.
    pub key: u8,
    /// Leaves before those of this release; agents and approvers have seen some of them.
    pub past: Vec<Hash>,
    /// Leaves that came after, and that the server keeps back.
    pub kept_back: Vec<Hash>,
    /// Which witnesses cosign, and how many seconds before now.
    pub cosigned: Vec<CosignatureTime>,
    /// Earlier checkpoints that come along: how many of the release's entries each holds, and who cosigned it.
    pub earlier: Vec<(usize, Vec<CosignatureTime>)>,
}

/// A witness by its place, and how many seconds from now it cosigned.
pub type CosignatureTime = (usize, i64);

impl Head {
    /// The log that everybody has seen.
    #[must_use]
    pub fn honest(lab: &Lab) -> Self {
        Self {
            origin: "countersign/0101".into(),
            key: lab.ledger_seed,
            past: (0..16_u8).map(|n| leaf_hash(&[n])).collect(),
            kept_back: Vec::new(),
            cosigned: vec![(0, -30), (1, -30)],
            earlier: Vec::new(),
        }
    }

    /// The checkpoint when the log had so many entries of its past.
    #[must_use]
    pub fn seen(&self, size: u64) -> Checkpoint {
        self.of(&self.past[..usize::try_from(size).unwrap()])
    }

    /// The checkpoint of some leaves.
    #[must_use]
    pub fn of(&self, leaves: &[Hash]) -> Checkpoint {
        let (origin, size) = (self.origin.clone(), leaves.len() as u64);
        Checkpoint { origin, size, root: Tree(leaves).root() }
    }

    /// A note of some leaves, signed and cosigned.
    #[must_use]
    pub fn note(&self, lab: &Lab, leaves: &[Hash], cosigned: &[CosignatureTime]) -> Note {
        let mut note = self.of(leaves).sign(&ledger_key(&self.origin, self.key)).unwrap();
        let unsigned = note.clone();
        note.extend(cosigned.iter().map(|(witness, seconds)| {
            lab.witnesses[*witness].cosign(&unsigned, at(*seconds).millis() / 1000).unwrap()
        }));
        note
    }
}

/// A tree over leaves in memory.
pub struct Tree<'a>(pub &'a [Hash]);

impl Tree<'_> {
    pub fn root(&self) -> Hash {
        if self.0.is_empty() {
            return Hash::empty_tree();
        }
        let Ok(root) = tlog::root_of(self, 0, self.0.len() as u64);
        root
    }
}

impl Nodes for Tree<'_> {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        if level == 0 {
            return Ok(self.0[usize::try_from(index).unwrap()]);
        }
        Ok(node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?))
    }
}
