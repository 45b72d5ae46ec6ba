//! Previews: environments that one person's request makes from a template, and that end on time. Format:
//! `docs/formats/preview.md`.
//!
//! Invariant: a template is an environment statement with `previews`. The policy signers sign it, and a request for a run
//! carries it whole, so the request alone says what the preview is. Name, slot and end are bounded by the template.
//! Nothing here reads a statement: `environment.rs` joins the two.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dsse::Envelope;
use crate::plan::{Plan, PlanError, Target};
use crate::{Digest, Id, Moment, Name};

/// Highest number of previews of one template.
pub const COUNT_MAX: u32 = 64;
/// Shortest life of a preview in milliseconds: a minute.
pub const TTL_MS_MIN: u64 = 60_000;
/// Longest life of a preview in milliseconds: 30 days.
pub const TTL_MS_MAX: u64 = 30 * 86_400_000;

/// Previews that people may make from an environment statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previews {
    /// Names that a preview may have.
    pub pattern: NamePattern,
    /// Highest number of previews at one time.
    pub count: u32,
    /// Milliseconds from the request for a preview to its end.
    pub ttl_ms: u64,
}

/// Names that begin in one way, written with a `*` at the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern(String);

/// The text is not a pattern.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a pattern of names: expected the beginning of a name with a hyphen and `*`, such as `pr-*`"
)]
pub struct NamePatternError(String);

/// A person's wish for a preview, in their request for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewWish {
    /// Name of the preview, the environment of its place.
    pub name: Name,
    /// The slot that it takes, counted from 1. Its port is so much higher than the one of the plan.
    pub slot: u32,
    /// The template, as the policy signers signed it.
    pub template: Envelope,
}

/// A preview, as its request and its template make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Environment of the template.
    pub template: Name,
    /// Number of the template.
    pub number: u64,
    /// The slot.
    pub slot: u32,
    /// Its end.
    pub until: Moment,
    /// The person who asked.
    pub person: Id,
    /// Digest of the payload of the request.
    pub request: Digest,
}

impl Previews {
    /// Why the rules are unsound.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let faults = [
            ((1..=COUNT_MAX).contains(&self.count), "`previews.count` is 0 or more than 64"),
            (
                (TTL_MS_MIN..=TTL_MS_MAX).contains(&self.ttl_ms),
                "`previews.ttl_ms` is less than a minute or more than 30 days",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }

    /// Why a wish is outside the template.
    #[must_use]
    pub fn against(&self, name: &Name, slot: u32) -> Option<&'static str> {
        let faults = [
            (self.pattern.admits(name), "its name does not fit the pattern of its template"),
            (
                (1..=self.count).contains(&slot),
                "its slot is 0, or above the number of previews of its template",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }

    /// The end of a preview that was asked for at a moment.
    #[must_use]
    pub fn until(&self, asked: Moment) -> Moment {
        asked.later_by(Duration::from_millis(self.ttl_ms))
    }
}

impl Preview {
    /// The plan at the slot of the preview: its port is so much higher than at the template.
    ///
    /// # Errors
    /// `PlanError` when there is no such port.
    pub fn planned(&self, plan: Plan) -> Result<Plan, PlanError> {
        at_slot(plan, self.slot)
    }
}

/// A plan with a port that is as much higher as its slot.
///
/// # Errors
/// `PlanError` when there is no such port.
pub fn at_slot(mut plan: Plan, slot: u32) -> Result<Plan, PlanError> {
    if let Target::Process { port: Some(port), .. } = &mut plan.target {
        let higher = u16::try_from(slot).ok().and_then(|slot| port.checked_add(slot));
        *port = higher.ok_or(PlanError::Rule("the port of the preview is above 65535"))?;
    }
    Ok(plan)
}

impl NamePattern {
    /// The beginning of the names.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// Whether a name begins so, and goes on.
    #[must_use]
    pub fn admits(&self, name: &Name) -> bool {
        name.as_str().strip_prefix(&self.0).is_some_and(|rest| !rest.is_empty())
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}*", self.0)
    }
}

impl FromStr for NamePattern {
    type Err = NamePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NamePatternError(text.chars().take(80).collect());
        let prefix = text.strip_suffix('*').filter(|prefix| prefix.ends_with('-')).ok_or_else(wrong)?;
        // With one more character it has to be a name.
        let name: Result<Name, _> = format!("{prefix}1").parse();
        name.map(|_| Self(prefix.to_owned())).map_err(|_| wrong())
    }
}

impl TryFrom<String> for NamePattern {
    type Error = NamePatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.to_string()
    }
}
