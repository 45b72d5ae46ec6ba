//! The page of a log: one piece of it, as numbered lines that can be linked to.
//!
//! A piece is what the server puts on one page. Without scripts a reader turns pages; `log.js` fetches the neighbouring pages
//! and keeps only some pieces in the document, so a log of any size stays quick.

use maud::{Markup, html};

use crate::assets;
use crate::frame::{ASSETS, Frame, document};
use crate::model::{Log, LogLine, State};
use crate::parts::{
    Group, address, badge, bytes, clock, count, empty, group_of, line_of_log, short_id, text,
};

/// The page.
#[must_use]
pub fn log(frame: &Frame, page: &Log) -> String {
    let main = html! {
        header class="top" id="headline" {
            div {
                h1 { (text(&page.work)) " on " (text(&page.runner)) }
                ul class="sub" {
                    li { (bytes(page.bytes)) }
                    @if let Some(lines) = page.lines_total { li { (count(lines)) " lines" } }
                    @if let Some(raw) = address(&page.raw) { li { a href=(raw) { "all of it as plain text" } } }
                }
            }
            (badge(&page.badge))
        }
        (tools(page))
        (turn("Earlier lines", page.earlier.as_deref(), "earlier"))
        div class="card log" id="log" data-log=(live(page)) { (lines(page)) }
        (turn("Later lines", page.later.as_deref(), "later"))
        script type="module" src={ (ASSETS) (assets::name("log.js")) } {}
    };
    let run = format!("run {}", short_id(&page.run));
    document(frame, &[("Overview", Some("/")), ("Runs", Some("/#runs")), (&run, Some(&page.run_href))], &main)
}

fn live(page: &Log) -> &'static str {
    if page.badge.state == State::Busy { "live" } else { "complete" }
}

fn tools(page: &Log) -> Markup {
    let href = address(&page.href).unwrap_or("/");
    html! {
        div class="tools" {
            form role="search" method="get" action=(href) {
                label class="unseen" for="q" { "Search this log" }
                input id="q" type="search" name="q" data-search placeholder="Search this log" autocomplete="off" maxlength="200"
                    value=[page.search.as_ref().map(|search| text(&search.query))];
                button { "Search" }
            }
            @if let Some(newest) = page.newest.as_deref().and_then(address) { a class="button" href=(newest) { "Last lines" } }
            @if page.badge.state == State::Busy && page.search.is_none() {
                button type="button" class="needs-script" data-follow aria-pressed="false" { "Follow" }
            }
            @for other in &page.others {
                @if let Some(href) = address(&other.href) { a class="button" href=(href) { "on " (text(&other.runner)) } }
            }
        }
        p class="found" id="found" role="status" {
            @if let Some(search) = &page.search {
                (count(search.found)) @if search.found == 1 { " line has " } @else { " lines have " }
                b { (text(&search.query)) }
                @if !search.complete { "; the search ended before the end of the log" }
                " " a href=(href) { "Show all lines" }
            }
        }
    }
}

fn turn(title: &str, href: Option<&str>, which: &str) -> Markup {
    html! {
        p class="turn" id=(which) {
            @if let Some(href) = href.and_then(address) { a href=(href) data-piece=(which) { (title) } }
        }
    }
}

pub(super) fn lines(page: &Log) -> Markup {
    if page.lines.is_empty() {
        return match (&page.search, page.badge.state) {
            (Some(_), _) => empty(
                "No line has these words.",
                &html! { p { "Search is by exact text; capitals count as small letters." } },
            ),
            (None, State::Busy) => {
                empty("Nothing was printed yet.", &html! { p { "Lines come here as the step prints them." } })
            }
            (None, _) => empty("The step printed nothing.", &html! {}),
        };
    }
    let href = address(&page.href).unwrap_or("/");
    let mut rest = page.lines.as_slice();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (part, after) = part(rest);
        parts.extend(part);
        rest = after;
    }
    html! {
        div class="piece" data-piece-of=(href) {
            @for part in &parts {
                @match part {
                    Part::Line(one) => (line(one)),
                    Part::Group(title, inside) => details open {
                        summary { (line_of_log(title)) }
                        @for one in *inside { (line(one)) }
                    },
                }
            }
        }
    }
}

enum Part<'a> {
    Line(&'a LogLine),
    Group(String, &'a [LogLine]),
}

/// The first line, or the first group with its lines. A group that the piece does not end reaches to the next group or to the
/// end of the piece.
fn part(lines: &[LogLine]) -> (Option<Part<'_>>, &[LogLine]) {
    let Some((first, after)) = lines.split_first() else { return (None, lines) };
    match group_of(&first.text) {
        None => (Some(Part::Line(first)), after),
        Some(Group::End) => (None, after),
        Some(Group::Begin(title)) => {
            let end = after.iter().position(|line| group_of(&line.text).is_some()).unwrap_or(after.len());
            let (inside, rest) = after.split_at(end);
            (Some(Part::Group(title, inside)), rest)
        }
    }
}

/// A line. Its address is short, since a page has hundreds of them.
fn line(line: &LogLine) -> Markup {
    html! {
        div class="row" id={ "L" (line.number) } {
            a class="number" href={ "?line=" (line.number) "#L" (line.number) } { (line.number) }
            @if let Some(time) = &line.time { span class="clock" { (clock(time)) } }
            code { (line_of_log(&line.text)) }
        }
    }
}
