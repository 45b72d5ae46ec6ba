//! The page of a release.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::frame::{Frame, document};
use crate::model::{
    Approvals, Change, Command, Moment, Notice, Reason, Release, Rule, State, Time, Verdict, Waived,
};
use crate::parts::{
    address, badge, changes, command, commands, count, digest, empty, facts, glyph, moment, prose, quoted,
    section, sentence, stamp, text, tone, way,
};

/// The page.
#[must_use]
pub fn release(frame: &Frame, page: &Release) -> String {
    let (now, shown) = (&frame.now, Shown::new(page));
    let main = html! {
        (head(page, now))
        section id="way" data-live aria-label="Way" { div class="card" { (way(&page.way)) } }
        section id="verdict" data-live aria-label="Verdict" { (first(page, &shown, now)) }
        div class="columns" {
            div class="main" {
                @if !page.is_rollback {
                    (section("changes", "Changes of this release", &differences(&page.changes)))
                }
                @if let Some(verdict) = &page.verdict { (section("rules", "Rules of the policy", &rules(verdict))) }
                (section("timeline", "Timeline", &timeline(&page.timeline, now)))
            }
            aside aria-label="Facts" {
                @if !page.is_rollback {
                    (section("approvals", "Approvals", &approvals(&page.approvals, shown.approve, now)))
                }
                (section("evidence", "Evidence", &evidence(page, shown.verify)))
            }
        }
    };
    let place = page.place.join("/");
    document(frame, &[("Overview", Some("/")), ("Services", Some("/#services")), (&place, None)], &main)
}

/// The commands that the parts of a page show: each line once, where a reader comes across it first.
struct Shown<'a> {
    next: Vec<&'a Command>,
    /// Whether the first one of the next commands is among them.
    begins: bool,
    approve: bool,
    verify: bool,
}

impl<'a> Shown<'a> {
    fn new(page: &'a Release) -> Self {
        // A notice stands before the verdict, with the next commands.
        let reasons =
            page.verdict.iter().filter(|_| page.notice.is_none()).flat_map(|verdict| &verdict.reasons);
        let before: BTreeSet<&str> =
            reasons.flat_map(|reason| &reason.commands).map(|command| command.line.as_str()).collect();
        let next: Vec<&Command> =
            page.next.iter().filter(|next| !before.contains(next.line.as_str())).collect();
        let is_new = |line: &str| !before.contains(line) && page.next.iter().all(|next| next.line != line);
        Self {
            begins: page.next.first().is_none_or(|first| !before.contains(first.line.as_str())),
            approve: page.approvals.command.as_ref().is_some_and(|command| is_new(&command.line)),
            verify: page.bundle.as_ref().is_some_and(|file| is_new(&file.verify.line)),
            next,
        }
    }

    fn strip(&self) -> Markup {
        strip(&self.next, self.begins)
    }
}

/// The strip of the commands that come next. Where the first one stands above already, the others are there to look.
pub(super) fn strip(next: &[&Command], begins: bool) -> Markup {
    html! {
        @if !next.is_empty() {
            div class="next" {
                h3 { @if begins { "Next" } @else { "To look" } }
                div { @for one in next { (command(one)) } }
            }
        }
    }
}

fn head(page: &Release, now: &Time) -> Markup {
    html! {
        header class="top" id="headline" data-live {
            div {
                h1 {
                    @if page.is_rollback { "Rollback" } @else { "Release" }
                    @if let Some(number) = page.number { " " (number) }
                    ": " (text(&page.subject))
                }
                ul class="sub" {
                    @for line in &page.sub { li { (text(line)) } }
                    @if !page.commit.is_empty() { li { (digest(&page.commit)) } }
                    @if !page.artifact.is_empty() { li { (digest(&page.artifact)) } }
                }
            }
            div class="state" {
                (badge(&page.badge))
                @if let Some(since) = &page.since { span class="age" { (moment(since, now)) } }
            }
        }
    }
}

/// A notice comes before the verdict, with the next commands: the verdict is of an earlier time then.
fn first(page: &Release, shown: &Shown<'_>, now: &Time) -> Markup {
    let Some(told) = &page.notice else { return verdict(page.verdict.as_ref(), &shown.strip()) };
    html! {
        (notice(told, &shown.strip(), now))
        @if let Some(earlier) = &page.verdict { (verdict(Some(earlier), &html! {})) }
    }
}

pub(super) fn notice(notice: &Notice, next: &Markup, now: &Time) -> Markup {
    html! {
        div class={ "card verdict " (tone(notice.state)) } {
            div class="title" {
                (glyph(notice.state))
                h2 { (text(&notice.title)) }
                p {
                    @if let Some(time) = &notice.time { (moment(time, now)) ": " }
                    (text(&notice.detail))
                }
            }
            (facts(&notice.facts))
            (next)
        }
    }
}

pub(super) fn verdict(verdict: Option<&Verdict>, next: &Markup) -> Markup {
    let Some(verdict) = verdict else {
        let wait = html! { p { "The gate judges when the plan and the evidence are complete." } (next) };
        return empty("The gate has not judged this release yet.", &wait);
    };
    let (first, others) = verdict.reasons.split_at(verdict.reasons.len().min(REASONS_OPEN));
    html! {
        div class={ "card verdict " (tone(verdict.state)) } {
            div class="title" { (glyph(verdict.state)) h2 { (text(&verdict.title)) } p { (prose(&verdict.detail)) } }
            @if !verdict.waivers.is_empty() { (waivers(&verdict.waivers)) }
            @for one in first { (reason(one)) }
            @if !others.is_empty() {
                details id="other-reasons" {
                    summary { (shown::many(others.len(), "more reason")) }
                    @for one in others { (reason(one)) }
                }
            }
            (next)
            @if !verdict.warnings.is_empty() {
                details id="warnings" {
                    summary { (shown::many(verdict.warnings.len(), "warning")) " that did not stop it" }
                    @for one in &verdict.warnings { (reason(one)) }
                }
            }
        }
    }
}

