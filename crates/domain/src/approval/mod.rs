//! Approval: people's signed decisions about one release.
//!
//! Words: a person *approves* or *rejects* one artifact under one plan for one place. Invariant: an approval that is
//! recorded here is only a claim. Each gate verifies the signed statement again and decides whether the approval
//! counts.

mod decide;
mod event;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{Open, SubmitApproval, submit};
pub use event::Given;
pub use state::{Approval, State};
