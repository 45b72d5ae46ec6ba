//! The API contract: what travels between server, runners, agents and the command line, and the client.
//!
//! Invariant: roles meet only here. Bodies are typed and bounded on both sides; problems follow RFC 9457.
//! It lacks storage and decisions.

mod client;
mod client_request;
mod credential;
mod message;
mod named;
mod problem;
mod proof;
mod service;
mod who;

pub use client::{Client, ClientError};
pub use credential::Credential;
pub use message::{
    AgentWork, BODY_BYTES_MAX, CommandOutcome, EntryView, Installation, Introduced, LastView, MachineView,
    OpenView, PersonView, PlaceView, ReleaseView, RolledBackView, RunView, RunnerWork, RunningView,
    RunsAsked, Session, Signed, StatusView, Submission, WorkView,
};
pub use named::{FreezeView, NamedPerson, WitnessesView};
pub use problem::{Problem, ProblemKind};
pub use proof::{Anchor, AnchorError};
pub use service::{LogPiece, ServiceHeard, ServiceLogView, ServiceReport, ServiceView};
pub use who::{Machine, SignIn, SignInError};

/// Media type of a problem (RFC 9457, section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Largest blob in bytes, an artifact's layer too.
pub const BLOB_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most bytes of a log in one answer; who wants more asks again.
pub const LOG_PIECE_BYTES_MAX: usize = 1024 * 1024;
/// Most pieces of work that a runner is told of at once; of fewer it can tell that there is no other.
pub const RUNNER_WORK_MAX: usize = 64;
/// Prefix of every operation of this version.
pub const API: &str = "/api/v1";
/// What a request for a session names as its server when it goes over the Unix socket.
pub const SOCKET: &str = "unix";
/// Name of the Unix socket in the server's data directory.
pub const SOCKET_FILE: &str = "server.sock";
/// Header of a question to which an answer is to be signed: an id that is drawn for it.
pub const NONCE_HEADER: &str = "countersign-nonce";
/// Header of an answer that shows by whom it is (`docs/formats/introduction.md`).
pub const ANSWER_HEADER: &str = "countersign-answer";
/// Action of the signed request that opens a session.
pub const OPEN_SESSION: &str = "open-session";
