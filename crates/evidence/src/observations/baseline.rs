//! The measured baseline: whether a host is as the configuration of its place declares it.
//!
//! Invariant: it is equal only if everything was measured and nothing differs. A part that could not be measured is a difference.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::drift::{Drifted, FINDINGS_MAX, is_text};
use super::rules::{About, Content};
use crate::Digest;
use crate::configuration::Configuration;

/// A measurement of a host against a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineMeasured {
    /// Digest of the baseline in the configuration.
    pub baseline: Digest,
    /// Whether everything was measured and nothing differs.
    pub equal: bool,
    /// The differences, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Number of those beyond the bound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The part of the host.
    pub what: Drifted,
    /// Its name.
    pub name: String,
    /// The declared state.
    pub declared: String,
    /// The state that was found, or why it could not be measured.
    pub found: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, name, declared, found } = self;
        write!(f, "{} {name}: declared {declared}, found {found}", what.as_str())
    }
}

impl Content for BaselineMeasured {
    const OF_ITSELF: bool = true;

    fn fits(&self, configuration: &Configuration) -> bool {
        let declared = configuration.baseline.as_ref().and_then(|baseline| baseline.digest().ok());
        declared == Some(self.baseline)
    }

    fn fault(&self) -> Option<&'static str> {
        let texts = |difference: &Difference| {
            let Difference { name, declared, found, .. } = difference;
            [name, declared, found].into_iter().all(|text| is_text(text))
        };
        let faults = [
            (self.differences.len() <= FINDINGS_MAX, "it has more than 64 differences"),
            (
                self.differences.iter().all(texts),
                "a text of a difference is empty, longer than 300 bytes or has control characters",
            ),
            (
                self.differences.is_sorted_by(|a, b| (a.what, &a.name) < (b.what, &b.name)),
                "`differences` are not sorted or one stands twice",
            ),
            (
                self.equal == (self.differences.is_empty() && self.more == 0),
                "`equal` does not say whether there are differences",
            ),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }

    fn about(&self) -> Option<About> {
        None
    }

    fn is_intermediate(&self) -> bool {
        true
    }

    fn bars(&self) -> bool {
        false
    }

    fn facts(&self) -> Value {
        let differences = u64::try_from(self.differences.len()).unwrap_or(u64::MAX);
        json!({
            "baseline": self.baseline,
            "equal": self.equal,
            "differences": differences.saturating_add(self.more),
        })
    }

    fn summary(&self) -> String {
        match self.differences.as_slice() {
            [] => "the host is as its baseline says".to_owned(),
            [one] => format!("the host differs from its baseline: {} {}", one.what.as_str(), one.name),
            [first, rest @ ..] => {
                let more = u64::try_from(rest.len()).unwrap_or(u64::MAX).saturating_add(self.more);
                format!(
                    "the host differs from its baseline: {} {} and {more} more",
                    first.what.as_str(),
                    first.name
                )
            }
        }
    }

    fn detail(&self) -> String {
        let lines: Vec<_> = self.differences.iter().map(ToString::to_string).collect();
        lines.join("; ")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
