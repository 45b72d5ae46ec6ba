//! Differences of two releases: a row for each sort, with its lines behind signs.

use maud::{Markup, html};

use super::facts::more;
use super::state::sign;
use super::texts::text;
use crate::model::{Change, ChangeLine, ChangeSign};

/// The sorts of differences, each with its lines.
#[must_use]
pub fn changes(all: &[Change]) -> Markup {
    html! {
        ul class="rows card" {
            @for change in all {
                li {
                    div class="lead" { (sign(change.state)) }
                    div class="body" {
                        h3 { (text(&change.title)) }
                        @if !change.detail.is_empty() { p { (text(&change.detail)) } }
                        @if !change.lines.is_empty() { ul class="diff" { @for line in &change.lines { (difference(line)) } } }
                        (more(change.more, "difference"))
                    }
                }
            }
        }
    }
}

fn difference(line: &ChangeLine) -> Markup {
    let (class, sign, word) = match line.sign {
        ChangeSign::Added => ("add", "+", "added: "),
        ChangeSign::Removed => ("del", "−", "removed: "),
        ChangeSign::Changed => ("mod", "~", "changed: "),
    };
    html! {
        li class=(class) {
            span class="sign" aria-hidden="true" { (sign) } span class="unseen" { (word) } code { (text(&line.text)) }
        }
    }
}
