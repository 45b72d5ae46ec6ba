//! Faults: letters, clocks, disks, nodes, chosen by the seed's randomness; and the end of all faults.

use std::collections::BTreeSet;

use disk::faults::KINDS;
use fastrand::Rng;

use crate::machine;
use crate::net::{Letter, Who};
use crate::people::Desk;
use crate::world::{Happening, MINUTE, World, everybody};

/// The frequency of faults, chosen by the seed.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Lost letters, of a thousand.
    pub drops: u32,
    /// Doubled letters, of a thousand.
    pub doubles: u32,
    /// Delayed letters, of a thousand.
    pub slow: u32,
    /// Half of the longest time between two faults, in minutes.
    pub minutes_between_troubles: u64,
}

impl Weather {
    /// Random frequencies.
    pub fn of(chance: &mut Rng) -> Self {
        Self {
            drops: chance.u32(0..150),
            doubles: chance.u32(0..100),
            slow: chance.u32(0..100),
            minutes_between_troubles: chance.u64(1..15),
        }
    }
}

impl World {
    /// A random time until the next fault.
    pub fn minutes(&mut self) -> u64 {
        let most = self.weather.minutes_between_troubles * 2;
        self.chance.u64(0..most * MINUTE)
    }

    /// Causes a fault, and schedules the next one.
    pub fn trouble(&mut self) {
        if self.calm {
            return;
        }
        let next = self.minutes();
        self.at(next, Happening::Trouble);
        let nodes: Vec<Who> = everybody().collect();
        let who = nodes[self.chance.usize(0..nodes.len())];
        match self.chance.u32(0..10) {
            0..=2 => self.at(0, Happening::Dies(who)),
            3..=6 => self.at(0, Happening::DiskFails(who)),
            7..=8 => {
                let some: BTreeSet<Who> =
                    nodes.into_iter().filter(|_| self.chance.u32(0..100) < 40).collect();
                let for_how_long = self.chance.u64(5_000..20 * MINUTE);
                self.count("partition");
                self.at(0, Happening::Divides(some));
                self.at(for_how_long, Happening::Reunites);
            }
            _ => {
                // A single witness with a wrong time of days is outvoted; the server stops if its clock is behind its ledger.
                let minutes = match who {
                    Who::Server => 4,
                    Who::Witness(_) => 10 * 24 * 60,
                    _ => 10,
                };
                let most = minutes * i64::try_from(MINUTE).unwrap_or(0);
                let by = self.chance.i64(-most..most);
                let for_how_long = self.chance.u64(MINUTE..30 * MINUTE);
                self.count("clock turned");
                self.at(0, Happening::ClockTurns(who, by));
                self.at(for_how_long, Happening::ClockTurns(who, -by));
            }
        }
    }

    /// Ends a node at once, as a crash does.
    pub fn die(&mut self, who: Who) {
        if self.down.contains(&who) {
            return;
        }
        self.count("crash");
        self.gone(who);
    }

    /// Makes the next write of a node fail.
    pub fn break_disk(&mut self, who: Who) {
        let (_, kind) = KINDS[self.chance.usize(0..KINDS.len())];
        let points = points_of(who);
        // One past the last point means the next write, whichever it is.
        let point = points.get(self.chance.usize(0..=points.len())).copied();
        self.armed.insert(who, (point, kind));
    }

    /// Sends a letter, which the faults may lose, double or delay.
    pub fn send(&mut self, work: u64, letter: Letter) {
        let weather = self.weather;
        let apart = self.cut.contains(&letter.from) != self.cut.contains(&letter.to);
        let mut per_mille = |most: u32| !self.calm && self.chance.u32(0..1000) < most;
        let (dropped, doubled, slow) =
            (per_mille(weather.drops), per_mille(weather.doubles), per_mille(weather.slow));
        if apart || dropped {
            return self.count(if apart { "letter across a partition" } else { "letter lost" });
        }
        let mut delay = work + self.chance.u64(1..200);
        if slow {
            self.count("letter delayed");
            delay += self.chance.u64(1_000..5 * MINUTE);
        }
        if doubled {
            self.count("letter doubled");
            let later = delay + self.chance.u64(1..2 * MINUTE);
            self.at(later, Happening::Arrives(Box::new(letter.clone())));
        }
        self.at(delay, Happening::Arrives(Box::new(letter)));
    }

    /// From now on there are no faults.
    pub fn calm_down(&mut self) {
        self.calm = true;
        machine::calm();
        self.cut.clear();
        self.armed.clear();
        let turned = |what: &Happening| {
            matches!(what, Happening::ClockTurns(..) | Happening::Divides(_) | Happening::DiskFails(_))
        };
        self.queue.retain(|_, what| !turned(what));
        self.skew.values_mut().for_each(|skew| *skew = (*skew).clamp(-15_000, 15_000));
        self.desks.iter_mut().for_each(Desk::calm);
    }
}

/// The points at which a node writes.
const fn points_of(who: Who) -> &'static [&'static str] {
    match who {
        Who::Server => &["ledger.append", "ledger.append", "ledger.witnessed", "ledger.blob", "ledger.tile"],
        Who::Runner(_) => &["runner.output", "runner.receipt", "runner.seen"],
        Who::Agent(_) => &["agent.memory", "agent.stamp", "agent.layer", "agent.switch"],
        Who::Witness(_) => &["witness.state"],
        Who::Person(_) => &[],
    }
}
