//! The frame of every page: navigation, title, the line of the installation, and the command beside the page.
//!
//! Invariant: the navigation names only pages that exist, in [`PLACES`]. A page is complete without scripts; what needs one stays
//! unseen until it runs.

use maud::{DOCTYPE, Markup, html};
use serde::Serialize;

use crate::assets;
use crate::model::{Command, State, Time};
use crate::parts::{address, command, count, glyph, moment, stamp, text};

/// Facts that every page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Frame {
    /// Title of the page.
    pub title: String,
    /// Path of the page, with its query.
    pub path: String,
    /// Address of the page's JSON; `None` if the page has none.
    pub json: Option<String>,
    /// Short name of the installation.
    pub installation: String,
    /// Mode in words.
    pub mode: String,
    /// Number of ledger entries that the page shows.
    pub entries: u64,
    /// Witnesses in words: `witnessed by 2 of 3`.
    pub witnesses: String,
    /// Number of things that wait for people.
    pub waiting: usize,
    /// The reader: a name, `owner of this machine`, or `anybody on this machine`.
    pub reader: String,
    /// End of the reader's session; `None` if no session is needed.
    pub session_ends: Option<Time>,
    /// The time at which the page was made.
    pub now: Time,
    /// The command beside the page.
    pub counterpart: Counterpart,
}

/// The command beside a page. Its sentence claims no more than the command does: a reader decides by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "kebab-case")]
pub enum Counterpart {
    /// It shows the same, from evidence that it checks under the reader's own pin.
    Checked(Command),
    /// It shows what the server says, too.
    Unchecked(Command),
    /// It checks the ledger that the page is made of.
    Ledger(Command),
}

/// Address of the stream of events, which pages listen to. An event has the name `entry`; its id is the number of ledger entries; `all`
/// in its data says that every page may have changed.
pub const STREAM: &str = "/live";

/// Address to which the form that ends a session is sent.
pub const CLOSE: &str = "/close";

/// Directory of the files that pages load; their names are those of [`crate::assets::find`].
pub const ASSETS: &str = "/assets/";

/// A step of the trail above a title: a name, and its page.
pub type Crumb<'a> = (&'a str, Option<&'a str>);

/// A whole document. `trail` leads to the page, without the page itself.
#[must_use]
pub fn document(frame: &Frame, trail: &[Crumb<'_>], main: &Markup) -> String {
    let body = html! {
        a class="skip" href="#main" { "Skip to the content" }
        div class="app" {
            (side(frame))
            div class="page" {
                div id="stream" class="broken" role="status" hidden { (glyph(State::Wait)) span {} }
                @if !trail.is_empty() { (crumbs(trail)) }
                main id="main" tabindex="-1" { (main) }
                (footer(frame))
            }
        }
        (keys())
        div id="said" class="unseen" role="status" {}
    };
    let live = html! { @for name in assets::SCRIPTS { script type="module" src={ (ASSETS) (assets::name(name)) } {} } };
    page(&frame.title, Some(frame), &live, &body)
}

/// A document without navigation and without facts of the installation, for readers who may not see them.
#[must_use]
pub fn plain_document(title: &str, main: &Markup) -> String {
    let live = html! { script type="module" src={ (ASSETS) (assets::name("copy.js")) } {} };
    let body = html! {
        div class="alone" {
            header class="brand" { (mark()) "countersign" }
            main id="main" { (main) }
        }
        div id="said" class="unseen" role="status" {}
    };
    page(title, None, &live, &body)
}

fn page(title: &str, frame: Option<&Frame>, scripts: &Markup, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" data-now=[frame.map(|frame| frame.now.ms)] data-entries=[frame.map(|frame| frame.entries)]
            data-stream=[frame.map(|_| STREAM)] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (text(title)) " - countersign" }
                link rel="icon" type="image/svg+xml" href={ (ASSETS) (assets::name("mark.svg")) };
                link rel="stylesheet" href={ (ASSETS) (assets::name("console.css")) };
                (scripts)
            }
            body { (body) }
        }
    };
    page.into_string()
}

fn side(frame: &Frame) -> Markup {
    html! {
        header class="side" {
            a class="brand" href="/" aria-label="countersign, overview" { (mark()) span { "countersign" } }
            nav aria-label="Pages" {
                ul {
                    @for place in PLACES {
                        li class=[place.within.then_some("within")] {
                            a href=(place.href) data-key=(place.key)
                                aria-current=[current(&place, &frame.path)] {
                                (place.title)
                                @if place.counts && frame.waiting > 0 {
                                    span class="n" id="waiting-count" data-live { (frame.waiting) }
                                }
                            }
                        }
                    }
                }
            }
            div class="installation" id="installation" data-live {
                div class="name" title=(text(&frame.installation)) { (text(&frame.installation)) }
                div { (text(&frame.mode)) }
                div { (count(frame.entries)) " entries, " (text(&frame.witnesses)) }
                div class="reader" {
                    (text(&frame.reader))
                    @if let Some(end) = &frame.session_ends {
                        ", session ends " (moment(end, &frame.now))
                        form method="post" action=(CLOSE) { button class="plain" { "End it now" } }
                    }
                }
            }
        }
    }
}

