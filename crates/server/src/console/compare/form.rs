//! The form that asks for two releases: as two choices where the service is known, else as two fields.
//!
//! Invariant: only releases of the service that the reader may read are choices, and their number is bounded.

use domain::State;
use evidence::{Name, Place};
use review::named_release::NamedRelease;
use web::model::{Choice, SheetField, SheetForm};

use crate::console::commits;
use crate::console::fields::encoded;
use crate::console::reading::Reading;
use crate::http::problem::Failure;
use crate::views::releases;

/// Address of a comparison.
pub fn address(from: &NamedRelease, to: &NamedRelease) -> String {
    format!("/compare?from={}&to={}", encoded(&from.to_string()), encoded(&to.to_string()))
}

/// The form. The releases of a service, where it is known, are choices.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn form(
    at: &Reading<'_>,
    service: Option<(&Name, &Name)>,
    from: Option<&NamedRelease>,
    to: Option<&NamedRelease>,
) -> Result<SheetForm, Failure> {
    let all = match service {
        Some((project, service)) => choices(at, &at.shared.intake.state(), project, service)?,
        None => Vec::new(),
    };
    let field = |parameter: &str, title: &str, asked: Option<&NamedRelease>| {
        let words = asked.map(ToString::to_string).unwrap_or_default();
        let mut choices: Vec<Choice> =
            all.iter().map(|(value, name)| choice(value, name, *value == words)).collect();
        // An older release than the newest ones stays chosen.
        if let Some(named) = asked.filter(|_| !choices.iter().any(|one| one.chosen)) {
            choices.insert(0, choice(&words, &label(&named.place, named.release), true));
        }
        if !choices.is_empty() {
            choices.insert(0, choice("", "a release", false));
        }
        SheetField {
            parameter: parameter.to_owned(),
            title: title.to_owned(),
            words,
            example: "shop/api/production@42".to_owned(),
            choices,
        }
    };
    Ok(SheetForm {
        path: "/compare".to_owned(),
        fields: vec![field("from", "From", from), field("to", "To", to)],
        button: "Compare".to_owned(),
        narrowed: false,
    })
}

fn choice(value: &str, name: &str, chosen: bool) -> Choice {
    Choice { value: value.to_owned(), name: name.to_owned(), chosen }
}

fn label(place: &Place, release: u64) -> String {
    format!("{} {release}", place.environment)
}

/// The newest releases of a service at each of its places, with their addresses and names.
fn choices(
    at: &Reading<'_>,
    state: &State,
    project: &Name,
    service: &Name,
) -> Result<Vec<(String, String)>, Failure> {
    let sets = state.gate.environments().map(|set| &set.facts.place);
    let places = sets.filter(|place| place.project == *project && place.service == *service);
    let mut found = Vec::new();
    for place in places.take(PLACES_MAX) {
        let newest = at.shared.views.ask(|rows| releases::at_place(rows, place)).map_err(Failure::failed)?;
        for view in newest {
            let Some(release) = view.release else { continue };
            let subject = commits::subject(at.shared, view.run, &view.commit);
            let name = format!("{}: {}", label(place, release), shown::brief(&subject, SUBJECT_CHARS));
            found.push((NamedRelease { place: place.clone(), release }.to_string(), name));
        }
    }
    Ok(found)
}

/// Most places whose releases are choices.
const PLACES_MAX: usize = 20;
const SUBJECT_CHARS: usize = 60;
