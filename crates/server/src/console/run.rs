//! One run.

use domain::RunId;
use web::model::Run;

use super::reading::{Reading, nothing};
use crate::http::problem::Failure;

/// A run.
///
/// # Errors
/// `Failure` if the caller may not read it, or it does not exist.
pub fn run(at: &Reading<'_>, run: RunId) -> Result<Run, Failure> {
    at.of_run(run)?;
    Err(nothing(format!("there is no run {run}")))
}
