//! Dry runs of policies over a seeded ledger, and the same result by brute force.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use domain::gate::GateOutcome;
use domain::{Event, State};
use evidence::bundle::Bundle;
use evidence::entry::Header;
use evidence::policy_files::PolicyFiles;
use judge::{Store as _, Trial, check, judge_checked, own_context};
use ledger::{BLOBS, Blobs, Reader};
use policy::Gate;
use server::{DryRunOrder, LedgerStore, Readers, Tried};

/// The outcome of a decision, and the codes of its reasons and warnings that come and that go.
pub type Outcome = (GateOutcome, BTreeSet<String>, BTreeSet<String>);

/// A dry run, with the time that it took.
#[derive(Debug)]
pub struct DryRunTimes {
    /// Number of decisions that were made again.
    pub decisions: usize,
    /// Number of entries of the ledger.
    pub entries: u64,
    /// Time of the dry run.
    pub took: Duration,
    /// Time of reading and decoding the ledger alone.
    pub floor: Duration,
    /// Decisions that would differ, by entry.
    pub differ: BTreeMap<u64, Outcome>,
    /// Decisions that nobody can make again, by entry, with the reason.
    pub unknown: BTreeMap<u64, String>,
}

/// Tries a policy on the newest decisions of the ledger in a directory.
///
/// # Panics
/// If the ledger cannot be read.
#[must_use]
pub fn dry_run_of(dir: &Path, policy: &PolicyFiles, decisions_max: usize) -> DryRunTimes {
    let (readers, blobs) = (Readers::new(dir), Blobs::read_only(&dir.join(BLOBS)));
    let store = LedgerStore::new(&readers, &blobs);
    let reader = Reader::open(dir).unwrap();
    let begun = Instant::now();
    server::read_decisions(&reader).unwrap();
    let floor = begun.elapsed();
    let order = DryRunOrder { since: None, is_at: &|_| true, decisions_max };
    let begun = Instant::now();
    let tried = server::dry_run(&reader, &store, gate(policy), &order, |_| true).unwrap();
    let took = begun.elapsed();
    let Tried { entries, tried, .. } = tried;
    let decisions = tried.len();
    let (mut differ, mut unknown) = (BTreeMap::new(), BTreeMap::new());
    for decision in tried {
        match decision.trial {
            Trial::Compared(found) if found.outcome == decision.outcome && !found.has_other_codes() => {}
            Trial::Compared(found) => {
                let union = |a: &BTreeSet<String>, b: &BTreeSet<String>| a | b;
                let come = union(&found.come, &found.warnings_come);
                let go = union(&found.go, &found.warnings_go);
                differ.insert(decision.entry, (found.outcome, come, go));
            }
            Trial::Unknown(why) => drop(unknown.insert(decision.entry, why.to_string())),
            Trial::NotAsked => {}
        }
    }
    DryRunTimes { decisions, entries, took, floor, differ, unknown }
}

/// The decisions of a ledger that would differ by a policy, by brute force: the state is folded, the evidence of each decision is
/// proven from the trust root on, with every signature, and judged by the policy in place of its gate. The policy must read the
/// same as those that decided.
///
/// # Panics
/// If the ledger cannot be read, or a decision has no state.
#[must_use]
pub fn by_brute_force(dir: &Path, policy: &PolicyFiles) -> BTreeMap<u64, Outcome> {
    let (readers, blobs) = (Readers::new(dir), Blobs::read_only(&dir.join(BLOBS)));
    let store = LedgerStore::new(&readers, &blobs);
    let reader = Reader::open(dir).unwrap();
    let size = reader.head().unwrap().frontier.size();
    let (mut state, mut recent) = (State::default(), BTreeMap::<u64, State>::new());
    let mut found = BTreeMap::new();
    while state.entries < size {
        let number = state.entries;
        for (entry, number) in reader.unchecked(number, size.min(number + 100)).unwrap().iter().zip(number..)
        {
            let header = Header::decode(&entry.header).unwrap();
            let event = Event::read(&header.kind, &entry.facts).unwrap();
            if let Event::Judged(judged) = &event
                && let Some(digest) = &judged.bundle
            {
                let at = &recent[&judged.at];
                let (anchors, seen) = own_context(at, &judged.place, judged.moment).unwrap();
                let bundle = Bundle::decode(&store.blob(digest).unwrap()).unwrap();
                if let Ok(mut checked) = check(&bundle, &anchors, &seen) {
                    checked.gate = Ok(gate(policy));
                    let now = judge_checked(&checked);
                    let then: BTreeSet<_> = judged.reasons.iter().chain(&judged.warnings).cloned().collect();
                    let codes: BTreeSet<_> = now.codes().into_iter().chain(now.warned()).collect();
                    let (come, go) = (&codes - &then, &then - &codes);
                    if now.outcome != judged.outcome || !come.is_empty() || !go.is_empty() {
                        found.insert(number, (now.outcome, come, go));
                    }
                }
            }
            state.apply(&event, header.time);
            if state.gate.outstanding().next().is_none() {
                recent.clear();
            } else {
                recent.insert(state.entries, state.clone());
            }
        }
    }
    found
}

fn gate(policy: &PolicyFiles) -> Gate {
    Gate::compile(&policy::Bundle::new(policy.files.clone()).unwrap()).unwrap()
}
