//! The release that runs at a place, in words: a rollback is named after the release that it started again.
//!
//! Invariant: numbers of releases are those of the place. The words name no number alone where a rollback runs.

use wire::{PlaceView, ReleaseKind, ReleaseView, RunningReleaseView};

use super::reading::Reading;
use crate::http::problem::Failure;
use crate::views::releases;

/// `release 9`, or `release 1 again (rollback 3)`.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn words(at: &Reading<'_>, view: &PlaceView, now: &RunningReleaseView) -> Result<String, Failure> {
    let (place, number) = (&view.place, now.release);
    let is_it = |row: &&ReleaseView| row.release == Some(number);
    let kind = match view.releases.iter().find(is_it) {
        Some(row) => Some(row.kind),
        None => {
            let row = at.shared.views.ask(|rows| releases::one(rows, place, number));
            row.map_err(Failure::failed)?.map(|row| row.kind)
        }
    };
    if kind != Some(ReleaseKind::Rollback) {
        return Ok(told(number, None));
    }
    let back = at.shared.views.ask(|rows| releases::brought_back(rows, place, number));
    Ok(told(number, Some(back.map_err(Failure::failed)?.and_then(|back| back.release))))
}

/// The words of a release, or of a rollback with the release that it started again, if that is known.
pub fn told(number: u64, rollback: Option<Option<u64>>) -> String {
    match rollback {
        None => format!("release {number}"),
        Some(Some(again)) => format!("release {again} again (rollback {number})"),
        Some(None) => format!("rollback {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_rollback_is_named_after_what_runs_again() {
        assert_eq!(told(9, None), "release 9");
        assert_eq!(told(3, Some(Some(1))), "release 1 again (rollback 3)");
        assert_eq!(told(3, Some(None)), "rollback 3");
    }
}
