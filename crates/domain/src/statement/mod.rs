//! Statement: what people sign about a release: a waiver, a sign-off, a tag, and every kind of `evidence::statements`.
//!
//! Words: a person *makes* a statement in a *scope*, until an *end*. Invariant: a statement that is recorded here is only
//! a claim. Each judge verifies the signed statement again and decides whether it counts.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{SECRETS_MAX, STATEMENTS_MAX, SubmitStatement, submit};
pub use event::{Stated, StatedSecret};
pub use state::{RecordedStatement, State};
