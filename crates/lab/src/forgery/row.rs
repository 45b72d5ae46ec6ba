//! One row of the table: a forgery, made from an honest installation, and shown to each reader.

use agent::Memory;
use evidence::bundle::Bundle;
use evidence::rollback_order::RollbackOrder;
use judge::VerificationContext;

use crate::assemble::assemble;
use crate::parts::Parts;
use crate::readers::{Reader, by_agent, by_seen, proof_for, returned};
use crate::world::{Lab, at};

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Forgery {
    /// Description of the attack.
    pub name: &'static str,
    /// Changes the installation to an unusual but honest one.
    lab: fn(&mut Lab),
    /// Changes the parts, before the server assembles them.
    pieces: fn(&Lab, &mut Parts),
    /// Changes the assembled bundle.
    bundle: fn(&Lab, &mut Bundle),
    /// Changes the numbers that the agent has seen before.
    memory: fn(&Lab, &mut Memory),
    /// Changes the numbers that approvers, and verifiers with a state, have seen before.
    seen: fn(&Lab, &mut VerificationContext),
    /// Whether readers have seen the server's whole log, including the withheld part.
    all_seen: bool,
    /// Changes a rollback order, for a row about a rollback.
    order: Option<fn(&Lab, &mut RollbackOrder)>,
    /// Whether people have seen something unusual before.
    seen_more: bool,
    /// Time of the judgement, in seconds from now.
    later: i64,
    /// Code with which each reader refuses: agent, approve, verify, verify with state. `None`: the reader cannot detect it.
    expected: [Option<&'static str>; 4],
}

/// All readers, in the order of `Forgery::expected`.
pub const READERS: [Reader; 4] = [Reader::Agent, Reader::Approve, Reader::Verify, Reader::State];

/// A row about parts, refused by every reader with this code.
pub(super) fn forged(name: &'static str, code: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
    Forgery {
        name,
        lab: |_| {},
        pieces,
        bundle: |_, _| {},
        memory: |_, _| {},
        seen: |_, _| {},
        all_seen: false,
        order: None,
        seen_more: false,
        later: 0,
        expected: [Some(code); 4],
    }
}

/// A row about the bundle itself.
pub(super) fn patched(name: &'static str, code: &'static str, bundle: fn(&Lab, &mut Bundle)) -> Forgery {
    Forgery { bundle, ..forged(name, code, |_, _| {}) }
}

impl Forgery {
    pub(super) fn in_lab(self, lab: fn(&mut Lab)) -> Self {
        Self { lab, ..self }
    }

    pub(super) fn then(self, bundle: fn(&Lab, &mut Bundle)) -> Self {
        Self { bundle, ..self }
    }

    pub(super) fn agent_saw(self, memory: fn(&Lab, &mut Memory)) -> Self {
        Self { memory, ..self }
    }

    pub(super) fn people_saw(self, seen: fn(&Lab, &mut VerificationContext)) -> Self {
        Self { seen, seen_more: true, ..self }
    }

    pub(super) fn judged_after(self, seconds: i64) -> Self {
        Self { later: seconds, ..self }
    }

    pub(super) fn with_order(self, order: fn(&Lab, &mut RollbackOrder)) -> Self {
        Self { order: Some(order), ..self }
    }

    pub(super) fn all_seen(self) -> Self {
        Self { all_seen: true, ..self }
    }

    /// Sets the readers who cannot detect it.
    pub(super) fn unknown_to(mut self, readers: &[Reader]) -> Self {
        for (reader, expected) in READERS.iter().zip(&mut self.expected) {
            if readers.contains(reader) {
                *expected = None;
            }
        }
        self
    }

    /// The code with which a reader must refuse; `None` if it cannot detect the forgery.
    #[must_use]
    pub fn expected(&self, reader: Reader) -> Option<&'static str> {
        READERS.iter().zip(self.expected).find(|(known, _)| **known == reader).and_then(|(_, code)| code)
    }

    /// Time of the judgement, in seconds from now.
    #[must_use]
    pub const fn later(&self) -> i64 {
        self.later
    }

    /// Whether a reader with only a pin refuses it today.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.seen_more && !self.all_seen && self.later == 0 && self.order.is_none()
    }

    /// Makes the forgery.
    #[must_use]
    pub fn forged(&self) -> ForgedEvidence {
        let mut lab = Lab::default();
        (self.lab)(&mut lab);
        let mut parts = lab.honest();
        (self.pieces)(&lab, &mut parts);
        let (mut bundle, leaves) = assemble(&lab, &parts);
        (self.bundle)(&lab, &mut bundle);
        let mut memory = lab.agent();
        if self.all_seen {
            memory.checkpoint = crate::Head::honest(&lab).of(&leaves).to_string();
        }
        (self.memory)(&lab, &mut memory);
        let order = self.order.map(|change| {
            let mut order = lab.order();
            change(&lab, &mut order);
            order
        });
        ForgedEvidence { row: self.clone(), lab, bundle, leaves, memory, order }
    }
}

/// A forgery that was made.
#[derive(Debug)]
pub struct ForgedEvidence {
    row: Forgery,
    /// The installation.
    pub lab: Lab,
    /// The forged bundle.
    pub bundle: Bundle,
    /// Leaves of the log that the server shows.
    pub leaves: Vec<tlog::Hash>,
    /// The agent's memory before the forgery.
    pub memory: Memory,
    /// The order, for a rollback.
    pub order: Option<RollbackOrder>,
}

impl ForgedEvidence {
    /// The agent's codes against it.
    #[must_use]
    pub fn by_agent(&self) -> Vec<String> {
        let mut memory = self.memory.clone();
        if let Some(order) = &self.order {
            return returned(&mut memory, order, at(self.row.later));
        }
        by_agent(&mut memory, &self.bundle, &self.leaves, at(self.row.later))
    }

    /// A reader's codes against it.
    #[must_use]
    pub fn by(&self, reader: Reader) -> Vec<String> {
        if reader == Reader::Agent {
            return self.by_agent();
        }
        if self.row.order.is_some() {
            // Only agents get a rollback order.
            return Vec::new();
        }
        let mut seen = self.lab.seen(reader, &self.bundle, &self.leaves, at(self.row.later));
        if let Some(kept) = seen.ledger.as_mut().filter(|_| self.row.all_seen) {
            kept.checkpoint = crate::Head::honest(&self.lab).of(&self.leaves);
            kept.proof = proof_for(&self.bundle, &self.leaves, &kept.checkpoint);
        }
        if reader != Reader::Verify {
            (self.row.seen)(&self.lab, &mut seen);
        }
        by_seen(&self.lab, &self.bundle, &seen)
    }
}
