//! The query of the page: words, a service, and how findings stand.
//!
//! Invariant: words narrow the list of findings alone; a service narrows everything on the page, the first sentence too.

use review::contents::Found;
use web::model::{Choice, SheetField, SheetForm};

use crate::console::fields::fields;
use crate::console::service_choice::ServiceChoice;

/// A query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The words as they were asked for.
    pub words: String,
    /// The service.
    pub service: ServiceChoice,
    /// How findings stand.
    pub stand: Option<Stand>,
    /// The words in lower case.
    needles: Vec<String>,
}

/// How a finding stands across everything that runs or waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stand {
    /// It blocks a release.
    Blocks,
    /// It is open somewhere.
    Open,
    /// It is settled everywhere.
    Settled,
}

impl Filter {
    /// Reads a query. A value that is no choice chooses nothing.
    pub fn read(query: &str) -> Self {
        let mut filter = Self::default();
        for (name, value) in fields(query) {
            match name.as_str() {
                "q" => value.trim().clone_into(&mut filter.words),
                "service" => filter.service = ServiceChoice::read(&value),
                "stand" => {
                    filter.stand = STANDS.iter().find(|(word, ..)| *word == value).map(|(.., stand)| *stand)
                }
                _ => {}
            }
        }
        // The page repeats the words that are looked for, and no others.
        let words: Vec<&str> = filter.words.split_whitespace().take(WORDS_MAX).collect();
        filter.needles = words.iter().map(|word| word.to_lowercase()).collect();
        filter.words = words.join(" ");
        filter
    }

    /// Whether the list of findings is narrowed.
    pub const fn is_narrowed(&self) -> bool {
        !self.needles.is_empty() || self.stand.is_some()
    }

    /// Whether a finding is asked for: each word has to be in its rule, an alias, its place, its message or its id.
    pub fn finds(&self, found: &Found, stand: Stand) -> bool {
        // A finding that blocks is open.
        let stands = match self.stand {
            Some(Stand::Open) => stand != Stand::Settled,
            Some(asked) => stand == asked,
            None => true,
        };
        if !stands || self.needles.is_empty() {
            return stands;
        }
        let finding = &found.finding;
        let own = [finding.rule.clone(), finding.site.to_string(), finding.message.clone(), found.id.hex()];
        let texts: Vec<String> = own.iter().chain(&finding.aliases).map(|text| text.to_lowercase()).collect();
        self.needles.iter().all(|needle| texts.iter().any(|text| text.contains(needle.as_str())))
    }

    /// The form, with the services to choose from.
    pub fn form(&self, services: &[String]) -> SheetForm {
        let none = Choice { value: String::new(), name: "open or settled".to_owned(), chosen: false };
        let choice = |(word, name, stand): &(&str, &str, Stand)| Choice {
            value: (*word).to_owned(),
            name: (*name).to_owned(),
            chosen: self.stand == Some(*stand),
        };
        let words = SheetField {
            parameter: "q".to_owned(),
            title: "Finding".to_owned(),
            words: self.words.clone(),
            example: "CVE-2026-1188, or left-pad".to_owned(),
            choices: Vec::new(),
        };
        let stand = SheetField {
            parameter: "stand".to_owned(),
            title: "Stands".to_owned(),
            words: String::new(),
            example: String::new(),
            choices: std::iter::once(none).chain(STANDS.iter().map(choice)).collect(),
        };
        SheetForm {
            path: "/findings".to_owned(),
            fields: vec![words, self.service.field(services), stand],
            button: "Search".to_owned(),
            narrowed: self.is_narrowed() || self.service.chosen().is_some(),
        }
    }
}

const STANDS: [(&str, &str, Stand); 3] = [
    ("blocks", "blocks a release", Stand::Blocks),
    ("open", "open", Stand::Open),
    ("settled", "waived or not affected", Stand::Settled),
];
/// Most words of a search.
const WORDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use evidence::document::findings::{Class, Severity};
    use lab::documents;
    use review::contents::Found;

    use super::{Filter, Stand};

    #[test]
    fn words_and_standing_narrow_the_list() {
        let (id, mut finding) =
            documents::findings(&[("GHSA-1", Class::Code, Severity::High)]).findings.pop_first().unwrap();
        finding.aliases = ["CVE-2026-1188".to_owned()].into();
        let found = Found { id, shown: id.hex(), finding, owner: None, before: None };
        let finds = |query: &str, stand| Filter::read(query).finds(&found, stand);
        let id = format!("q={}", &id.hex()[..12]);
        for query in ["", "q=ghsa", "q=cve-2026-1188", "q=main.rs+about", id.as_str(), "stand=nothing"] {
            assert!(finds(query, Stand::Settled), "{query}");
        }
        assert!(!finds("q=ghsa+left-pad", Stand::Open) && !finds("q=CVE-2025", Stand::Open));
        let stands = |query| [Stand::Blocks, Stand::Open, Stand::Settled].map(|stand| finds(query, stand));
        assert_eq!(stands("stand=open"), [true, true, false]);
        assert_eq!(stands("stand=blocks"), [true, false, false]);
        assert_eq!(stands("stand=settled&q=ghsa"), [false, false, true]);
    }
}
