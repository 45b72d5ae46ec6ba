//! The page of a log.

use maud::html;

use crate::frame::{Frame, document};
use crate::model::Log;

/// The page.
#[must_use]
pub fn log(frame: &Frame, _page: &Log) -> String {
    document(frame, &html! { h1 { (frame.title) } })
}
