//! Commands, and the one function that decides them.
//!
//! Invariant: deciding changes nothing. Signatures and blobs were checked at the edge, before the writer;
//! what the edge found wrong arrives as reasons, so that it is refused on record like anything else.

use evidence::Moment;
use evidence::approval::Decision;

use crate::event::Event;
use crate::place::Place;
use crate::refusal::Refusal;
use crate::state::State;
use crate::{approval, artifact, build, gate, identity, release, snapshot};

/// Something that a person, a machine or the flow asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Bring a trust root into force.
    SetRoot(identity::SetRoot),
    /// Enrol a person.
    Enrol(identity::Enrol),
    /// Bring a status statement into force.
    SetStatus(identity::SetStatus),
    /// Take a commit through its pipeline.
    Run(Box<build::Run>),
    /// Make due what has become ready in a run.
    DueNext(build::DueNext),
    /// Report what was due on a runner.
    Report(Box<build::Report>),
    /// Agree at an approval node.
    Agree(build::Agree),
    /// End a run that is not wanted any more.
    Cancel(build::Cancel),
    /// End a run of which some work will never be reported.
    Lose(build::Lose),
    /// Conclude a run.
    ConcludeRun(artifact::Conclude),
    /// Bring an environment statement into force.
    SetEnvironment(gate::SetEnvironment),
    /// Have a release judged.
    RequestVerdict(gate::RequestVerdict),
    /// Record what was judged.
    RecordVerdict(Box<gate::RecordVerdict>),
    /// Approve or reject.
    SubmitApproval(Box<approval::SubmitApproval>),
    /// Want an artifact at a place.
    Want(release::Want),
    /// Propose what is wanted.
    Propose(release::Propose),
    /// Ask for a release to go ahead.
    Promote(release::Promote),
    /// Conclude from a verdict.
    ConcludeGate(release::Conclude),
    /// Report what an agent did.
    AgentReport(Box<release::Report>),
    /// Ask for a return to what ran before.
    Rollback(release::Rollback),
    /// Try again what a freeze held.
    Retry(release::Retry),
    /// Record a snapshot of the state.
    RecordSnapshot(snapshot::RecordSnapshot),
    /// Refuse what the edge could not make sense of.
    Refuse(Refusal),
}

impl Command {
    /// Whether it must be possible even when there is hardly any room: what stops something, and what agents
    /// report of it.
    #[must_use]
    pub const fn is_allowed_when_disk_full(&self) -> bool {
        matches!(
            self,
            Self::SetStatus(_)
                | Self::SetRoot(_)
                | Self::Cancel(_)
                | Self::Lose(_)
                | Self::Rollback(_)
                | Self::AgentReport(_)
        )
    }

    /// Whether it stops something, or says that it was stopped: it goes before commands that came earlier.
    #[must_use]
    pub fn stops(&self) -> bool {
        match self {
            Self::SubmitApproval(command) => command.given.decision == Decision::Reject,
            other => other.is_allowed_when_disk_full(),
        }
    }
}

/// Decides a command at a moment: the events that follow, or why none do.
///
/// # Errors
/// `Refusal` with every reason.
pub fn decide(state: &State, command: &Command, moment: Moment) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::SetRoot(command) => {
            let mut events = identity::set_root(&state.identity, command, moment)?;
            events.extend(build::without(&state.build, &command.runners));
            Ok(events)
        }
        Command::Enrol(command) => identity::enrol(&state.identity, command, moment),
        Command::SetStatus(command) => identity::set_status(&state.identity, command, moment),
        Command::Run(command) => build::run(&state.identity, &state.source, &state.build, command, moment),
        Command::DueNext(command) => build::due_next(&state.build, *command),
        Command::Report(command) => build::report(&state.build, command),
        Command::Agree(command) => {
            build::agree(&state.identity, &state.source, &state.build, command, moment)
        }
        Command::Cancel(command) => {
            build::cancel(&state.identity, &state.source, &state.build, command, moment)
        }
        Command::Lose(command) => build::lose(&state.build, command),
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
        Command::Want(command) => release::want(&state.artifact, &state.gate, command),
        Command::Propose(command) => release::propose(&state.artifact, &state.gate, &state.release, command),
        Command::Promote(command) => release::promote(&state.identity, &state.release, command, moment),
        Command::ConcludeGate(command) => release::conclude(&state.release, command),
        Command::AgentReport(command) => release::report(&state.gate, &state.release, command),
        Command::Rollback(command) => release::rollback(&state.identity, &state.release, command, moment),
        Command::Retry(command) => {
            release::retry(&state.identity, &state.artifact, &state.gate, &state.release, command)
        }
        Command::RecordSnapshot(command) => snapshot::record(state, command),
        Command::Refuse(refusal) => Err(refusal.clone()),
    }
}

/// The release that stands open at a place, as far as approvals look at it.
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
