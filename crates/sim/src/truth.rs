//! The facts of a simulation, independent of the nodes' beliefs, and the invariants that must always hold.
//!
//! Invariant: every acknowledgement, approval and commit is noted here independently, and compared after every event. No
//! statement of the product about itself is taken for granted.

use std::collections::{BTreeMap, BTreeSet};

use domain::State;
use evidence::dsse::Envelope;
use evidence::receipt::{Ending, PAYLOAD_TYPE, Receipt, Work};
use evidence::{CommitId, Digest, Id, canonical};
use tlog::{Checkpoint, Frontier, Hash};

use crate::control::Control;
use crate::deploy::Agent;
use crate::installation::place;

/// The facts.
#[derive(Debug, Default)]
pub struct Truth {
    /// Every leaf that was ever durable, in order.
    leaves: Vec<Hash>,
    tree: Frontier,
    /// Root of the tree at each size.
    roots: Vec<Hash>,
    time: u64,
    acknowledged: u64,
    commits: BTreeSet<CommitId>,
    approvals: BTreeMap<u64, (Digest, Digest)>,
    /// Artifact and highest release of each agent at the last check.
    ran: [Option<(Digest, u64)>; 2],
    /// Highest release that each agent has stored or applied.
    numbers: [u64; 2],
    /// Checkpoints that witnesses have cosigned.
    cosigned: BTreeMap<u64, Hash>,
    /// Broken invariants, as texts; empty if none is broken.
    pub breaches: Vec<String>,
    /// Releases that agents have started.
    pub applied: u64,
    /// Rollouts that agents have begun.
    pub rollouts: u64,
    /// Release that each agent has rolled out last.
    rolled: [u64; 2],
    /// Commands whose outcome was sent to their sender.
    pub acknowledgements: u64,
    unsound: BTreeMap<String, u64>,
    /// The receipt that a runner sent for each step that ran, by its nonce.
    receipts: BTreeMap<Id, Digest>,
}

impl Truth {
    /// Notes a broken invariant.
    pub fn broken(&mut self, what: impl Into<String>) {
        self.breaches.push(what.into());
    }

    /// Notes that somebody was told that an entry is recorded.
    pub fn acknowledged(&mut self, entry: u64) {
        self.acknowledgements += 1;
        self.acknowledged = self.acknowledged.max(entry + 1);
    }

    /// Notes a receipt that a runner sends. A step that ran has one, whatever crashed meanwhile.
    pub fn sent(&mut self, receipt: &Envelope) {
        let payload = receipt.payload(PAYLOAD_TYPE).unwrap();
        let facts: Receipt = canonical::decode("receipt", payload, payload.len()).unwrap();
        if !matches!(facts.work, Work::Step(_)) || facts.exit == Ending::GaveUp {
            return;
        }
        let digest = receipt.payload_digest();
        if *self.receipts.entry(facts.nonce).or_insert(digest) != digest {
            self.broken(format!("{} sent two receipts for one order of {:?}", facts.runner, facts.work));
        }
    }

    /// Notes a commit.
    pub fn committed(&mut self, commit: CommitId) {
        self.commits.insert(commit);
    }

    /// Notes an approval.
    pub fn approved(&mut self, release: u64, artifact: Digest, plan: Digest) {
        self.approvals.insert(release, (artifact, plan));
    }

    /// Checks the codes of evidence that did not hold for somebody: with skewed clocks only codes about time are allowed.
    pub fn unsound(&mut self, codes: impl Iterator<Item = String>) {
        codes.for_each(|code| *self.unsound.entry(code).or_default() += 1);
    }

    /// Codes for which people did not believe evidence, with their number.
    #[must_use]
    pub const fn disbelief(&self) -> &BTreeMap<String, u64> {
        &self.unsound
    }

    /// Checks the server after an event: its ledger has only grown, and its state is sound.
    ///
    /// # Errors
    /// A text, if its disk cannot be read.
    pub fn look_at_server(&mut self, server: &Control) -> Result<(), String> {
        let state = server.state();
        let known = self.leaves.len() as u64;
        if state.entries < known {
            self.broken(format!("the ledger had {known} entries and has {} now", state.entries));
            return Ok(());
        }
        if state.misfits != 0 {
            self.broken(format!("{} entries did not fit", state.misfits));
        }
        if state.entries == known {
            return Ok(());
        }
        for (leaf, time) in server.leaves(known)? {
            if time < self.time {
                self.broken("the ledger's time ran back");
            }
            self.time = time;
            self.tree.push(leaf);
            self.leaves.push(leaf);
            self.roots.push(self.tree.root());
        }
        let head = server.head()?;
        if head.size != self.leaves.len() as u64 || head.root != self.tree.root() {
            self.broken("the checkpoint is not that of the entries");
        }
        if self.acknowledged > head.size {
            self.broken(format!(
                "entry {} was acknowledged and is not there",
                self.acknowledged.saturating_sub(1)
            ));
        }
        Ok(())
    }

