//! The ledger's pages: a search of the entries, one entry with its proof, and the same entries as files.
//!
//! Invariant: an entry that the caller may not read is neither shown nor counted. A file holds what the page with the same
//! address finds.

mod entry;
mod export;
mod proof;
mod query;
mod rows;

use std::collections::BTreeSet;

use domain::Event;
use evidence::Moment;
use web::model::{self, Choice};

use super::reading::Reading;
use super::words::person;
use crate::http::problem::Failure;
use crate::installation_view;
use query::Asked;
use rows::{find, rows};

pub use entry::entry;
#[cfg(test)]
pub use export::of_size;
pub use export::{FileSort, file};

/// A search.
///
/// # Errors
/// `Failure` if the query is malformed, or the ledger cannot be read.
pub fn ledger(at: &Reading<'_>, query: &str) -> Result<model::Ledger, Failure> {
    let asked = Asked::read(query)?;
    let found = find(at, &asked, ROWS_MAX)?;
    let rows = rows(at, &found.numbers())?.into_iter().map(|(_, row)| row).collect::<Vec<_>>();
    let all = at.shared.intake.state().entries;
    let headline = match (asked.is_narrowed(), found.older.is_some()) {
        (false, _) => whole(all, installation_view::witnessed_entries(at.shared)?),
        (true, false) => shown::counted(rows.len(), "entry matches", "entries match"),
        (true, true) => format!("The newest {} that match", shown::counted(rows.len(), "entry", "entries")),
    };
    Ok(model::Ledger {
        headline,
        form: form(at, &asked),
        rows,
        newest: asked.before.map(|_| asked.address("/ledger", None)),
        older: found.older.map(|before| asked.address("/ledger", Some(before))),
        exports: FileSort::ALL
            .iter()
            .map(|sort| (sort.title().to_owned(), asked.address(sort.path(), None)))
            .collect(),
    })
}

/// The newest events that a query of the page finds, each with its line.
///
/// # Errors
/// `Failure` if the query is malformed, or the ledger cannot be read.
pub fn events(at: &Reading<'_>, query: &str, most: usize) -> Result<Vec<(Event, model::EntryRow)>, Failure> {
    let found = find(at, &Asked::read(query)?, most)?;
    Ok(rows(at, &found.numbers())?.into_iter().map(|(read, row)| (read.event, row)).collect())
}

/// The whole ledger in a sentence, with the entries that witnesses have seen.
fn whole(all: u64, witnessed: u64) -> String {
    match witnessed {
        0 => format!("{all} entries, none witnessed yet"),
        seen if seen >= all => format!("{all} entries, every one witnessed"),
        seen => format!("{all} entries, the first {seen} witnessed"),
    }
}

/// The form with the values that the reader may choose.
fn form(at: &Reading<'_>, asked: &Asked) -> model::LedgerForm {
    let state = at.shared.intake.state();
    let kinds = KINDS.iter().map(|(value, name)| Choice {
        value: (*value).to_owned(),
        name: (*name).to_owned(),
        chosen: asked.kind.as_deref() == Some(value),
    });
    let projects: BTreeSet<_> = state
        .gate
        .environments()
        .map(|set| set.facts.place.project.clone())
        .filter(|name| at.may_read(name))
        .collect();
    let projects = projects.into_iter().map(|project| Choice {
        value: project.to_string(),
        name: project.to_string(),
        chosen: asked.project.as_ref() == Some(&project),
    });
    let may = |project: &Option<_>| project.as_ref().is_none_or(|project| at.may_read(project));
    let seen = state.identity.people(Moment::default());
    let seen = seen.filter(|(_, person)| person.grants.iter().any(|grant| may(&grant.project)));
    let people = seen.take(PEOPLE_MAX).map(|(of, _)| Choice {
        value: of.to_string(),
        name: person(at.shared, of),
        chosen: asked.person == Some(of),
    });
    let mut people: Vec<_> = people.collect();
    people.sort_by(|one, other| one.name.cmp(&other.name));
    model::LedgerForm {
        words: asked.text.clone(),
        kinds: kinds.collect(),
        projects: projects.collect(),
        people,
        from: asked.from.clone().unwrap_or_default(),
        until: asked.until.clone().unwrap_or_default(),
        narrowed: asked.is_narrowed(),
    }
}

/// Kinds of entries, as people choose among them.
const KINDS: [(&str, &str); 9] = [
    ("identity.", "people, roots and status"),
    ("source.", "requests for runs"),
    ("build.", "runs"),
    ("artifact.", "artifacts"),
    ("statement.", "statements: waivers, sign-offs, tags"),
    ("gate.", "gates and environment statements"),
    ("approval.", "approvals and rejections"),
    ("release.", "releases and rollbacks"),
    ("refused", "refusals"),
];
/// Most people to choose from; an address may name any.
const PEOPLE_MAX: usize = 200;
/// Entries of one page.
const ROWS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn attack_the_headline_calls_no_entry_witnessed_that_no_witness_has_seen() {
        assert_eq!(whole(551, 551), "551 entries, every one witnessed");
        assert_eq!(whole(551, 550), "551 entries, the first 550 witnessed");
        assert_eq!(whole(551, 0), "551 entries, none witnessed yet");
    }
}
