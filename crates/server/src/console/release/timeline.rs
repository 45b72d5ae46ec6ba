//! Everything that happened to a release, as sentences, from the entries about it.
//!
//! Invariant: an entry that the caller may not read is not here: all of them are of the release's own project.

use domain::gate::{GateOutcome, Judged};
use domain::release::{Part, RollbackRequested};
use domain::{Event, PersonId};
use evidence::approval::Decision;
use evidence::entry::Header;
use evidence::receipt::Work;
use evidence::report::ReleaseOutcome;
use evidence::{Digest, Moment, Place};
use judge::{Judgement, Store as _};
use review::ids::short;
use review::sentences::advance_words;
use web::model;

use crate::console::reading::{Reading, time};
use crate::console::recorded::{observation, report_detail, request_reason, vote_reason};
use crate::console::words::person;
use crate::http::problem::Failure;
use crate::views::moments;

/// Events of a release, the newest first.
#[derive(Debug)]
pub struct Events(Vec<(u64, Moment, Event)>);

impl Events {
    /// The events of a release.
    ///
    /// # Errors
    /// `Failure` if the ledger cannot be read.
    pub fn read(at: &Reading<'_>, place: &Place, number: u64) -> Result<Self, Failure> {
        let rows = at.shared.views.ask(|rows| moments::of_release(rows, place, number));
        let store = at.shared.gatekeeper.store();
        let read = |row: moments::MomentRow| {
            let entry = store.entry(row.entry).map_err(Failure::failed)?;
            let header = Header::decode(&entry.header).map_err(Failure::failed)?;
            let event = Event::read(&header.kind, &entry.facts).map_err(Failure::failed)?;
            Ok((row.entry, row.time, event))
        };
        Ok(Self(rows.map_err(Failure::failed)?.into_iter().map(read).collect::<Result<_, Failure>>()?))
    }

    /// The last verdict of the gate.
    pub fn judged(&self) -> Option<&Judged> {
        self.0.iter().find_map(|(_, _, event)| match event {
            Event::Judged(judged) => Some(judged),
            _ => None,
        })
    }

    /// The moment as of which the gate judged it the last time.
    pub fn judged_at(&self) -> Option<Moment> {
        self.judged().map(|judged| judged.moment)
    }

    /// The person who promoted it the last time, and the verdict of the gate since then.
    pub fn promotion(&self) -> Option<(PersonId, Option<GateOutcome>)> {
        let mut since = None;
        for (_, _, event) in &self.0 {
            match event {
                Event::Promoted(promoted) => return Some((promoted.person, since)),
                Event::Judged(judged) => since = since.or(Some(judged.outcome)),
                _ => {}
            }
        }
        None
    }

    /// The request for a rollback, with its time, if it is one.
    pub fn rollback(&self) -> Option<(Moment, &RollbackRequested)> {
        self.0.iter().find_map(|(_, time, event)| match event {
            Event::RollbackRequested(back) => Some((*time, back)),
            _ => None,
        })
    }

    /// The events with their entries, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Moment, &Event)> {
        self.0.iter().map(|(entry, moment, event)| (*entry, *moment, event))
    }

    /// The events as sentences, the newest first.
    pub fn moments(&self, at: &Reading<'_>) -> Vec<model::Moment> {
        let moment = |(entry, moment, event): &(u64, Moment, Event)| {
            let (title, detail) = sentence(at, event)?;
            Some(model::Moment { title, detail, time: time(*moment), entry: *entry })
        };
        self.0.iter().filter_map(moment).collect()
    }
}