    /// Checks a server that has just started: every durable entry is there, and the entries give its state.
    ///
    /// # Errors
    /// A text, if its disk cannot be read.
    pub fn look_at_start(&mut self, server: &Control) -> Result<(), String> {
        let leaves = server.leaves(0)?;
        if leaves.len() < self.leaves.len()
            || leaves.iter().zip(&self.leaves).any(|((new, _), old)| new != old)
        {
            self.broken("entries that were durable are gone or changed");
        }
        self.look_at_server(server)
    }

    /// Checks an agent after an event: the running artifact was built from a known commit and, in production, approved for
    /// exactly this release; its number has not gone down, and nothing was applied under a freeze that it knew.
    pub fn look_at_agent(&mut self, n: usize, agent: &Agent) {
        self.look_at_services(n, agent);
        let memory = agent.memory();
        let Some(running) = &memory.running else { return };
        let now = (running.artifact, memory.seen_release);
        let before = self.ran[n];
        if before == Some(now) {
            return;
        }
        self.ran[n] = Some(now);
        if !self.commits.contains(&running.commit) {
            self.broken(format!("{} runs a commit that nobody made", place(n)));
        }
        if memory.begun.is_none() && agent.current() != Some(running.artifact.hex()) {
            self.broken(format!("{}: the current release differs from its memory", place(n)));
        }
        let same = before.is_some_and(|(artifact, _)| artifact == running.artifact);
        // A number that could not be stored may be forgotten in a crash, because nothing was applied under it.
        let number = if same { agent.noted().unwrap_or(0) } else { memory.seen_release };
        if number < self.numbers[n] {
            self.broken(format!("{}: its release number went down", place(n)));
        }
        self.numbers[n] = number;
        if same {
            return;
        }
        self.applied += 1;
        let plan = running.plan.digest().ok();
        let approved =
            self.approvals.values().any(|known| Some(*known) == plan.map(|p| (running.artifact, p)));
        if n == 1 && !approved {
            self.broken(format!("{} runs {}, which nobody approved", place(n), running.artifact));
        }
    }

    /// Checks which versions get requests: exactly those of the step in force, one or the approved pair, and never none while the
    /// release works.
    fn look_at_services(&mut self, n: usize, agent: &Agent) {
        let (memory, serving) = (agent.memory(), agent.services().host().serving());
        let Some(running) = &memory.running else { return };
        if agent.is_down() {
            return;
        }
        if let Some(rollout) = memory.rollout.as_ref().filter(|rollout| rollout.release != self.rolled[n]) {
            self.rolled[n] = rollout.release;
            self.rollouts += 1;
        }
        let old = running.artifact.hex();
        let wanted: BTreeMap<String, u32> = match &memory.rollout {
            None => [(old, 100)].into(),
            Some(rollout) if rollout.progress.ending.is_some() => return,
            Some(rollout) => {
                let new = (rollout.new.artifact.hex(), rollout.new.plan.digest().ok());
                let approved =
                    |(artifact, plan): &(Digest, Digest)| artifact.hex() == new.0 && Some(*plan) == new.1;
                if n == 1 && !self.approvals.values().any(approved) {
                    self.broken(format!("{} rolls {} out, which nobody approved", place(n), new.0));
                }
                let steps = rollout.new.plan.rollout.as_ref().map(|rollout| &rollout.steps);
                let share = steps.and_then(|steps| steps.get(rollout.progress.step));
                let share = share.map_or(100, |step| u32::from(step.percent));
                let mut wanted: BTreeMap<String, u32> = BTreeMap::new();
                for (version, weight) in [(new.0, share), (old, 100 - share)] {
                    *wanted.entry(version).or_default() += weight;
                }
                wanted.retain(|_, weight| *weight > 0);
                wanted
            }
        };
        if serving != wanted {
            self.broken(format!("{}: {serving:?} get requests instead of {wanted:?}", place(n)));
        }
    }

    /// Notes that a witness has cosigned a checkpoint.
    pub fn cosigned(&mut self, checkpoint: &Checkpoint) {
        let known = *self.cosigned.entry(checkpoint.size).or_insert(checkpoint.root);
        if known != checkpoint.root {
            self.broken(format!("two trees of {} entries were cosigned", checkpoint.size));
        }
    }

    /// The whole course as one hash: the root of the ledger's tree.
    #[must_use]
    pub fn course(&self) -> String {
        self.tree.root().to_string()
    }

    /// Checks at the end: the entries give the state, every decision agrees, and every cosigned checkpoint is of this ledger.
    ///
    /// # Errors
    /// A text, if its disk cannot be read.
    pub fn look_at_end(&mut self, server: &Control) -> Result<u64, String> {
        self.look_at_start(server)?;
        let (state, agree, others) = server.replay()?;
        if state != State::clone(&server.state()) {
            self.broken("the state is not the fold of the ledger");
        }
        self.breaches.extend(others.into_iter().map(|what| format!("replay differs: {what}")));
        let strays: Vec<u64> = self
            .cosigned
            .iter()
            .filter(|(size, root)| {
                let at = usize::try_from(**size).unwrap_or(usize::MAX).wrapping_sub(1);
                self.roots.get(at) != Some(root)
            })
            .map(|(size, _)| *size)
            .collect();
        for size in strays {
            self.broken(format!("a tree of {size} entries was cosigned that is not this ledger's"));
        }
        Ok(agree)
    }
}
