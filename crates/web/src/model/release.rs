//! One release at one place.

use serde::Serialize;

use super::shared::{Badge, Command, Fact, Link, State, Time};

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Release {
    /// Project, service and environment.
    pub place: [String; 3],
    /// Whether it is a rollback: it brings back an earlier release, and no gate judges it.
    pub is_rollback: bool,
    /// Its number; `None` while its plan is still to be derived.
    pub number: Option<u64>,
    /// Subject of its commit.
    pub subject: String,
    /// Its state.
    pub badge: Badge,
    /// Since when it has that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, serde(default))]
    pub since: Option<Time>,
    /// Facts of the line below the title: who asked for it and when, the release that it replaces.
    pub sub: Vec<String>,
    /// The commit.
    pub commit: String,
    /// Digest of the artifact.
    pub artifact: String,
    /// The way from commit to this environment.
    pub way: Vec<Link>,
    /// The first thing to know about it, if that is no verdict: a rollback.
    pub notice: Option<Notice>,
    /// The gate's verdict. Absent before the first judgement.
    pub verdict: Option<Verdict>,
    /// The next commands, the one that matters most first.
    pub next: Vec<Command>,
    /// Differences from the release that runs now.
    pub changes: Vec<Change>,
    /// Approvals.
    pub approvals: Approvals,
    /// Evidence, by sort.
    pub evidence: Vec<Fact>,
    /// The evidence file, once there is evidence.
    pub bundle: Option<EvidenceFile>,
    /// Everything that happened to it, the newest first.
    pub timeline: Vec<Moment>,
}

/// The first thing to know about a rollback, or about a release that was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Notice {
    /// Its state.
    pub state: State,
    /// A sentence with the person: `Release 41 runs again: Alice rolled back release 42`.
    pub title: String,
    /// The reason.
    pub detail: String,
    /// Its time.
    pub time: Option<Time>,
    /// The releases that it is about, each with its page.
    pub facts: Vec<Fact>,
}

/// An evidence file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct EvidenceFile {
    /// Its address.
    pub href: String,
    /// The name under which a browser saves it.
    pub name: String,
    /// The command that verifies it.
    pub verify: Command,
}

/// A gate's verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Verdict {
    /// Its state.
    pub state: State,
    /// A sentence: `Two of eleven rules that can block do`.
    pub title: String,
    /// The judge and the time.
    pub detail: String,
    /// Waivers that count.
    pub waivers: Vec<Waived>,
    /// Everything against the release, the worst first.
    pub reasons: Vec<Reason>,
    /// Warnings that do not stop it.
    pub warnings: Vec<Reason>,
    /// Every rule of the policy, those that stop the release first.
    pub rules: Vec<Rule>,
    /// Sentences of the policy about its checks that passed.
    pub passed: Vec<String>,
}

/// A waiver that counts for a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Waived {
    /// A sentence with the person and the finding.
    pub title: String,
    /// The person's reason.
    pub reason: String,
    /// Its end.
    pub until: Option<Time>,
}

/// A reason against a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Reason {
    /// Its code.
    pub code: String,
    /// Description of the problem.
    pub what: String,
    /// Action that resolves it, in words.
    pub remedy: String,
    /// Whom to ask.
    pub owner: Option<String>,
    /// The sentence that stands for the owner where the commit names nobody.
    pub unowned: Option<String>,
    /// Facts about its finding: id, severity, component with the path to it, fixed version.
    pub facts: Vec<String>,
    /// Commands that resolve it.
    pub commands: Vec<Command>,
}

/// A rule of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Rule {
    /// Code of its reasons.
    pub code: String,
    /// Its verdict with its word: `blocks`, `warns`, `passes`, `off`.
    pub badge: Badge,
    /// Facts that it read.
    pub facts: Vec<Fact>,
}

/// A sort of differences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Change {
    /// Its state: `Wait` where the policy asks for more because of it.
    pub state: State,
    /// A sentence: `14 commits, 31 files, all signed`.
    pub title: String,
    /// More about it.
    pub detail: String,
    /// The differences, at most as many as a page shows.
    pub lines: Vec<ChangeLine>,
    /// Number of further differences.
    pub more: usize,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct ChangeLine {
    /// Added, removed or changed.
    pub sign: ChangeSign,
    /// Its text: `serde 1.0.228 to 1.0.229`.
    pub text: String,
}

/// The sort of one difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSign {
    /// Only the new release has it.
    Added,
    /// Only the running release has it.
    Removed,
    /// Both have it, with different content.
    Changed,
}

/// The votes of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Approvals {
    /// How many are needed and how many count: `1 of 2`.
    pub needed: Option<String>,
    /// The votes.
    pub votes: Vec<Approval>,
    /// The people who may still approve. Absent if the policy does not say so by a role.
    pub may: Option<Vec<String>>,
    /// The command by which one of them approves.
    pub command: Option<Command>,
}

/// A vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Approval {
    /// The person, with the role that counts.
    pub person: String,
    /// Whether it counts, with the word.
    pub badge: Badge,
    /// The signed reason and ticket.
    pub reason: String,
    /// Its end.
    pub until: Option<Time>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Moment {
    /// A sentence: `Carol approved`.
    pub title: String,
    /// More about it.
    pub detail: String,
    /// Its time.
    pub time: Time,
    /// Number of its ledger entry.
    pub entry: u64,
}
