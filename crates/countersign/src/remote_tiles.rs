//! Consistency proofs computed from the hash tiles that every server publishes. A verifier without an account needs no
//! right to read, and trusts only the computed hashes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use evidence::Bytes;
use tlog::{
    Checkpoint, Hash, Nodes, Note, TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath, consistency_proof,
    partial_width, tile_node,
};
use tokio::runtime::Runtime;
use wire::Client;

use crate::failure::Failure;
use crate::waiting::runtime;

/// The proof that the first `old` entries of a server's ledger are the beginning of the first `new`.
pub fn consistency(url: &str, old: u64, new: u64) -> Result<Vec<Bytes>, Failure> {
    let (client, runtime) = (Client::new(url)?, runtime()?);
    let mut failed = None;
    for _ in 0..LOOKS_MAX {
        let checkpoint: Checkpoint =
            runtime.block_on(client.checkpoint())?.parse::<Note>()?.text().parse()?;
        if new > checkpoint.size {
            let what = format!("the ledger at {url} has {} entries, fewer than {new}", checkpoint.size);
            return Err(Failure::error(what));
        }
        let tiles =
            Tiles { client: &client, runtime: &runtime, size: checkpoint.size, read: RefCell::default() };
        match consistency_proof(&tiles, old, new) {
            Ok(proof) => return Ok(proof.iter().map(|hash| Bytes(hash.as_bytes().to_vec())).collect()),
            // If the ledger grows between the two requests, a partial tile may have disappeared; one more try then succeeds.
            Err(failure) => failed = Some(failure),
        }
    }
    Err(failed.unwrap_or_else(|| Failure::error(format!("the ledger at {url} shows no tiles"))))
}

/// Tiles of a ledger of one size.
struct Tiles<'a> {
    client: &'a Client,
    runtime: &'a Runtime,
    size: u64,
    read: RefCell<BTreeMap<(u8, u64), Vec<u8>>>,
}

impl Nodes for Tiles<'_> {
    type Error = Failure;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Failure> {
        let (tile_level, inner) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let tile = (index << inner) / TILE_WIDTH;
        let mut read = self.read.borrow_mut();
        let bytes = match read.entry((tile_level, tile)) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => place.insert(self.fetch(tile_level, tile)?),
        };
        Ok(tile_node(bytes, level, index)?)
    }
}

impl Tiles<'_> {
    fn fetch(&self, level: u8, index: u64) -> Result<Vec<u8>, Failure> {
        let full = self.size >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1));
        let width = if index < full { TILE_WIDTH } else { partial_width(level, self.size) };
        let path = TilePath::new(TileKind::Level(level), index, width);
        let path = path.ok_or_else(|| Failure::error("the ledger's size is invalid"))?;
        let found = self.runtime.block_on(self.client.tile(path))?;
        found
            .ok_or_else(|| Failure::error(format!("the server does not show `{path}`, a part of its ledger")))
    }
}

const LOOKS_MAX: u32 = 3;
