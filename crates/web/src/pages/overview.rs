//! The page of a overview.

use maud::html;

use crate::frame::{Frame, document};
use crate::model::Overview;

/// The page.
#[must_use]
pub fn overview(frame: &Frame, _page: &Overview) -> String {
    document(frame, &html! { h1 { (frame.title) } })
}
