//! One release at one place.

use evidence::Place;
use web::model::Release;

use super::reading::{Reading, nothing};
use crate::http::problem::Failure;

/// A release.
///
/// # Errors
/// `Failure` if the caller may not read it, or it does not exist.
pub fn release(at: &Reading<'_>, place: &Place, number: u64) -> Result<Release, Failure> {
    at.of_place(place)?;
    Err(nothing(format!("there is no release {number} of {place}")))
}
