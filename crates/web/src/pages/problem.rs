//! Pages in place of a page that could not be shown.

use maud::{DOCTYPE, html};

use crate::frame::{Frame, document};
use crate::model::Problem;

/// The page for a reader who may see the frame.
#[must_use]
pub fn error(frame: &Frame, problem: &Problem) -> String {
    document(frame, &html! { h1 { (problem.title) } p { (problem.detail) } })
}

/// The page for a reader without the right to read. It names nothing of the installation.
#[must_use]
pub fn outside(problem: &Problem) -> String {
    let page = html! { (DOCTYPE) html lang="en" { body { h1 { (problem.title) } p { (problem.detail) } } } };
    page.into_string()
}
