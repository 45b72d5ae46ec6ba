//! Decisions about approvals. Signature and key were checked at the edge.

use evidence::approval::Decision;
use evidence::{Digest, Moment};

use super::event::Given;
use crate::event::Event;
use crate::identity;
use crate::ids::PersonId;
use crate::refusal::{Reason, Refusal};

/// Approve or reject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitApproval {
    /// What goes on record.
    pub given: Given,
    /// Fingerprint of the key that signed.
    pub key: String,
    /// When it begins to count.
    pub not_before: Moment,
    /// Whether second-person rules are off.
    pub solo: bool,
}

/// What an approval must name to count: the release as it stands open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Number of the release.
    pub release: u64,
    /// The artifact.
    pub artifact: Digest,
    /// The plan.
    pub plan: Digest,
    /// People who put the change forward.
    pub own: Vec<PersonId>,
}

/// Decides whether an approval goes on record as one.
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
