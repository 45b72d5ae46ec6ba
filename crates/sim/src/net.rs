//! Messages between nodes, and the other things that can happen next.

use std::fmt;

use evidence::Place;
use evidence::dsse::Envelope;
use evidence::run_order::RunOrder;
use evidence::status::StatusFile;
use evidence::{Bytes, Digest, Name};
use tlog::{AddCheckpoint, Checkpoint, NoteSignature};
use wire::{AgentWork, RunnerWork, Submission};

use crate::machine;

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
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

impl fmt::Display for Node {
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

/// A request of one node to another.
#[derive(Clone, Debug)]
pub enum PeerRequest {
    /// A person's request.
    Submit(Box<Submission>),
    /// A runner asks for due work.
    RunnerWork(usize),
    /// A runner's receipt, with the blobs that it names.
    Receipt(Vec<Vec<u8>>, Box<Envelope>),
    /// An agent asks for due work at its place.
    AgentWork(Place, Name),
    /// An agent requests evidence, the proof that it continues the checkpoint that the agent has seen, and the layer.
    Fetch(Digest, Checkpoint),
    /// An agent's report.
    Report(Box<Envelope>),
    /// An agent's observation.
    Observation(Box<Envelope>),
    /// A person requests the evidence of the pending release, with the same proof.
    Look(Place, Checkpoint),
    /// A person requests the current status.
    Status,
    /// The server asks a witness for a cosignature.
    Cosign(Box<AddCheckpoint>),
}

/// A reply.
#[derive(Clone, Debug)]
pub enum PeerReply {
    /// The command is recorded from this entry on.
    Accepted(u64),
    /// The command was refused.
    Refused(Vec<String>),
    /// Work that is due on a runner.
    RunnerWork(Option<Box<(RunnerWork, RunOrder)>>),
    /// Work that is due at a place.
    AgentWork(Option<AgentWork>),
    /// Evidence, its proof, and the layer if it was requested.
    Evidence(Vec<u8>, Vec<Bytes>, Option<Vec<u8>>),
    /// No release is pending; the running artifact of the place, the one before, and the number of its release.
    Nothing(Option<(Digest, Digest, u64)>),
    /// The current status.
    Status(Box<StatusFile>),
    /// Cosignatures, or the size that the witness has seen.
    Cosigned(Result<Vec<NoteSignature>, Option<u64>>),
    /// Something failed.
    Failed(String),
}

/// The content of a message.
#[derive(Clone, Debug)]
pub enum Content {
    /// A request.
    PeerRequest(PeerRequest),
    /// A reply.
    PeerReply(PeerReply),
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The sender.
    pub from: Node,
    /// The receiver.
    pub to: Node,
    /// The number of the asker's request.
    pub call: u64,
    /// The content.
    pub content: Content,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, content, .. } = self;
        let what = match content {
            Content::PeerRequest(PeerRequest::Submit(submission)) => {
                match evidence::request::Request::read(&submission.request) {
                    Ok(request) => format!("asks for {}", request.action),
                    Err(error) => error.to_string(),
                }
            }
            Content::PeerRequest(PeerRequest::RunnerWork(_) | PeerRequest::AgentWork(..)) => {
                "what is due?".into()
            }
            Content::PeerRequest(PeerRequest::Receipt(..)) => "a receipt".into(),
            Content::PeerRequest(PeerRequest::Fetch(..)) => "the evidence?".into(),
            Content::PeerRequest(PeerRequest::Report(_)) => "a report".into(),
            Content::PeerRequest(PeerRequest::Observation(_)) => "an observation".into(),
            Content::PeerRequest(PeerRequest::Look(..)) => "which release is pending?".into(),
            Content::PeerRequest(PeerRequest::Status) => "which status is current?".into(),
            Content::PeerReply(PeerReply::Status(_)) => "a status".into(),
            Content::PeerRequest(PeerRequest::Cosign(_)) => "cosign?".into(),
            Content::PeerReply(PeerReply::Accepted(entry)) => format!("recorded as entry {entry}"),
            Content::PeerReply(PeerReply::Refused(codes)) => format!("refused: {}", codes.join(", ")),
            Content::PeerReply(PeerReply::RunnerWork(work)) => {
                format!("{} is due", if work.is_some() { "a step" } else { "nothing" })
            }
            Content::PeerReply(PeerReply::AgentWork(work)) => {
                if work.is_some() {
                    "a release is due".into()
                } else {
                    "nothing is due".into()
                }
            }
            Content::PeerReply(PeerReply::Evidence(bytes, ..)) => {
                format!("{} bytes of evidence", bytes.len())
            }
            Content::PeerReply(PeerReply::Nothing(_)) => "no release is pending".into(),
            Content::PeerReply(PeerReply::Cosigned(Ok(_))) => "cosigned".into(),
            Content::PeerReply(PeerReply::Cosigned(Err(seen))) => format!("not cosigned, {seen:?} seen"),
            Content::PeerReply(PeerReply::Failed(what)) => format!("failed: {what}"),
        };
        write!(f, "{from} to {to}: {what}")
    }
}

/// The messages that a node wants to send, and the time at which it wants to act again.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Messages, each with the milliseconds of work before it is sent.
    pub messages: Vec<(u64, Node, u64, Content)>,
}

impl Outbox {
    /// Sends a request.
    pub fn ask(&mut self, to: Node, call: u64, ask: PeerRequest) {
        self.messages.push((0, to, call, Content::PeerRequest(ask)));
    }

    /// Answers a message.
    pub fn tell(&mut self, message: &Message, told: PeerReply) {
        self.messages.push((0, message.from, message.call, Content::PeerReply(told)));
    }
}

/// At most one open request; it is repeated if no reply arrives.
#[derive(Debug, Default)]
pub struct Connection {
    open: Option<(u64, u64, PeerRequest)>,
}

impl Connection {
    /// Whether a request is open.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.open.is_some()
    }

    /// Sends a request to the server, after some milliseconds of work.
    pub fn ask(&mut self, now: u64, work: u64, ask: PeerRequest, out: &mut Outbox) {
        // The number is random, so that replies to a request from before a crash match no request.
        let call = machine::between(1, u64::MAX);
        out.messages.push((work, Node::Server, call, Content::PeerRequest(ask.clone())));
        self.open = Some((call, now + work + PATIENCE, ask));
    }

    /// Repeats a request without a reply in time; after a few attempts it is dropped.
    pub fn again(&mut self, now: u64, out: &mut Outbox) {
        if let Some((call, until, ask)) = &mut self.open
            && now > *until
        {
            *until = now + PATIENCE;
            out.ask(Node::Server, *call, ask.clone());
        }
    }

    /// The request that a reply belongs to, if it is still open.
    pub fn answered(&mut self, call: u64) -> Option<PeerRequest> {
        let (_, _, ask) = self.open.take_if(|(open, _, _)| *open == call)?;
        Some(ask)
    }
}

/// Milliseconds until a request is repeated.
const PATIENCE: u64 = 15_000;
