//! Events of the simulation.

use std::collections::BTreeSet;

use crate::net::{Message, Node};

/// An event at its time.
#[derive(Clone, Debug)]
pub enum SimEvent {
    /// A message arrives.
    Arrives(Box<Message>),
    /// A node acts by itself.
    Acts(Node),
    /// A node dies.
    Dies(Node),
    /// A node starts.
    Starts(Node),
    /// A fault is chosen.
    Trouble,
    /// A clock is changed by this many milliseconds.
    ClockTurns(Node, i64),
    /// Some nodes are cut off from the others.
    Divides(BTreeSet<Node>),
    /// All nodes reach each other again.
    Reunites,
    /// The next write of a disk will fail.
    DiskFails(Node),
}
