//! SSH certificates of a step before a release: whose key certifies, for which accounts, and for how long. Declared in `release.yaml`.
//!
//! Invariant: a plan has each certificate with everything that it permits, so approvers see it. The key that certifies is a secret
//! of the place, by reference: nothing of it is in the file or the plan, and the step never gets it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Name;

/// Highest number of certificates of a step.
pub const SSH_MAX: usize = 8;
/// Highest number of accounts that a certificate names.
pub const PRINCIPALS_MAX: usize = 16;
/// Highest number of sources of a certificate.
pub const SOURCES_MAX: usize = 16;

/// An SSH certificate that a step gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SshAccess {
    /// The secret of the place that has the private key of the authority: Ed25519, in OpenSSH's form, without a passphrase. The
    /// step does not get it.
    #[schemars(with = "String")]
    pub authority: Name,
    /// Lowest number of its version; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<u64>,
    /// Accounts, or names that the server maps to accounts.
    pub principals: BTreeSet<String>,
    /// Minutes for which it is valid. If omitted, it is valid for the time that the step has; it never is for longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u64>,
    /// The only command that servers run for it. If omitted, the step chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Addresses or networks, such as `10.0.0.0/8`, from which alone it counts. If omitted, it counts everywhere.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sources: BTreeSet<String>,
}

/// A certificate as a plan has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedSsh {
    /// The secret of the place with the authority's private key.
    pub authority: Name,
    /// Lowest number of its version.
    pub least: u64,
    /// Accounts.
    pub principals: BTreeSet<String>,
    /// Seconds for which it is valid from the start of its step.
    pub seconds: u64,
    /// The only command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Addresses or networks from which alone it counts.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sources: BTreeSet<String>,
}

impl SshAccess {
    /// The certificate of a step that has this time.
    #[must_use]
    pub fn planned(&self, stop_ms: u64) -> PlannedSsh {
        let step = stop_ms.div_ceil(1_000);
        PlannedSsh {
            authority: self.authority.clone(),
            least: self.least.unwrap_or(1),
            principals: self.principals.clone(),
            seconds: self.minutes.map_or(step, |minutes| minutes.saturating_mul(60).min(step)),
            command: self.command.clone(),
            sources: self.sources.clone(),
        }
    }
}

impl PlannedSsh {
    /// The broken rule, if there is one.
    fn fault(&self) -> Option<&'static str> {
        let is_plain = |text: &str| {
            let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "._-@".contains(letter);
            (1..=64).contains(&text.len()) && text.chars().all(is_letter)
        };
        let is_source = |text: &str| {
            let is_letter = |letter: char| letter.is_ascii_hexdigit() || ".:/".contains(letter);
            (1..=64).contains(&text.len()) && text.chars().all(is_letter)
        };
        let is_command =
            |text: &String| (1..=4_096).contains(&text.len()) && !text.contains(char::is_control);
        let faults = [
            (
                (1..=PRINCIPALS_MAX).contains(&self.principals.len()),
                "`principals` of an SSH certificate are 1 to 16 accounts: without any it would count for all",
            ),
            (
                self.principals.iter().all(|one| is_plain(one)),
                "a principal has 1 to 64 letters, digits, `.`, `_`, `-` and `@`",
            ),
            (self.seconds >= 1, "`minutes` of an SSH certificate start at 1"),
            (self.least >= 1, "`least` of an authority's key starts at 1"),
            (
                self.command.as_ref().is_none_or(is_command),
                "`command` of an SSH certificate has 1 to 4,096 bytes in one line",
            ),
            (
                self.sources.len() <= SOURCES_MAX && self.sources.iter().all(|one| is_source(one)),
                "`sources` of an SSH certificate are at most 16 addresses or networks such as `10.0.0.0/8`",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}

/// The broken rule of the certificates that a step of a file gets, beside secrets with these names.
pub(crate) fn fault(
    certificates: &BTreeMap<Name, SshAccess>,
    stop_ms: u64,
    is_secret: impl Fn(&Name) -> bool,
) -> Option<&'static str> {
    if certificates.keys().any(is_secret) {
        return Some(
            "an SSH certificate has the name of a secret of the service; their files lie side by side",
        );
    }
    let planned = certificates.iter().map(|(name, one)| (name.clone(), one.planned(stop_ms))).collect();
    planned_fault(&planned)
}

/// The broken rule of the certificates that a step of a plan gets.
pub(crate) fn planned_fault(certificates: &BTreeMap<Name, PlannedSsh>) -> Option<&'static str> {
    if certificates.len() > SSH_MAX {
        return Some("a step has more than 8 SSH certificates");
    }
    certificates.values().find_map(PlannedSsh::fault)
}
