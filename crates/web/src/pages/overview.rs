//! The overview.

use maud::{Markup, html};

use crate::frame::{Frame, document};
use crate::model::{
    Behind, Board, Cell, Command, Ending, Overview, RunLine, ServiceRow, State, Time, Waiting,
};
use crate::parts::{badge, command, empty, facts, link, moment, prose, section, text};

/// The page.
#[must_use]
pub fn overview(frame: &Frame, page: &Overview) -> String {
    let now = &frame.now;
    let main = html! {
        header class="top" id="headline" data-live { h1 { (prose(&page.headline)) } }
        div class="columns" {
            div class="main" {
                (section("waiting", "Waiting", &waiting(&page.waiting, now)))
                @if !page.refused.is_empty() {
                    (section("refused", "Refused by agents", &waiting(&page.refused, now)))
                }
                (section("services", "Running now", &board(&page.board, now)))
                (section("runs", "Newest runs", &runs(&page.runs, now)))
            }
            aside aria-label="Facts" {
                (section("ends", "Ends soon", &ending(&page.ending, now)))
                (section("health", "Health", &html! { div class="card" { (facts(&page.health)) } }))
            }
        }
    };
    document(frame, &[], &main)
}

pub(super) fn waiting(all: &[Waiting], now: &Time) -> Markup {
    if all.is_empty() {
        return html! { div class="empty" { p { "Nothing waits for a person." } } };
    }
    html! {
        ul class="rows card" {
            @for one in all {
                li data-item {
                    div class="lead" { (badge(&one.badge)) }
                    div class="body" {
                        div class="pair" { h3 { (link(Some(&one.href), &html! { (text(&one.title)) })) } (since(one.since.as_ref(), now)) }
                        p { (prose(&one.detail)) }
                        @if let Some(next) = &one.command { (command(next)) }
                    }
                }
            }
        }
    }
}

pub(super) fn board(board: &Board, now: &Time) -> Markup {
    if board.services.is_empty() {
        let how = html! { p { "A run builds the commit of a repository and releases it:" } (run()) };
        return empty("No service is deployed yet.", &how);
    }
    html! {
        div class="card" {
            table class="board" {
                thead {
                    tr {
                        th scope="col" { "Service" }
                        @for environment in &board.environments { th scope="col" { (text(environment)) } }
                    }
                }
                tbody { @for row in &board.services { (service(row, &board.environments, now)) } }
            }
        }
    }
}

fn service(row: &ServiceRow, environments: &[String], now: &Time) -> Markup {
    html! {
        tr {
            th scope="row" {
                (link(Some(&row.href), &html! { (text(&row.service)) }))
                div class="more" {
                    span { (text(&row.project)) }
                    @if let Some(note) = &row.note { span { (text(note)) } }
                }
            }
            @for (environment, place) in environments.iter().zip(&row.cells) {
                td {
                    div class="where" aria-hidden="true" { (text(environment)) }
                    @if let Some(place) = place { (cell(place, now)) } @else { span class="quiet" { "-" } }
                }
            }
        }
    }
}

fn cell(cell: &Cell, now: &Time) -> Markup {
    html! {
        (badge(&cell.badge))
        @if let Some(subject) = &cell.subject {
            div class="subject" { (link(Some(&cell.href), &html! { (text(subject)) })) }
        }
        div class="more" {
            @if let Some(commit) = &cell.commit { span { code { (text(commit)) } } }
            @if let Some(named) = &cell.named { span { (text(named)) } }
            @else if let Some(release) = cell.release { span { "release " (release) } }
            @if let Some(since) = &cell.since { span { (moment(since, now)) } }
            @if !cell.by.is_empty() { span { "approved by " (text(&cell.by.join(", "))) } }
        }
        @if let Some(next) = &cell.behind { (behind(next)) }
    }
}

fn behind(next: &Behind) -> Markup {
    html! {
        div class="behind" { "then " (link(Some(&next.href), &html! { "release " (next.release) })) " " (badge(&next.badge)) }
    }
}

pub(super) fn runs(all: &[RunLine], now: &Time) -> Markup {
    if all.is_empty() {
        return html! { div class="empty" { p { "No commit was built yet." } } };
    }
    html! {
        ul class="rows card" {
            @for one in all {
                li data-item {
                    div class="lead" { (badge(&one.badge)) }
                    div class="body" {
                        div class="pair" { h3 { (link(Some(&one.href), &html! { (text(&one.title)) })) } (since(one.since.as_ref(), now)) }
                        p { (prose(&one.detail)) }
                    }
                }
            }
        }
    }
}

pub(super) fn ending(all: &[Ending], now: &Time) -> Markup {
    if all.is_empty() {
        return html! { div class="empty" { p { "Nothing ends within 30 days." } } };
    }
    html! {
        ul class="ends card" {
            @for one in all {
                li {
                    div class="pair" {
                        (link(one.href.as_deref(), &html! { (text(&one.what)) }))
                        span class=[(one.end.ms < now.ms).then_some(crate::parts::tone(State::Stop))] {
                            (moment(&one.end, now))
                        }
                    }
                    @if let Some(renew) = &one.command { (command(renew)) }
                }
            }
        }
    }
}

fn since(since: Option<&Time>, now: &Time) -> Markup {
    html! { @if let Some(since) = since { span class="age" { (moment(since, now)) } } }
}

/// The command that starts everything.
fn run() -> Markup {
    command(&Command { line: "countersign run".to_owned(), note: None })
}
