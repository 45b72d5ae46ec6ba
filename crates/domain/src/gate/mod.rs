//! Gate: what must hold before a release may go to a place, and what was judged.
//!
//! Words: an *environment statement* sets policy and configuration of a place; a gate is *due* in a
//! *generation* and *judged* with an outcome: pass, fail, or could not decide. Invariant: a verdict counts
//! for the generation that it was asked for, and "could not decide" is never a pass.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{
    RecordVerdict, RequestVerdict, SetEnvironment, record_verdict, request_verdict, set_environment,
};
pub use event::{AgentKey, EnvironmentSet, GateDue, GateOutcome, Judged};
pub use state::{Environment, State};
