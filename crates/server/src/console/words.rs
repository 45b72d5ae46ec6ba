//! Small values of models: badges, commands, facts, and addresses of pages.

use domain::{PersonId, RunId};
use evidence::{Digest, Moment, Place};
use review::ids::short;
use web::model::{Badge, Command, Fact, State};

use crate::http::names::named;
use crate::shared::Shared;

/// A state with its word.
pub fn badge(state: State, word: impl Into<String>) -> Badge {
    Badge { state, word: word.into() }
}

/// A command that anybody who reads the page may run.
pub fn command(line: impl Into<String>) -> Command {
    Command { line: line.into(), note: None }
}

/// A command with the people who may run it, or another condition.
pub fn command_for(line: impl Into<String>, note: impl Into<String>) -> Command {
    Command { line: line.into(), note: Some(note.into()) }
}

/// A name with a value.
pub fn fact(name: &str, value: impl Into<String>) -> Fact {
    Fact { name: name.to_owned(), value: value.into(), whole: None, href: None, state: None }
}

/// A digest, shortened.
pub fn digest_fact(name: &str, digest: &Digest) -> Fact {
    Fact { whole: Some(digest.to_string()), ..fact(name, short(&digest.hex())) }
}

/// Address of a release's page.
pub fn release_href(place: &Place, number: u64) -> String {
    format!("/releases/{place}/{number}")
}

/// Address of the page of a place.
pub fn page_of_place(place: &Place) -> String {
    format!("/places/{place}")
}

/// Address of a run's page.
pub fn run_href(run: RunId) -> String {
    format!("/runs/{run}")
}

/// A moment for people, to the second: `2026-11-29 09:07:19 UTC`.
pub fn clock(moment: Moment) -> String {
    web::parts::stamp(&moment.to_string())
}

/// The same to the minute: `2026-11-29 09:07`.
pub fn minute(moment: Moment) -> String {
    let text = clock(moment);
    text.get(..MINUTE_CHARS).unwrap_or(&text).to_owned()
}

/// The name of a person, or their id.
pub fn person(shared: &Shared, person: PersonId) -> String {
    named(shared, person).name.unwrap_or_else(|| format!("person {person}"))
}

/// Names in one line: `Carol`, `Carol and Dave`, `Carol, Dave and 3 more`.
pub fn list(names: &[String], most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let shown: Vec<&str> = names.iter().take(most).map(String::as_str).collect();
    match (shown.as_slice(), more) {
        ([], _) => String::new(),
        ([one], 0) => (*one).to_owned(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (all, more) => format!("{} and {more} more", all.join(", ")),
    }
}

/// Characters of a day with its hour and minute.
const MINUTE_CHARS: usize = 16;

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn names_are_listed_and_counted() {
        let names = |count: usize| -> Vec<String> { (1..=count).map(|n| format!("n{n}")).collect() };
        assert_eq!(list(&names(0), 2), "");
        assert_eq!(list(&names(1), 2), "n1");
        assert_eq!(list(&names(2), 2), "n1 and n2");
        assert_eq!(list(&names(3), 3), "n1, n2 and n3");
        assert_eq!(list(&names(5), 2), "n1, n2 and 3 more");
    }
}
