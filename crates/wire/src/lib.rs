//! The API contract: the messages between server, runners, agents and the command line, and the client.
//!
//! Invariant: roles communicate only through this crate. Bodies are typed and bounded on both sides; problems follow RFC
//! 9457. This crate deliberately omits storage and decisions.

mod alerts;
mod api;
mod certificate;
mod client;
mod client_error;
mod client_request;
mod credential;
mod identity;
mod message;
mod named;
mod opening;
mod operations;
mod page_path;
mod problem;
mod proof;
mod rollout_now;
mod secrets;
mod service;
mod sign_in;
mod statement;
mod states;
mod status_follower;
mod status_relay;
mod transport;
mod urls;
mod vitals;

pub use alerts::{
    ALERTS_MAX, AcknowledgedView, AlertAnswered, AlertState, AlertView, KnownProblemView, PackageView,
    RescanView, SPOTS_MAX, SpotState, SpotView, WatchedView, WhereView,
};
pub use api::{
    ANSWER_HEADER, API, BLOB_BYTES_MAX, BODY_BYTES_MAX, LOG_PIECE_BYTES_MAX, NONCE_HEADER, OPEN_SESSION,
    PROBLEM_JSON, REQUEST_ID_HEADER, RUNNER_WORK_MAX, SOCKET, SOCKET_FILE, UPLOAD_BYTES_MAX,
};
pub use certificate::{CertificateAnswer, CertificateRequest};
pub use client::Client;
pub use client_error::{ClientError, innermost};
pub use credential::Credential;
pub use identity::Machine;
pub use message::{
    AgentBaselineView, AgentDriftView, AgentTurnView, AgentWork, BarView, ByHandReport, CheckView,
    CommandOutcome, EntryView, Installation, IntroductionAnswer, LastOutcomeView, LiftView, MachineView,
    OrderView, PendingReleaseView, PersonView, PlaceView, PreviewView, RUNS_MAX, ReleaseHistory, ReleaseView,
    Replacement, RollbackView, RolloutView, RunFilter, RunView, RunnerWork, RunningReleaseView, Session,
    SignedStatement, StatusView, Submission, WindowsLiftedView, WindowsView, WorkView,
};
pub use named::{FreezeView, NamedPerson, WitnessesView};
pub use opening::{OpenPage, PageLink};
pub use page_path::{PagePath, PagePathError};
pub use problem::{Problem, ProblemKind};
pub use proof::{Anchor, AnchorError};
pub use rollout_now::{CURVE_POINTS_MAX, CurveFigures, CurvePoint, OrderAnswer, RolloutHold, RolloutNow};
pub use secrets::{
    LentElsewhere, LentSecret, LentSecrets, PutValue, SECRET_USES_MAX, SECRETS_MAX, SecretUseFilter,
    SecretUseView, SecretVersionView, SecretView, VaultState, VaultView, WantedSecret, WantedSecrets,
};
pub use service::{
    AgentSecretsView, LogPiece, ServiceLogPosition, ServiceLogView, ServiceReport, ServiceView,
    UnusedSecretView,
};
pub use sign_in::{SignIn, SignInError};
pub use statement::{StatementContent, StatementState, StatementView};
pub use states::{
    AgentTurn, LastOutcome, ReleaseKind, ReleaseStage, RunState, UnknownName, WorkKind, WorkState,
};
pub use status_follower::follow_statuses;
pub use status_relay::{RelayError, StatusRelay, give_to_all, newest_of_all};
pub use vitals::{Figure, Vitals};
