//! What replay takes as it is recorded, because the ledger cannot hold what it rests on.
//!
//! Invariant: as few as can be. What stops something (a status, a rejection, a cancellation, a return) is never among
//! them, so nobody can record in a person's name that it was refused. Who asked, and for what, is checked for all.

use domain::build::Ended;
use domain::{Command, Refused, State, quota};
use evidence::{Digest, Name};
use serde_json::Value;

use crate::prepare::{Asked, Prepared};

/// Whether the ledger does not hold what a refusal rests on: the operator's quotas, or bodies that were too large to be
/// kept of a request that was refused.
pub fn cannot_be_derived(refused: &Refused, prepared: &Prepared) -> bool {
    let Some(Ok(asked)) = &prepared.asked else { return false };
    let same = refused.person == asked.request.person.into() && refused.action == asked.request.action;
    same && refused.more.is_none()
        && !refused.reasons.is_empty()
        && quota::apply_to(&refused.action)
        && (refused.rests_on_quotas() || has_left_out(asked) && prepared.header.blobs.is_empty())
}

/// Whether a count of refusals can be one: how many there were is the server's word, and nothing else.
///
/// # Errors
/// In words, when it cannot.
pub fn may_count(state: &State, refused: &Refused) -> Result<(), String> {
    if !refused.is_a_count() {
        return Err("nobody asked for what was refused".into());
    }
    state
        .identity
        .enrolled(refused.person)
        .map(|_| ())
        .ok_or_else(|| "it counts refusals of a stranger".into())
}

/// The end of a run of which a runner, or the server that waited for one, says that some work will never be reported.
///
/// # Errors
/// In words, when it does not say which.
pub fn lost(ended: &Ended, runner: Option<&Name>) -> Result<Command, String> {
    let work = ended.because.clone().ok_or("it does not say what is lost")?;
    Ok(Command::Lose(domain::build::Lose { run: ended.run, work, runner: runner.cloned() }))
}

/// Whether digests stand in the place of the bodies.
fn has_left_out(asked: &Asked) -> bool {
    let digest = |value: &Value| value.as_str().is_some_and(|text| text.parse::<Digest>().is_ok());
    let digests = asked.particulars.get(LEFT_OUT).and_then(Value::as_array);
    digests.is_some_and(|digests| !digests.is_empty() && digests.iter().all(digest))
        && asked.particulars.get("statements").is_none()
}

/// Field of a refusal's particulars that has the digests of bodies which were not kept.
pub const LEFT_OUT: &str = "left-out";
