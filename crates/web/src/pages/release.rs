//! The page of a release.

use maud::html;

use crate::frame::{Frame, document};
use crate::model::Release;

/// The page.
#[must_use]
pub fn release(frame: &Frame, _page: &Release) -> String {
    document(frame, &html! { h1 { (frame.title) } })
}
