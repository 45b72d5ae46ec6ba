//! Arguments of signed requests, as JSON (`docs/formats/request.md`).
//!
//! Invariant: an unknown field is an error, so that no person signs an argument that the server ignores.

use evidence::Place;

use domain::RunId;
use evidence::git::RefName;
use evidence::preview::PreviewWish;
use evidence::secret_name::SecretName;
use evidence::serving::RunChoice;
use evidence::{CommitId, Digest, Id, Moment, Name};
use serde::Deserialize;

/// Arguments of the actions about one signed statement: `enrol`, `set-root`, `set-status`, `set-environment`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementArguments {
    pub statement: Digest,
    #[serde(default)]
    pub tightening: Option<Digest>,
    /// The commit of the files that declare the statement. It is on record; no decision reads it.
    #[serde(default)]
    pub source: Option<SourceArguments>,
}

/// A commit, and the tree of a directory in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceArguments {
    pub commit: CommitId,
    pub tree: CommitId,
}

impl SourceArguments {
    /// Whether both ids can be of one repository, whose ids are all of one length.
    pub fn is_sound(&self) -> bool {
        self.commit.as_str().len() == self.tree.as_str().len()
    }
}

/// Arguments of `run`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunArguments {
    pub project: Name,
    pub commit: CommitId,
    #[serde(default)]
    pub again: Option<bool>,
    /// A ref that contains the commit. The runners verify it, and judges read it in the signed request.
    #[serde(default, rename = "ref")]
    pub at_ref: Option<RefName>,
    /// Names of runners that the run does without, sorted.
    #[serde(default)]
    pub without: Option<Vec<Name>>,
    /// Version of the trust root by which the runners are chosen. Needed where runners have pools.
    #[serde(default)]
    pub root: Option<u32>,
    /// The preview that the run makes, and to which alone its artifacts go.
    #[serde(default)]
    pub preview: Option<PreviewWish>,
}

impl RunArguments {
    /// The part on which the choice of runners rests, in a request with this nonce.
    pub fn choice(&self, nonce: Id) -> RunChoice {
        let without = self.without.iter().flatten().cloned().collect();
        RunChoice { nonce, at_ref: self.at_ref.clone(), without }
    }

    /// Why the arguments break a rule.
    pub fn fault(&self) -> Option<&'static str> {
        let without = self
            .without
            .as_deref()
            .is_none_or(|names| (1..=WITHOUT_MAX).contains(&names.len()) && names.is_sorted_by(|a, b| a < b));
        (!without).then_some("`without` is empty, not sorted, names a runner twice, or more than 64 runners")
    }
}

/// Arguments of `agree`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreeArguments {
    pub run: RunId,
    pub step: Name,
    pub commit: CommitId,
}

/// Arguments of `cancel`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelArguments {
    pub run: RunId,
    pub commit: CommitId,
}

/// Arguments of `promote`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromoteArguments {
    pub place: Place,
    pub release: u64,
    #[serde(default)]
    pub artifact: Option<Digest>,
}

/// Arguments of `secret-put`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutSecretArguments {
    pub secret: SecretName,
    pub number: u32,
    /// Digest of the sealed value.
    pub value: Digest,
    #[serde(default)]
    pub expires: Option<Moment>,
    #[serde(default)]
    pub rotate_days: Option<u32>,
    #[serde(default)]
    pub honey: bool,
}

/// Arguments of `secret-destroy`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestroySecretArguments {
    pub secret: SecretName,
    pub number: u32,
}

/// Arguments of `rollback`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackArguments {
    pub place: Place,
    pub from: Digest,
    pub to: Digest,
    /// Number of the release that brought the artifact that comes back.
    #[serde(default)]
    pub release: Option<u64>,
    #[serde(default)]
    pub ends: bool,
    /// The person's reason, for readers of the ledger. No decision reads it.
    #[serde(default, rename = "reason")]
    pub _reason: Option<String>,
}

/// Highest number of runners that a run does without.
const WITHOUT_MAX: usize = 64;
