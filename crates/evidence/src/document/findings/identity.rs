//! The identity of a finding: a digest of its class, its rule and its place.
//!
//! Invariant: the identity follows from rule and place, never from a tool's fingerprint, so it survives moved lines, other runs
//! and other versions of the tool.

use serde::Serialize;

use super::class::Class;
use crate::canonical::CanonicalError;
use crate::{Digest, canonical};

/// The parts that make the identity of a finding.
#[derive(Debug, Serialize)]
struct Identity<'a> {
    v: u8,
    class: Class,
    rule: &'a str,
    place: &'a IdentityPlace<'a>,
}

/// The place in an identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityPlace<'a> {
    /// A place in a file: the path, the source text without differences of white space, and how many equal places
    /// come before it in the file. The text is not empty.
    Source {
        /// Path in the tree.
        path: &'a str,
        /// The lines of the place, see [`normalised`](super::normalised).
        text: &'a str,
        /// Number of findings of the same rule with the same text before this one.
        nth: u32,
    },
    /// A secret in a file, or a file that is one: as `source`, but each secret in the text stands as the name of its rule,
    /// and a digest tells the secret from any other one at the place.
    Secret {
        /// Path in the tree.
        path: &'a str,
        /// The line of the secret without secrets, see [`normalised`](super::normalised); empty if the whole file is meant.
        text: &'a str,
        /// The digest that tells it apart.
        proof: Proof,
        /// Number of equal secrets with the same text before this one.
        nth: u32,
    },
    /// A place in a file without source text: no line is named, or the source has no such line.
    File {
        /// Report that speaks of it.
        origin: Origin<'a>,
        /// Path in the tree.
        path: &'a str,
        /// Number of such findings of the same rule in the file before this one.
        nth: u32,
    },
    /// A package URL with version.
    Component {
        /// The package URL.
        purl: &'a str,
    },
    /// A page.
    Page {
        /// Report that speaks of it.
        origin: Origin<'a>,
        /// Method.
        method: &'a str,
        /// Path.
        path: &'a str,
        /// Parameter.
        parameter: Option<&'a str>,
    },
    /// No place: the rule and a number.
    Whole {
        /// Report that speaks of it.
        origin: Origin<'a>,
        /// Number of findings of the same rule before this one.
        nth: u32,
    },
}

/// A digest that tells a secret from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Of the secret, where nobody can guess it: SHA-256 of the rule, a NUL byte and the secret.
    Value(Digest),
    /// Of the whole file, where a person may have chosen the secret. The list of the tree has this digest as well.
    File(Digest),
}

/// The report that speaks of a place. It is part of an identity wherever the verified source or the graph of packages
/// does not tell two places apart: a waiver of a finding of one report then never covers one of another report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin<'a> {
    /// A report that a step left.
    Report {
        /// Name of the step.
        step: &'a str,
        /// Path of the report.
        path: &'a str,
    },
    /// A report that a check of a release left.
    Check {
        /// Name of the check.
        check: &'a str,
        /// Path of the report.
        path: &'a str,
    },
    /// A scan by this program, outside a pipeline or without a report.
    Scan,
}

/// Identity of a finding: the SHA-256 digest of class, rule and place.
///
/// # Errors
/// `CanonicalError` when the parts cannot be encoded.
pub fn identity(class: Class, rule: &str, place: &IdentityPlace<'_>) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(&canonical::encode("finding identity", &Identity { v: 1, class, rule, place })?))
}
