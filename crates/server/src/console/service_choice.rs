//! The choice of one service in the form of a page.
//!
//! Invariant: the services to choose from are those that the reader may read; another one that an address names covers nothing.

use std::collections::BTreeSet;

use evidence::Place;
use web::model::{Choice, SheetField};
use wire::PlaceView;

use super::reading::nothing;
use crate::http::problem::Failure;

/// The choice: project and name of a service, or none for every service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceChoice(Option<String>);

impl ServiceChoice {
    /// The choice by the value of a field.
    pub fn read(value: &str) -> Self {
        Self(Some(value.trim().to_owned()).filter(|service| !service.is_empty()))
    }

    /// The chosen service.
    pub fn chosen(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Whether a place belongs to it.
    pub fn covers(&self, place: &Place) -> bool {
        let Some(service) = &self.0 else { return true };
        service.split_once('/') == Some((place.project.as_str(), place.service.as_str()))
    }

    /// Refuses a service that no place has, since a page about nothing would say that nothing runs.
    ///
    /// # Errors
    /// `Failure` if none of these places, which the reader may read, belongs to it.
    pub fn check(&self, places: &[PlaceView]) -> Result<(), Failure> {
        match &self.0 {
            Some(name) if !places.iter().any(|view| self.covers(&view.place)) => {
                let name = shown::brief(name, NAME_CHARS);
                Err(nothing(format!(
                    "no place has a service `{name}`; `countersign status` shows the places"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Its field, with these services.
    pub fn field(&self, services: &[String]) -> SheetField {
        let none = Choice { value: String::new(), name: "every service".to_owned(), chosen: false };
        let choice = |service: &String| Choice {
            value: service.clone(),
            name: service.clone(),
            chosen: self.0.as_ref() == Some(service),
        };
        let (first, others) = services.split_at(services.len().min(SERVICES_MAX));
        // The chosen one stays, however many services there are: another search would ask for all of them.
        let chosen = others.iter().filter(|service| self.0.as_ref() == Some(service));
        SheetField {
            parameter: "service".to_owned(),
            title: "Service".to_owned(),
            words: String::new(),
            example: String::new(),
            choices: std::iter::once(none).chain(first.iter().chain(chosen).map(choice)).collect(),
        }
    }
}

/// The services of these places, as project and name.
pub fn services(places: &[PlaceView]) -> Vec<String> {
    let all: BTreeSet<_> = places.iter().map(|view| (&view.place.project, &view.place.service)).collect();
    all.iter().map(|(project, service)| format!("{project}/{service}")).collect()
}

/// Most services of the choice, besides the chosen one.
const SERVICES_MAX: usize = 100;
const NAME_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::ServiceChoice;

    #[test]
    fn attack_a_link_to_a_service_that_does_not_exist_says_nothing_about_what_runs() {
        for name in ["shop/api", "shop/\u{430}pi", "shop/api/", "shop", "/"] {
            let failure = ServiceChoice::read(name).check(&[]).unwrap_err();
            assert_eq!(failure.kind(), wire::ProblemKind::NotFound, "{name}");
            assert!(failure.to_string().contains("no place has a service"), "{failure}");
        }
        ServiceChoice::read(" ").check(&[]).unwrap();
    }

    #[test]
    fn a_choice_covers_the_places_of_its_service() {
        let covers = |value: &str, at: &str| ServiceChoice::read(value).covers(&at.parse().unwrap());
        assert!(covers("", "shop/api/dev") && covers(" ", "shop/api/dev"));
        assert!(covers("shop/api", "shop/api/dev") && !covers("shop/api", "shop/web/dev"));
        assert!(!covers("shop", "shop/api/dev") && !covers("shop/api/dev", "shop/api/dev"));
        let services = ["shop/api".to_owned(), "shop/web".to_owned()];
        let chosen = ServiceChoice::read("shop/web").field(&services).choices;
        assert_eq!(chosen.iter().map(|one| one.chosen).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn the_chosen_service_stays_chosen_among_many() {
        let services: Vec<String> = (0..500).map(|nth| format!("shop/api-{nth}")).collect();
        let choices = |value: &str| ServiceChoice::read(value).field(&services).choices;
        let chosen: Vec<_> = choices("shop/api-499").into_iter().filter(|one| one.chosen).collect();
        assert_eq!(chosen.iter().map(|one| one.value.as_str()).collect::<Vec<_>>(), ["shop/api-499"]);
        assert_eq!(
            [choices("").len(), choices("shop/api-7").len(), choices("shop/api-499").len()],
            [101, 101, 102]
        );
        assert!(choices("bank/api").iter().all(|one| !one.chosen), "a service that the reader may not read");
    }
}
