//! Letters between nodes, and everything else that can happen next.

use std::fmt;

use evidence::Place;
use evidence::dsse::Envelope;
use evidence::run_order::RunOrder;
use evidence::status::StatusFile;
use evidence::{Bytes, Digest};
use tlog::{AddCheckpoint, Checkpoint, NoteSignature};
use wire::{AgentWork, RunnerWork, Submission};

use crate::machine;

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The server.
    Server,
    /// A runner, 0 or 1.
    Runner(usize),
    /// The agent of staging, 0, or production, 1.
    Agent(usize),
    /// A witness, 0 to 2.
    Witness(usize),
    /// Ada, Bob, Carol or Mallory.
    Person(usize),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Runner(n) => write!(f, "runner-{}", n + 1),
            Self::Agent(n) => write!(f, "agent-{}", n + 1),
            Self::Witness(n) => write!(f, "witness-{}", n + 1),
            Self::Person(n) => write!(f, "{}", ["ada", "bob", "carol", "mallory"].get(*n).unwrap_or(&"?")),
        }
    }
}

/// What a node asks of another.
#[derive(Clone, Debug)]
pub enum PeerRequest {
    /// A person's request.
    Submit(Box<Submission>),
    /// A runner asks what is due.
    RunnerWork(usize),
    /// A runner's receipt, with the blobs that it names.
    Receipt(Vec<Vec<u8>>, Box<Envelope>),
    /// An agent asks what is due at its place.
    AgentWork(Place),
    /// An agent asks for evidence, with the proof that it continues what the agent has seen, and the layer.
    Fetch(Digest, Checkpoint),
    /// An agent's report.
    Report(Box<Envelope>),
    /// A person asks for the evidence of what stands open, with the same proof.
    Look(Place, Checkpoint),
    /// A person asks for the status in force.
    Status,
    /// The server asks a witness.
    Cosign(Box<AddCheckpoint>),
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum PeerReply {
    /// It is on record from this entry on.
    Accepted(u64),
    /// It was decided against, or not even taken.
    Refused(Vec<String>),
    /// What is due on a runner.
    RunnerWork(Option<Box<(RunnerWork, RunOrder)>>),
    /// What is due at a place.
    AgentWork(Option<AgentWork>),
    /// Evidence, its proof, and the layer where it was asked for.
    Evidence(Vec<u8>, Vec<Bytes>, Option<Vec<u8>>),
    /// What runs at a place, and what ran before, with the number of its release.
    Nothing(Option<(Digest, Digest, u64)>),
    /// The status in force.
    Status(Box<StatusFile>),
    /// A cosignature, or the size that the witness has seen.
    Cosigned(Result<NoteSignature, Option<u64>>),
    /// Something failed.
    Failed(String),
}

/// What a letter says.
#[derive(Clone, Debug)]
pub enum Says {
    /// It asks.
    PeerRequest(PeerRequest),
    /// It answers.
    PeerReply(PeerReply),
}

/// A letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Who sent it.
    pub from: Who,
    /// Who gets it.
    pub to: Who,
    /// Which question of the asker it belongs to.
    pub call: u64,
    /// What it says.
    pub says: Says,
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, says, .. } = self;
        let what = match says {
            Says::PeerRequest(PeerRequest::Submit(submission)) => {
                match evidence::request::Request::read(&submission.request) {
                    Ok(request) => format!("asks for {}", request.action),
                    Err(error) => error.to_string(),
                }
            }
            Says::PeerRequest(PeerRequest::RunnerWork(_) | PeerRequest::AgentWork(_)) => {
                "what is due?".into()
            }
            Says::PeerRequest(PeerRequest::Receipt(..)) => "a receipt".into(),
            Says::PeerRequest(PeerRequest::Fetch(..)) => "the evidence?".into(),
            Says::PeerRequest(PeerRequest::Report(_)) => "a report".into(),
            Says::PeerRequest(PeerRequest::Look(..)) => "what stands open?".into(),
            Says::PeerRequest(PeerRequest::Status) => "which status is in force?".into(),
            Says::PeerReply(PeerReply::Status(_)) => "a status".into(),
            Says::PeerRequest(PeerRequest::Cosign(_)) => "cosign?".into(),
            Says::PeerReply(PeerReply::Accepted(entry)) => format!("on record as entry {entry}"),
            Says::PeerReply(PeerReply::Refused(codes)) => format!("refused: {}", codes.join(", ")),
            Says::PeerReply(PeerReply::RunnerWork(work)) => {
                format!("{} is due", if work.is_some() { "a step" } else { "nothing" })
            }
            Says::PeerReply(PeerReply::AgentWork(work)) => {
                if work.is_some() {
                    "a release is due".into()
                } else {
                    "nothing is due".into()
                }
            }
            Says::PeerReply(PeerReply::Evidence(bytes, ..)) => format!("{} bytes of evidence", bytes.len()),
            Says::PeerReply(PeerReply::Nothing(_)) => "nothing stands open".into(),
            Says::PeerReply(PeerReply::Cosigned(Ok(_))) => "cosigned".into(),
            Says::PeerReply(PeerReply::Cosigned(Err(seen))) => format!("not cosigned, {seen:?} seen"),
            Says::PeerReply(PeerReply::Failed(what)) => format!("failed: {what}"),
        };
        write!(f, "{from} to {to}: {what}")
    }
}

/// What a node leaves to be sent, and when it wants to act again by itself.
#[derive(Debug, Default)]
pub struct Out {
    /// Letters, with milliseconds of work before they go.
    pub letters: Vec<(u64, Who, u64, Says)>,
}

impl Out {
    /// Asks somebody.
    pub fn ask(&mut self, to: Who, call: u64, ask: PeerRequest) {
        self.letters.push((0, to, call, Says::PeerRequest(ask)));
    }

    /// Answers a letter.
    pub fn tell(&mut self, letter: &Letter, told: PeerReply) {
        self.letters.push((0, letter.from, letter.call, Says::PeerReply(told)));
    }
}

/// One question at a time: asked again when no answer comes.
#[derive(Debug, Default)]
pub struct Line {
    open: Option<(u64, u64, PeerRequest)>,
}

impl Line {
    /// Whether a question is open.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.open.is_some()
    }

    /// Asks the server something, after some milliseconds of work.
    pub fn ask(&mut self, now: u64, work: u64, ask: PeerRequest, out: &mut Out) {
        // By chance, so that answers to who was here before a crash belong to nothing.
        let call = machine::between(1, u64::MAX);
        out.letters.push((work, Who::Server, call, Says::PeerRequest(ask.clone())));
        self.open = Some((call, now + work + PATIENCE, ask));
    }

    /// Asks again where no answer came in time; after a few times somebody gives up.
    pub fn again(&mut self, now: u64, out: &mut Out) {
        if let Some((call, until, ask)) = &mut self.open
            && now > *until
        {
            *until = now + PATIENCE;
            out.ask(Who::Server, *call, ask.clone());
        }
    }

    /// The question that an answer belongs to, if it is still open.
    pub fn answered(&mut self, call: u64) -> Option<PeerRequest> {
        let (_, _, ask) = self.open.take_if(|(open, _, _)| *open == call)?;
        Some(ask)
    }
}

/// Milliseconds until a question is asked again.
const PATIENCE: u64 = 15_000;
