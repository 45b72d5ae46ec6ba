//! The number of the rules by which this build decides.
//!
//! Invariant: a program stops at entries by newer rules. It reads entries by older rules and folds them, but cannot make
//! their decisions again.

/// Number of the decision rules in this build. Every entry carries it. It is raised whenever any decision could differ,
/// so that replay can tell an older decision from a wrong one.
pub const RULES: u32 = 1;
