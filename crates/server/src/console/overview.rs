//! The overview: the things that wait, the things that run, and the things that end soon.

use web::model::{Board, Overview, Waiting};

use super::reading::Reading;
use crate::http::problem::Failure;

/// The overview, as far as the caller may read it.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn overview(at: &Reading<'_>) -> Result<Overview, Failure> {
    Ok(Overview {
        headline: String::new(),
        waiting: waiting(at)?,
        board: Board { environments: Vec::new(), services: Vec::new() },
        runs: Vec::new(),
        ending: Vec::new(),
        health: Vec::new(),
    })
}

/// The things that wait for people, of which every page shows the number.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn waiting(_: &Reading<'_>) -> Result<Vec<Waiting>, Failure> {
    Ok(Vec::new())
}
