//! Tables of any columns. On a phone each row is a block, and each cell names its column.

use maud::{Markup, html};

use super::commands::commands;
use super::facts::{empty, more};
use super::span::span;
use super::state::badge;
use super::texts::{link, prose, text};
use super::time::moment;
use crate::model::{SheetCell, SheetTable, Time};

/// A table.
#[must_use]
pub fn table(table: &SheetTable, now: &Time) -> Markup {
    if table.rows.is_empty() {
        return empty(&text(&table.empty), &html! { (commands(table.fill.as_slice())) });
    }
    html! {
        // On a narrow page the table scrolls, and a keyboard has to reach it.
        div class="card wide-table" tabindex="0" role="region" aria-label=(text(&table.title)) {
            table class="plain-table" {
                thead { tr { @for column in &table.columns { th scope="col" { (text(column)) } } } }
                tbody {
                    @for row in &table.rows {
                        tr data-item {
                            @for (at, value) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell(value, now)) } }
                                @else { td data-column=[table.columns.get(at).map(|column| text(column))] { (cell(value, now)) } }
                            }
                        }
                    }
                }
            }
        }
        (more(table.more, "row"))
    }
}

fn cell(value: &SheetCell, now: &Time) -> Markup {
    html! {
        @if let Some(state) = &value.badge { (badge(state)) " " }
        @if !value.text.is_empty() { (link(value.href.as_deref(), &html! { (text(&value.text)) })) }
        @if let Some(time) = &value.time { " " (moment(time, now)) }
        @if let Some(drawn) = &value.span { (span(drawn)) }
        @if !value.notes.is_empty() { div class="more" { @for note in &value.notes { span { (prose(note)) } " " } } }
        (commands(&value.commands))
    }
}
