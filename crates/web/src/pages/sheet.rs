//! Pages of lists and facts.

use maud::{Markup, html};

use crate::frame::{Crumb, Frame, document};
use crate::model::{Sheet, SheetList, SheetRow, Time};
use crate::parts::{
    badge, changes, chart, commands, curves, empty, facts, form, link, moment, more, prose, section, table,
    text, way,
};

/// The page.
#[must_use]
pub fn sheet(frame: &Frame, page: &Sheet) -> String {
    let overview: [Crumb<'_>; 1] = [("Overview", Some("/"))];
    let form_follows = page.way.is_empty() && !page.tables.is_empty() && !page.lists.is_empty();
    let lists = html! {
        @if !page.changes.is_empty() { (section("differences", "Differences", &changes(&page.changes))) }
        @for (nth, one) in page.tables.iter().enumerate() {
            (section(&format!("table-{nth}"), &text(&one.title), &table(one, &frame.now)))
        }
        @if let Some(asked) = page.form.as_ref().filter(|_| form_follows) { (form(asked)) }
        @for (nth, list) in page.lists.iter().enumerate() {
            (section(&format!("list-{nth}"), &text(&list.title), &items(list, &frame.now)))
        }
    };
    let main = html! {
        header class="top" id="headline" data-live {
            div {
                h1 { (prose(&page.headline)) }
                @if !page.sub.is_empty() { ul class="sub" { @for fact in &page.sub { li { span { (prose(fact)) } } } } }
            }
            @if let Some(state) = &page.badge { (badge(state)) }
        }
        @if !page.way.is_empty() { div class="card" id="way" data-live { (way(&page.way)) } }
        // Where lists follow that the form narrows, the answer comes first.
        @if let Some(asked) = page.form.as_ref().filter(|_| !form_follows) { (form(asked)) }
        @if !page.charts.is_empty() { div class="charts" id="charts" data-live { @for one in &page.charts { (chart(one)) } } }
        @if !page.curves.is_empty() {
            div class="charts wide" id="curves" data-live data-poll=[page.poll_ms] { @for one in &page.curves { (curves(one)) } }
        }
        @if page.facts.is_empty() { (lists) }
        @else {
            div class="columns" {
                div class="main" { (lists) }
                aside aria-label="Facts" {
                    @for (nth, (title, all)) in page.facts.iter().enumerate() {
                        (section(&format!("facts-{nth}"), &text(title), &html! { div class="card" { (facts(all)) } }))
                    }
                }
            }
        }
    };
    document(frame, &overview, &main)
}

fn items(list: &SheetList, now: &Time) -> Markup {
    if list.rows.is_empty() {
        return empty(&text(&list.empty), &html! { (commands(list.fill.as_slice())) });
    }
    html! {
        ul class={ @if list.rows.iter().all(|row| row.badge.is_none()) { "rows bare card" } @else { "rows card" } } {
            @for row in &list.rows { (item(row, now)) }
        }
        (more(list.more, "item"))
    }
}

fn item(row: &SheetRow, now: &Time) -> Markup {
    html! {
        li data-item {
            div class="lead" { @if let Some(state) = &row.badge { (badge(state)) } }
            div class="body" {
                div class="pair" {
                    // The keys `j` and `k` go to the link, or to the title of an item that leads nowhere.
                    h3 tabindex=[row.href.is_none().then_some("-1")] {
                        (link(row.href.as_deref(), &prose(&row.title)))
                    }
                    @if let Some(time) = &row.time { (moment(time, now)) } @else { span {} }
                }
                @if !row.notes.is_empty() { p class="more" { @for note in &row.notes { span { (prose(note)) } " " } } }
                (commands(&row.commands))
            }
        }
    }
}
