//! Approval: what people say of one release, by their own signatures.
//!
//! Words: a person *approves* or *rejects* one artifact under one plan for one place. Invariant: what is
//! recorded here is a claim; whether it counts is judged anew each time, from the signed statement.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{Open, SubmitApproval, submit};
pub use event::Given;
pub use state::{Approval, State};