/// Whether a page is a place of the navigation, or lies below one.
fn current(place: &Place, path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or(path);
    let first = path.split('/').nth(1).unwrap_or_default();
    let home = match first {
        "releases" | "services" | "compare" => "/#services",
        "runs" => "/#runs",
        _ => "",
    };
    let below =
        place.href.len() > 1 && path.strip_prefix(place.href).is_some_and(|rest| rest.starts_with('/'));
    match path == place.href {
        true => Some("page"),
        false if below || place.href == home => Some("true"),
        false => None,
    }
}

fn crumbs(trail: &[Crumb<'_>]) -> Markup {
    html! {
        nav class="crumbs" aria-label="Trail" {
            ol {
                @for (name, href) in trail {
                    li {
                        @if let Some(href) = href.and_then(address) { a href=(href) { (text(name)) } }
                        @else { (text(name)) }
                    }
                }
            }
        }
    }
}

fn footer(frame: &Frame) -> Markup {
    let (sentence, beside) = match &frame.counterpart {
        Counterpart::Checked(beside) => (
            "This page shows what the server says. The command shows the same, checked under your own pin.",
            beside,
        ),
        Counterpart::Unchecked(beside) => {
            ("This page shows what the server says, and so does the command.", beside)
        }
        Counterpart::Ledger(beside) => (
            "This page shows what the server says. The command checks the ledger that it is made of, where the data directory is.",
            beside,
        ),
    };
    html! {
        footer {
            div class="word" {
                p { (sentence) }
                (command(beside))
            }
            p class="about" {
                "Made " time datetime=(text(&frame.now.text)) title=(text(&frame.now.text)) { (stamp(&text(&frame.now.text))) }
                @if let Some(json) = frame.json.as_deref().and_then(address) { a href=(json) { "JSON of this page" } }
                button type="button" class="plain" data-keys { "Keys " kbd { "?" } }
            }
        }
    }
}

/// The dialogue of keys. Keys of one character can be turned off (WCAG 2.1.4).
fn keys() -> Markup {
    html! {
        dialog id="keys" aria-labelledby="keys-title" {
            h2 id="keys-title" { "Keys" }
            dl class="facts" {
                div { dt { kbd { "?" } } dd { "shows these keys" } }
                div { dt { kbd { "/" } } dd { "goes to the search field of a page that has one" } }
                div { dt { kbd { "j" } " " kbd { "k" } } dd { "goes to the next or previous item" } }
                div { dt { kbd { "y" } } dd { "copies the command of the item" } }
                @for place in PLACES {
                    div { dt { kbd { "g" } " " kbd { (place.key) } } dd { "goes to " (place.title) } }
                }
            }
            label { input type="checkbox" data-keys-on checked; " Use these keys" }
            form method="dialog" { button { "Close" } }
        }
    }
}

fn mark() -> Markup {
    html! {
        svg class="mark" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false" {
            path d="M3 10.5 8 15 17 4" {}
            path class="line" d="M2 18.5h16" {}
        }
    }
}

/// A page or a part of a page that the navigation leads to.
struct Place {
    title: &'static str,
    href: &'static str,
    /// The key after `g` that goes there.
    key: &'static str,
    /// Whether it is a part of the page above it.
    within: bool,
    /// Whether it shows the number of things that wait.
    counts: bool,
}

const PLACES: [Place; 19] = [
    Place { title: "Overview", href: "/", key: "o", within: false, counts: false },
    Place { title: "Waiting", href: "/#waiting", key: "w", within: true, counts: true },
    Place { title: "Services", href: "/#services", key: "s", within: true, counts: false },
    Place { title: "Runs", href: "/#runs", key: "r", within: true, counts: false },
    Place { title: "Ends soon", href: "/#ends", key: "e", within: true, counts: false },
    Place { title: "Health", href: "/#health", key: "h", within: true, counts: false },
    Place { title: "Posture", href: "/posture", key: "p", within: false, counts: false },
    Place { title: "Findings", href: "/findings", key: "f", within: true, counts: false },
    Place { title: "Components", href: "/components", key: "c", within: true, counts: false },
    Place { title: "Delivery", href: "/delivery", key: "d", within: true, counts: false },
    Place { title: "Calendar", href: "/calendar", key: "a", within: true, counts: false },
    Place { title: "Drift", href: "/drift", key: "b", within: true, counts: false },
    Place { title: "Parity", href: "/parity", key: "m", within: true, counts: false },
    Place { title: "Previews", href: "/previews", key: "n", within: true, counts: false },
    Place { title: "Trust", href: "/trust", key: "t", within: false, counts: false },
    Place { title: "Policies", href: "/policies", key: "i", within: true, counts: false },
    Place { title: "Secrets", href: "/secrets", key: "v", within: true, counts: false },
    Place { title: "Ledger", href: "/ledger", key: "l", within: false, counts: false },
    Place { title: "System", href: "/system", key: "y", within: false, counts: false },
];
