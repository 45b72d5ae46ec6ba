//! Orders about a rollout under way: a person's signed request to pause it, to let it go on, or to begin its next step.
//!
//! Invariant: nothing of the release is judged again here, because an order only moves between steps of a plan that was approved
//! and judged. Root, status, enrolment and request are verified again. A request names place, release, plan and step, it is valid
//! for a short time, and an older one never counts after a newer one: nobody can store it and use it on another day.

use std::collections::BTreeMap;
use std::time::Duration;

use evidence::advance_order::AdvanceOrder;
use evidence::enrolment::Purpose;
use evidence::request::{Advance, NAMESPACE, Request};
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment, Place, ssh};

use crate::context::{Anchors, VerificationContext};
use crate::people::{People, roles};
use crate::reasons::{Reasons, one_reason};
use crate::records::Revoked;
use crate::remedies::remedy_of;
use crate::roots::{self, walk};

/// The rollout under way, as the judge knows it.
#[derive(Clone, Debug)]
pub struct RolloutUnderWay<'a> {
    /// The place.
    pub place: &'a Place,
    /// Number of the release.
    pub release: u64,
    /// Digest of its plan.
    pub plan: Digest,
    /// Time at which the last order that was carried out was signed.
    pub ordered: Option<Moment>,
}

/// A valid order.
#[derive(Clone, Debug)]
pub struct CheckedAdvance {
    /// The newest trust root.
    pub root: TrustRoot,
    /// Number of the status.
    pub status: u64,
    /// Name of the person who asked.
    pub person: String,
    /// The order.
    pub advance: Advance,
    /// Time at which it was signed.
    pub issued: Moment,
}

/// Checks an order against a pinned root and the judge's own knowledge.
///
/// # Errors
/// `Reasons` with the faults.
pub fn check_advance(
    order: &AdvanceOrder,
    anchors: &Anchors,
    seen: &VerificationContext,
    under_way: &RolloutUnderWay<'_>,
    now: Moment,
) -> Result<CheckedAdvance, Reasons> {
    let wrong = |code: &str, what: String| one_reason(code, what, remedy_of(code));
    if order.v != 1 {
        return Err(wrong("advance-unsound", "it is of a version that this program does not know".into()));
    }
    let (root, _) = walk(&order.roots, anchors, seen)?;
    let status = roots::newest_status(&order.status, &root, seen)?;
    // An order is judged at once and has no ledger entry yet, so a revoked key does not count.
    let revoked = Revoked::new(&status, now, &BTreeMap::new());
    let people = People::open(std::slice::from_ref(&order.enrolment), &root, &status, revoked, now)
        .map_err(|flaw| wrong(flaw.code, flaw.what))?;
    let unsound = |what: String| wrong("request-unsound", what);
    let request = Request::read(&order.request).map_err(|error| unsound(error.to_string()))?;
    let person = people.by_id(request.person).ok_or_else(|| unsound("of a stranger".into()))?;
    let keys = people.keys(person, Purpose::SignIn, &order.request.payload_digest());
    let signers =
        ssh::signers(&order.request, NAMESPACE, &keys).map_err(|error| unsound(error.to_string()))?;
    let advance = asked(&request).filter(|_| request.installation == root.installation && signers.len() == 1);
    let advance = advance.ok_or_else(|| unsound("it asks for something else".into()))?;
    if request.expires.later_by(LATE_MAX) < now {
        let what = format!("the request was for {} at the latest", request.expires);
        return Err(wrong("advance-stale", what));
    }
    if under_way.ordered.is_some_and(|last| request.issued <= last) {
        let what = "an order that was signed later, or this one, was carried out before";
        return Err(wrong("advance-not-newer", what.into()));
    }
    let RolloutUnderWay { place, release, plan, .. } = under_way;
    if (&advance.place, advance.release, advance.plan) != (*place, *release, *plan) {
        let what = format!("it is about another rollout than that of release {release} at {place}");
        return Err(wrong("advance-differs", what));
    }
    if !roles(person, &place.project, Some(&place.environment)).iter().any(|role| role.as_str() == ROLE) {
        return Err(wrong("role-missing", format!("{} is no {ROLE} here", person.name)));
    }
    let name = person.name.clone();
    Ok(CheckedAdvance { status: status.number, person: name, advance, issued: request.issued, root })
}

/// The order of a request; absent if it asks for something else.
fn asked(request: &Request) -> Option<Advance> {
    let is_asked = request.action.as_str() == "advance";
    is_asked.then(|| serde_json::from_value(request.arguments.clone()).ok()).flatten()
}

/// The role that it needs.
const ROLE: &str = "release-manager";
/// How long after its end a request is still carried out, if the agent was away.
const LATE_MAX: Duration = Duration::from_mins(10);
