//! The process that holds the secrets of one step: it alone has their values in memory, and it ends with the step.
//!
//! Invariant: values come sealed to a key that this process drew; it opens them, runs the sandbox itself, hides them in the
//! log, searches outputs for them, and exits. The runner, which lives for months, never has one in memory. If either of
//! the two ends, so does the other, and with it every process of the step.

mod held_step;
mod hold_error;
mod inner;
mod masked_log;
mod minting;
mod opening;
mod outer;
mod protocol;
mod revoke;
mod role;
mod search;
mod start;
mod store_values;

pub use held_step::HeldStep;
pub use inner::holder_main;
pub use outer::{Holder, HolderError};
pub use revoke::revoke;
pub use role::StepRole;
pub use start::HolderStart;
pub use store_values::files as user_files;
