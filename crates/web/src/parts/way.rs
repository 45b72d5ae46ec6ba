//! The way from a commit to production.

use maud::{Markup, html};

use super::state::{glyph, tone};
use super::texts::{link, text};
use crate::model::Link;

/// The way: one stop for each link, in order. It is a list whose shapes are SVG, so that it reads, wraps, prints and becomes a column
/// on a phone without a second copy of its words.
#[must_use]
pub fn way(links: &[Link]) -> Markup {
    html! {
        ol class="way" aria-label="The way from the commit to production" {
            @for stop in links {
                li class=(tone(stop.badge.state)) aria-current=[stop.current.then_some("step")] {
                    div class="stop" {
                        div class="name" {
                            (glyph(stop.badge.state))
                            (link(stop.href.as_deref(), &html! { (text(&stop.title)) }))
                            span class="word" { (text(&stop.badge.word)) }
                        }
                        @for line in &stop.lines { div class="more" { (text(line)) } }
                    }
                }
            }
        }
    }
}
