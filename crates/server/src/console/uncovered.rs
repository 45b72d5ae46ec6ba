//! Waivers that look as if they covered an open finding and do not: each with the reason, in a sentence.
//!
//! Invariant: a sentence is told only about a finding that is open, and a statement that is in force at its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::State;
use evidence::{Digest, Place};
use review::contents::{Contents, Found};
use review::ids::short;
use review::standing::{Counting, Near, near};

use super::counting;
use super::judgement::Proven;
use super::reading::Reading;
use super::words::{clock, person};
use crate::shared::Shared;

/// For the findings of a pending release, by the shown id: why a waiver with the same rule does not cover it.
pub fn of_release(
    at: &Reading<'_>,
    state: &State,
    proven: Option<&Proven>,
    place: &Place,
) -> BTreeMap<String, String> {
    let Some(contents) = proven.and_then(|proven| proven.contents.as_deref()?.as_ref()) else {
        return BTreeMap::new();
    };
    let statements = counting::at_place(at, state, place);
    let told =
        |found: &Found| Some((found.shown.clone(), sentence(at.shared, contents, found, &statements)?));
    contents.found().iter().filter_map(told).collect()
}

/// The same for any release, by the whole id.
pub fn of_contents(
    at: &Reading<'_>,
    contents: &Contents,
    statements: &[Arc<Counting>],
) -> BTreeMap<Digest, String> {
    let told = |found: &Found| Some((found.id, sentence(at.shared, contents, found, statements)?));
    contents.found().iter().filter_map(told).collect()
}

fn sentence(
    shared: &Shared,
    contents: &Contents,
    found: &Found,
    statements: &[Arc<Counting>],
) -> Option<String> {
    let (known, why) = near((&found.id, &found.finding), &contents.barred, statements)?;
    let by = person(shared, known.statement.person.into());
    Some(told(&by, &clock(known.statement.expires), &why))
}

fn told(by: &str, until: &str, why: &Near) -> String {
    let why = match why {
        Near::Other(id) => {
            format!("it is for finding {}, other code that the same rule minds", short(&id.hex()))
        }
        Near::Barred => format!("{by} took part in the change"),
    };
    format!("{by}'s waiver until {until} does not cover it: {why}")
}

#[cfg(test)]
mod tests {
    use evidence::Digest;

    use super::{Near, told};

    #[test]
    fn the_sentence_names_the_person_the_end_and_the_reason() {
        let id = Digest::of(b"other");
        let other = told("bob", "2026-11-30", &Near::Other(id));
        let start = "bob's waiver until 2026-11-30 does not cover it: it is for finding ";
        assert!(other.starts_with(start) && other.contains(&id.hex()[..12]), "{other}");
        assert!(told("bob", "2026-11-30", &Near::Barred).ends_with(": bob took part in the change"));
    }
}
