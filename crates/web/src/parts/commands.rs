//! Commands that people copy.

use maud::{Markup, html};

use super::texts::{prose, text};
use crate::model::Command;

/// A command: the people who may run it, its line, and a button that copies the line. The line stays selectable as text, and the
/// button shows only where scripts run.
#[must_use]
pub fn command(command: &Command) -> Markup {
    html! {
        div class="cmd" {
            @if let Some(note) = &command.note { span class=(who(note)) { (person()) (prose(note)) } }
            code class="line" { (words(&command.line)) }
            (copy(&command.line))
        }
    }
}

/// Words of a command. A flag such as `--reason` stays whole at the end of a line.
fn words(line: &str) -> Markup {
    let shown = text(line);
    html! {
        @for (nth, word) in shown.split(' ').enumerate() {
            @if nth > 0 { " " }
            @if word.starts_with("--") { span class="w" { (word) } } @else { (word) }
        }
    }
}

/// Several commands.
#[must_use]
pub fn commands(all: &[Command]) -> Markup {
    html! { @for one in all { (command(one)) } }
}

/// The button that copies a text.
#[must_use]
pub fn copy(whole: &str) -> Markup {
    let whole = text(whole);
    html! { button class="copy" type="button" data-copy=(whole) aria-label={ "copy " (whole) } { "copy" } }
}

/// The people stand before the line. A condition and a long note stand below it, without the sign of a person.
fn who(note: &str) -> &'static str {
    let is_long =
        note.starts_with("if ") || note.starts_with("to ") || note.chars().nth(WHO_CHARS_MAX).is_some();
    if is_long { "who long" } else { "who" }
}

/// Longest note that stands before a line.
const WHO_CHARS_MAX: usize = 44;

fn person() -> Markup {
    html! {
        svg class="person" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false" {
            circle cx="6" cy="3.5" r="2.5" {}
            path d="M1.5 11.5a4.5 4.5 0 0 1 9 0z" {}
        }
    }
}
