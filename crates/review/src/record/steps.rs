//! Entries of the ledger about one release as steps, people and reasons.
//!
//! Invariant: a signed report counts as signed only where its agent's key is in the environment statement of the evidence.

use std::collections::BTreeMap;

use domain::gate::GateOutcome;
use domain::release::Part;
use domain::{Event, PersonId};
use evidence::Digest;
use evidence::approval::{Decision, Signed};
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::receipt::Work;
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::request::Request;

use super::model::{Known, Step, Who, Why};
use super::told::Told;
use crate::ids::short;
use crate::sentences::{Sentence, advance_words};

/// The name of a person.
pub type Named<'a> = &'a dyn Fn(PersonId) -> String;

/// An entry that the server tells of, as a step.
pub fn told(
    entry: &Told,
    envelopes: &BTreeMap<Digest, Envelope>,
    environment: Option<&Environment>,
    by: Named<'_>,
) -> Step {
    let signed = entry.envelope().and_then(|digest| envelopes.get(&digest));
    let Told { entry, time, event } = entry;
    let (title, mut detail) = words(event, by);
    let report = signed.zip(environment).and_then(|(signed, environment)| match event {
        Event::AgentReported(reported) => {
            let report = AgentReport::open(signed, environment).ok()?;
            let is_same = report.release == reported.release
                && report.outcome == reported.outcome
                && report.agent == reported.agent
                && report.reasons == reported.reasons;
            is_same.then_some(report)
        }
        _ => None,
    });
    if let Some(said) = report.as_ref().map(|report| &report.detail).filter(|said| !said.is_empty()) {
        detail = said.clone();
    }
    let known = if report.is_some() { Known::Signed } else { Known::Told };
    Step { entry: *entry, time: *time, kind: event.kind().to_owned(), title, detail, known }
}

/// An event in short words: its place and release stand above all steps.
pub fn words(event: &Event, by: Named<'_>) -> (String, String) {
    let none = String::new;
    match event {
        Event::Taken(taken) => {
            let signer = format!("commit {} signed by {}", short(taken.commit.as_str()), by(taken.signer));
            (format!("{} asked for the run", by(taken.requester)), signer)
        }
        Event::Wanted(wanted) => (
            format!("The artifact reached {}", wanted.place.environment),
            short(&wanted.artifact.hex()).to_owned(),
        ),
        Event::Proposed(proposed) => {
            ("Its plan was derived".to_owned(), short(&proposed.plan.hex()).to_owned())
        }
        Event::Unplannable(none) => ("No plan could be derived".to_owned(), none.code.clone()),
        Event::Given(given) => {
            let verb = if given.decision == Decision::Approve { "approved" } else { "rejected" };
            (format!("{} {verb}", by(given.person)), none())
        }
        Event::Promoted(promoted) => (format!("{} promoted it", by(promoted.person)), none()),
        Event::GateDue(_) => ("Its gate was due".to_owned(), none()),
        Event::Judged(judged) => {
            let title = match judged.outcome {
                GateOutcome::Pass => "The gate let it pass",
                GateOutcome::Fail => "The gate did not let it pass",
                GateOutcome::Undecided => "The gate could not decide",
            };
            let warned =
                (!judged.warnings.is_empty()).then(|| format!("warns: {}", judged.warnings.join(", ")));
            let against = (!judged.reasons.is_empty()).then(|| judged.reasons.join(", "));
            let detail: Vec<String> = against.into_iter().chain(warned).collect();
            (title.to_owned(), detail.join("; "))
        }
        Event::Held(_) => ("It was held".to_owned(), none()),
        Event::ReleaseDue(_) => ("It was given to its agent".to_owned(), none()),
        Event::AgentReported(reported) => {
            let agent = &reported.agent;
            let title = match reported.outcome {
                ReleaseOutcome::Running => format!("Agent {agent} runs it, and its probe passed"),
                _ if reported.part == Some(Part::Retreated) => {
                    format!("Agent {agent} went back, because it did not work at another agent")
                }
                ReleaseOutcome::Returned => {
                    format!("It did not work; agent {agent} started the release before it")
                }
                ReleaseOutcome::Failed => format!("It did not work at agent {agent}, and nothing runs"),
                ReleaseOutcome::Refused => format!("Agent {agent} refused it"),
            };
            (title, reported.reasons.join(", "))
        }
        Event::RollbackRequested(back) => (format!("{} asked for the rollback", by(back.person)), none()),
        Event::AdvanceRequested(asked) => {
            (format!("{} {}", by(asked.person), advance_words(asked.order, asked.step)), none())
        }
        Event::Reported(reported) => {
            let verb = if reported.passed { "passed" } else { "failed" };
            let work = match &reported.work {
                Work::Step(name) => format!("Step {name}"),
                Work::Artifact(name) => format!("Artifact {name}"),
                Work::Check(check) => format!("Check {} in {}", check.name, check.place.environment),
            };
            (format!("{work} {verb} on {}", reported.runner), none())
        }
        other => {
            let Sentence { title, detail, .. } = Sentence::of(other, by);
            (title, detail)
        }
    }
}

/// The people whom entries name: the last promoter, the person behind a rollback, and the agent.
pub fn people(entries: &[Told], by: Named<'_>) -> Who {
    let mut who = Who::default();
    let mut votes: BTreeMap<PersonId, Decision> = BTreeMap::new();
    for Told { event, .. } in entries {
        match event {
            Event::Promoted(promoted) => who.promoter = Some(by(promoted.person)),
            Event::RollbackRequested(back) => who.returned_by = Some(by(back.person)),
            Event::AgentReported(reported) => who.agent = Some(reported.agent.clone()),
            Event::Given(given) => {
                votes.insert(given.person, given.decision);
            }
            _ => {}
        }
    }
    let approved = votes.into_iter().filter(|(_, decision)| *decision == Decision::Approve);
    who.approvers = approved.map(|(person, _)| by(person)).collect();
    who
}

/// Reasons in the requests and votes that entries name. The evidence, if there is any, says which votes count.
pub fn reasons(entries: &[Told], envelopes: &BTreeMap<Digest, Envelope>, by: Named<'_>) -> Vec<Why> {
    let why = |entry: &Told| {
        let signed = envelopes.get(&entry.envelope()?)?;
        let why = |act: &str, person: PersonId, reason: &str, ticket: Option<String>| Why {
            act: act.to_owned(),
            person: by(person),
            reason: reason.to_owned(),
            ticket,
            until: None,
            counts: false,
        };
        match &entry.event {
            Event::RollbackRequested(back) => {
                let request = Request::read(signed).ok()?;
                let reason = request.arguments.get("reason")?.as_str()?.to_owned();
                Some(Why { counts: true, ..why("rollback", back.person, &reason, None) })
            }
            Event::Given(given) => {
                let said = Signed::read(signed).ok()?.said;
                let act = if given.decision == Decision::Approve { "approve" } else { "reject" };
                Some(why(act, given.person, &said.reason, said.ticket))
            }
            _ => None,
        }
    };
    entries.iter().filter_map(why).collect()
}
