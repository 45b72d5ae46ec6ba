//! The judge: the one evaluator of server, agent, command line and replay.
//!
//! `admit` makes commands of submissions. `collect` gathers the evidence of a release. `check` proves the evidence, and
//! `judge` asks the policy about the proven facts. `replay` makes every decision of a ledger again. `check_rollback`
//! and `check_run` judge orders that need no release. Invariant: all of this is a pure function of its arguments; bytes
//! come through `Store`, times and seen numbers from the caller. A fact without a signer is unknown, and an unknown
//! fact fails.
//!
//! `countersign verify` does this with a bundle and a trusted root; the crate `lab` makes bundles to try it on:
//!
//! ```
//! use evidence::bundle::Bundle;
//! use evidence::trust_root::TrustRoot;
//! use judge::{Anchors, Judgement, VerificationContext, judge};
//!
//! fn verify(bundle: &[u8], root: &TrustRoot) -> Result<Judgement, Box<dyn std::error::Error>> {
//!     let bundle = Bundle::decode(bundle)?;
//!     let anchors = Anchors { version: root.version, digest: root.digest()?, rehearsal: false };
//!     let seen = VerificationContext { root: root.version, ..VerificationContext::default() };
//!     Ok(judge(&bundle, &anchors, &seen))
//! }
//! ```
//!
//! [`judge()`] is [`check()`] and the question to the policy; both name every reason. [`Replay`] does it for a whole ledger.

mod admit;
mod admit_machines;
mod advance;
mod again;
mod approvals;
mod arguments;
mod bars;
mod bounds;
mod check;
mod check_target;
mod checked;
mod collect;
mod collect_observed;
mod configuration_order;
mod context;
mod continuity;
mod decision_error;
mod derived;
mod dry_run;
mod grants;
mod grounds;
mod input;
mod input_lanes;
mod input_reads;
mod input_source;
mod lanes;
mod ledger;
mod lending;
mod lines;
mod loans;
mod overrides;
mod owners;
mod people;
mod plan;
mod prepare;
mod previews;
mod proofs;
mod reasons;
mod receipts;
mod recorded;
mod records;
mod relayed;
mod remedies;
mod replay;
mod reports;
mod requests;
mod rollback;
pub mod rollout;
mod roots;
mod run_order;
mod secrets;
mod secrets_order;
mod seen_sizes;
mod serving;
mod settings;
mod size;
mod soak;
mod source;
mod store;
mod trust;
mod turns;
mod unapplied;
mod verdict;
mod windows;

pub use admit::enrolment_envelope_at;
pub use admit::{AdmitError, Admitted, Sent, admit, enrolment_at, runner_names, status_command};
pub use admit_machines::{admit_by_hand, admit_observation, admit_receipt, admit_report, statement_of};
pub use advance::{CheckedAdvance, RolloutUnderWay, check_advance};
pub use again::{NOT_JUDGED, NewestRules, judge_again};
pub use bars::{BARRED, LIFT};
pub use bounds::{Difference, differences};
pub use check::check;
pub use check_target::CheckTarget;
pub use checked::Checked;
pub use collect::{Collected, collect, run_order};
pub use configuration_order::{CheckedConfiguration, check_configuration};
pub use context::{Anchors, Bar, FreshCheckpoint, VerificationContext};
pub use continuity::{
    ContinuityError, PinnedCheckpoint, Sizes, continues, ends, proven_from, sizes_to_prove,
};
pub use dry_run::{
    Comparison, DryRun, DryRunError, FoldedEntry, NotCarried, PastDecision, PastDecisions, Trial,
};
pub use grants::{KnownGrant, known_grants};
pub use input::input;
pub use input_reads::budgets_of;
pub use lanes::{
    DocumentProof, ProvenStatement, needed_documents, outgrown, settling_finding, settling_test,
    statements_that_apply,
};
pub use lending::{LoanClaim, NamedSecrets, StepSecrets, lending, step_secrets};
pub use lines::{LinesError, lines_of};
pub use loans::Lent;
pub use owners::{Lookup, Owners};
pub use plan::{Planned, plan};
pub use reasons::Reasons;
pub use relayed::{
    KnownStatuses, NewerStatus, RelayedError, RelayedInForce, open_relayed, relayed_root, replaces,
    supersedes,
};
pub use secrets::recipients;
pub use secrets_order::{CheckedSecrets, CountedVersion, RefusedVersion, check_secrets};

pub use approvals::Vote;
pub use overrides::PEOPLE_MIN;
pub use prepare::{PrepareError, Prepared, prepare};
pub use previews::{CheckedPreview, CheckedPreviews, check_previews, ends_under};
pub use proofs::witnessed_by;
pub use recorded::{CLAIM, LEFT_OUT};
pub use replay::{Compared, OutOfOrder, Replay, Replayed};
pub use rollback::{CheckedRollback, LATE_MAX as RETURN_LATE_MAX, check_rollback};
pub use roots::newest_root;
pub use run_order::{CheckedRun, OpenedRun, Piece, check_run, open_run};
pub use settings::{DifferenceCode, faults};
pub use size::{LARGE, LargeEvidence};
pub use store::{Store, Unavailable};
pub use turns::{CheckedRetreat, Held, check_retreat, turn_before};
pub use windows::WindowsProof;

pub use verdict::{Judgement, NoTrustRoot, judge, judge_checked, own_context};
