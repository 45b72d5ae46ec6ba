//! Every entry of the ledger as a sentence.
//!
//! Invariant: a sentence says what the facts say and no more. Reasons, names of commits and other texts are in
//! particulars and blobs, which may be erased; only names of people come from outside, by a function.

use domain::build::RunOutcome;
use domain::gate::GateOutcome;
use domain::{Event, PersonId, RunId};
use evidence::approval::Decision;
use evidence::receipt::Work;
use evidence::report::ReleaseOutcome;
use evidence::request::AdvanceDo;
use evidence::{Moment, Place};

use crate::ids::short;

/// An entry in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Subject, verb, object: `Carol approved release 42`.
    pub title: String,
    /// More about it, without a full stop; may be empty.
    pub detail: String,
    /// The page that tells the rest.
    pub about: About,
}

/// The matter of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A release or rollback at a place.
    Release(Place, u64),
    /// A place.
    Place(Place),
    /// A run.
    Run(RunId),
    /// The installation.
    Installation,
}

impl Sentence {
    /// The sentence of an event. `named` gives the name of a person.
    #[must_use]
    pub fn of(event: &Event, named: &dyn Fn(PersonId) -> String) -> Self {
        let made = match event {
            Event::Rooted(_)
            | Event::Enrolled(_)
            | Event::StatusSet(_)
            | Event::Stated(_)
            | Event::SecretPut(_)
            | Event::SecretDestroyed(_)
            | Event::Recorded(_)
            | Event::Snapshotted(_)
            | Event::Refused(_) => installation(event, named),
            Event::Taken(_)
            | Event::Started(_)
            | Event::Due(_)
            | Event::Reported(_)
            | Event::Agreed(_)
            | Event::Built(_)
            | Event::Ended(_) => run(event, named),
            Event::EnvironmentSet(_)
            | Event::PreviewEnding(_)
            | Event::GateDue(_)
            | Event::Judged(_)
            | Event::Wanted(_)
            | Event::Proposed(_)
            | Event::Unplannable(_) => gate(event),
            Event::Given(_)
            | Event::Promoted(_)
            | Event::ReleaseDue(_)
            | Event::Held(_)
            | Event::AgentReported(_)
            | Event::Observed(_)
            | Event::RollbackRequested(_)
            | Event::AdvanceRequested(_)
            | Event::ChecksLost(_) => release(event, named),
        };
        made.unwrap_or_else(|| Self::new(event.kind(), "", About::Installation))
    }

    fn new(title: impl Into<String>, detail: impl Into<String>, about: About) -> Self {
        Self { title: title.into(), detail: detail.into(), about }
    }
}

/// Events of the installation and of people.
fn installation(event: &Event, named: &dyn Fn(PersonId) -> String) -> Option<Sentence> {
    let said = |title: String, detail: String| Some(Sentence::new(title, detail, About::Installation));
    match event {
        Event::Rooted(root) => {
            let until = format!("until {}", root.expires);
            said(format!("Trust root {} came into force", root.version), until)
        }
        Event::Enrolled(enrolled) => {
            let roles: Vec<_> = enrolled.grants.iter().map(|grant| grant.role.to_string()).collect();
            let roles = if roles.is_empty() { "without a role".to_owned() } else { roles.join(", ") };
            said(
                format!("{} was enrolled", named(enrolled.person)),
                format!("{roles}; until {}", enrolled.expires),
            )
        }
        Event::StatusSet(status) => {
            let some = |count: usize, what: &str| (count > 0).then(|| shown::many(count, what));
            let parts = [
                some(status.frozen.len(), "freeze"),
                some(status.revoked.len(), "revoked key"),
                some(status.barred.len(), "barred digest"),
                some(status.withdrawn.len(), "withdrawn statement"),
            ];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            let holds = if parts.is_empty() { "nothing is stopped".to_owned() } else { parts.join(", ") };
            said(
                format!("Status {} came into force", status.number),
                format!("{holds}; until {}", status.expires),
            )
        }
        Event::Stated(stated) => {
            let title = format!("{} signed a statement: {}", named(stated.person), stated.kind.as_str());
            said(title, format!("for {}; {}", stated.scope, until(stated.expires)))
        }
        Event::SecretPut(_) | Event::SecretDestroyed(_) | Event::Recorded(_) => secret(event, named),
        Event::Snapshotted(snapshot) => {
            said(format!("A snapshot of the state at entry {} was recorded", snapshot.size), String::new())
        }
        Event::Refused(refused) => match refused.more {
            Some(count) => {
                let what = format!("{count} more within a minute");
                said(format!("{} was refused again", named(refused.person)), what)
            }
            None => said(
                format!("{} was refused: {}", named(refused.person), refused.action),
                refused.reasons.join(", "),
            ),
        },
        _ => None,
    }
}

