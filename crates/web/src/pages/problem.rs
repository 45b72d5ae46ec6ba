//! Pages in place of a page that could not be shown.

use maud::{Markup, html};

use crate::frame::{Frame, document, plain_document};
use crate::model::Problem;
use crate::parts::{address, commands, quoted, sentence, text};

/// The page for a reader who may see the frame.
#[must_use]
pub fn error(frame: &Frame, problem: &Problem) -> String {
    document(frame, &[("Overview", Some("/"))], &told(problem))
}

/// The page for a reader without the right to read. It names nothing of the installation.
#[must_use]
pub fn outside(problem: &Problem) -> String {
    plain_document(&sentence(&problem.title), &told(problem))
}

pub(super) fn told(problem: &Problem) -> Markup {
    html! {
        div class="problem" {
            p class="status" { (problem.status) }
            h1 { (sentence(&problem.title)) }
            p { (quoted(&sentence(&problem.detail))) }
            (commands(&problem.commands))
            @if let Some((href, name)) = &problem.onward {
                @if let Some(href) = address(href) { p { a href=(href) { (text(name)) } } }
            }
        }
    }
}
