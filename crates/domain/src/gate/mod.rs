//! Gate: the policy decision that a release has to pass at a place.
//!
//! Words: an *environment statement* sets the policy and the configuration of a place; a gate is *due* in a
//! *generation* and *judged* with an outcome: pass, fail, or could not decide. Invariant: a verdict counts only for the
//! generation that was asked for, and "could not decide" never counts as a pass.

mod decide;
mod event;
mod preview;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{
    RecordVerdict, RequestVerdict, SetEnvironment, record_verdict, request_verdict, set_environment,
};
pub use event::{AgentKey, EnvironmentSet, GateDue, GateOutcome, Judged, PreviewEnding, PreviewMade};
pub use preview::{EndPreview, MakePreview, end_preview, is_over, make_preview, previews_of};
pub use state::{Environment, State};
