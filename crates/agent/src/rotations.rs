//! Rotations that did not succeed: which versions of secrets an agent does not use, and why.
//!
//! Invariant: it is for reports alone; no decision of the agent reads a reason.

use std::collections::{BTreeMap, BTreeSet};

use evidence::{Digest, Name};

/// Rotations that did not succeed.
#[derive(Debug, Default)]
pub struct Rotations {
    /// Sealed values with which the service does not run.
    pub failed: BTreeSet<Digest>,
    /// Why the newest version of a secret is not used.
    pub refused: Option<String>,
    /// The same by the name of the secret, for the record of its uses.
    pub against: UnusedVersions,
}

/// Versions that are not used, by the names of their secrets.
pub type UnusedVersions = BTreeMap<Name, UnusedVersion>;

/// A version that is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusedVersion {
    /// Its number.
    pub number: u32,
    /// Code of the reason.
    pub code: &'static str,
    /// Whether the service was given it, and did not run with it.
    pub was_tried: bool,
}
