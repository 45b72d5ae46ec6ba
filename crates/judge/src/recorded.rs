//! Decisions that replay accepts as recorded, because the ledger does not contain their grounds.
//!
//! Invariant: there are as few of them as possible. Events that stop something (a status, a rejection, a cancellation,
//! a rollback) are never among them, so nobody can record a false refusal of one in a person's name. The requester and
//! the requested action are verified in all cases.

use domain::build::Due;
use domain::{Command, Event, Refused, RunId, State, decide, quota};
use evidence::claim::{Claim, giving_up};
use evidence::dsse::Envelope;
use evidence::receipt::Work;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment, Name};
use serde_json::Value;

use crate::decision_error::DecisionError;
use crate::prepare::{Prepared, RecordedRequest};

/// The events of a decision that was made again.
pub struct Again {
    /// The events.
    pub events: Vec<Event>,
    /// Whether the ledger does not contain the grounds of the decision, so that the events are the server's word.
    pub recorded: bool,
}

impl From<Vec<Event>> for Again {
    fn from(events: Vec<Event>) -> Self {
        Self { events, recorded: false }
    }
}

/// Whether the ledger does not contain the grounds of a refusal: the operator's quotas, or bodies of a refused request
/// that were too large to store.
pub fn cannot_be_derived(refused: &Refused, prepared: &Prepared) -> bool {
    let Some(Ok(asked)) = &prepared.asked else { return false };
    let same = refused.person == asked.request.person.into() && refused.action == asked.request.action;
    same && refused.more.is_none()
        && !refused.reasons.is_empty()
        && quota::apply_to(&refused.action)
        && (refused.rests_on_quotas()
            || quota::leaves_out(&refused.action) && has_left_out(asked) && prepared.header.blobs.is_empty())
}

/// Checks that an entry may count refusals. Only the count is the server's word.
///
/// # Errors
/// `DecisionError` when the entry may not count refusals.
pub fn may_count(state: &State, refused: &Refused) -> Result<(), DecisionError> {
    if !refused.is_a_count() {
        return Err("nobody asked for what was refused".into());
    }
    state
        .identity
        .enrolled(refused.person)
        .map(|_| ())
        .ok_or_else(|| "it counts refusals of a stranger".into())
}

/// The run, and the work of it that nobody will report.
///
/// # Errors
/// `DecisionError` when the event ends nothing.
pub fn ended<'e>(state: &State, event: &'e Event) -> Result<(RunId, Option<&'e Work>), DecisionError> {
    match event {
        Event::Ended(ended) => Ok((ended.run, ended.because.as_ref())),
        Event::ChecksLost(ended) => {
            let checks = state.check.at(&ended.place).ok_or("nothing is checked there")?;
            Ok((checks.run, Some(&ended.because)))
        }
        _ => Err("it ends nothing".into()),
    }
}

/// Makes the end of a run again whose work will never be reported. It is derived if the runner signed that it gives the
/// work up; otherwise it is the server's word.
///
/// # Errors
/// `DecisionError` when the run cannot have ended so.
pub fn lost(
    state: &State,
    (run, because): (RunId, Option<&Work>),
    runner: Option<&Name>,
    time: Moment,
    is_signed: bool,
) -> Result<Again, DecisionError> {
    let work = because.cloned().ok_or("it does not say what is lost")?;
    let command = Command::Lose(domain::build::Lose { run, work, runner: runner.cloned() });
    let events = decide(state, &command, time).map_err(DecisionError::Refused)?;
    Ok(Again { events, recorded: !is_signed })
}

/// Whether an entry contains the claim by which a runner gave up the work that ended a run. Older programs stored none.
///
/// # Errors
/// `DecisionError` when there is a claim and it is invalid.
pub fn gave_up(
    state: &State,
    root: &TrustRoot,
    prepared: &Prepared,
    (run, because): (RunId, Option<&Work>),
    runner: &Name,
) -> Result<bool, DecisionError> {
    if prepared.header.particulars.is_none() {
        return Ok(false);
    }
    let particulars = prepared.entry.particulars.as_ref().ok_or("its particulars were erased")?;
    let particulars: Value = particulars.decode("particulars")?;
    let claim = particulars.get(CLAIM).cloned().ok_or("it holds no claim")?;
    let envelope: Envelope = serde_json::from_value(claim)?;
    let claim = Claim::read(&envelope)?;
    let is_lost = |due: &&Due| due.runner == *runner && because == Some(&due.work);
    let due = match because {
        Some(Work::Check(check)) => {
            state.check.at(&check.place).and_then(|checks| checks.due.iter().find(is_lost))
        }
        _ => state.build.run(run).and_then(|run| run.due.iter().find(is_lost)),
    };
    let due = due.ok_or("the lost work was not due on that runner")?;
    let named = root.runners.iter().find(|named| named.name == *runner);
    let named = named.filter(|_| claim.machine == *runner).ok_or("the claim is not that runner's")?;
    let key = named.signed(&envelope).map_err(|_| "the claim is not that runner's")?;
    // The server checked the claim's age when it arrived, by its own clock.
    let verified = claim.verify_kept(&envelope, key, root.installation, &giving_up(due.nonce));
    verified.map(|()| true).map_err(DecisionError::from)
}

/// Whether the entry has digests in place of the bodies.
fn has_left_out(asked: &RecordedRequest) -> bool {
    let digest = |value: &Value| value.as_str().is_some_and(|text| text.parse::<Digest>().is_ok());
    let digests = asked.particulars.get(LEFT_OUT).and_then(Value::as_array);
    digests.is_some_and(|digests| !digests.is_empty() && digests.iter().all(digest))
        && asked.particulars.get("statements").is_none()
}

/// Field of a refusal's particulars with the digests of bodies that were not stored.
pub const LEFT_OUT: &str = "left-out";
/// Field in the particulars of a run's end with the claim by which a runner gave up the work.
pub const CLAIM: &str = "claim";
