//! The content that every disk must still have after a power cut: noted while the nodes run, and compared afterwards.
//!
//! Invariant: a promise is noted when a node has sent a message that depends on its disk, and never before.

use std::path::Path;

use agent::Memory;
use evidence::Digest;
use lab::Lab;
use ledger::Anchors;
use runner::Keep;
use tlog::{Checkpoint, Frontier};
use witness::Store;

use crate::build::KEEP_BYTES;
use crate::control::Control;
use crate::deploy::Agent;
use crate::installation;
use crate::machine;
use crate::net::{Content, Node, Outbox, PeerRequest};
use crate::promises::Promises;
use crate::world::{World, witness_of};

/// Starts every node from the files below a directory; returns a text for each broken promise.
#[must_use]
pub fn survived(root: &Path, promised: &Promises, now: u64) -> Vec<String> {
    machine::begin(0);
    machine::set_now(now);
    let lab = Lab::new(0);
    let mut broken = Vec::new();
    if let Err(what) = server(&root.join("data"), promised, &lab) {
        broken.push(format!("server: {what}"));
    }
    for (n, agent) in promised.agents.iter().enumerate() {
        if let Err(what) = kept_agent(&root.join(format!("agent-{n}")), n, agent.as_ref()) {
            broken.push(format!("agent {n}: {what}"));
        }
    }
    for (n, size) in promised.cosigned.iter().enumerate().filter(|(_, size)| **size > 0) {
        let store = witness_of(&root.join(format!("witness-{n}")), &lab, n);
        let latest = store.map(|store| latest_of(&store, &lab).unwrap_or(0));
        if latest.as_ref().map_or(true, |latest| latest < size) {
            broken.push(format!("witness {n}: it cosigned {size} entries and remembers {latest:?}"));
        }
    }
    for (n, receipts) in promised.receipts.iter().enumerate().filter(|(_, receipts)| !receipts.is_empty()) {
        let keep = Keep::open(&root.join(format!("runner-{n}")), KEEP_BYTES);
        let lost = |receipt: &&Digest| !keep.as_ref().is_ok_and(|keep| keep.outputs(receipt).is_ok());
        if let Some(lost) = receipts.iter().find(lost) {
            broken.push(format!("runner {n}: what it kept of receipt {lost} is gone"));
        }
    }
    broken
}

fn server(dir: &Path, promised: &Promises, lab: &Lab) -> Result<(), String> {
    let server = Control::start(dir, lab)?;
    let leaves = server.leaves(0)?;
    let mut tree = Frontier::default();
    let count = usize::try_from(promised.entries).unwrap();
    for (leaf, _) in leaves.iter().take(count) {
        tree.push(*leaf);
    }
    if leaves.len() < count || tree.root().to_string() != promised.root {
        return Err(format!("{} of {count} entries are there, or other ones", leaves.len()));
    }
    if server.state().misfits > 0 {
        return Err("entries do not fit".to_owned());
    }
    drop(server);
    let anchors = Anchors {
        ledger: installation::ledger_key(lab).verifier().clone(),
        witnesses: Vec::new(),
        quorum: 0,
        seen: None,
    };
    let report = ledger::verify(dir, &anchors).map_err(|error| error.to_string())?;
    match report.breaches.first() {
        None => Ok(()),
        Some(breach) => Err(format!("{breach:?}")),
    }
}

fn kept_agent(dir: &Path, n: usize, promised: Option<&(u64, Option<Digest>)>) -> Result<(), String> {
    let Some((number, running)) = promised else { return Ok(()) };
    let memory = Memory::read(dir).map_err(|error| error.to_string())?;
    if memory.seen_release < *number {
        return Err(format!("it had seen release {number} and remembers {}", memory.seen_release));
    }
    let runs = memory.running.as_ref().map(|known| known.artifact);
    if memory.seen_release == *number && memory.begun.is_none() && runs != *running {
        return Err(format!("{running:?} ran, and it remembers {runs:?}"));
    }
    let agent = Agent::start(dir, n)?;
    let current = agent.current();
    match runs {
        // Work that was begun is done again, whichever of the two artifacts is current.
        Some(runs) if memory.begun.is_none() && current.as_deref() != Some(runs.hex().as_str()) => {
            Err(format!("{runs} should be current, not {current:?}"))
        }
        _ => Ok(()),
    }
}

impl World {
    /// Notes the content of a node's disk, after it was written and before anybody hears of it.
    pub fn promise(&mut self, who: Node, out: &Outbox) {
        let Some(mut promised) = self.promised.clone() else { return };
        match who {
            Node::Server => {
                if let Some(head) = self.server.as_ref().and_then(|server| server.head().ok()) {
                    (promised.entries, promised.root) = (head.size, head.root.to_string());
                }
            }
            Node::Agent(n) => {
                promised.agents[n] = self.agents[n].as_ref().map(|agent| {
                    let memory = agent.memory();
                    (memory.seen_release, memory.running.as_ref().map(|known| known.artifact))
                });
            }
            Node::Witness(n) => {
                let latest = self.witnesses[n].as_ref().and_then(|store| latest_of(store, &self.lab));
                promised.cosigned[n] = latest.unwrap_or(0);
            }
            Node::Runner(n) => {
                let sent = out.messages.iter().filter_map(|(_, _, _, content)| match content {
                    Content::PeerRequest(PeerRequest::Receipt(_, receipt)) => Some(receipt.payload_digest()),
                    _ => None,
                });
                // Artifacts are assembled from stored outputs; nothing of theirs is stored.
                let kept = |receipt: &Digest| self.builders[n].as_ref().is_some_and(|it| it.keeps(receipt));
                promised.receipts[n].extend(sent.filter(kept));
                promised.receipts[n].dedup();
            }
            Node::Person(_) => return,
        }
        if self.promised.as_ref() != Some(&promised) {
            println!("promised {}", serde_json::to_string(&promised).unwrap());
            self.promised = Some(promised);
        }
    }
}

/// Size of the tree that a witness has cosigned last.
fn latest_of(store: &Store, lab: &Lab) -> Option<u64> {
    let origin = Digest::of(installation::ledger_key(lab).verifier().name().as_bytes());
    let note = store.latest(&origin.hex())?;
    Some(note.text().parse::<Checkpoint>().ok()?.size)
}
