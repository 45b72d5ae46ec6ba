//! Adds the ledger's proofs to collected evidence, under the newest checkpoint that witnesses signed.

use evidence::Bytes;
use evidence::bundle::{Ancestor, Bundle, Earlier, Logged};
use evidence::trust_root::TrustRoot;
use judge::{Collected, LargeEvidence, witnessed_by};
use ledger::{LedgerError, Reader, Tiles};
use tlog::{Checkpoint, Hash, Note, consistency_proof, inclusion_proof};

use crate::readers::Readers;

/// Why the proofs cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum DossierError {
    /// The newest entries are not witnessed yet.
    #[error("the newest entries are not witnessed yet; is the witness up?")]
    NotWitnessed,
    /// The evidence does not fit a bundle.
    #[error(transparent)]
    Large(#[from] LargeEvidence),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An entry or checkpoint is invalid.
    #[error("{0}")]
    Unsound(String),
}

/// A bundle with its proofs, and its bytes.
#[derive(Debug)]
pub struct Dossier {
    /// The bundle.
    pub bundle: Bundle,
    /// Its canonical bytes, not more than a bundle may have.
    pub bytes: Vec<u8>,
}

/// Adds the checkpoint, the entries with their proofs, and proofs for the checkpoints that approvers saw.
///
/// # Errors
/// `DossierError::NotWitnessed` if the newest entries are not witnessed yet. `DossierError::Large` if nobody could read
/// the result.
pub fn attach_log_proofs(collected: &Collected, readers: &Readers) -> Result<Dossier, DossierError> {
    if let Some(large) = &collected.large {
        return Err(large.clone().into());
    }
    let bundle = with_proofs(collected, readers)?;
    let bytes = bundle.encode().map_err(|error| DossierError::Unsound(error.to_string()))?;
    match LargeEvidence::of(&bundle, bytes.len()) {
        Some(large) => Err(large.into()),
        None => Ok(Dossier { bundle, bytes }),
    }
}

fn with_proofs(collected: &Collected, readers: &Readers) -> Result<Bundle, DossierError> {
    readers.with(|reader| {
        let note = reader.witnessed()?.ok_or(DossierError::NotWitnessed)?;
        let unsound = |error: &dyn std::fmt::Display| DossierError::Unsound(error.to_string());
        let checkpoint: Checkpoint = note.text().parse().map_err(|error| unsound(&error))?;
        let newest = collected.entries.iter().chain(&collected.ancestors).max().copied().unwrap_or_default();
        if checkpoint.size <= newest {
            return Err(DossierError::NotWitnessed);
        }
        let tiles = Tiles::new(readers.dir(), reader);
        let mut bundle = collected.bundle.clone();
        for number in &collected.entries {
            bundle.logged.push(logged(reader, &tiles, *number, checkpoint.size)?);
        }
        for size in &collected.ancestors {
            let proof = consistency_proof(&tiles, *size, checkpoint.size)?;
            bundle.ancestors.push(Ancestor { size: *size, proof: bytes(&proof) });
        }
        if let Some(root) = &collected.bounded {
            bundle.earlier = earlier(reader, &tiles, &collected.entries, root, (&note, checkpoint.size))?;
        }
        bundle.checkpoint = note.to_string();
        Ok(bundle)
    })
}

/// For each entry the first stored checkpoint that contains it and is valid under the root, unless it is the newest one. One of the
/// same size as the newest has the first cosignatures of that size, which are older while nothing is recorded.
fn earlier(
    reader: &Reader,
    tiles: &Tiles<'_>,
    entries: &[u64],
    root: &TrustRoot,
    (newest, size): (&Note, u64),
) -> Result<Vec<Earlier>, DossierError> {
    let mut found: Vec<Earlier> = Vec::new();
    let mut held = 0;
    for number in entries.iter().copied() {
        if number < held {
            continue;
        }
        let Some((kept, note)) = first_that_counts(reader, root, number + 1, size)? else { break };
        if note.to_string() == newest.to_string() {
            break;
        }
        let proof = bytes(&consistency_proof(tiles, kept, size)?);
        found.push(Earlier { checkpoint: note.to_string(), proof });
        held = kept;
    }
    Ok(found)
}

/// The first stored checkpoint with at least `least` entries and at most `size` that is valid under the root. After
/// witnesses were replaced, older checkpoints are invalid; a binary search finds the first valid one.
fn first_that_counts(
    reader: &Reader,
    root: &TrustRoot,
    least: u64,
    size: u64,
) -> Result<Option<(u64, Note)>, DossierError> {
    let (mut least, mut below, mut found) = (least, size + 1, None);
    let mut middle = least;
    while least < below {
        let kept = match reader.cosigned(middle)? {
            Some(note) => Some((checkpoint_of(&note)?.size, note)).filter(|(kept, _)| *kept < below),
            None => None,
        };
        match kept {
            Some((kept, note)) if witnessed_by(&note.to_string(), root).is_some() => {
                (below, found) = (middle, Some((kept, note)));
            }
            Some((kept, _)) => least = kept + 1,
            None => below = middle,
        }
        middle = least + (below.saturating_sub(least)) / 2;
    }
    Ok(found)
}

fn checkpoint_of(note: &Note) -> Result<Checkpoint, DossierError> {
    let checkpoint = note.text().parse();
    checkpoint.map_err(|error: tlog::CheckpointError| DossierError::Unsound(error.to_string()))
}

/// The proof that the first `old` entries are the beginning of the first `new`; the size of the ledger if the two sizes
/// are out of order or too large.
///
/// # Errors
/// `LedgerError` if the ledger cannot be read.
pub fn consistency(readers: &Readers, old: u64, new: u64) -> Result<Result<Vec<Bytes>, u64>, LedgerError> {
    readers.with(|reader| {
        let size = reader.head()?.frontier.size();
        if old == 0 || old > new || new > size {
            return Ok(Err(size));
        }
        Ok(Ok(bytes(&consistency_proof(&Tiles::new(readers.dir(), reader), old, new)?)))
    })
}

fn logged(reader: &Reader, tiles: &Tiles<'_>, number: u64, size: u64) -> Result<Logged, DossierError> {
    let entry = reader.entries(number, number + 1)?.into_iter().next();
    let entry = entry.ok_or_else(|| DossierError::Unsound(format!("entry {number} is missing")))?;
    let proof = inclusion_proof(tiles, number, size)?;
    Ok(Logged {
        index: number,
        header: Bytes(entry.header),
        salt: Bytes(entry.facts.salt.to_vec()),
        facts: Bytes(entry.facts.bytes),
        proof: bytes(&proof),
    })
}

fn bytes(hashes: &[Hash]) -> Vec<Bytes> {
    hashes.iter().map(|hash| Bytes(hash.as_bytes().to_vec())).collect()
}
