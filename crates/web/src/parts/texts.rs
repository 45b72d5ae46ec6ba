//! Texts and addresses by others.

use maud::{Markup, html};

/// A text by others. Characters that control, hide or reorder text are written as escapes. `maud` escapes the rest.
#[must_use]
pub fn text(raw: &str) -> String {
    shown::line(raw)
}

/// A message by others as a sentence: with a capital letter at its beginning.
#[must_use]
pub fn sentence(raw: &str) -> String {
    let shown = text(raw);
    let mut letters = shown.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A text by others in which backticks enclose what people type, as in messages of the command line.
#[must_use]
pub fn prose(raw: &str) -> Markup {
    quoted(&text(raw))
}

/// The same for a text that is escaped already. An odd backtick stays as it is.
#[must_use]
pub fn quoted(shown: &str) -> Markup {
    let parts: Vec<&str> = shown.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return html! { (shown) };
    }
    html! {
        @for (at, part) in parts.iter().enumerate() {
            @if at % 2 == 1 { code class="said" { (part) } } @else { (part) }
        }
    }
}

/// An address of a page of this server. Anything else is no address: another scheme, another host, and characters that browsers
/// remove or read as a slash (<https://url.spec.whatwg.org/#concept-basic-url-parser>).
#[must_use]
pub fn address(href: &str) -> Option<&str> {
    let inside = href.starts_with('/') && !href.starts_with("//");
    let plain = |c: char| c.is_ascii_graphic() && c != '\\';
    (inside && href.chars().all(plain)).then_some(href)
}

/// A link, or only its content if the page about it does not exist.
#[must_use]
pub fn link(href: Option<&str>, content: &Markup) -> Markup {
    match href.and_then(address) {
        Some(href) => html! { a href=(href) { (content) } },
        None => html! { span { (content) } },
    }
}
