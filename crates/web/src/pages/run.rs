//! The page of a run.

use maud::{Markup, html};

use crate::frame::{Frame, document};
use crate::model::{Badge, Command, LogLink, Output, Run, RunnerColumn, State, TestLine};
use crate::parts::{
    badge, commands, digest, empty, facts, glyph, graph, link, section, short_id, sign, text, tone, took, way,
};

/// The page.
#[must_use]
pub fn run(frame: &Frame, page: &Run) -> String {
    let main = html! {
        (head(page))
        section id="why" data-live aria-label="State" { (why(page.badge.state, page.why.as_deref(), &page.next)) }
        (section("graph", "Work", &html! { div class="card" { (graph(&page.graph, frame.now.ms)) } }))
        (section("runners", "Runners side by side", &runners(page)))
        div class="columns" {
            div class="main" {
                (section("tests", "Tests", &tests(&page.tests)))
                @if !page.releases.is_empty() {
                    (section("releases", "Releases", &html! { div class="card" { (way(&page.releases)) } }))
                }
            }
            aside aria-label="Facts" {
                (section("artifacts", "Artifacts", &artifacts(page)))
                (section("logs", "Logs", &logs(&page.logs)))
            }
        }
    };
    document(
        frame,
        &[
            ("Overview", Some("/")),
            ("Runs", Some("/#runs")),
            (&page.project, None),
            (&short_id(&page.id), None),
        ],
        &main,
    )
}

fn head(page: &Run) -> Markup {
    html! {
        header class="top" id="headline" data-live {
            div {
                h1 { "Run: " (text(&page.subject)) }
                ul class="sub" {
                    @for line in &page.sub { li { (text(line)) } }
                    li { (digest(&page.commit)) }
                }
            }
            (badge(&page.badge))
        }
    }
}

pub(super) fn why(state: State, why: Option<&str>, next: &[Command]) -> Markup {
    html! {
        @if why.is_some() || !next.is_empty() {
            div class={ "card verdict " (tone(state)) } {
                @if let Some(why) = why { div class="title" { (glyph(state)) h2 { (text(why)) } } }
                @if !next.is_empty() { div class="next" { h3 { "Next" } div { (commands(next)) } } }
            }
        }
    }
}

pub(super) fn runners(page: &Run) -> Markup {
    if page.runners.is_empty() {
        return empty(
            "No runner has taken work yet.",
            &html! { p { "Runners take it as soon as they are free." } },
        );
    }
    html! {
        div class="card" {
            table class="runners" {
                thead {
                    tr {
                        th scope="col" { "Work" }
                        @for column in &page.runners { th scope="col" { (text(&column.name)) } }
                        th scope="col" { "Outputs" }
                    }
                }
                tbody {
                    @for (at, name) in works(&page.runners).into_iter().enumerate() {
                        @let outputs: Vec<_> = page.runners.iter().map(|column| column.works.get(at)).collect();
                        @if outputs.iter().copied().flatten().flatten().next().is_some() { tr {
                            th scope="row" { (text(name)) }
                            @for (column, output) in page.runners.iter().zip(&outputs) {
                                td {
                                    div class="where" aria-hidden="true" { (text(&column.name)) }
                                    @if let Some(Some(output)) = output { (result(output)) } @else { span class="quiet" { "-" } }
                                }
                            }
                            td { (equality(outputs.iter().copied().flatten().flatten())) }
                        } }
                    }
                }
            }
        }
    }
}

/// Names of the works, in order: a row's name is the name in the first column that has the work.
fn works(columns: &[RunnerColumn]) -> Vec<&str> {
    let rows = columns.iter().map(|column| column.works.len()).max().unwrap_or(0);
    let name = |at: usize| {
        let found = columns.iter().find_map(|column| column.works.get(at)?.as_ref());
        found.map_or("-", |output| output.work.as_str())
    };
    (0..rows).map(name).collect()
}

fn result(output: &Output) -> Markup {
    html! {
        div class="pair" {
            (badge(&output.badge))
            @if let Some(ms) = output.took_ms { span class="figure" { (took(ms)) } }
        }
        ul class="sub" {
            @for fact in &output.facts {
                li {
                    @if let Some(state) = fact.state { (sign(state)) }
                    (text(&fact.name)) " "
                    b title=[fact.whole.as_deref().map(text)] { (text(&fact.value)) }
                }
            }
            @if output.log.is_some() {
                li { (link(output.log.as_deref(), &html! { "log" span class="unseen" { " of " (text(&output.work)) } })) }
            }
        }
    }
}

fn equality<'a>(outputs: impl Iterator<Item = &'a Output>) -> Markup {
    let compared: Vec<bool> = outputs.filter_map(|output| output.equal).collect();
    let word = |state, word: &str| badge(&Badge { state, word: word.to_owned() });
    match (compared.is_empty(), compared.contains(&false)) {
        (true, _) => html! { span class="quiet" { "-" } },
        (_, true) => word(State::Stop, "different"),
        (_, false) => word(State::Pass, "equal"),
    }
}

fn tests(all: &[TestLine]) -> Markup {
    if all.is_empty() {
        let how = html! { p { "Name a test report in the pipeline file; gates can then demand it." } };
        return empty("No report of tests.", &how);
    }
    html! {
        ul class="rows card" {
            @for line in all {
                li {
                    div class="lead" { (badge(&line.badge)) }
                    div class="body" {
                        h3 { (text(&line.report)) }
                        @if !line.failed.is_empty() { ul class="diff" { @for name in &line.failed { li class="del" { code { (text(name)) } } } } }
                    }
                }
            }
        }
    }
}

fn artifacts(page: &Run) -> Markup {
    if page.artifacts.is_empty() {
        return html! { div class="empty" { p { "No artifact yet." } } };
    }
    html! { div class="card" { (facts(&page.artifacts)) } }
}

pub(super) fn logs(all: &[LogLink]) -> Markup {
    if all.is_empty() {
        return html! { div class="empty" { p { "No log yet." } } };
    }
    html! {
        ul class="ends card" {
            @for log in all {
                li data-item {
                    div class="pair" {
                        (link(Some(&log.href), &html! { (text(&log.work)) span class="more" { " on " (text(&log.runner)) } }))
                        (badge(&log.badge))
                    }
                }
            }
        }
    }
}
