//! The ledger's part of a bundle: a checkpoint that enough witnesses signed, and entries proven under it.
//!
//! Invariant: an entry counts only with an inclusion proof under the witnessed checkpoint. The server's word for an
//! entry or a time counts for nothing.

use std::collections::{BTreeMap, BTreeSet};

use domain::Event;
use evidence::bundle::{Bundle, hashes};
use evidence::entry::Header;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{Digest, Moment};
use tlog::{Checkpoint, Cosignature, Hash, Note, NoteVerifier, verify_consistency, verify_inclusion};

use crate::context::FreshCheckpoint;
use crate::reasons::{Flaw, Reasons, broken};

/// Facts that the ledger proves.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Number of witnesses that count.
    pub witnesses: usize,
    /// Whether a witness shares the server's host.
    pub same_machine: bool,
    /// The quorum time: the latest time that a quorum of witnesses vouches for.
    pub quorum_time: Moment,
    /// Blobs that proven entries name, each with a time by which it was certainly recorded.
    pub named: BTreeMap<Digest, Moment>,
    /// The proposals among the entries.
    pub proposals: Vec<domain::release::Proposed>,
    /// Blobs of each entry, to detect entries that nothing needs.
    pub entries: Vec<BTreeSet<Digest>>,
}

/// Proves the checkpoint and the entries.
pub fn prove(bundle: &Bundle, root: &TrustRoot) -> Result<Proven, Reasons> {
    let (checkpoint, times, same_machine) = witnessed(&bundle.checkpoint, root).map_err(broken)?;
    let witnesses = times.len();
    let surely = surely_by(times.clone(), root);
    let quorum_time = quorum_time(times, root.witnesses.quorum as usize)?;
    let (named, proposals, entries) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut proven = Proven { checkpoint, witnesses, same_machine, quorum_time, named, proposals, entries };
    let mut heads = earlier(bundle, root, &proven.checkpoint).map_err(broken)?;
    heads.push((proven.checkpoint.size, surely.unwrap_or(Moment::LAST)));
    entered(bundle, &heads, &mut proven).map_err(broken)?;
    Ok(proven)
}

/// The time that a quorum of witnesses vouches for with a newer checkpoint, which continues this one.
pub fn fresh_time(fresh: &FreshCheckpoint, of: &Checkpoint, root: &TrustRoot) -> Result<Moment, Reasons> {
    let (newer, times, _) = witnessed(&fresh.note, root).map_err(broken)?;
    let forked = |what: String| broken(Flaw::new("ledger-forked", what));
    let proof =
        hashes(&fresh.proof).ok_or_else(|| forked("the proof of the newer checkpoint is damaged".into()))?;
    verify_consistency(of.size, newer.size, &of.root, &newer.root, &proof)
        .map_err(|error| forked(format!("the newer checkpoint is of another ledger: {error}")))?;
    quorum_time(times, root.witnesses.quorum as usize)
}

/// The time by which the holder of a stored note can prove that its entries existed: at least one witness of each
/// quorum is honest. `None` if fewer witnesses of the root than the quorum cosigned it.
#[must_use]
pub fn witnessed_by(note: &str, root: &TrustRoot) -> Option<Moment> {
    let (_, times, _) = witnessed(note, root).ok()?;
    surely_by(times, root)
}

/// The earliest time by which a whole quorum had cosigned, and with it at least one honest witness. Unlike the quorum
/// time, it errs towards later times: lying witnesses, if fewer than a quorum, cannot make an entry look older than it
/// is.
fn surely_by(mut times: Vec<u64>, root: &TrustRoot) -> Option<Moment> {
    times.sort_unstable();
    let last = (root.witnesses.quorum as usize).checked_sub(1)?;
    times.get(last).map(|seconds| end_of(*seconds))
}

/// Sizes of the earlier checkpoints, each with the time by which it certainly existed.
fn earlier(bundle: &Bundle, root: &TrustRoot, now: &Checkpoint) -> Result<Vec<(u64, Moment)>, Flaw> {
    let mut heads: Vec<(u64, Moment)> = Vec::new();
    for earlier in &bundle.earlier {
        let (head, times, _) = witnessed(&earlier.checkpoint, root)?;
        let wrong =
            |what: &str| Flaw::new("earlier-unsound", format!("checkpoint of {} entries: {what}", head.size));
        let moment = surely_by(times, root).ok_or_else(|| wrong("too few witnesses cosigned it"))?;
        let proof = hashes(&earlier.proof).ok_or_else(|| wrong("its proof is damaged"))?;
        verify_consistency(head.size, now.size, &head.root, &now.root, &proof)
            .map_err(|error| wrong(&error.to_string()))?;
        // Each checkpoint must be the first one that contains some entry; otherwise nothing needs it.
        let after = heads.last().map_or(0, |(size, _)| *size);
        if !bundle.logged.iter().any(|logged| (after..head.size).contains(&logged.index)) {
            return Err(wrong("no entry needs it"));
        }
        heads.push((head.size, moment));
    }
    Ok(heads)
}

