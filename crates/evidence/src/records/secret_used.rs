//! Reads of secrets, allowed and refused.
//!
//! Invariant: a line names the secret and its version, never anything that is derived from the value. A refused read has
//! every reason, an allowed one has none.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rules::{Columns, Content};
use crate::entry::Actor;
use crate::secret_name::SecretName;
use crate::statements::StoreSource;
use crate::{Id, Name, Place};

/// One read of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretUsed {
    /// The secret as it was asked for. A deploy secret is its project and name, beside its place.
    pub secret: SecretName,
    /// Number of the version that was lent; absent if it was refused before a version was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// The person or machine that asked.
    pub who: Actor,
    /// The run, if it was asked for a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Id>,
    /// The step of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Name>,
    /// The place, if it was asked for a release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Number of the release at the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Whether the value was handed out.
    pub allowed: bool,
    /// Codes of the reasons against it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reasons: BTreeSet<Name>,
    /// The reason that a person gave for reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The store that has the value, which the machine reads by itself; absent for the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StoreSource>,
}

impl Content for SecretUsed {
    const URGENT: bool = false;

    fn fault(&self) -> Option<&'static str> {
        if self.allowed != self.reasons.is_empty() {
            return Some("an allowed read has no reasons against it, a refused one has at least one");
        }
        if self.allowed && self.number.is_some() == self.from.is_some() {
            return Some("an allowed read names the version that was lent, or the store that has it");
        }
        if self.reasons.len() > REASONS_MAX {
            return Some("it has more than 32 reasons");
        }
        if self.step.is_some() != self.run.is_some() {
            return Some("a run and its step are named together");
        }
        if self.release.is_some() && self.place.is_none() {
            return Some("a release is named with its place");
        }
        let long = |text: &String| !(1..=REASON_BYTES_MAX).contains(&text.len());
        self.reason.as_ref().is_some_and(long).then_some("a person's reason has 1 to 500 bytes")
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            project: Some(self.secret.project()),
            secret: Some(&self.secret),
            number: self.number,
            who: &self.who,
            run: self.run,
            step: self.step.as_ref(),
            place: self.place.as_ref(),
            release: self.release,
            allowed: Some(self.allowed),
        }
    }

    fn summary(&self) -> String {
        let number = self.number.map(|number| format!(" version {number}"));
        let from = self.from.as_ref().map(|from| format!(" from {from}"));
        let number = number.or(from).unwrap_or_default();
        let (taken, refused) = match self.place {
            Some(_) => ("is used", "is not used"),
            None => ("was lent", "was refused"),
        };
        if self.allowed {
            return format!("{}{number} {taken}", self.secret);
        }
        let reasons: Vec<_> = self.reasons.iter().map(Name::as_str).collect();
        format!("{}{number} {refused}: {}", self.secret, reasons.join(", "))
    }
}

/// Longest reason that a person gives, in bytes.
pub const REASON_BYTES_MAX: usize = 500;
const REASONS_MAX: usize = 32;
