//! The frame of every page: navigation, title, search, and the line of the installation.

use maud::{DOCTYPE, Markup, html};
use serde::Serialize;

use crate::model::{Command, Time};

/// Facts that every page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// The command that prints the same.
    pub command: Command,
}

/// Address of the stream of events, which pages listen to. Each event's id is the number of a ledger entry; its name is `entry`
/// or omitted.
pub const STREAM: &str = "/live";

/// Directory of the files that pages load; their names are those of [`crate::assets::find`].
pub const ASSETS: &str = "/assets/";

/// A whole document.
#[must_use]
pub fn document(frame: &Frame, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (frame.title) " - countersign" }
            }
            body { main { (main) } }
        }
    };
    page.into_string()
}
