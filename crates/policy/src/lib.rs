//! Policy as code: may this ship? Rego over a JSON input, decided the same way everywhere and for ever.
//!
//! Invariant: a verdict depends on policy and input alone. Built-ins are allow-listed when a policy is
//! loaded, so there is no clock, randomness or network; the budget is counted in instructions, so that a
//! replay on a slower machine ends at the same place. "Could not decide" is a verdict of its own and never
//! a pass, and neither is a policy that checked nothing. It knows nothing of what the input means.

mod builtins;
mod bundle;
mod gate;
mod reading;
mod testing;

pub use bundle::{BUNDLE_FILES_MAX, Bundle, BundleError, FILE_BYTES_MAX};
pub use gate::{ENGINE, Finding, Gate, GateError, INSTRUCTIONS_MAX, Verdict};
pub use reading::{Unasked, all_asked};
pub use testing::run_tests;