/// The checkpoint, the times of the cosignatures that count, and whether one witness shares the server's host.
fn witnessed(note: &str, root: &TrustRoot) -> Result<(Checkpoint, Vec<u64>, bool), Flaw> {
    let unsound = |error: &dyn std::fmt::Display| Flaw::new("checkpoint-unsound", error.to_string());
    let note = Note::parse(note.as_bytes()).map_err(|error| unsound(&error))?;
    let ledger = root.ledger_key().map_err(|error| unsound(&error))?;
    let witnesses = root.witness_keys().map_err(|error| unsound(&error))?;
    let known = std::slice::from_ref(&ledger);
    let checkpoint = Checkpoint::open(&note, ledger.name(), known).map_err(|error| unsound(&error))?;
    let cosignatures = Cosignature::all(&note, &witnesses).map_err(|error| unsound(&error))?;
    if note.signatures().len() != 1 + cosignatures.len() {
        return Err(unsound(&"it carries a signature that nobody known made"));
    }
    let (times, same_machine) = counted(root, &witnesses, &cosignatures);
    Ok((checkpoint, times, same_machine))
}

/// The latest time that a quorum of witnesses vouches for. The times of that quorum must agree: lying witnesses, if
/// fewer than a quorum, can neither move the time nor replace witnesses that do not answer.
fn quorum_time(mut times: Vec<u64>, quorum: usize) -> Result<Moment, Reasons> {
    let undecided = |code, what: String| {
        let mut reasons = Reasons::default();
        reasons.unclear(code, what, "wait until more witnesses answer, or look into those that do");
        reasons
    };
    times.sort_unstable_by(|a, b| b.cmp(a));
    let agree = times.windows(quorum).find_map(|within| {
        let (latest, earliest) = (within.first()?, within.last()?);
        (latest - earliest <= APART_SECONDS_MAX).then_some(*earliest)
    });
    let seconds = agree.ok_or_else(|| {
        let found = times.len();
        if found < quorum {
            let what = format!("{found} of {quorum} witnesses that count cosigned the checkpoint");
            return undecided("not-witnessed", what);
        }
        let what = format!("no {quorum} witnesses give times within {APART_SECONDS_MAX} seconds");
        undecided("witness-times-differ", what)
    })?;
    Ok(end_of(seconds))
}

/// Cosignatures state whole seconds. The end of the second is the latest moment that they vouch for.
fn end_of(seconds: u64) -> Moment {
    Moment::from_millis(seconds.saturating_mul(1000).saturating_add(999)).unwrap_or(Moment::LAST)
}

/// Times of the cosignatures that count. In team mode, a witness on the server's host does not count.
fn counted(root: &TrustRoot, keys: &[NoteVerifier], found: &[Cosignature]) -> (Vec<u64>, bool) {
    let on_host = |name: &str| {
        let at = keys.iter().position(|key| key.name() == name);
        let witness = at.and_then(|at| root.witnesses.keys.get(at));
        witness.is_none_or(|witness| witness.place.is_on_host_of(&root.server))
    };
    let same_machine = found.iter().any(|cosignature| on_host(&cosignature.witness));
    let counts = |cosignature: &&Cosignature| root.mode != Mode::Team || !on_host(&cosignature.witness);
    (found.iter().filter(counts).map(|cosignature| cosignature.time_seconds).collect(), same_machine)
}

fn entered(bundle: &Bundle, heads: &[(u64, Moment)], proven: &mut Proven) -> Result<(), Flaw> {
    let mut last = None;
    for logged in &bundle.logged {
        let wrong = |what: &str| Flaw::new("entry-unproven", format!("entry {}: {what}", logged.index));
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
        let holds = heads.iter().find(|(size, _)| logged.index < *size);
        let there = holds.map_or(Moment::LAST, |(_, moment)| *moment);
        for blob in &header.blobs {
            proven.named.entry(*blob).and_modify(|known| *known = there.min(*known)).or_insert(there);
        }
        proven.entries.push(header.blobs.into_iter().collect());
    }
    Ok(())
}

/// Whether a checkpoint that a person saw is an ancestor of the proven one.
pub fn is_ancestor(bundle: &Bundle, proven: &Proven, seen: &str) -> bool {
    let Ok(seen) = seen.parse::<Checkpoint>() else { return false };
    seen.origin == proven.checkpoint.origin && was_head(bundle, proven, seen.size, &seen.root)
}

/// Whether the ledger had this root hash at this size.
pub fn was_head(bundle: &Bundle, proven: &Proven, size: u64, root: &Hash) -> bool {
    let now = &proven.checkpoint;
    if size == now.size {
        return *root == now.root;
    }
    let ancestor = bundle.ancestors.iter().find(|ancestor| ancestor.size == size);
    let proof: Option<Vec<Hash>> = ancestor.and_then(|ancestor| hashes(&ancestor.proof));
    proof.is_some_and(|proof| verify_consistency(size, now.size, root, &now.root, &proof).is_ok())
}

/// Largest difference between the times of witnesses that agree, in seconds.
const APART_SECONDS_MAX: u64 = 600;
