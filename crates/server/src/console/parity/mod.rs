//! Parity: each environment beside the one before it, and every value in which two of them differ.
//!
//! Invariant: only places of projects that the reader may read are compared. A place whose evidence is not read or does not hold is
//! said to be so, and never equal.

mod sides;

use domain::State as Ledger;
use evidence::Place;
use review::comparison::of_one_service;
use review::parity::{Parity, ParityDifference, ParitySide};
use web::Counterpart;
use web::model::{Choice, Sheet, SheetCell, SheetField, SheetForm, SheetTable, State};

use super::fields::{encoded, sides};
use super::reading::{Reading, malformed};
use super::sheets::cell;
use super::words::{badge, command, release_href};
use crate::drift_view;
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use sides::{Side, side};

/// The page.
///
/// # Errors
/// `Failure` if the address is malformed, names places of two services, or ones that the caller may not read.
pub fn parity(at: &Reading<'_>, query: &str) -> Result<Sheet, Failure> {
    let asked = asked(query)?;
    for place in asked.iter().flatten() {
        at.of_place(place)?;
    }
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    match asked {
        [Some(from), Some(to)] => both(at, &state, &from, &to),
        [from, to] => all(at, &state, from.as_ref(), to.as_ref()),
    }
}

/// The command beside the page: with two places it compares the same, checked.
pub fn counterpart(query: &str) -> Counterpart {
    match asked(query) {
        Ok([Some(from), Some(to)]) => {
            Counterpart::Checked(command(format!("countersign parity {from} {}", to.environment)))
        }
        _ => Counterpart::Unchecked(command("countersign status")),
    }
}

/// The two places that an address names; a field that is missing or empty names none.
fn asked(query: &str) -> Result<[Option<Place>; 2], Failure> {
    let [from, to]: [Option<Place>; 2] = sides(query)?;
    if let (Some(from), Some(to)) = (&from, &to) {
        of_one_service(from, to).map_err(malformed)?;
    }
    Ok([from, to])
}

/// The places that the reader may read, each with the one before it, if it has one.
fn readable(at: &Reading<'_>, state: &Ledger) -> Vec<(Place, Option<Place>)> {
    let facts = state.gate.environments().map(|set| &set.facts);
    let readable = facts.filter(|facts| at.may_read(&facts.place.project));
    let before = |place: &Place, after: &Option<evidence::Name>| {
        after.as_ref().map(|environment| Place { environment: environment.clone(), ..place.clone() })
    };
    readable.map(|facts| (facts.place.clone(), before(&facts.place, &facts.after))).collect()
}

/// Every environment beside the one before it.
fn all(at: &Reading<'_>, state: &Ledger, from: Option<&Place>, to: Option<&Place>) -> Result<Sheet, Failure> {
    let known = readable(at, state);
    let pairs: Vec<_> = known.iter().filter_map(|(place, before)| Some((before.as_ref()?, place))).collect();
    let mut left = READ_MAX;
    let mut rows = Vec::new();
    let mut differ = 0;
    for (before, place) in pairs.iter().take(PLACES_MAX) {
        let (one, other) = (side(at, state, before, &mut left)?, side(at, state, place, &mut left)?);
        let (cells, is_different) = row(at, state, (before, &one), (place, &other));
        differ += usize::from(is_different);
        rows.push(cells);
    }
    let headline = match (pairs.len(), differ) {
        (0, _) => "No environment follows another one".to_owned(),
        (_, 0) => "No environment that is read differs from the one before it in a way that nobody expects"
            .to_owned(),
        (count, differ) => {
            format!("{differ} of {} differ from the environment before", shown::many(count, "environment"))
        }
    };
    Ok(Sheet {
        headline,
        sub: vec!["running releases are compared, under the statements in force".to_owned()],
        form: Some(form(&known, from, to)),
        tables: vec![SheetTable {
            title: "Environments beside the ones before them".to_owned(),
            columns: ["Environment", "State", "Differs in", "Expected"].map(str::to_owned).to_vec(),
            more: pairs.len() - rows.len(),
            rows,
            empty: "An environment follows another one if its statement says `after`.".to_owned(),
            fill: None,
        }],
        ..Sheet::default()
    })
}

/// A pair in a row, and whether it differs in a way that nobody expects.
fn row(
    at: &Reading<'_>,
    state: &Ledger,
    (before, one): (&Place, &Side),
    (place, other): (&Place, &Side),
) -> (Vec<SheetCell>, bool) {
    let mut named = cell(place.to_string());
    named.notes = vec![format!("after {}", before.environment)];
    let told = |state, word: &str| SheetCell { badge: Some(badge(state, word)), ..SheetCell::default() };
    let (Some(from), Some(to)) = (one.found(), other.found()) else {
        let why = one.why().or(other.why()).unwrap_or_default();
        return (vec![named, told(State::Quiet, "not compared"), cell(why), cell("")], false);
    };
    named.href = Some(address(before, place));
    let parity = Parity::of(hosted(at, state, before, from), hosted(at, state, place, to));
    let count = parity.unexpected().count();
    let badge = if parity.equal { told(State::Pass, "alike") } else { told(State::Wait, "differs") };
    let mut differs = cell(shown::many(count, "value"));
    differs.notes = parity.unexpected().take(NAMES_MAX).map(|one| one.name.clone()).collect();
    if count == 0 {
        differs.text = "nothing".to_owned();
    }
    let expected = parity.differences.len() - count;
    (vec![named, badge, differs, cell(expected.to_string())], count > 0)
}

