//! Components: where each one runs, which have findings, and what each place is made of.
//!
//! Input: the words of a search, or none. Invariant: what is counted is what the reader may read. Components are those of the lists
//! that the builds made; a place without a list is counted apart, so nobody takes silence for absence.

mod headline;
mod search;
mod tables;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::BTreeMap;

use web::model::{Fact, Sheet, SheetField, SheetForm, State};
use wire::PlaceView;

use super::exposure::{self, Exposure};
use super::reading::Reading;
use super::service_choice::services;
use super::situation::Situation;
use super::words::{badge, fact};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use headline::Reach;
use search::Search;
use usage::Usage;

/// The page for a query.
///
/// # Errors
/// `Failure` if the views or stored evidence cannot be read.
pub fn components(at: &Reading<'_>, query: &str) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state(), query)
}

/// The same with a given state.
pub(super) fn of_state(at: &Reading<'_>, state: &domain::State, query: &str) -> Result<Sheet, Failure> {
    let situation = Situation::read(at, state)?;
    let search = Search::read(query);
    search.service.check(&situation.places)?;
    let covered = |view: &&PlaceView| search.service.covers(&view.place);
    let places: Vec<&PlaceView> = situation.places.iter().filter(covered).collect();
    Ok(page(&exposure::of_places(at, state, &places)?, &search, &services(&situation.places)))
}

fn page(all: &[Exposure], search: &Search, services: &[String]) -> Sheet {
    let found = usage::all(all, search);
    let reach = Reach::of(all, &found);
    let (headline, tables) = match (search.is_for_words(), usage::one_package(&found)) {
        (false, _) => (reach.headline(), tables::of_everything(all, &found)),
        (true, Some((one, []))) => (headline::of_one(one), vec![tables::places_of(one)]),
        (true, Some((one, others))) => {
            let more = headline::of_others(others.len());
            let tables = vec![tables::places_of(one), tables::components(others, "Other matches")];
            (format!("{} {more}", headline::of_one(one)), tables)
        }
        (true, None) => (reach.of_search(&search.words), vec![tables::components(&found, "Components")]),
    };
    Sheet {
        headline,
        badge: match (reach.vulnerable, reach.unjudged) {
            (0, 0) => None,
            (0, _) => Some(badge(State::Wait, "not scanned")),
            (some, _) => Some(badge(State::Wait, shown::many(some, "component") + " with findings")),
        },
        sub: reach.sub(),
        form: Some(form(search, services)),
        tables,
        facts: facts(&found),
        ..Sheet::default()
    }
}

fn form(search: &Search, services: &[String]) -> SheetForm {
    let words = SheetField {
        parameter: "q".to_owned(),
        title: "Component".to_owned(),
        words: search.words.clone(),
        example: "openssl, serde 1.0, or pkg:npm/left-pad".to_owned(),
        choices: Vec::new(),
    };
    SheetForm {
        path: "/components".to_owned(),
        fields: vec![words, search.service.field(services)],
        button: "Search".to_owned(),
        narrowed: search.is_for_words() || search.service.chosen().is_some(),
    }
}

/// Counts by ecosystem and by licence.
fn facts(found: &[Usage<'_>]) -> Vec<(String, Vec<Fact>)> {
    let counted = |of: &dyn Fn(&Usage<'_>) -> String| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for usage in found {
            *counts.entry(of(usage)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
        let rest: usize = counts.iter().skip(FACTS_MAX).map(|(_, count)| count).sum();
        let shown = counts.into_iter().take(FACTS_MAX);
        let mut facts: Vec<Fact> = shown.map(|(name, count)| fact(&name, count.to_string())).collect();
        facts.extend((rest > 0).then(|| fact("others", rest.to_string())));
        facts
    };
    if found.is_empty() {
        return Vec::new();
    }
    let licence = |usage: &Usage<'_>| usage.used.licence.as_deref().unwrap_or("not known").to_owned();
    vec![
        ("Ecosystems".to_owned(), counted(&|usage| usage.used.ecosystem().to_owned())),
        ("Licences".to_owned(), counted(&|usage| shown::brief(&licence(usage), LICENCE_CHARS))),
    ]
}

/// Most ecosystems or licences.
const FACTS_MAX: usize = 8;
const LICENCE_CHARS: usize = 40;
