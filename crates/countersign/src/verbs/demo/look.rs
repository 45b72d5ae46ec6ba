//! The guided list: things to look at in the console once the story is over, and the lines by which a reader becomes a
//! person of the story.
//!
//! Invariant: the lines suffice for each command that a page shows; the test of the demo runs one of them so.

use std::fmt::Write as _;

use serde::Serialize;
use shown::shell;

use super::repository::Repository;
use super::stage::{PEOPLE, SECOND, Stage};

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

/// A person of the story, whose commands a reader may give while the demo stays up: the key is in its ssh agent alone.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// Name of the person.
    pub name: String,
    /// Lines of a shell; each command after them is the person's.
    pub lines: Vec<String>,
}

/// The people of the story.
pub fn people(repository: &Repository) -> Vec<Person> {
    PEOPLE.map(|name| Person { name: name.to_owned(), lines: repository.lines_of(name) }).into()
}

/// The list for people: one line each, with its address. A browser may read them after the link, which works once.
pub fn guide(stage: &Stage, link: &str, look: &[Look]) -> String {
    let widest = look.iter().map(|look| look.what.len()).max().unwrap_or_default();
    let line = |(look, number): (&Look, usize)| {
        format!("  {number}. {:widest$}  {}{}\n", look.what, stage.console, look.path)
    };
    let lines: String = look.iter().zip(1..).map(line).collect();
    format!(
        "\nEight things to look at:\n{lines}\
         Your browser may read them once it has opened this link, within a minute:\n  {link}\n\
         Later, this makes another one:\n  {}\n{}{}",
        stage.opener(),
        becoming(stage),
        left(stage)
    )
}

/// How a reader becomes a person of the story.
fn becoming(stage: &Stage) -> String {
    let mut text = format!(
        "\nEach command that a page shows is a person's: Alice approves changes of Bob, and Bob those of Alice. \
         `countersign` is {}.\n",
        shell::path(&stage.program)
    );
    for person in people(&stage.ledger) {
        let _ = writeln!(text, "To give commands as {}, paste into another terminal:", person.name);
        for line in person.lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    let other = stage.ledger.beside(SECOND);
    let _ = writeln!(text, "The repository of the second service: {}", shell::path(&other.dir));
    text
}

/// The end, and what remains after it.
fn left(stage: &Stage) -> String {
    format!(
        "\nCtrl-C ends every process, also the ssh agent that holds the people's keys, so nobody can sign here afterwards. \
         Ledger, evidence and repositories stay, and can be checked; this removes them:\n  rm -r {}\n",
        stage.left()
    )
}
