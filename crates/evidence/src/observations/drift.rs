//! Drift: how a place differs from what was declared for it, since when, by whom as far as the host knows, and what the agent
//! did about it.
//!
//! Invariant: without findings it says that the drift is over. It holds no value of a variable: names and digests alone.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rules::{About, Content};
use crate::{Digest, Moment};

/// The drift of a place at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftSeen {
    /// Number of the release that runs; absent if none does, or an older program brought it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// Its artifact; absent if none runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
    /// The differences, sorted; empty if it is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<DriftFinding>,
    /// Number of those beyond the bound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftFinding {
    /// Its sort.
    pub what: Drifted,
    /// Its name: a path, a variable, a process.
    pub name: String,
    /// The declared state.
    pub declared: String,
    /// The state that was found.
    pub found: String,
    /// When the agent found it first, by its clock.
    pub since: Moment,
    /// The account and program that did it, as the audit log of the host says; `unknown` otherwise.
    pub by: String,
    /// The answer of the agent.
    pub done: DriftDone,
}

/// Things that drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drifted {
    /// A file of the release.
    File,
    /// The program of a process.
    Binary,
    /// A variable of a process.
    Variable,
    /// A process that is not ours.
    Process,
    /// A listener that is not ours.
    Listener,
    /// A limit of a process.
    Limit,
    /// A setting of the kernel.
    Setting,
    /// A package, or all of them.
    Package,
    /// The rules of the firewall.
    Firewall,
    /// The clock.
    TimeSync,
    /// A port at which something listens for other hosts.
    Port,
    /// The result of another tool.
    Result,
}

/// Answers of an agent to a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftDone {
    /// It told people.
    Alerted,
    /// It put it back.
    Corrected,
    /// It put it back several times, it came again, and now people are told.
    GivenUp,
    /// It could not put it back.
    Failed,
    /// It applies no release until this is over.
    Frozen,
}

impl Drifted {
    /// The name in payloads and texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Binary => "binary",
            Self::Variable => "variable",
            Self::Process => "process",
            Self::Listener => "listener",
            Self::Limit => "limit",
            Self::Setting => "setting",
            Self::Package => "package",
            Self::Firewall => "firewall",
            Self::TimeSync => "time-sync",
            Self::Port => "port",
            Self::Result => "result",
        }
    }
}

impl DriftDone {
    /// The name in payloads and texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alerted => "alerted",
            Self::Corrected => "corrected",
            Self::GivenUp => "given-up",
            Self::Failed => "failed",
            Self::Frozen => "frozen",
        }
    }
}

impl std::fmt::Display for DriftFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, name, declared, found, since, by, done } = self;
        let (what, done) = (what.as_str(), done.as_str());
        write!(f, "{what} {name}: declared {declared}, found {found}, since {since}, by {by}: {done}")
    }
}

impl DriftSeen {
    /// Whether the agent applies no release until it is over.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.findings.iter().any(|finding| finding.done == DriftDone::Frozen)
    }
}

impl Content for DriftSeen {
    fn fault(&self) -> Option<&'static str> {
        let texts = |finding: &DriftFinding| {
            let DriftFinding { name, declared, found, by, .. } = finding;
            [name, declared, found, by].into_iter().all(|text| is_text(text))
        };
        let faults = [
            (self.release != Some(0), "release numbers start at 1"),
            (self.findings.len() <= FINDINGS_MAX, "it has more than 64 findings"),
            (
                self.findings.iter().all(texts),
                "a text of a finding is empty, longer than 300 bytes or has control characters",
            ),
            (
                self.findings.is_sorted_by(|a, b| (a.what, &a.name) < (b.what, &b.name)),
                "`findings` are not sorted or one stands twice",
            ),
            (self.more == 0 || self.findings.len() == FINDINGS_MAX, "`more` without 64 findings"),
        ];
        faults.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }

    fn about(&self) -> Option<About> {
        None
    }

    /// A later one says how the place is, so an agent that cannot reach its server keeps the later one.
    fn is_intermediate(&self) -> bool {
        true
    }

    fn bars(&self) -> bool {
        false
    }

    fn holds(&self) -> bool {
        self.is_frozen()
    }

    fn facts(&self) -> Value {
        let mut kinds: Vec<_> = self.findings.iter().map(|finding| finding.what.as_str()).collect();
        kinds.dedup();
        json!({
            "findings": u64::try_from(self.findings.len()).unwrap_or(u64::MAX).saturating_add(self.more),
            "kinds": kinds,
            "frozen": self.is_frozen(),
        })
    }

    fn summary(&self) -> String {
        let more = if self.more > 0 { format!(" and {} more", self.more) } else { String::new() };
        match self.findings.as_slice() {
            [] => "no drift".to_owned(),
            [one] => format!("drift of {} {}: {}", one.what.as_str(), one.name, one.done.as_str()),
            [first, rest @ ..] => {
                format!("drift of {} {} and of {} others{more}", first.what.as_str(), first.name, rest.len())
            }
        }
    }

    fn detail(&self) -> String {
        let lines: Vec<_> = self.findings.iter().map(ToString::to_string).collect();
        lines.join("; ")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(super) fn is_text(text: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

/// Highest number of findings in one observation.
pub const FINDINGS_MAX: usize = 64;
/// Most bytes of a text of a finding.
pub const TEXT_BYTES_MAX: usize = 300;
