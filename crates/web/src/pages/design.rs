//! The page of components: each in every state, with invented values. `docs/design-system.md` says when to use what.

use maud::{Markup, html};

use super::{log, overview, problem, release, run};
use crate::frame::{Frame, document};
use crate::model::{Badge, Command, State};
use crate::parts::{badge, bars, changes, command, copy, curves, digest, empty, facts, glyph, graph, way};
use crate::sample;

/// The page.
#[must_use]
pub fn design(frame: &Frame) -> String {
    let main = html! {
        header class="top" { div { h1 { "Components of the console" }
            p class="note" { "Every part in every state, with invented values. A page uses these parts and no others." } } }
        div class="design" {
            (tokens())
            (small())
            (lists(frame))
            (verdicts())
            (graphs(frame))
            (logs())
        }
    };
    document(frame, &[("Overview", Some("/"))], &main)
}

fn part(title: &str, note: &str, content: &Markup) -> Markup {
    html! { h2 { (title) } p class="note" { (note) } (content) }
}

fn tokens() -> Markup {
    let colours = html! {
        div class="card swatches" {
            @for name in COLOURS {
                div { svg class={ "c-" (name) } aria-hidden="true" focusable="false" { rect width="100%" height="100%" {} } (name) }
            }
        }
    };
    let sizes = html! {
        div class="card states" {
            @for (class, words) in SIZES { div { span class=(class) { "Release 42 is blocked" } span class="more" { (words) } } }
        }
    };
    html! {
        (part("Colour", "Colour tells state and nothing else; one accent marks what is focused or in progress.", &colours))
        (part("Type", "One family of the system, six sizes. Figures have equal widths.", &sizes))
    }
}

fn small() -> Markup {
    let states = html! {
        div class="card states" {
            @for (state, word, when) in STATES {
                div {
                    (badge(&Badge { state, word: word.to_owned() }))
                    span class="more" { (glyph(state)) " " (when) }
                }
            }
        }
    };
    let release = sample::release();
    let commands = html! {
        div class="card states" {
            div { (command(&Command { line: "countersign status".to_owned(), note: None })) span class="more" { "anybody who reads the page may run it" } }
            div {
                (command(&Command { line: "countersign promote acme/api/production".to_owned(), note: Some("Carol or Dave".to_owned()) }))
                span class="more" { "the people who may" }
            }
            div { (digest(&release.artifact)) (digest(&release.commit)) span class="more" { "digest and commit" } }
            div { span { "a text " (copy("a text")) } span class="more" { "copy" } }
        }
    };
    let figures = html! {
        div class="card figures" { (bars(&BARS, "Deployments of the last 20 days: the most on one day were 9, today 7")) }
    };
    html! {
        (part("States", "A shape, a word and a colour. Only what needs attention has a ground.", &states))
        (part("Commands and digests", "No button does what the reader has to sign: the page shows the command.", &commands))
        (part("Bars", "A figure over time, with its words for readers who do not see it.", &figures))
        (part("Curves", "Two releases over time: the one that the page is about is drawn whole, the other one broken. A gap means that there was nothing to measure.", &html! { div class="charts wide" { @for one in &sample::rollout_sheet().curves { (curves(one)) } } }))
        (part("Facts", "A name and a value; a state where it has one.", &html! { div class="card figures" { (facts(&sample::overview().health)) } }))
    }
}

fn lists(frame: &Frame) -> Markup {
    let (page, quiet, now) = (sample::overview(), sample::quiet_overview(), &frame.now);
    html! {
        (part("Waiting", "A sentence, its age at the right, the person and the command below.", &overview::waiting(&page.waiting, now)))
        h3 { "Empty" } (overview::waiting(&quiet.waiting, now))
        (part("Board", "The running releases, and what waits behind each in the same cell. On a phone each service is a card.", &overview::board(&page.board, now)))
        h3 { "Empty" } (overview::board(&quiet.board, now))
        (part("Runs", "One line each.", &overview::runs(&page.runs, now)))
        (part("Ends", "The first end first.", &overview::ending(&page.ending, now)))
        h3 { "Empty" } (overview::ending(&quiet.ending, now))
        (part("Timeline", "The newest first, each with the number of its ledger entry.", &release::timeline(&sample::release().timeline, now)))
        (part("Approvals", "Votes that count, votes that do not, and the people who still may.", &html! { aside aria-label="Approvals" { (release::approvals(&sample::release().approvals, true, now)) } }))
        (part("Changes", "Signs and words besides colour.", &changes(&sample::release().changes)))
    }
}

fn next(page: &crate::model::Release) -> Markup {
    release::strip(&page.next.iter().collect::<Vec<_>>(), true)
}

fn verdicts() -> Markup {
    let (blocked, held, young) = (sample::release(), sample::held_release(), sample::young_release());
    let running = sample::running_release();
    html! {
        (part("The way", "From the commit to this environment. A dashed line was not gone yet.", &html! { div class="card" { (way(&blocked.way)) } }))
        h3 { "Waits" } div class="card" { (way(&held.way)) }
        (part("Verdict", "The failures with their reasons, the person to ask, the command that mends each, and the next command.", &release::verdict(blocked.verdict.as_ref(), &next(&blocked))))
        h3 { "Waits for a person" } (release::verdict(held.verdict.as_ref(), &next(&held)))
        h3 { "Passed" } (release::verdict(running.verdict.as_ref(), &next(&running)))
        h3 { "Not judged yet" } (release::verdict(None, &next(&young)))
        (part("Problem", "In place of a page.", &html! { div class="card states" { (problem::told(&sample::problem())) } }))
    }
}

fn graphs(frame: &Frame) -> Markup {
    let page = sample::run();
    html! {
        (part("Work of a run", "Bars on a line of time; what is critical is dark.", &html! { div class="card" { (graph(&page.graph, frame.now.ms)) } }))
        (part("Runners", "Side by side, with what their outputs have in common.", &run::runners(&page)))
    }
}

fn logs() -> Markup {
    let page = sample::log();
    let silent = crate::model::Log { lines: Vec::new(), ..page.clone() };
    html! {
        (part("Log", "Numbered lines that can be linked to; colours are classes; a control character is shown as an escape.", &html! { div class="card log" { (log::lines(&page)) } }))
        h3 { "Empty" } (log::lines(&silent))
        h3 { "Nothing at all" } (empty("Nothing is here.", &html! { p { "A sentence says what to do." } }))
    }
}

const COLOURS: [&str; 13] = [
    "bg",
    "surface",
    "raised",
    "line",
    "line-strong",
    "ink",
    "ink-2",
    "ink-3",
    "accent",
    "pass-soft",
    "wait-soft",
    "stop-soft",
    "frozen-soft",
];

const SIZES: [(&str, &str); 6] = [
    ("t-xl", "xl: the first line of a page"),
    ("t-lg", "lg: a verdict"),
    ("t-md", "md: the heading of a part"),
    ("t", "base: everything else"),
    ("t-sm", "sm: what explains it"),
    ("t-xs", "xs: column heads, badges"),
];

const STATES: [(State, &str, &str); 6] = [
    (State::Pass, "healthy", "it passed, runs or counts"),
    (State::Wait, "waits for 1", "it waits for somebody"),
    (State::Stop, "blocked", "it is stopped or failed"),
    (State::Frozen, "frozen", "it is frozen"),
    (State::Busy, "running", "it is in progress"),
    (State::Quiet, "replaced", "it has ended"),
];

const BARS: [u64; 20] = [2, 3, 5, 4, 1, 1, 6, 5, 8, 6, 4, 1, 1, 3, 5, 6, 2, 1, 9, 7];
