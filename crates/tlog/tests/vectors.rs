//! Published vectors: merkle-proofs (transparency-dev/merkle), tlog-tiles-tessera, the worked examples of the C2SP
//! texts, and Wycheproof's Ed25519. Missing vectors are skipped by name, except in CI, where they fail.
#![expect(clippy::unwrap_used, reason = "test code")]

#[path = "support/published.rs"]
mod published;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use published::{json_files, suite};
use tlog::{
    Checkpoint, Cosignature, Frontier, Hash, Nodes, Note, NoteVerifier, ProofError, SignatureKind, TilePath,
    consistency_proof, decode_bundle, inclusion_proof, leaf_hash, root_of, tile_node, verify_consistency,
    verify_inclusion, verify_subtree_consistency, verify_subtree_inclusion,
};

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    #[serde(default)]
    leaf_idx: u64,
    #[serde(default)]
    leaf_hash: String,
    #[serde(default)]
    start: u64,
    #[serde(default)]
    end: u64,
    #[serde(default)]
    tree_size: u64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    size1: u64,
    #[serde(default)]
    size2: u64,
    #[serde(default)]
    root: String,
    #[serde(default)]
    root1: String,
    #[serde(default)]
    root2: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

fn check(kind: &str, floor: usize, verify: impl Fn(&Case, &[Hash]) -> Option<Result<(), ProofError>>) {
    let Some(dir) = suite("merkle-proofs") else { return };
    let all = json_files(&dir.join(kind));
    assert!(all.len() >= floor, "{kind}: only {} cases", all.len());
    let mut accepted = 0;
    for path in &all {
        let case: Case = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let proof: Option<Vec<Hash>> =
            case.proof.as_deref().unwrap_or_default().iter().map(|text| text.parse().ok()).collect();
        let passed = proof.and_then(|proof| verify(&case, &proof)).is_some_and(|result| result.is_ok());
        assert_eq!(passed, !case.want_err, "{}", path.display());
        accepted += usize::from(passed);
    }
    assert!(accepted > 0, "{kind}: a suite without a good case proves nothing");
}

/// Parses a root. A few cases state roots such as "don't care", which are not 32 bytes; a digest of the text stands in.
fn hash(text: &str) -> Option<Hash> {
    let stand_in = || (!text.is_empty()).then(|| leaf_hash(text.as_bytes()));
    text.parse().ok().or_else(stand_in)
}

#[test]
fn merkle_inclusion() {
    check("inclusion", 60, |case, proof| {
        let (leaf, root) = (hash(&case.leaf_hash)?, hash(&case.root)?);
        Some(verify_inclusion(&leaf, case.leaf_idx, case.tree_size, proof, &root))
    });
}

#[test]
fn merkle_consistency() {
    check("consistency", 60, |case, proof| {
        let (old, new) = (hash(&case.root1)?, hash(&case.root2)?);
        Some(verify_consistency(case.size1, case.size2, &old, &new, proof))
    });
}

#[test]
fn merkle_subtree_inclusion() {
    check("subtreeinclusion", 100, |case, proof| {
        let (leaf, root) = (hash(&case.leaf_hash)?, hash(&case.root)?);
        Some(verify_subtree_inclusion(&leaf, case.leaf_idx, (case.start, case.end), proof, &root))
    });
}

#[test]
fn merkle_subtree_consistency() {
    check("subtreeconsistency", 70, |case, proof| {
        let (part, root) = (hash(&case.root1)?, hash(&case.root2)?);
        Some(verify_subtree_consistency(case.start, case.end, case.size, &part, &root, proof))
    });
}

/// Reads nodes from a directory of tiles, like any client of a log.
struct TileDir(PathBuf, u64);

impl Nodes for TileDir {
    type Error = String;

    fn node(&self, level: u8, index: u64) -> Result<Hash, String> {
        let tile = index / (256 >> (level % 8));
        let width = if (tile + 1) << (8 * (level / 8 + 1)) <= self.1 {
            256
        } else {
            tlog::partial_width(level / 8, self.1)
        };
        let path = TilePath::new(tlog::TileKind::Level(level / 8), tile, width).unwrap();
        let bytes = std::fs::read(self.0.join(path.to_string())).map_err(|error| error.to_string())?;
        tile_node(&bytes, level, index).map_err(|error| error.to_string())
    }
}

