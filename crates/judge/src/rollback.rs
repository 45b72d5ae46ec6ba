//! Rollbacks: a person's signed request to return a place to an artifact that its agent has verified and run.
//!
//! Invariant: no range and no build evidence is needed, because the agent has judged that artifact before. Root,
//! status, enrolment, request and number are verified again. A request names the artifact that runs (or is about to
//! run) and the artifact that comes back, and is valid for a short time: nobody can store it and use it again later.

use std::collections::BTreeMap;
use std::time::Duration;

use evidence::enrolment::Purpose;
use evidence::request::{NAMESPACE, Request};
use evidence::rollback_order::RollbackOrder;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment, ssh};
use serde_json::{Value, json};

use crate::bars::BARRED;
use crate::context::{Anchors, VerificationContext};
use crate::people::{People, roles};
use crate::reasons::{Reasons, one_reason};
use crate::records::Revoked;
use crate::remedies::remedy_of;
use crate::roots::{self, walk};

/// A valid rollback.
#[derive(Clone, Debug)]
pub struct CheckedRollback {
    /// The newest trust root.
    pub root: TrustRoot,
    /// Number of the status.
    pub status: u64,
    /// Name of the person who asked.
    pub person: String,
    /// The artifact that is rolled back.
    pub from: Option<Digest>,
    /// Whether the rolled-back artifact is barred at the place. Requests of older programs do not bar it.
    pub bars: bool,
    /// End of the time in which the request can be carried out.
    pub until: Moment,
}

/// Checks a rollback against a pinned root and the judge's own knowledge.
///
/// # Errors
/// `Reasons` with the faults.
pub fn check_rollback(
    order: &RollbackOrder,
    anchors: &Anchors,
    seen: &VerificationContext,
    now: Moment,
) -> Result<CheckedRollback, Reasons> {
    let wrong = |code: &str, what: String| one_reason(code, what, remedy_of(code));
    if order.v != 1 {
        return Err(wrong("return-unsound", "it is of a version that this program does not know".into()));
    }
    let (root, _) = walk(&order.roots, anchors, seen)?;
    let status = roots::newest_status(&order.status, &root, seen)?;
    if status.barred.contains(&order.artifact) {
        return Err(wrong("artifact-barred", "the artifact is barred everywhere".into()));
    }
    if let Some(bar) = seen.bars.iter().find(|bar| bar.artifact == order.artifact) {
        let what = format!("release {} of this artifact failed its judgement here", bar.release);
        return Err(one_reason(BARRED, what, "go back to another release"));
    }
    if order.release <= seen.release {
        return Err(wrong("release-not-newer", format!("number {} was seen before", seen.release)));
    }
    // A rollback is judged at once and has no ledger entry yet, so a revoked key does not count.
    let revoked = Revoked::new(&status, now, &BTreeMap::new());
    let people = People::open(std::slice::from_ref(&order.enrolment), &root, &status, revoked, now)
        .map_err(|flaw| wrong(flaw.code, flaw.what))?;
    let request =
        Request::read(&order.request).map_err(|error| wrong("request-unsound", error.to_string()))?;
    let person =
        people.by_id(request.person).ok_or_else(|| wrong("request-unsound", "of a stranger".into()))?;
    let keys = people.keys(person, Purpose::SignIn, &order.request.payload_digest());
    let signers = ssh::signers(&order.request, NAMESPACE, &keys)
        .map_err(|error| wrong("request-unsound", error.to_string()))?;
    let running = seen.running.clone().flatten().map(|running| running.artifact);
    let until = request.expires.later_by(LATE_MAX);
    if until < now {
        // Otherwise the owner of the server could store the request and use it on another day.
        let what = format!("the request was for {} at the latest", request.expires);
        return Err(wrong("return-stale", what));
    }
    // If the artifact that comes back already runs, the request names the artifact that was to replace it.
    let named = request.arguments.get("from").and_then(|from| from.as_str()?.parse::<Digest>().ok());
    let from = if running == Some(order.artifact) { named } else { running };
    let place = format!("{}/{}/{}", order.project, order.service, order.environment);
    let asks = request.installation == root.installation
        && request.action.as_str() == "rollback"
        && asks_for(&request.arguments, &json!({ "place": place, "from": from, "to": order.artifact }))
        && signers.len() == 1;
    if !asks {
        return Err(wrong("request-unsound", "it asks for something else".into()));
    }
    let may = roles(person, &order.project, Some(&order.environment));
    if !may.iter().any(|role| role.as_str() == "release-manager") {
        return Err(wrong("role-missing", format!("{} is no release-manager here", person.name)));
    }
    let bars = request.arguments.get("release").is_some() && from != Some(order.artifact);
    Ok(CheckedRollback { status: status.number, person: person.name.clone(), from, bars, until, root })
}

/// Whether the arguments are exactly these, apart from the number of the release to go back to, whether pending
/// releases end, and a reason. Those fields are for people and the server; the agent has judged the artifact itself.
fn asks_for(arguments: &Value, asked: &Value) -> bool {
    let Some(mut fields) = arguments.as_object().cloned() else { return false };
    fields.retain(|field, _| !["release", "ends", "reason"].contains(&field.as_str()));
    Value::Object(fields) == *asked
}

/// How long after its end a request is still carried out, if the agent was away.
pub const LATE_MAX: Duration = Duration::from_hours(1);