/// The sentence of an event, and more about it; `None` for an event that only leads to the next one.
fn sentence(at: &Reading<'_>, event: &Event) -> Option<(String, String)> {
    let shared = at.shared;
    let by = |of: PersonId| person(shared, of);
    Some(match event {
        Event::Wanted(wanted) => {
            let run = short(&wanted.run.to_string()).to_owned();
            (format!("The artifact reached {}", wanted.place.environment), format!("built by run {run}"))
        }
        Event::Proposed(proposed) => {
            let plan = short(&proposed.plan.hex()).to_owned();
            ("Its plan was derived".to_owned(), format!("plan {plan}"))
        }
        Event::Unplannable(unplannable) => ("No plan could be derived".to_owned(), unplannable.code.clone()),
        Event::Given(given) => {
            let verb = if given.decision == Decision::Approve { "approved" } else { "rejected" };
            let reason = vote_reason(shared, &given.envelope).unwrap_or_default();
            (format!("{} {verb}", by(given.person)), reason)
        }
        Event::Promoted(promoted) => {
            let reason = request_reason(shared, &promoted.request).unwrap_or_default();
            (format!("{} promoted it", by(promoted.person)), reason)
        }
        Event::Judged(judged) => {
            let title = match judged.outcome {
                GateOutcome::Pass => "The gate let it pass",
                GateOutcome::Fail => "The gate did not let it pass",
                GateOutcome::Undecided => "The gate could not decide",
            };
            (title.to_owned(), judged_detail(at, &judged.verdict, &judged.reasons))
        }
        Event::ReleaseDue(_) => ("It was given to its agent".to_owned(), String::new()),
        Event::AgentReported(reported) => {
            let agent = &reported.agent;
            let title = match reported.outcome {
                ReleaseOutcome::Running => format!("{agent} runs it, and its probe passed"),
                _ if reported.part == Some(Part::Retreated) => {
                    format!("{agent} went back, because it did not work at another agent")
                }
                ReleaseOutcome::Returned => "It did not work, so the release before it runs again".to_owned(),
                ReleaseOutcome::Failed => "It did not work, and nothing runs now".to_owned(),
                ReleaseOutcome::Refused => format!("{agent} refused it"),
            };
            let said = report_detail(shared, &reported.envelope);
            (title, said.unwrap_or_else(|| reported.reasons.join(", ")))
        }
        Event::Observed(observed) => {
            let agent = &observed.agent;
            match observation(shared, &observed.envelope) {
                Some((summary, reasons)) => (format!("{agent} observed: {summary}"), reasons),
                None => (format!("{agent} made a {}", observed.kind.as_str()), String::new()),
            }
        }
        Event::RollbackRequested(back) => {
            let reason = request_reason(shared, &back.request).filter(|reason| !reason.is_empty());
            let course = back.course.as_ref();
            let of = course.map(|course| format!(" of release {}", course.from_release)).unwrap_or_default();
            let title = format!("{} asked for the rollback{of}", by(back.person));
            (title, reason.unwrap_or_else(|| "no reason was given".to_owned()))
        }
        Event::AdvanceRequested(asked) => {
            let reason = request_reason(shared, &asked.request).unwrap_or_default();
            (format!("{} {}", by(asked.person), advance_words(asked.order, asked.step)), reason)
        }
        Event::ChecksLost(_) => ("Some of its checks will never be reported".to_owned(), String::new()),
        Event::Reported(reported) => {
            let Work::Check(check) = &reported.work else { return None };
            let verb = if reported.passed { "passed" } else { "failed" };
            (format!("Check {} {verb} on {}", check.name, reported.runner), String::new())
        }
        _ => return None,
    })
}

/// The first reason of a verdict with the number of the others, else its codes.
fn judged_detail(at: &Reading<'_>, verdict: &Digest, codes: &[String]) -> String {
    let bytes = at.shared.gatekeeper.store().blob(verdict).ok();
    let judgement = bytes.and_then(|bytes| serde_json::from_slice::<Judgement>(&bytes).ok());
    let Some(judgement) = judgement else { return codes.join(", ") };
    let all: Vec<_> = judgement.unclear.iter().chain(&judgement.reasons).collect();
    match all.as_slice() {
        [] => String::new(),
        [only] => only.what.clone(),
        [first, rest @ ..] => format!("{}; and {}", first.what, shown::many(rest.len(), "more reason")),
    }
}
