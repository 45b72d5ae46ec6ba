//! Rotation of a secret in two phases: the next value becomes valid beside the one in use, everybody switches to it, and then
//! the former one ends.
//!
//! Input: a recipe, and what was noted before an interruption. Invariant: the former value ends only after the new version is
//! recorded and nobody needs the former one; an incident alone does not wait. No file here ever has a value.

pub mod due;
pub mod journal;
pub mod steps;

pub use due::{Age, why_due};
pub use journal::{Former, Journal, Newest, Noted, Step};
pub use steps::{Effects, Ended, Sent, carry_out};
