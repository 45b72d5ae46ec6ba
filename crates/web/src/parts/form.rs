//! Forms that ask for an address. They work without scripts, and change nothing.

use maud::{Markup, html};

use super::texts::{address, text};
use crate::model::{Choice, SheetField, SheetForm};

/// A form with its fields and its button.
#[must_use]
pub fn form(form: &SheetForm) -> Markup {
    let Some(path) = address(&form.path) else { return html! {} };
    html! {
        form class="filter card" role="search" method="get" action=(path) {
            @for field in &form.fields { (input(field)) }
            p class="go" {
                button { (text(&form.button)) }
                @if form.narrowed { a class="button" href=(path) { "Show all" } }
            }
        }
    }
}

fn input(field: &SheetField) -> Markup {
    let name = &field.parameter;
    if let [none, values @ ..] = field.choices.as_slice() {
        return html! { p class="long" { (select(name, &field.title, &none.name, values)) } };
    }
    html! {
        p class="wide" {
            label for=(name) { (text(&field.title)) }
            input id=(name) type="search" name=(name) value=(text(&field.words)) data-search maxlength="200" autocomplete="off"
                placeholder=(text(&field.example));
        }
    }
}

/// A choice of one of several values, or of none.
#[must_use]
pub fn choice(name: &str, title: &str, none: &str, choices: &[Choice]) -> Markup {
    html! { p { (select(name, title, none, choices)) } }
}

fn select(name: &str, title: &str, none: &str, choices: &[Choice]) -> Markup {
    html! {
        label for=(name) { (text(title)) }
        select id=(name) name=(name) {
            option value="" { (text(none)) }
            @for one in choices { option value=(text(&one.value)) selected[one.chosen] { (text(&one.name)) } }
        }
    }
}