/// Events of secrets, and lines about their use.
fn secret(event: &Event, named: &dyn Fn(PersonId) -> String) -> Option<Sentence> {
    let said = |title: String, detail: String| Some(Sentence::new(title, detail, About::Installation));
    match event {
        Event::SecretPut(put) => {
            let title = format!("{} put version {} of {}", named(put.person), put.number, put.secret);
            said(title, put.expires.map(until).unwrap_or_default())
        }
        Event::SecretDestroyed(gone) => {
            let title =
                format!("{} destroyed version {} of {}", named(gone.person), gone.number, gone.secret);
            said(title, "the vault forgets its key".to_owned())
        }
        Event::Recorded(recorded) => {
            let lines = usize::try_from(recorded.lines).unwrap_or(usize::MAX);
            let kinds: Vec<_> = recorded.kinds.iter().map(|kind| kind.as_str()).collect();
            said(format!("{} recorded", shown::many(lines, "line")), kinds.join(", "))
        }
        _ => None,
    }
}

/// Events of runs.
fn run(event: &Event, named: &dyn Fn(PersonId) -> String) -> Option<Sentence> {
    let (of, title, detail) = match event {
        Event::Taken(taken) => {
            let commit = short(taken.commit.as_str());
            let signer = match taken.signer == taken.requester {
                true => "signed it too".to_owned(),
                false => format!("signed by {}", named(taken.signer)),
            };
            (taken.run, format!("{} asked for a run of commit {commit}", named(taken.requester)), signer)
        }
        Event::Started(started) => {
            let (steps, runners) =
                (shown::many(started.steps.len(), "step"), shown::many(started.runners.len(), "runner"));
            (started.run, format!("A run of {} started", started.project), format!("{steps} on {runners}"))
        }
        Event::Due(due) => (due.run, format!("{} is due on {}", work(&due.work), due.runner), String::new()),
        Event::Reported(reported) => {
            let verb = if reported.passed { "passed" } else { "failed" };
            (reported.run, format!("{} {verb} on {}", work(&reported.work), reported.runner), String::new())
        }
        Event::Agreed(agreed) => {
            (agreed.run, format!("{} agreed at {}", named(agreed.person), agreed.step), String::new())
        }
        Event::Built(built) => {
            let runners = format!("{} agree", shown::many(built.receipts.len(), "receipt"));
            (
                built.run,
                format!("Artifact {} was built", built.name),
                format!("{}; {runners}", short(&built.manifest.hex())),
            )
        }
        Event::Ended(ended) => {
            let title = match ended.outcome {
                RunOutcome::Passed => "The run passed",
                RunOutcome::Failed => "The run failed",
                RunOutcome::Differed => "Runners made different bytes, so the run ended",
                RunOutcome::Lost => "The run ended: some of its work will never be reported",
                RunOutcome::Cancelled => "The run was cancelled",
            };
            (ended.run, title.to_owned(), ended.because.as_ref().map(work).unwrap_or_default())
        }
        _ => return None,
    };
    Some(Sentence::new(title, detail, About::Run(of)))
}

/// Events of places and gates.
fn gate(event: &Event) -> Option<Sentence> {
    let at = |place: &Place, release: u64| About::Release(place.clone(), release);
    Some(match event {
        Event::EnvironmentSet(set) => {
            let title = format!("Statement {} of {} came into force", set.number, set.place);
            let policy = format!("policy {}", short(&set.policy.hex()));
            Sentence::new(title, policy, About::Place(set.place.clone()))
        }
        Event::Wanted(wanted) => {
            let artifact = format!("artifact {}", short(&wanted.artifact.hex()));
            Sentence::new(
                format!("A release to {} is wanted", wanted.place),
                artifact,
                About::Place(wanted.place.clone()),
            )
        }
        Event::Unplannable(none) => {
            let title = format!("No plan for {} could be derived", none.place);
            Sentence::new(title, none.code.clone(), About::Place(none.place.clone()))
        }
        Event::Proposed(proposed) => {
            let title = format!("Release {} of {} was proposed", proposed.release, proposed.place);
            let commit = format!("commit {}", short(proposed.commit.as_str()));
            Sentence::new(title, commit, at(&proposed.place, proposed.release))
        }
        Event::GateDue(due) => {
            let title = format!("The gate of release {} of {} is due", due.release, due.place);
            Sentence::new(title, "", at(&due.place, due.release))
        }
        Event::Judged(judged) => {
            let verdict = match judged.outcome {
                GateOutcome::Pass => "let",
                GateOutcome::Fail => "did not let",
                GateOutcome::Undecided => "could not decide on",
            };
            let pass = if judged.outcome == GateOutcome::Undecided { "" } else { " pass" };
            let title = format!("The gate {verdict} release {} of {}{pass}", judged.release, judged.place);
            let codes: Vec<_> = judged.reasons.iter().chain(&judged.warnings).cloned().collect();
            Sentence::new(title, codes.join(", "), at(&judged.place, judged.release))
        }
        _ => return None,
    })
}

