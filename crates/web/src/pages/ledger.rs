//! The ledger: a search of its entries.

use maud::{Markup, html};

use crate::frame::{Frame, document};
use crate::model::{EntryRow, Ledger, LedgerForm, Time};
use crate::parts::{address, badge, choice, count, empty, link, moment, section, text};

/// The page.
#[must_use]
pub fn ledger(frame: &Frame, page: &Ledger) -> String {
    let main = html! {
        header class="top" id="headline" data-live {
            div {
                h1 { (text(&page.headline)) }
                ul class="sub" {
                    @for (name, href) in &page.exports {
                        @if let Some(href) = address(href) { li { a href=(href) download { (text(name)) } } }
                    }
                }
            }
        }
        (form(&page.form))
        (section("entries", "Entries", &entries(page, &frame.now)))
        (turn("Newest entries", page.newest.as_deref()))
        (turn("Older entries", page.older.as_deref()))
    };
    document(frame, &[("Overview", Some("/"))], &main)
}

/// The form works without scripts: it asks for an address with the conditions as its query.
fn form(form: &LedgerForm) -> Markup {
    html! {
        form class="filter card" role="search" method="get" action="/ledger" {
            p class="wide" {
                label for="q" { "Words" }
                input id="q" type="search" name="q" value=(text(&form.words)) data-search maxlength="200" autocomplete="off"
                    placeholder="names of the pipeline, codes, commits, digests";
            }
            (choice("kind", "Kind", "every kind", &form.kinds))
            (choice("project", "Project", "every project", &form.projects))
            (choice("person", "Person", "everybody", &form.people))
            p { label for="from" { "From" } input id="from" type="date" name="from" value=(text(&form.from)); }
            p { label for="until" { "Until" } input id="until" type="date" name="until" value=(text(&form.until)); }
            p class="go" {
                button { "Search" }
                @if form.narrowed { a class="button" href="/ledger" { "Show all" } }
            }
        }
    }
}

fn entries(page: &Ledger, now: &Time) -> Markup {
    if page.rows.is_empty() {
        let then = html! { p { "Words are matched by their beginnings, all of them in one entry. Reasons that people signed are in their statements and are not searched." } };
        return empty("No entry meets these conditions.", &then);
    }
    html! { ol class="entries card" { @for row in &page.rows { (line(row, now)) } } }
}

/// An entry in one line.
pub(super) fn line(row: &EntryRow, now: &Time) -> Markup {
    html! {
        li data-item id={ "e" (row.entry) } {
            span class="number" { (link(Some(&row.href), &html! { (count(row.entry)) })) }
            div class="body" {
                div class="pair" { h3 { (text(&row.title)) } (moment(&row.time, now)) }
                div class="more" {
                    @if !row.detail.is_empty() { span { (text(&row.detail)) } " " }
                    span { "by " (text(&row.actor)) } " "
                    @if let Some((name, href)) = &row.about { (link(Some(href), &html! { (text(name)) })) }
                }
            }
            (badge(&row.badge))
        }
    }
}

fn turn(title: &str, href: Option<&str>) -> Markup {
    html! { @if let Some(href) = href.and_then(address) { p class="turn" { a href=(href) { (title) } } } }
}
