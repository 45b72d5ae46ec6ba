//! Properties of trees of every small size and of damaged notes: valid ones are accepted, damaged ones are refused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use proptest::prelude::*;
use tlog::{
    AddCheckpoint, Checkpoint, Cosignature, CosignatureKey, Frontier, Hash, Latest, Nodes, Note, NoteSigner,
    SignatureKind, WitnessRefusal, add_checkpoint, consistency_proof, inclusion_proof, leaf_hash, node_hash,
    root_of, verify_consistency, verify_inclusion, verify_subtree_consistency,
};

struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = std::convert::Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let (start, count) = (usize::try_from(index << level).unwrap(), 1 << level);
        let mut hashes = self.0[start..start + count].to_vec();
        while hashes.len() > 1 {
            hashes = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        Ok(hashes[0])
    }
}

fn leaves(size: u64) -> Leaves {
    Leaves((0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect())
}

#[test]
fn every_proof_of_small_trees_verifies_and_no_other() {
    let tree = leaves(40);
    let mut frontier = Frontier::default();
    let mut roots = vec![frontier.root()];
    for leaf in &tree.0 {
        frontier.push(*leaf);
        roots.push(frontier.root());
    }
    for size in 1..=40_u64 {
        let root = roots[usize::try_from(size).unwrap()];
        assert_eq!(root_of(&tree, 0, size), Ok(root));
        for old in 1..=size {
            let proof = consistency_proof(&tree, old, size).unwrap();
            let old_root = roots[usize::try_from(old).unwrap()];
            assert_eq!(verify_consistency(old, size, &old_root, &root, &proof), Ok(()));
            let mut longer = proof.clone();
            longer.push(root);
            assert!(verify_consistency(old, size, &old_root, &root, &longer).is_err());
            if old != size {
                assert!(verify_consistency(old, size, &root, &root, &proof).is_err());
                assert!(verify_consistency(old, size, &old_root, &root, &proof[1..]).is_err());
            }
        }
        for index in 0..size {
            let leaf = tree.0[usize::try_from(index).unwrap()];
            let proof = inclusion_proof(&tree, index, size).unwrap();
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
            for other in (0..size).filter(|other| *other != index) {
                assert!(verify_inclusion(&leaf, other, size, &proof, &root).is_err());
            }
        }
    }
}

#[test]
fn subtrees_outside_the_rules_are_refused() {
    let tree = leaves(8);
    let root = root_of(&tree, 0, 8).unwrap();
    for (start, end) in [(9, 9), (4, 2), (1, 3), (6, 9), (2, 5), (u64::MAX - 1, u64::MAX)] {
        assert!(verify_subtree_consistency(start, end, 8, &root, &root, &[]).is_err(), "[{start}, {end})");
    }
}

fn log_key() -> NoteSigner {
    NoteSigner::from_seed("log.example/a", SignatureKind::Ed25519, &[1; 32]).unwrap()
}

fn checkpoint(size: u64) -> Note {
    let tree = leaves(size);
    let root = if size == 0 { Hash::empty_tree() } else { root_of(&tree, 0, size).unwrap() };
    Checkpoint { origin: "log.example/a".into(), size, root }.sign(&log_key()).unwrap()
}

#[test]
fn witness_cosigns_growth_only() {
    let keys = [log_key().verifier().clone()];
    let ask = |old_size, proof: Vec<Hash>, size, latest| {
        let request = AddCheckpoint { old_size, proof, note: checkpoint(size) };
        assert_eq!(request.to_string().parse::<AddCheckpoint>().as_ref(), Ok(&request));
        add_checkpoint(&request, "log.example/a", &keys, latest)
    };
    let first = ask(0, vec![], 5, None).unwrap();
    assert_eq!(first.size, 5);
    let proof = consistency_proof(&leaves(9), 5, 9).unwrap();
    assert_eq!(ask(5, proof.clone(), 9, Some(first)).unwrap().size, 9);
    assert_eq!(ask(5, vec![], 5, Some(first)).unwrap(), first);
    assert_eq!(ask(0, vec![], 9, Some(first)), Err(WitnessRefusal::Conflict(5)));
    assert_eq!(ask(9, vec![], 5, Some(first)).unwrap_err().status(), 400);
    assert_eq!(ask(5, vec![], 9, Some(first)).unwrap_err().status(), 422);
    let forked = Latest { size: 5, root: leaf_hash(b"another history") };
    assert_eq!(ask(5, proof, 9, Some(forked)).unwrap_err().status(), 422);
    assert_eq!(ask(5, vec![], 5, Some(forked)).unwrap_err().status(), 422);
    let request = AddCheckpoint { old_size: 0, proof: vec![], note: checkpoint(5) };
    assert_eq!(add_checkpoint(&request, "log.example/b", &keys, None).unwrap_err().status(), 404);
    let stranger = NoteSigner::from_seed("log.example/a", SignatureKind::Ed25519, &[9; 32]).unwrap();
    let refused = add_checkpoint(&request, "log.example/a", &[stranger.verifier().clone()], None);
    assert_eq!(refused.unwrap_err().status(), 403);
}

#[test]
fn cosignatures_verify_and_lies_spoil_the_note() {
    let witness = CosignatureKey::from_seed("witness.example/w1", &[2; 32]).unwrap();
    let known = [witness.verifier().clone()];
    let mut note = checkpoint(3);
    note.extend([witness.cosign(&note, 1_700_000_000).unwrap()]);
    let read: Note = note.to_string().parse().unwrap();
    let found = Cosignature::all(&read, &known).unwrap();
    assert_eq!((found.len(), found[0].time_seconds), (1, 1_700_000_000));
    let mut other = checkpoint(4);
    other.extend(read.signatures().iter().skip(1).cloned());
    assert!(Cosignature::all(&other, &known).is_err());
}

proptest! {
    #[test]
    fn a_flipped_bit_never_verifies(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let good = checkpoint(7).to_string().into_bytes();
        let mut bytes = good.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let keys = [log_key().verifier().clone()];
        let accepted = Note::parse(&bytes)
            .ok()
            .and_then(|note| Checkpoint::open(&note, "log.example/a", &keys).ok());
        prop_assert!(accepted.is_none(), "accepted after a flip at {}", at);
    }

    #[test]
    fn parsers_never_panic_and_print_what_they_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes.clone());
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(request) = text.parse::<AddCheckpoint>() {
            prop_assert_eq!(request.to_string(), text.clone());
        }
        drop(tlog::decode_bundle(&bytes));
        drop(text.parse::<tlog::TilePath>());
        drop(text.parse::<tlog::NoteVerifier>());
        drop(tlog::tile_node(&bytes, bytes.first().copied().unwrap_or(0), 3));
    }
}