/// A side with the newest observations of its agents.
fn hosted(at: &Reading<'_>, state: &Ledger, place: &Place, side: &ParitySide) -> ParitySide {
    let (drift, baseline) = drift_view::of(at.shared, state, place);
    side.clone().observed(&drift, &baseline)
}

/// Two places, with every value that differs.
fn both(at: &Reading<'_>, state: &Ledger, from: &Place, to: &Place) -> Result<Sheet, Failure> {
    let mut left = READ_MAX;
    let (one, other) = (side(at, state, from, &mut left)?, side(at, state, to, &mut left)?);
    let form = Some(form(&readable(at, state), Some(from), Some(to)));
    let (Some(first), Some(second)) = (one.found(), other.found()) else {
        let headline = one.why().or(other.why()).unwrap_or_default();
        return Ok(Sheet { headline, form, ..Sheet::default() });
    };
    let parity = Parity::of(hosted(at, state, from, first), hosted(at, state, to, second));
    let rows: Vec<_> = parity.differences.iter().take(ROWS_MAX).map(difference).collect();
    let release = |name: &str, place: &Place, number: u64| {
        let mut fact = super::words::fact(name, format!("release {number} of {place}"));
        fact.href = Some(release_href(place, number));
        fact
    };
    let rules = format!("countersign trust environment {to} --parity expected.yaml");
    Ok(Sheet {
        headline: parity.headline(),
        badge: Some(if parity.equal { badge(State::Pass, "alike") } else { badge(State::Wait, "differs") }),
        sub: vec![format!("{} the same", shown::counted(parity.same, "value is", "values are"))],
        form,
        tables: vec![SheetTable {
            title: "Values that differ".to_owned(),
            columns: vec![
                "Value".to_owned(),
                "State".to_owned(),
                from.environment.to_string(),
                to.environment.to_string(),
            ],
            more: parity.differences.len() - rows.len(),
            rows,
            empty: "Nothing differs.".to_owned(),
            fill: None,
        }],
        facts: vec![(
            "Compared".to_owned(),
            vec![
                release("Earlier", from, parity.from.release),
                release("Later", to, parity.to.release),
                super::words::fact("Expect a difference", rules),
            ],
        )],
        ..Sheet::default()
    })
}

fn difference(one: &ParityDifference) -> Vec<SheetCell> {
    let mut name = cell(one.name.clone());
    name.notes = vec![one.topic.as_str().to_owned()];
    let state = match one.expected {
        true => badge(State::Quiet, "expected"),
        false => badge(State::Wait, "differs"),
    };
    let value = |value: &Option<String>| cell(value.clone().unwrap_or_else(|| "none".to_owned()));
    let state = SheetCell { badge: Some(state), ..SheetCell::default() };
    vec![name, state, value(&one.from), value(&one.to)]
}

/// The form that asks for two places.
fn form(known: &[(Place, Option<Place>)], from: Option<&Place>, to: Option<&Place>) -> SheetForm {
    let field = |parameter: &str, title: &str, asked: Option<&Place>| {
        let words = asked.map(ToString::to_string).unwrap_or_default();
        let choice = |place: &Place| {
            let name = place.to_string();
            Choice { chosen: name == words, value: name.clone(), name }
        };
        let mut choices: Vec<_> = known.iter().take(PLACES_MAX).map(|(place, _)| choice(place)).collect();
        choices
            .insert(0, Choice { value: String::new(), name: "a place".to_owned(), chosen: asked.is_none() });
        SheetField {
            parameter: parameter.to_owned(),
            title: title.to_owned(),
            words,
            example: "shop/api/staging".to_owned(),
            choices,
        }
    };
    SheetForm {
        path: "/parity".to_owned(),
        fields: vec![field("from", "From", from), field("to", "To", to)],
        button: "Compare".to_owned(),
        narrowed: false,
    }
}

/// Address of a comparison.
fn address(from: &Place, to: &Place) -> String {
    format!("/parity?from={}&to={}", encoded(&from.to_string()), encoded(&to.to_string()))
}

/// Most releases that are new to the server and that one page reads.
const READ_MAX: usize = 20;
const PLACES_MAX: usize = 200;
const ROWS_MAX: usize = 500;
const NAMES_MAX: usize = 4;
