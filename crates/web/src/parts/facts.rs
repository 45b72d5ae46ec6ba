//! Lists of facts, sections, and what a section says when it is empty.

use maud::{Markup, html};

use super::commands::copy;
use super::state::sign;
use super::texts::{link, quoted, text};
use crate::model::Fact;

/// Facts, each a name with its value.
#[must_use]
pub fn facts(all: &[Fact]) -> Markup {
    html! {
        dl class="facts" {
            @for fact in all {
                div {
                    dt { (text(&fact.name)) }
                    dd { (value(fact)) }
                }
            }
        }
    }
}

fn value(fact: &Fact) -> Markup {
    let shown = html! {
        @if let Some(state) = fact.state { (sign(state)) }
        @if let Some(whole) = &fact.whole {
            @if is_time(whole) { span title=(text(whole)) { (text(&fact.value)) } }
            @else { code title=(text(whole)) { (text(&fact.value)) } }
        }
        @else { (text(&fact.value)) }
    };
    html! {
        (link(fact.href.as_deref(), &shown))
        @if let Some(whole) = fact.whole.as_ref().filter(|whole| !is_time(whole)) { (copy(whole)) }
    }
}

/// Whether a text is a moment, which nobody copies.
fn is_time(whole: &str) -> bool {
    whole.len() >= 20 && whole.get(10..11) == Some("T") && whole.ends_with('Z')
}

/// A digest or commit, shortened, with its whole text on hover and for copying.
#[must_use]
pub fn digest(whole: &str) -> Markup {
    html! { span class="digest" { code title=(text(whole)) { (text(&short(whole))) } (copy(whole)) } }
}

/// The ends of a digest, or the beginning of a commit.
fn short(whole: &str) -> String {
    let (sort, hex) = whole.split_once(':').map_or(("", whole), |(sort, hex)| (sort, hex));
    match (hex.is_ascii(), hex.len()) {
        (true, 13..) if sort.is_empty() => hex.get(..10).unwrap_or(hex).to_owned(),
        (true, 13..) => {
            let (start, end) = (hex.get(..4), hex.get(hex.len() - 4..));
            format!("{sort}:{}…{}", start.unwrap_or_default(), end.unwrap_or_default())
        }
        _ => whole.to_owned(),
    }
}

/// The beginning of an id, as commands accept it.
#[must_use]
pub fn short_id(id: &str) -> String {
    id.chars().take(ID_CHARS).collect()
}

/// A part of a page with its heading. A live update replaces it as one.
#[must_use]
pub fn section(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section id=(id) data-live aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            (content)
        }
    }
}

/// The text of an empty list: that nothing is there, and the command or condition that fills it.
#[must_use]
pub fn empty(what: &str, then: &Markup) -> Markup {
    html! { div class="empty" { p { (quoted(what)) } (then) } }
}

/// The line below a list that shows only its beginning.
#[must_use]
pub fn more(count: usize, what: &str) -> Markup {
    html! { @if count > 0 { p class="more" { (shown::many(count, &format!("more {what}"))) } } }
}

/// Shown letters of an id.
const ID_CHARS: usize = 8;

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn digests_keep_their_ends() {
        let hex = "9b1e4c".repeat(10) + "40c2";
        assert_eq!(short(&format!("sha256:{hex}")), "sha256:9b1e…40c2");
        assert_eq!(short(&hex), "9b1e4c9b1e");
        assert_eq!(short("v1.2"), "v1.2");
        assert_eq!(short(&"山".repeat(20)), "山".repeat(20));
    }
}
