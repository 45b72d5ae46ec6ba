//! A stretch of time in a cell of a table, so that the rows of a calendar can be compared.

use maud::{Markup, html};

use super::state::tone;
use super::texts::text;
use crate::model::Span;

/// The line of the whole time, the stretch, and a mark for today.
#[must_use]
pub fn span(span: &Span) -> Markup {
    let (from, today) = (span.from.min(WIDTH - LEAST), span.today.min(WIDTH - MARK));
    let long = span.to.min(WIDTH).saturating_sub(from).max(LEAST);
    html! {
        svg class="span" viewBox={ "0 0 " (WIDTH) " 16" } role="img" aria-label=(text(&span.sentence)) preserveAspectRatio="none" {
            rect class="whole" x="0" y="7" width=(WIDTH) height="2" {}
            rect class={ "bar " (tone(span.state)) } x=(from) y="4" width=(long) height="8" vector-effect="non-scaling-stroke" {}
            rect class="today" x=(today) y="0" width=(MARK) height="16" {}
        }
    }
}

/// Width of the picture, of the shortest stretch and of the mark, in its own units.
const WIDTH: u16 = 1_000;
const LEAST: u16 = 8;
const MARK: u16 = 4;