/// Events of releases, by people and agents.
fn release(event: &Event, named: &dyn Fn(PersonId) -> String) -> Option<Sentence> {
    let at = |place: &Place, release: u64| About::Release(place.clone(), release);
    Some(match event {
        Event::Given(given) => {
            let verb = if given.decision == Decision::Approve { "approved" } else { "rejected" };
            let title =
                format!("{} {verb} release {} of {}", named(given.person), given.release, given.place);
            Sentence::new(title, until(given.expires), at(&given.place, given.release))
        }
        Event::Promoted(promoted) => {
            let title = format!(
                "{} promoted release {} of {}",
                named(promoted.person),
                promoted.release,
                promoted.place
            );
            Sentence::new(title, "", at(&promoted.place, promoted.release))
        }
        Event::ReleaseDue(due) => {
            let title = format!("Release {} of {} is due at its agent", due.release, due.place);
            Sentence::new(title, "", at(&due.place, due.release))
        }
        Event::Held(held) => {
            let title = format!("Release {} of {} is held", held.release, held.place);
            Sentence::new(title, "", at(&held.place, held.release))
        }
        Event::AgentReported(reported) => {
            let did = match reported.outcome {
                ReleaseOutcome::Running => "runs",
                ReleaseOutcome::Returned => "returned from",
                ReleaseOutcome::Failed => "could not run",
                ReleaseOutcome::Refused => "refused",
            };
            let title =
                format!("Agent {} {did} release {} of {}", reported.agent, reported.release, reported.place);
            Sentence::new(title, reported.reasons.join(", "), at(&reported.place, reported.release))
        }
        Event::Observed(observed) => {
            let (agent, kind) = (&observed.agent, observed.kind.as_str());
            let barred = if observed.bars { "the artifact is barred there" } else { "" };
            match observed.about {
                Some(about) => Sentence::new(
                    format!("Agent {agent} made a {kind} of release {} of {}", about.release, observed.place),
                    barred,
                    at(&observed.place, about.release),
                ),
                None => Sentence::new(
                    format!("Agent {agent} made a {kind} of {}", observed.place),
                    barred,
                    About::Place(observed.place.clone()),
                ),
            }
        }
        Event::RollbackRequested(back) => {
            let title = format!("{} asked to roll back {}", named(back.person), back.place);
            Sentence::new(title, format!("as release {}", back.release), at(&back.place, back.release))
        }
        Event::AdvanceRequested(asked) => {
            let what = advance_words(asked.order, asked.step);
            let title =
                format!("{} {what} of release {} of {}", named(asked.person), asked.release, asked.place);
            Sentence::new(title, "", at(&asked.place, asked.release))
        }
        Event::ChecksLost(lost) => {
            let title =
                format!("Checks of release {} of {} will never be reported", lost.release, lost.place);
            Sentence::new(title, work(&lost.because), at(&lost.place, lost.release))
        }
        _ => return None,
    })
}

/// An order about a rollout, as a predicate.
#[must_use]
pub fn advance_words(order: Option<AdvanceDo>, step: u8) -> String {
    match order {
        None => format!("asked for step {step} of the rollout"),
        Some(AdvanceDo::Pause) => "paused the rollout".to_owned(),
        Some(AdvanceDo::Resume) => "let the rollout go on".to_owned(),
    }
}

/// Some work of a run as a subject.
fn work(work: &Work) -> String {
    match work {
        Work::Step(name) => format!("Step {name}"),
        Work::Artifact(name) => format!("Artifact {name}"),
        Work::Check(check) => format!("Check {}", check.name),
    }
}

fn until(end: Moment) -> String {
    format!("until {end}")
}
