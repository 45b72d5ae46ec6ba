//! Policy as code: decides whether a release may ship, in Rego over a JSON input.
//!
//! Invariant: a verdict depends on policy and input alone, everywhere and forever. Built-ins are checked against a list
//! when a policy is loaded, so there is no clock, randomness or network. The budget is counted in instructions, so a
//! replay on a slower machine stops at the same place. "Could not decide" is a separate verdict and never a pass, and a
//! policy that made no check does not pass either. The crate deliberately knows nothing about the meaning of the input.

mod builtins;
mod bundle;
mod gate;
mod reading;
mod testing;

pub use bundle::{BUNDLE_FILES_MAX, Bundle, BundleError, FILE_BYTES_MAX};
pub use gate::{ENGINE, Finding, Gate, GateError, INSTRUCTIONS_MAX, Verdict};
pub use reading::{Unasked, all_asked};
pub use testing::run_tests;
