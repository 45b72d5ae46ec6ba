//! The query of the page: words or a package URL, and a service.
//!
//! Invariant: any text is a search. A package URL finds that package in each version, or in one if it names one; words are
//! looked for in name, version and package URL, and each of them has to be there.

use review::contents::Used;

use crate::console::fields::fields;
use crate::console::service_choice::ServiceChoice;

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The words as they were asked for.
    pub words: String,
    /// The service.
    pub service: ServiceChoice,
    /// The words in lower case.
    needles: Vec<String>,
}

impl Search {
    /// Reads a query.
    pub fn read(query: &str) -> Self {
        let mut search = Self::default();
        for (name, value) in fields(query) {
            let value = value.trim();
            match name.as_str() {
                "q" => search.words = value.to_owned(),
                "service" => search.service = ServiceChoice::read(value),
                _ => {}
            }
        }
        // The page repeats the words that are looked for, and no others.
        let words: Vec<&str> = search.words.split_whitespace().take(WORDS_MAX).collect();
        search.needles = words.iter().map(|word| word.to_lowercase()).collect();
        search.words = words.join(" ");
        search
    }

    /// Whether components are searched for.
    pub const fn is_for_words(&self) -> bool {
        !self.needles.is_empty()
    }

    /// Whether a component is what is searched for.
    pub fn finds(&self, used: &Used) -> bool {
        // Without words there is nothing to compare, and an installation has many components.
        if self.needles.is_empty() {
            return true;
        }
        if let [one] = self.needles.as_slice()
            && one.starts_with("pkg:")
        {
            let is = |text: &str| text.to_lowercase() == *one;
            return is(&used.purl) || is(used.package()) || self.is_below(used, one);
        }
        let texts = [&used.purl, &used.name, &used.version].map(|text| text.to_lowercase());
        self.needles.iter().all(|needle| texts.iter().any(|text| text.contains(needle.as_str())))
    }

    /// Whether a package URL is the beginning of an ecosystem or a namespace: `pkg:npm/`, `pkg:maven/org.apache/`.
    fn is_below(&self, used: &Used, one: &str) -> bool {
        one.ends_with('/') && used.purl.to_lowercase().starts_with(one)
    }

    /// Whether a component has exactly this name or package URL.
    pub fn names(&self, used: &Used) -> bool {
        let [first, ..] = self.needles.as_slice() else { return false };
        used.name.to_lowercase() == *first || used.package().to_lowercase() == *first
    }
}

/// Most words of a search.
const WORDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use evidence::document::components::Scope;
    use review::contents::Used;

    use super::Search;

    #[test]
    fn attack_a_page_repeats_the_words_that_it_looked_for() {
        let far = format!("q=left-pad{}nowhere", "+".repeat(90));
        assert_eq!(Search::read(&far).words, "left-pad nowhere", "a browser shows many spaces as one");
        let many = Search::read("q=a+b+c+d+e+f+g+h+nowhere");
        assert_eq!((many.words.as_str(), many.needles.len()), ("a b c d e f g h", 8));
    }

    #[test]
    fn words_and_package_urls_find_components() {
        let used = |purl: &str, name: &str, version: &str| Used {
            purl: purl.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            licence: None,
            direct: None,
            scope: Scope::Runtime,
            through: Vec::new(),
        };
        let all = [
            used("pkg:npm/left-pad@1.3.0", "left-pad", "1.3.0"),
            used("pkg:npm/%40acme/left-pad@1.3.0", "@acme/left-pad", "1.3.0"),
            used("pkg:cargo/serde@1.0.219", "serde", "1.0.219"),
            used("pkg:cargo/serde_json@1.0.140", "serde_json", "1.0.140"),
        ];
        for (query, found) in [
            ("", vec![0, 1, 2, 3]),
            ("q=left-pad", vec![0, 1]),
            ("q=LEFT-PAD+1.3", vec![0, 1]),
            ("q=serde", vec![2, 3]),
            ("q=serde+1.0.2", vec![2]),
            ("q=serde%401.0.219", vec![2]),
            ("q=pkg%3Acargo%2Fserde", vec![2]),
            ("q=pkg:cargo/serde@1.0.219", vec![2]),
            ("q=pkg:cargo/serde@1.0.2", vec![]),
            ("q=pkg:npm/", vec![0, 1]),
            ("q=nothing", vec![]),
        ] {
            let search = Search::read(query);
            let hits: Vec<usize> =
                (0..all.len()).filter(|at| all.get(*at).is_some_and(|used| search.finds(used))).collect();
            assert_eq!(hits, found, "{query}");
            assert_eq!(search.is_for_words(), query.len() > 2, "{query}");
        }
        assert!(Search::read("q=Serde").names(&all[2]) && !Search::read("q=serde").names(&all[3]));
    }
}
