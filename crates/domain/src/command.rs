//! Commands, and the one function that decides them.
//!
//! Invariant: to decide changes nothing. The server has verified signatures and blobs before it queues a command. A
//! fault that it found there arrives as a list of reasons, so that the refusal is recorded like any other.

use evidence::Moment;
use evidence::approval::Decision;
use evidence::receipt::Work;

use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::State;
use crate::{
    approval, artifact, build, check, gate, identity, observation, release, secret, snapshot, statement,
};
use evidence::Place;

/// A request of a person, a machine or the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Bring a trust root into force.
    SetRoot(identity::SetRoot),
    /// Enrol a person.
    Enrol(identity::Enrol),
    /// Bring a status statement into force.
    SetStatus(identity::SetStatus),
    /// Start a run of a commit.
    Run(Box<build::Run>),
    /// Start a run whose artifacts go to a preview that it makes.
    MakePreview(Box<gate::MakePreview>),
    /// Make work of a run due that has become ready.
    DueNext(build::DueNext),
    /// Report a runner's work.
    Report(Box<build::Report>),
    /// Agree at an approval node.
    Agree(build::Agree),
    /// End a run that a person no longer wants.
    Cancel(build::Cancel),
    /// End a run because some of its work will never be reported.
    Lose(build::Lose),
    /// Conclude a run.
    ConcludeRun(artifact::Conclude),
    /// Bring an environment statement into force.
    SetEnvironment(gate::SetEnvironment),
    /// Ask for a verdict on a release.
    RequestVerdict(gate::RequestVerdict),
    /// Record a verdict.
    RecordVerdict(Box<gate::RecordVerdict>),
    /// Record a person's statement.
    SubmitStatement(Box<statement::SubmitStatement>),
    /// Put a version of a secret.
    PutSecret(Box<secret::Put>),
    /// Destroy a version of a secret.
    DestroySecret(secret::Destroy),
    /// Record a person's approval or rejection.
    SubmitApproval(Box<approval::SubmitApproval>),
    /// Ask for an artifact at a place.
    Want(release::Want),
    /// Propose the wanted artifact as a release.
    Propose(release::Propose),
    /// Let a pending release go ahead.
    Promote(release::Promote),
    /// Hand out or hold a release after its verdict.
    ConcludeGate(release::Conclude),
    /// Record an agent's report.
    AgentReport(Box<release::Report>),
    /// Record a rollback that an agent carried out by hand.
    ReportByHand(Box<release::ReportByHand>),
    /// Record an agent's observation.
    Observe(Box<observation::Observe>),
    /// Make the checks of a release due that runs at a place.
    DueChecks(check::DueChecks),
    /// Roll a place back.
    Rollback(release::Rollback),
    /// Hand an order about a rollout to its agent.
    Advance(release::Advance),
    /// End a preview before its time.
    EndPreview(gate::EndPreview),
    /// Try again after a freeze has ended.
    Retry(release::Retry),
    /// Record a snapshot of the state.
    RecordSnapshot(snapshot::RecordSnapshot),
    /// Record a refusal of a request that was invalid before any rule could be applied.
    Refuse(Refusal),
}

impl Command {
    /// Whether the command is accepted even when the disk is nearly full. Commands that stop something, and agents'
    /// reports and observations, must always be possible.
    #[must_use]
    pub const fn is_allowed_when_disk_full(&self) -> bool {
        matches!(
            self,
            Self::SetStatus(_)
                | Self::SetRoot(_)
                | Self::Cancel(_)
                | Self::Lose(_)
                | Self::DestroySecret(_)
                | Self::Rollback(_)
                | Self::Advance(_)
                | Self::EndPreview(_)
                | Self::AgentReport(_)
                | Self::ReportByHand(_)
                | Self::Observe(_)
        )
    }

    /// Whether the command stops something or reports that it stopped. Such commands overtake commands that came
    /// earlier.
    #[must_use]
    pub fn stops(&self) -> bool {
        match self {
            Self::SubmitApproval(command) => command.given.decision == Decision::Reject,
            other => other.is_allowed_when_disk_full(),
        }
    }
}

