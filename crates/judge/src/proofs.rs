//! The ledger's part of a bundle: a checkpoint that enough witnesses signed, and entries proven under it.

use std::collections::BTreeSet;

use domain::Event;
use evidence::bundle::{Bundle, hashes};
use evidence::entry::Header;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{Digest, Moment};
use tlog::{Checkpoint, Cosignature, Hash, Note, NoteVerifier, verify_consistency, verify_inclusion};

/// What was proven.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// How many witnesses count.
    pub witnesses: usize,
    /// Whether a witness shares the server's host.
    pub same_machine: bool,
    /// The latest time that a quorum of witnesses vouches for.
    pub quorum_time: Moment,
    /// Blobs that proven entries name.
    pub named: BTreeSet<Digest>,
    /// The proposals among the entries.
    pub proposals: Vec<domain::release::Proposed>,
    /// Blobs by entry, to find entries that nothing needs.
    pub entries: Vec<BTreeSet<Digest>>,
}

/// Proves checkpoint and entries; answers a code and a text when something does not hold.
pub fn prove(bundle: &Bundle, root: &TrustRoot) -> Result<Proven, (&'static str, String)> {
    let unsound = |error: &dyn std::fmt::Display| ("checkpoint-unsound", error.to_string());
    let note = Note::parse(bundle.checkpoint.as_bytes()).map_err(|error| unsound(&error))?;
    if note.to_string() != bundle.checkpoint {
        return Err(unsound(&"the checkpoint has a second spelling"));
    }
    let ledger = root.ledger_key().map_err(|error| unsound(&error))?;
    let witnesses = root.witness_keys().map_err(|error| unsound(&error))?;
    let known = std::slice::from_ref(&ledger);
    let checkpoint = Checkpoint::open(&note, ledger.name(), known).map_err(|error| unsound(&error))?;
    let cosignatures = Cosignature::all(&note, &witnesses).map_err(|error| unsound(&error))?;
    if note.signatures().len() != 1 + cosignatures.len() {
        return Err(unsound(&"it carries a signature that nobody known made"));
    }
    let (counted, same_machine) = counted(root, &witnesses, &cosignatures);
    let quorum = root.witnesses.quorum as usize;
    if counted.len() < quorum {
        let what = format!("{} of {quorum} witnesses that count cosigned the checkpoint", counted.len());
        return Err(("not-witnessed", what));
    }
    let mut times = counted;
    times.sort_unstable_by(|a, b| b.cmp(a));
    let seconds = times.get(quorum.saturating_sub(1)).copied().unwrap_or_default();
    // Cosignatures tell whole seconds: the end of the second is the latest that they vouch for.
    let quorum_time =
        Moment::from_millis(seconds.saturating_mul(1000).saturating_add(999)).unwrap_or_default();
    let mut proven = Proven {
        checkpoint,
        witnesses: times.len(),
        same_machine,
        quorum_time,
        named: BTreeSet::new(),
        proposals: Vec::new(),
        entries: Vec::new(),
    };
    entries(bundle, &mut proven)?;
    Ok(proven)
}

/// Times of the cosignatures that count. In team mode a witness on the server's host counts zero.
fn counted(root: &TrustRoot, keys: &[NoteVerifier], found: &[Cosignature]) -> (Vec<u64>, bool) {
    let on_host = |name: &str| {
        let at = keys.iter().position(|key| key.name() == name);
        let witness = at.and_then(|at| root.witnesses.keys.get(at));
        witness.is_none_or(|witness| witness.place.host == root.server.host)
    };
    let same_machine = found.iter().any(|cosignature| on_host(&cosignature.witness));
    let counts = |cosignature: &&Cosignature| root.mode != Mode::Team || !on_host(&cosignature.witness);
    (found.iter().filter(counts).map(|cosignature| cosignature.time_seconds).collect(), same_machine)
}

fn entries(bundle: &Bundle, proven: &mut Proven) -> Result<(), (&'static str, String)> {
    let mut last = None;
    for logged in &bundle.logged {
        let wrong = |what: &str| ("entry-unproven", format!("entry {}: {what}", logged.index));
        if last.is_some_and(|last| last >= logged.index) {
            return Err(wrong("stands twice or out of order"));
        }
        last = Some(logged.index);
        let header = Header::decode(&logged.header.0).map_err(|error| wrong(&error.to_string()))?;
        let proof = hashes(&logged.proof).ok_or_else(|| wrong("its proof is damaged"))?;
        let (size, root) = (proven.checkpoint.size, proven.checkpoint.root);
        let included = verify_inclusion(&logged.leaf(), logged.index, size, &proof, &root);
        if let Err(error) = included
            && !cfg!(feature = "drill-ledger-proof")
        {
            return Err(wrong(&error.to_string()));
        }
        let facts = logged.facts().ok_or_else(|| wrong("its salt is damaged"))?;
        if facts.commitment() != header.facts {
            return Err(wrong("its facts are not those that it commits to"));
        }
        if header.kind == "release.proposed"
            && let Ok(Event::Proposed(proposed)) = Event::read(&header.kind, &facts)
        {
            proven.proposals.push(proposed);
        }
        proven.named.extend(&header.blobs);
        proven.entries.push(header.blobs.into_iter().collect());
    }
    Ok(())
}

/// Whether a checkpoint that somebody saw is an earlier one of the same ledger.
pub fn is_ancestor(bundle: &Bundle, proven: &Proven, seen: &str) -> bool {
    let Ok(seen) = seen.parse::<Checkpoint>() else { return false };
    let now = &proven.checkpoint;
    if seen.origin != now.origin || seen.size > now.size {
        return false;
    }
    if seen.size == now.size {
        return seen.root == now.root;
    }
    let ancestor = bundle.ancestors.iter().find(|ancestor| ancestor.size == seen.size);
    let proof: Option<Vec<Hash>> = ancestor.and_then(|ancestor| hashes(&ancestor.proof));
    proof.is_some_and(|proof| verify_consistency(seen.size, now.size, &seen.root, &now.root, &proof).is_ok())
}