#[test]
fn tessera_log() {
    let Some(dir) = suite("tlog-tiles-tessera") else { return };
    let mut frontier = Frontier::default();
    let mut roots = vec![Hash::empty_tree()];
    let bundle = std::fs::read(dir.join("tile/entries/000.p/15")).unwrap();
    for entry in decode_bundle(&bundle).unwrap() {
        frontier.push(leaf_hash(entry));
        roots.push(frontier.root());
    }
    assert_eq!(roots.len(), 16);
    for (size, root) in roots.iter().enumerate() {
        let size = size as u64;
        let note = Note::parse(&std::fs::read(dir.join(format!("checkpoint.{size}"))).unwrap()).unwrap();
        let checkpoint: Checkpoint = note.text().parse().unwrap();
        assert_eq!((checkpoint.size, &checkpoint.root), (size, root));
        if size == 0 {
            continue;
        }
        let tiles = TileDir(dir.clone(), size);
        assert_eq!(root_of(&tiles, 0, size).as_ref(), Ok(root));
        for old in 1..=size {
            let proof = consistency_proof(&tiles, old, size).unwrap();
            let old_root = &roots[usize::try_from(old).unwrap()];
            verify_consistency(old, size, old_root, root, &proof).unwrap();
        }
        for index in 0..size {
            let leaf = tiles.node(0, index).unwrap();
            let proof = inclusion_proof(&tiles, index, size).unwrap();
            verify_inclusion(&leaf, index, size, &proof, root).unwrap();
        }
    }
}

/// The indented or fenced blocks of a C2SP text, without their indent.
fn blocks(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(suite("c2sp-specs")?.join(name)).unwrap();
    Some(text.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect())
}

#[test]
fn signed_note_example() {
    let Some(text) = blocks("signed-note.md") else { return };
    let start = text.find("This is an example message.\n\n").unwrap();
    let note = text[start..].split("```").next().unwrap();
    let key = text.lines().find(|line| line.starts_with("example.com/foo+")).unwrap();
    let key: NoteVerifier = key.parse().unwrap();
    assert_eq!(key.to_string(), "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    let parsed: Note = note.parse().unwrap();
    assert_eq!(parsed.to_string(), note);
    assert_eq!(parsed.verify(std::slice::from_ref(&key)).unwrap(), [&key]);
    let changed: Note = note.replace("example message", "exemple message").parse().unwrap();
    assert!(changed.verify(&[key]).is_err());
}

#[test]
fn cosignature_example_has_its_shape() {
    let Some(text) = blocks("tlog-cosignature.md") else { return };
    let start = text.find("example.com/behind-the-sofa\n20852163\n").unwrap();
    let note: Note = text[start..].split("```").next().unwrap().parse().unwrap();
    let checkpoint: Checkpoint = note.text().parse().unwrap();
    assert_eq!((checkpoint.size, note.signatures().len()), (20_852_163, 2));
    // The text gives no keys. An unknown witness must be ignored and never trusted.
    let stranger = NoteVerifier::new(
        "witness.example.com/w1",
        SignatureKind::Cosignature,
        [
            215, 90, 152, 1, 130, 177, 10, 183, 213, 75, 254, 211, 201, 100, 7, 58, 14, 225, 114, 243, 218,
            166, 35, 37, 175, 2, 26, 104, 247, 7, 81, 26,
        ],
    );
    assert_eq!(Cosignature::all(&note, &[stranger.unwrap()]), Ok(Vec::new()));
}

#[test]
fn wycheproof_ed25519() {
    let Some(dir) = suite("wycheproof") else { return };
    let suite: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("ed25519_test.json")).unwrap()).unwrap();
    let mut count = 0;
    for group in suite["testGroups"].as_array().unwrap() {
        let public = hex::decode(group["publicKey"]["pk"].as_str().unwrap()).unwrap();
        let key = NoteVerifier::new("w", SignatureKind::Ed25519, public.try_into().unwrap()).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let message = hex::decode(test["msg"].as_str().unwrap()).unwrap();
            let signature = hex::decode(test["sig"].as_str().unwrap()).unwrap();
            let expected = test["result"] == "valid";
            assert_eq!(key.verify_raw(&message, &signature), expected, "{}", test["tcId"]);
            count += 1;
        }
    }
    assert_eq!(count, suite["numberOfTests"]);
}

#[test]
fn hashes_in_the_vectors_are_standard_base64() {
    assert_eq!(STANDARD.encode(Hash::empty_tree().as_bytes()), Hash::empty_tree().to_string());
}
