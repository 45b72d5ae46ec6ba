//! The query of the page: words, a service, a sort of findings, and how they stand.
//!
//! Invariant: words narrow the list of findings alone; a service narrows everything on the page, the first sentence too.

use review::contents::Found;
use review::finding_sort::{SORTS, Sort};
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
    /// Their sort.
    pub sort: Option<Sort>,
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
                "sort" => {
                    filter.sort = SORTS.iter().find(|(word, ..)| *word == value).map(|(.., sort)| *sort)
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
        !self.needles.is_empty() || self.stand.is_some() || self.sort.is_some()
    }

    /// Whether a finding is asked for: each word has to be in its rule, an alias, its place, its message or its id.
    pub fn finds(&self, found: &Found, stand: Stand) -> bool {
        // A finding that blocks is open.
        let stands = match self.stand {
            Some(Stand::Open) => stand != Stand::Settled,
            Some(asked) => stand == asked,
            None => true,
        };
        let finding = &found.finding;
        let is_asked = stands && self.sort.is_none_or(|sort| sort.has(finding));
        if !is_asked || self.needles.is_empty() {
            return is_asked;
        }
        let own = [finding.rule.clone(), finding.site.to_string(), finding.message.clone(), found.id.hex()];
        let texts: Vec<String> = own.iter().chain(&finding.aliases).map(|text| text.to_lowercase()).collect();
        self.needles.iter().all(|needle| texts.iter().any(|text| text.contains(needle.as_str())))
    }

    /// The form, with the services to choose from.
    pub fn form(&self, services: &[String]) -> SheetForm {
        let words = SheetField {
            parameter: "q".to_owned(),
            title: "Finding".to_owned(),
            words: self.words.clone(),
            example: "CVE-2026-1188, or left-pad".to_owned(),
            choices: Vec::new(),
        };
        let stands = STANDS.iter().map(|(word, name, stand)| (*word, *name, self.stand == Some(*stand)));
        let stand = choices("stand", "Stands", "open or settled", stands);
        let sorts = SORTS.iter().map(|(word, name, sort)| (*word, *name, self.sort == Some(*sort)));
        let sort = choices("sort", "Sort", "of any sort", sorts);
        SheetForm {
            path: "/findings".to_owned(),
            fields: vec![words, self.service.field(services), sort, stand],
            button: "Search".to_owned(),
            narrowed: self.is_narrowed() || self.service.chosen().is_some(),
        }
    }
}

/// A field with choices, the first of which is no choice.
fn choices<'a>(
    parameter: &str,
    title: &str,
    any: &str,
    rows: impl Iterator<Item = (&'a str, &'a str, bool)>,
) -> SheetField {
    let choice =
        |value: &str, name: &str, chosen| Choice { value: value.to_owned(), name: name.to_owned(), chosen };
    let none = choice("", any, false);
    SheetField {
        parameter: parameter.to_owned(),
        title: title.to_owned(),
        words: String::new(),
        example: String::new(),
        choices: std::iter::once(none)
            .chain(rows.map(|(value, name, chosen)| choice(value, name, chosen)))
            .collect(),
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

    #[test]
    fn sorts_narrow_the_list() {
        let sorts = ["code", "images", "infrastructure", "pipelines"];
        for (rule, class, sort) in [
            ("sql", Class::Code, "code"),
            ("github-wide-token", Class::Configuration, "pipelines"),
            ("image-root-user", Class::Configuration, "images"),
            ("terraform-open-port", Class::Configuration, "infrastructure"),
            ("CKV_AWS_24", Class::Configuration, "infrastructure"),
        ] {
            let (id, finding) =
                documents::findings(&[(rule, class, Severity::High)]).findings.pop_first().unwrap();
            let found = Found { id, shown: id.hex(), finding, owner: None, before: None };
            let of = |word: &&str| Filter::read(&format!("sort={word}")).finds(&found, Stand::Open);
            assert_eq!(sorts.iter().copied().filter(of).collect::<Vec<_>>(), [sort], "{rule}");
            assert!(Filter::read("sort=nothing").finds(&found, Stand::Open));
        }
    }
}
