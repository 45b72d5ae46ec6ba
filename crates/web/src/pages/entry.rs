//! One entry of the ledger: its header, facts and particulars, and the proof that the ledger holds it.

use maud::{Markup, html};

use crate::frame::{Frame, document};
use crate::model::{Entry, Proof, ProofStep, State};
use crate::parts::{address, badge, count, digest, empty, facts, glyph, link, moment, section, text};

/// The page.
#[must_use]
pub fn entry(frame: &Frame, page: &Entry) -> String {
    let row = &page.row;
    let main = html! {
        header class="top" {
            div {
                h1 { (text(&row.title)) }
                ul class="sub" {
                    li { (moment(&row.time, &frame.now)) }
                    li { "by " (text(&row.actor)) }
                    @if let Some((name, href)) = &row.about { li { (link(Some(href), &html! { (text(name)) })) } }
                    @for (title, href) in [("entry before", &page.earlier), ("entry after", &page.later)] {
                        @if let Some(href) = href.as_deref().and_then(address) { li { a href=(href) { (title) } } }
                    }
                }
            }
            (badge(&row.badge))
        }
        div class="columns" {
            div class="main" {
                (section("facts", "Facts", &json(&page.facts)))
                (section("particulars", "Particulars", &particulars(page)))
            }
            aside aria-label="Header" {
                (section("header", "Header", &html! { div class="card" { (facts(&page.header)) } }))
            }
        }
        (section("proof", "Proof", &proof(row.entry, page.proof.as_ref())))
    };
    let name = format!("entry {}", row.entry);
    document(frame, &[("Overview", Some("/")), ("Ledger", Some("/ledger")), (&name, None)], &main)
}

fn json(lines: &[String]) -> Markup {
    html! {
        div class="card json" tabindex="0" role="region" aria-label="JSON" {
            @for line in lines { code { (text(line)) } }
        }
    }
}

fn particulars(page: &Entry) -> Markup {
    match (&page.particulars, &page.erased) {
        (Some(lines), _) => json(lines),
        (None, Some(why)) => empty("The particulars are missing.", &html! { p { (text(why)) } }),
        (None, None) => empty("This entry has no particulars.", &html! {}),
    }
}

fn proof(entry: u64, proof: Option<&Proof>) -> Markup {
    let Some(proof) = proof else {
        let then = html! { p { "The checkpoint does not cover it yet. Load the page again in a moment." } };
        return empty("This entry is too new for a proof.", &then);
    };
    html! {
        div class="card proof" {
            p class="hint" {
                "Each row joins two hashes into the one above it. The topmost is the root that the checkpoint signs, so nobody can change the entry unseen."
            }
            ol class="steps" reversed {
                li class="root" {
                    (glyph(State::Pass))
                    span class="what" { "root of " (count(proof.size)) " entries" }
                    (digest(&proof.root))
                }
                @for step in proof.steps.iter().rev() { (joined(step)) }
                li class="leaf" {
                    (glyph(State::Busy))
                    span class="what" { "entry " (count(entry)) }
                    (digest(&proof.leaf))
                }
            }
            div class="signed" {
                h3 { "Checkpoint" }
                @for line in &proof.checkpoint { code { (text(line)) } }
                (facts(&proof.witnesses))
            }
        }
    }
}

/// A hash beside the way. The place of the way itself is drawn on the other side.
fn joined(step: &ProofStep) -> Markup {
    let (first, last) = step.entries;
    let covers = html! {
        @if first == last { "entry " (count(first)) } @else { "entries " (count(first)) " to " (count(last)) }
    };
    html! {
        li class=(if step.is_left { "left" } else { "right" }) {
            span class="fork" aria-hidden="true" {}
            span class="what" { (covers) @if step.is_left { ", to the left" } @else { ", to the right" } }
            (digest(&step.hash))
        }
    }
}
