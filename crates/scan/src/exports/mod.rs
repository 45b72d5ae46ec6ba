//! Findings in the formats of other programs: SARIF 2.1.0 and annotations of GitHub's workflows.
//!
//! Input: findings as a person reads them. Output: text. Invariant: each finding is there, and so is each file that was not
//! scanned; a report of a scan that did not see everything says that the tool failed.

mod github;
mod listing;
mod sarif;

pub use github::github;
pub use listing::{Listing, Row};
pub use sarif::sarif;