/// Decides a command at a moment. The result is the list of events to record, or a refusal.
///
/// # Errors
/// `Refusal` with every reason.
pub fn decide(state: &State, command: &Command, moment: Moment) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::SetRoot(command) => {
            let mut events = identity::set_root(&state.identity, command, moment)?;
            events.extend(build::without(&state.build, &command.runners));
            events.extend(check::without(&state.check, &command.runners));
            Ok(events)
        }
        Command::Enrol(command) => identity::enrol(&state.identity, command, moment),
        Command::SetStatus(command) => identity::set_status(&state.identity, command, moment),
        Command::Run(command) => build::run(&state.identity, &state.source, &state.build, command, moment),
        Command::MakePreview(command) => {
            let begun = build::run(&state.identity, &state.source, &state.build, &command.run, moment);
            gate::make_preview(&state.identity, &state.gate, command, begun, moment)
        }
        Command::DueNext(command) => build::due_next(&state.build, *command),
        Command::Report(command) => match &command.work {
            Work::Check(check) => check::report(&state.check, check, command),
            Work::Step(_) | Work::Artifact(_) => build::report(&state.build, command),
        },
        Command::Agree(command) => {
            build::agree(&state.identity, &state.source, &state.build, command, moment)
        }
        Command::Cancel(command) => {
            build::cancel(&state.identity, &state.source, &state.build, command, moment)
        }
        Command::Lose(command) => match &command.work {
            Work::Check(check) => check::lose(&state.check, check, command),
            Work::Step(_) | Work::Artifact(_) => build::lose(&state.build, command),
        },
        Command::ConcludeRun(command) => artifact::conclude(&state.build, *command),
        Command::SetEnvironment(command) => {
            gate::set_environment(&state.identity, &state.gate, command, moment)
        }
        Command::RequestVerdict(command) => gate::request_verdict(&state.gate, command),
        Command::RecordVerdict(command) => gate::record_verdict(&state.gate, command),
        Command::SubmitApproval(command) => {
            let open = open_at(state, &command.given.place);
            approval::submit(&state.identity, open.as_ref(), command, moment)
        }
        Command::SubmitStatement(command) => {
            statement::submit(&state.identity, &state.statement, command, moment)
        }
        Command::PutSecret(command) => secret::put(&state.identity, &state.secret, command, moment),
        Command::DestroySecret(command) => secret::destroy(&state.identity, &state.secret, command, moment),
        Command::Want(command) => release::want(&state.artifact, &state.gate, command),
        Command::Propose(command) => release::propose(&state.artifact, &state.gate, &state.release, command),
        Command::Promote(command) => release::promote(&state.identity, &state.release, command, moment),
        Command::ConcludeGate(command) => release::conclude(&state.release, command),
        Command::AgentReport(command) => release::report(&state.gate, &state.release, command),
        Command::ReportByHand(command) => {
            release::report_by_hand(&state.artifact, &state.gate, &state.release, command)
        }
        Command::Observe(command) => observation::observe(&state.gate, &state.observation, command, moment),
        Command::DueChecks(command) => Ok(check::due(&state.artifact, &state.release, &command.place)),
        Command::Rollback(command) => release::rollback(&state.identity, &state.release, command, moment),
        Command::Advance(command) => release::advance(&state.identity, &state.release, command, moment),
        Command::EndPreview(command) => gate::end_preview(&state.identity, &state.gate, command, moment),
        Command::Retry(command) => {
            release::retry(&state.identity, &state.artifact, &state.gate, &state.release, command)
        }
        Command::RecordSnapshot(command) => snapshot::record(state, command),
        Command::Refuse(refusal) => Err(refusal.clone()),
    }
}

/// The pending release at a place, as far as an approval has to match it.
fn open_at(state: &State, place: &Place) -> Option<approval::Open> {
    let open = state.release.at(place)?.open.as_ref()?;
    let source = state.source.of(open.facts.run).map(|source| &source.facts);
    Some(approval::Open {
        release: open.facts.release,
        artifact: open.facts.artifact,
        plan: open.facts.plan,
        own: source.map(|source| vec![source.signer, source.requester]).unwrap_or_default(),
    })
}
