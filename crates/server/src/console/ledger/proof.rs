//! The proof of one entry, drawn as the way from its hash to the root.

use evidence::entry::Entry;
use ledger::Tiles;
use tlog::{Checkpoint, Cosignature, inclusion_proof, leaf_hash};
use web::model::{Fact, Proof, ProofStep, State};

use crate::console::reading::Reading;
use crate::console::words::fact;
use crate::http::problem::Failure;

/// The proof that the newest checkpoint holds an entry.
pub fn proof(at: &Reading<'_>, number: u64, entry: &Entry) -> Result<Option<Proof>, Failure> {
    let keeper = &at.shared.gatekeeper;
    let keys = keeper.root(&at.shared.intake.state())?.witness_keys().map_err(Failure::failed)?;
    keeper.readers().with(|reader| {
        let head = reader.head()?;
        let size = head.frontier.size();
        if number >= size {
            return Ok(None);
        }
        let tiles = Tiles::new(keeper.readers().dir(), reader);
        let hashes = inclusion_proof(&tiles, number, size)?;
        let steps = sides(number, size).into_iter().zip(&hashes);
        let witnessed = reader.witnessed()?;
        let signed =
            witnessed.as_ref().and_then(|note| Cosignature::all(note, &keys).ok()).unwrap_or_default();
        let checkpoint = witnessed.and_then(|note| note.text().parse::<Checkpoint>().ok());
        let held = checkpoint.is_some_and(|checkpoint| number < checkpoint.size);
        Ok(Some(Proof {
            size,
            leaf: leaf_hash(&entry.header).to_string(),
            steps: steps
                .map(|((is_left, entries), hash)| ProofStep { is_left, hash: hash.to_string(), entries })
                .collect(),
            root: head.frontier.root().to_string(),
            checkpoint: head.checkpoint.to_string().lines().map(str::to_owned).collect(),
            witnesses: vec![witnesses(held, signed.len(), keys.len())],
        }))
    })
}

/// The witnesses who vouch for the entry: those who signed a checkpoint that holds it.
fn witnesses(held: bool, signed: usize, all: usize) -> Fact {
    let (state, words) = match (all, held) {
        (0, _) => (State::Wait, "no witness is named".to_owned()),
        (_, true) => (State::Pass, format!("{signed} of {all} have signed a checkpoint that holds it")),
        (_, false) => (State::Wait, "none has signed a checkpoint that holds it yet".to_owned()),
    };
    Fact { state: Some(state), ..fact("Witnesses", words) }
}

/// For each hash of a proof of inclusion, the lowest first: whether it stands left of the way, and the first and last entry
/// below it (RFC 6962, section 2.1.1).
fn sides(index: u64, size: u64) -> Vec<(bool, (u64, u64))> {
    let (mut from, mut to) = (0, size);
    let mut sides = Vec::new();
    while to - from > 1 {
        // The largest power of two below the number of leaves.
        let half = (to - from).next_power_of_two() / 2;
        let middle = from + half;
        if index < middle {
            sides.push((false, (middle, to - 1)));
            to = middle;
        } else {
            sides.push((true, (from, middle - 1)));
            from = middle;
        }
    }
    sides.reverse();
    sides
}

#[cfg(test)]
mod tests {
    use super::{sides, witnesses};
    use web::model::State;

    #[test]
    fn attack_no_witness_vouches_for_an_entry_that_it_has_not_seen() {
        for (held, signed, all, state, words) in [
            (true, 2, 3, State::Pass, "2 of 3 have signed a checkpoint that holds it"),
            (false, 3, 3, State::Wait, "none has signed a checkpoint that holds it yet"),
            (false, 0, 0, State::Wait, "no witness is named"),
        ] {
            let fact = witnesses(held, signed, all);
            assert_eq!((fact.state, fact.value.as_str()), (Some(state), words));
        }
    }

    #[test]
    fn a_way_passes_every_other_entry_once() {
        for size in 1..70_u64 {
            for index in 0..size {
                let mut covered: Vec<u64> =
                    sides(index, size).into_iter().flat_map(|(_, (a, b))| a..=b).collect();
                covered.push(index);
                covered.sort_unstable();
                assert_eq!(covered, (0..size).collect::<Vec<_>>(), "{index} of {size}");
            }
        }
        assert_eq!(sides(5, 7), [(true, (4, 4)), (false, (6, 6)), (true, (0, 3))]);
    }
}
