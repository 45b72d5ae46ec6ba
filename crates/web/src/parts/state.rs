//! States by shape, word and colour.

use maud::{Markup, html};

use super::texts::text;
use crate::model::{Badge, State};

/// A state with its word.
#[must_use]
pub fn badge(badge: &Badge) -> Markup {
    html! { span class={ "badge " (tone(badge.state)) } { (glyph(badge.state)) (text(&badge.word)) } }
}

/// The shape of a state that has no word beside it; readers who do not see it hear its name.
#[must_use]
pub fn sign(state: State) -> Markup {
    let name = match state {
        State::Pass => "passes",
        State::Wait => "waits",
        State::Stop => "is stopped",
        State::Frozen => "is frozen",
        State::Busy => "in progress",
        State::Quiet => "has ended",
    };
    html! { (glyph(state)) span class="unseen" { (name) ": " } }
}

/// The shape of a state alone, for places where its word stands beside it.
#[must_use]
pub fn glyph(state: State) -> Markup {
    html! {
        svg class={ "glyph " (tone(state)) } viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false" {
            @match state {
                State::Pass => circle cx="6" cy="6" r="4.5" {},
                State::Wait => rect x="2" y="2" width="8" height="8" rx="1" {},
                State::Stop => path d="M6 1 11.5 11H.5z" {},
                State::Frozen => path d="M6 .5 11.5 6 6 11.5.5 6z" {},
                State::Busy => circle class="ring" cx="6" cy="6" r="4" {},
                State::Quiet => rect x="1.5" y="5" width="9" height="2" rx="1" {},
            }
        }
    }
}

/// The class of a state.
#[must_use]
pub fn tone(state: State) -> &'static str {
    match state {
        State::Pass => "pass",
        State::Wait => "wait",
        State::Stop => "stop",
        State::Frozen => "frozen",
        State::Busy => "busy",
        State::Quiet => "quiet",
    }
}
