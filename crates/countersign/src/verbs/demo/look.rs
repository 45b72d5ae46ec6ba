//! The guided list: things to look at in the console once the story is over.

use serde::Serialize;

use super::stage::Stage;

/// One thing to look at.
#[derive(Clone, Debug, Serialize)]
pub struct Look {
    /// Its description.
    pub what: String,
    /// The path of its page.
    pub path: String,
}

impl Look {
    /// A thing with its page.
    pub fn at(what: &str, path: String) -> Self {
        Self { what: what.to_owned(), path }
    }
}

/// The list for people: one line each, with its address. A browser may read them after the link, which works once.
pub fn guide(stage: &Stage, link: &str, look: &[Look]) -> String {
    let widest = look.iter().map(|look| look.what.len()).max().unwrap_or_default();
    let line = |(look, number): (&Look, usize)| {
        format!("  {number}. {:widest$}  {}{}\n", look.what, stage.console, look.path)
    };
    let lines: String = look.iter().zip(1..).map(line).collect();
    format!(
        "\nSeven things to look at; Ctrl-C ends everything.\n{lines}\
         Your browser may read them once it has opened this link, within a minute:\n  {link}\n\
         Later, this makes another one:\n  {}\n",
        stage.opener()
    )
}