/// Waivers that count; each end is exact, since nobody may rely on it later.
fn waivers(all: &[Waived]) -> Markup {
    html! {
        ul class="waivers" aria-label="Waivers" {
            @for one in all {
                li data-item {
                    b { (text(&one.title)) }
                    @if let Some(until) = &one.until { " until " span class="until" title=(text(&until.text)) { (stamp(&text(&until.text))) } }
                    @if !one.reason.is_empty() { ": " (text(&one.reason)) }
                }
            }
        }
    }
}

fn reason(reason: &Reason) -> Markup {
    html! {
        article class="reason" data-item {
            h3 tabindex="-1" { (prose(&reason.what)) }
            @if !reason.facts.is_empty() { ul class="sub" { @for fact in &reason.facts { li { (text(fact)) } } } }
            p {
                (quoted(&sentence(&reason.remedy))) @if !reason.remedy.ends_with(STOPS) { "." }
                @if let Some(owner) = &reason.owner { " " span class="owner" { "Ask " b { (text(owner)) } "." } }
                @if let Some(unowned) = &reason.unowned { " " span class="owner" { (prose(unowned)) "." } }
                " " code class="code" { (text(&reason.code)) }
            }
            (commands(&reason.commands))
        }
    }
}

fn rules(verdict: &Verdict) -> Markup {
    let speaks = |rule: &&Rule| matches!(rule.badge.state, State::Stop | State::Wait);
    let (open, others): (Vec<_>, Vec<_>) = verdict.rules.iter().partition(speaks);
    html! {
        div class="card" {
            @if open.is_empty() { p class="none" { "No rule stops it or warns." } } @else { (table(&open, "facts-against")) }
            @if !others.is_empty() {
                details id="other-rules" {
                    summary { (shown::many(others.len(), "more rule")) ": they pass, or are off" }
                    (table(&others, "facts-other"))
                }
            }
            @if !verdict.passed.is_empty() {
                details id="passed" {
                    summary { "Seen by the policy" }
                    ul class="plain" { @for words in &verdict.passed { li { (quoted(&sentence(words))) } } }
                }
            }
        }
    }
}

fn table(rules: &[&Rule], id: &str) -> Markup {
    html! {
        table class="quiet-table" {
            thead {
                tr { th scope="col" { "Rule" } th scope="col" { "Facts that it read" } th scope="col" { "Verdict" } }
            }
            tbody { @for (nth, one) in rules.iter().enumerate() { (rule(one, &format!("{id}-{nth}"))) } }
        }
    }
}

fn rule(rule: &Rule, id: &str) -> Markup {
    html! {
        tr {
            th scope="row" { code { (text(&rule.code)) } }
            td {
                @if !rule.facts.is_empty() {
                    details id=(id) {
                        summary { (shown::many(rule.facts.len(), "fact")) }
                        ul class="sub" {
                            @for fact in &rule.facts { li { (text(&fact.name)) " " b { (text(&fact.value)) } } }
                        }
                    }
                }
            }
            td { (badge(&rule.badge)) }
        }
    }
}

fn differences(all: &[Change]) -> Markup {
    if all.is_empty() {
        return html! { div class="empty" { p { "Nothing differs from the release before it." } } };
    }
    changes(all)
}

pub(super) fn approvals(approvals: &Approvals, shows_command: bool, now: &Time) -> Markup {
    html! {
        div class="card" {
            @if let Some(needed) = &approvals.needed { p class="figure" { (text(needed)) } }
            @if approvals.votes.is_empty() { p class="none" { "Nobody has approved." } }
            ul class="votes" {
                @for vote in &approvals.votes {
                    li {
                        div class="pair" { b { (text(&vote.person)) } (badge(&vote.badge)) }
                        @if !vote.reason.is_empty() { p { (text(&vote.reason)) } }
                        @if let Some(until) = &vote.until { p { "ends " (moment(until, now)) } }
                    }
                }
            }
            @if let Some(may) = &approvals.may {
                p class="may" {
                    @if may.is_empty() { "Nobody else may approve." }
                    @else { "May approve: " b { (text(&may.join(", "))) } }
                }
            }
            @if let Some(approve) = approvals.command.as_ref().filter(|_| shows_command) { (command(approve)) }
        }
    }
}

fn evidence(page: &Release, shows_command: bool) -> Markup {
    html! {
        div class="card" {
            (facts(&page.evidence))
            @if let Some(file) = &page.bundle {
                @if let Some(href) = address(&file.href) {
                    p class="get" { a href=(href) download=(text(&file.name)) { "Evidence file" } }
                }
                @if shows_command { (command(&file.verify)) }
            }
        }
    }
}

pub(super) fn timeline(all: &[Moment], now: &Time) -> Markup {
    if all.is_empty() {
        return html! { div class="empty" { p { "Nothing happened to it yet." } } };
    }
    html! {
        ol class="timeline-list card" {
            @for one in all {
                li {
                    div class="body" {
                        h3 { (text(&one.title)) }
                        p { @if !one.detail.is_empty() { (text(&one.detail)) ", " } "entry " (count(one.entry)) }
                    }
                    div class="age" { (moment(&one.time, now)) }
                }
            }
        }
    }
}

/// Ends of a sentence.
const STOPS: [char; 3] = ['.', '!', '?'];

/// Number of reasons that are shown; further ones fold, so that the next command stays near.
const REASONS_OPEN: usize = 3;
