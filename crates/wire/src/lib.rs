//! The API contract: the messages between server, runners, agents and the command line, and the client.
//!
//! Invariant: roles communicate only through this crate. Bodies are typed and bounded on both sides; problems follow RFC
//! 9457. This crate deliberately omits storage and decisions.

mod client;
mod client_request;
mod credential;
mod identity;
mod message;
mod named;
mod problem;
mod proof;
mod service;
mod states;

pub use client::{Client, ClientError};
pub use credential::Credential;
pub use identity::{Machine, SignIn, SignInError};
pub use message::{
    AgentWork, BODY_BYTES_MAX, CommandOutcome, EntryView, Installation, IntroductionAnswer, LastOutcomeView,
    MachineView, PendingReleaseView, PersonView, PlaceView, ReleaseView, RollbackView, RunFilter, RunView,
    RunnerWork, RunningReleaseView, Session, SignedStatement, StatusView, Submission, WorkView,
};
pub use named::{FreezeView, NamedPerson, WitnessesView};
pub use problem::{Problem, ProblemKind};
pub use proof::{Anchor, AnchorError};
pub use service::{LogPiece, ServiceLogPosition, ServiceLogView, ServiceReport, ServiceView};
pub use states::{LastOutcome, ReleaseKind, ReleaseStage, RunState, UnknownName, WorkKind, WorkState};

/// Media type of a problem (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Largest blob in bytes; this also limits an artifact's layer.
pub const BLOB_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most bytes of a log in one answer; a client that needs more asks again.
pub const LOG_PIECE_BYTES_MAX: usize = 1024 * 1024;
/// Most pieces of work in one answer to a runner; a shorter list is complete.
pub const RUNNER_WORK_MAX: usize = 64;
/// Prefix of every operation of this version.
pub const API: &str = "/api/v1";
/// The server's name in a request for a session over the Unix socket.
pub const SOCKET: &str = "unix";
/// Name of the Unix socket in the server's data directory.
pub const SOCKET_FILE: &str = "server.sock";
/// Header of a request whose answer must be signed; its value is a random id.
pub const NONCE_HEADER: &str = "countersign-nonce";
/// Header with the signature of an answer (`docs/formats/introduction.md`).
pub const ANSWER_HEADER: &str = "countersign-answer";
/// Header of an answer that names the request as the server's log does: an id that the server draws for it.
pub const REQUEST_ID_HEADER: &str = "countersign-request-id";
/// Action of the signed request that opens a session.
pub const OPEN_SESSION: &str = "open-session";
