//! The page of a run.

use maud::html;

use crate::frame::{Frame, document};
use crate::model::Run;

/// The page.
#[must_use]
pub fn run(frame: &Frame, _page: &Run) -> String {
    document(frame, &html! { h1 { (frame.title) } })
}
