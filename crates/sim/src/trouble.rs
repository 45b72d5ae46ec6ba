//! Faults: messages, clocks, disks, nodes, chosen by the seed's randomness; and the end of all faults.

use std::collections::BTreeSet;

use disk::faults::KINDS;

use crate::event::SimEvent;
use crate::machine;
use crate::net::{Message, Node};
use crate::people::PersonNode;
use crate::world::{MINUTE, World, everybody};

impl World {
    /// A random time until the next fault.
    pub fn minutes(&mut self) -> u64 {
        let most = self.fault_rates.minutes_between_troubles * 2;
        self.chance.u64(0..most * MINUTE)
    }

    /// Causes a fault, and schedules the next one.
    pub fn trouble(&mut self) {
        if self.calm {
            return;
        }
        let next = self.minutes();
        self.at(next, SimEvent::Trouble);
        let nodes: Vec<Node> = everybody().collect();
        let who = nodes[self.chance.usize(0..nodes.len())];
        match self.chance.u32(0..10) {
            0..=2 => self.at(0, SimEvent::Dies(who)),
            3..=6 => self.at(0, SimEvent::DiskFails(who)),
            7..=8 => {
                let some: BTreeSet<Node> =
                    nodes.into_iter().filter(|_| self.chance.u32(0..100) < 40).collect();
                let for_how_long = self.chance.u64(5_000..20 * MINUTE);
                self.count("partition");
                self.at(0, SimEvent::Divides(some));
                self.at(for_how_long, SimEvent::Reunites);
            }
            _ => {
                // A single witness with a wrong time of days is outvoted; the server stops if its clock is behind its ledger.
                let minutes = match who {
                    Node::Server => 4,
                    Node::Witness(_) => 10 * 24 * 60,
                    _ => 10,
                };
                let most = minutes * i64::try_from(MINUTE).unwrap_or(0);
                let by = self.chance.i64(-most..most);
                let for_how_long = self.chance.u64(MINUTE..30 * MINUTE);
                self.count("clock turned");
                self.at(0, SimEvent::ClockTurns(who, by));
                self.at(for_how_long, SimEvent::ClockTurns(who, -by));
            }
        }
    }

    /// Ends a node at once, as a crash does.
    pub fn die(&mut self, who: Node) {
        if self.down.contains(&who) {
            return;
        }
        self.count("crash");
        self.gone(who);
    }

    /// Makes the next write of a node fail.
    pub fn break_disk(&mut self, who: Node) {
        let (_, kind) = KINDS[self.chance.usize(0..KINDS.len())];
        let points = points_of(who);
        // One past the last point means the next write, whichever it is.
        let point = points.get(self.chance.usize(0..=points.len())).copied();
        self.armed.insert(who, (point, kind));
    }

    /// Sends a message, which the faults may lose, double or delay.
    pub fn send(&mut self, work: u64, message: Message) {
        let fault_rates = self.fault_rates;
        let apart = self.cut.contains(&message.from) != self.cut.contains(&message.to);
        let mut per_mille = |most: u32| !self.calm && self.chance.u32(0..1000) < most;
        let (dropped, doubled, slow) =
            (per_mille(fault_rates.drops), per_mille(fault_rates.doubles), per_mille(fault_rates.slow));
        if apart || dropped {
            return self.count(if apart { "message across a partition" } else { "message lost" });
        }
        let mut delay = work + self.chance.u64(1..200);
        if slow {
            self.count("message delayed");
            delay += self.chance.u64(1_000..5 * MINUTE);
        }
        if doubled {
            self.count("message doubled");
            let later = delay + self.chance.u64(1..2 * MINUTE);
            self.at(later, SimEvent::Arrives(Box::new(message.clone())));
        }
        self.at(delay, SimEvent::Arrives(Box::new(message)));
    }

    /// From now on there are no faults.
    pub fn calm_down(&mut self) {
        self.calm = true;
        machine::calm();
        self.cut.clear();
        self.armed.clear();
        let turned = |what: &SimEvent| {
            matches!(what, SimEvent::ClockTurns(..) | SimEvent::Divides(_) | SimEvent::DiskFails(_))
        };
        self.queue.retain(|_, what| !turned(what));
        self.skew.values_mut().for_each(|skew| *skew = (*skew).clamp(-15_000, 15_000));
        self.people.iter_mut().for_each(PersonNode::calm);
    }
}

/// The points at which a node writes.
const fn points_of(who: Node) -> &'static [&'static str] {
    match who {
        Node::Server => &["ledger.append", "ledger.append", "ledger.witnessed", "ledger.blob", "ledger.tile"],
        Node::Runner(_) => &["runner.output", "runner.receipt", "runner.answer", "runner.seen"],
        Node::Agent(_) => &["agent.memory", "agent.stamp", "agent.layer", "agent.switch"],
        Node::Witness(_) => &["witness.state"],
        Node::Person(_) => &[],
    }
}
