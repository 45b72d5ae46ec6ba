//! The first sentence: where a component runs, or how many components run and are vulnerable.

use std::collections::BTreeSet;

use evidence::Place;
use review::headline::{capital, words};

use super::usage::{Usage, is_listed};
use crate::console::exposure::Exposure;

/// The numbers that the first sentence tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Places where something runs.
    pub running: usize,
    /// Of these, places without a list of components.
    pub unlisted: usize,
    /// Of these, places whose evidence was not read for this page.
    pub unread: usize,
    /// Components that run or wait.
    pub components: usize,
    /// Of these, components with an open finding.
    pub vulnerable: usize,
    /// Components that no scanner looked at.
    pub unjudged: usize,
    /// Places that run one of the components.
    pub places: usize,
}

impl Reach {
    /// The numbers of what was found among everything.
    pub fn of(all: &[Exposure], found: &[Usage<'_>]) -> Self {
        let running = || all.iter().filter(|exposure| !exposure.waits);
        Self {
            running: running().count(),
            unlisted: running().filter(|exposure| !is_listed(exposure) && !exposure.unread).count(),
            unread: running().filter(|exposure| exposure.unread).count(),
            components: found.len(),
            vulnerable: found.iter().filter(|usage| !usage.findings.is_empty()).count(),
            unjudged: found.iter().filter(|usage| usage.is_unjudged).count(),
            places: places(found, false).len(),
        }
    }

    /// How things stand, without a search.
    pub fn headline(&self) -> String {
        let count = shown::many(self.components, "component");
        match (self.running, self.components) {
            (0, 0) => "Nothing runs yet.".to_owned(),
            (_, 0) if self.unread > 0 => "No list of components was read yet.".to_owned(),
            (_, 0) => "No release that runs has a list of components, or each list is empty.".to_owned(),
            _ => {
                let verb = if self.components == 1 { "runs or waits" } else { "run or wait" };
                let vulnerable = match (self.vulnerable, self.unjudged) {
                    (0, unjudged) if unjudged == self.components => {
                        return format!("{count} {verb}; no scanner looked at them.");
                    }
                    (0, _) => "no open finding is about them".to_owned(),
                    (1, _) => "one has open findings".to_owned(),
                    (many, _) => format!("{} have open findings", words(many)),
                };
                let unjudged = match self.unjudged {
                    0 => String::new(),
                    many => format!(", and no scanner looked at {}", words(many)),
                };
                format!("{count} {verb}; {vulnerable}{unjudged}.")
            }
        }
    }

    /// The answer to a search that finds several packages, or nothing.
    pub fn of_search(&self, asked: &str) -> String {
        let asked = shown::brief(asked, ASKED_CHARS);
        match self.components {
            0 if self.unread > 0 => format!("No component that was read matches `{asked}`."),
            0 => format!("No component that runs or waits matches `{asked}`."),
            many => format!(
                "{} components match `{asked}`; {} them.",
                capital(&words(many)),
                match self.places {
                    0 => "no place runs any of".to_owned(),
                    1 => "one place runs one or more of".to_owned(),
                    places => format!("{} places run one or more of", words(places)),
                }
            ),
        }
    }

    /// Facts below the first sentence.
    pub fn sub(&self) -> Vec<String> {
        let mut sub = vec![shown::many(self.running, "place") + " run something"];
        if self.running == 1 {
            sub = vec!["1 place runs something".to_owned()];
        }
        let unlisted = shown::many(self.unlisted, "place");
        sub.extend((self.unlisted > 0).then(|| format!("{unlisted} without a list of components")));
        sub.extend((self.unlisted > 0).then(|| ADVICE.to_owned()));
        let unread = shown::many(self.unread, "place");
        sub.extend((self.unread > 0).then(|| format!("{unread} not read yet: load the page again")));
        sub
    }
}

/// The answer to `where does it run?` for one package.
pub fn of_one(found: &[Usage<'_>]) -> String {
    let Some(first) = found.first() else { return "Nothing runs it.".to_owned() };
    let name = shown::brief(&first.used.name, ASKED_CHARS);
    let versions: BTreeSet<&str> = found.iter().map(|usage| usage.used.version.as_str()).collect();
    let (title, in_versions) = match versions.iter().next() {
        Some(one) if versions.len() == 1 => {
            (format!("{name} {}", shown::brief(one, ASKED_CHARS)), String::new())
        }
        _ => (name, format!(", in {} versions", words(versions.len()))),
    };
    let (runs, waits) = (places(found, false).len(), places(found, true).len());
    let of =
        |count: usize| if count == 1 { "one place".to_owned() } else { format!("{} places", words(count)) };
    let vulnerable = if found.iter().any(|usage| usage.is_grave) {
        ", with an open finding that is grave"
    } else if found.iter().any(|usage| !usage.findings.is_empty()) {
        ", with open findings"
    } else if found.iter().all(|usage| usage.is_unjudged) {
        "; no scanner looked at it"
    } else {
        ""
    };
    match (runs, waits) {
        (0, waits) => format!("{title} runs nowhere; it waits at {}{in_versions}{vulnerable}.", of(waits)),
        (runs, 0) => format!("{title} runs in {}{in_versions}{vulnerable}.", of(runs)),
        (runs, waits) => {
            format!("{title} runs in {} and waits at {}{in_versions}{vulnerable}.", of(runs), of(waits))
        }
    }
}

/// The sentence about other components that match.
pub fn of_others(count: usize) -> String {
    match count {
        1 => "One other component matches.".to_owned(),
        many => format!("{} other components match.", capital(&words(many))),
    }
}

/// The places that run components, or at which they wait.
fn places<'a>(found: &[Usage<'a>], waits: bool) -> BTreeSet<&'a Place> {
    let all = found.iter().flat_map(|usage| &usage.at);
    all.filter(|(exposure, _)| exposure.waits == waits).map(|(exposure, _)| &exposure.place).collect()
}

const ADVICE: &str = "a step with `scan: [components]` makes one";
const ASKED_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::Reach;

    #[test]
    fn the_first_sentence_is_true_in_every_state() {
        let of = |running, unlisted, components, vulnerable, places| Reach {
            running,
            unlisted,
            unread: 0,
            components,
            vulnerable,
            unjudged: 0,
            places,
        };
        let unjudged = |unjudged| Reach { unjudged, ..of(1, 0, 14, 0, 1) };
        for (reach, said) in [
            (of(0, 0, 0, 0, 0), "Nothing runs yet."),
            (of(2, 2, 0, 0, 0), "No release that runs has a list of components, or each list is empty."),
            (of(2, 0, 1, 0, 1), "1 component runs or waits; no open finding is about them."),
            (of(2, 1, 812, 1, 1), "812 components run or wait; one has open findings."),
            (of(0, 0, 3, 2, 0), "3 components run or wait; two have open findings."),
            (unjudged(14), "14 components run or wait; no scanner looked at them."),
            (
                unjudged(2),
                "14 components run or wait; no open finding is about them, and no scanner looked at two.",
            ),
        ] {
            assert_eq!(reach.headline(), said);
        }
        for (reach, said) in [
            (of(3, 0, 0, 0, 0), "No component that runs or waits matches `pad`."),
            (of(3, 0, 2, 0, 0), "Two components match `pad`; no place runs any of them."),
            (of(3, 0, 2, 0, 1), "Two components match `pad`; one place runs one or more of them."),
            (of(3, 0, 14, 0, 3), "14 components match `pad`; three places run one or more of them."),
        ] {
            assert_eq!(reach.of_search("pad"), said);
        }
        let unread = Reach { unread: 2, ..of(2, 0, 0, 0, 0) };
        assert_eq!(unread.headline(), "No list of components was read yet.");
        assert_eq!(unread.of_search("pad"), "No component that was read matches `pad`.");
        assert_eq!(unread.sub()[1], "2 places not read yet: load the page again");
        let sub = of(1, 1, 0, 0, 0).sub();
        assert_eq!(sub[..2], ["1 place runs something", "1 place without a list of components"]);
        assert!(sub[2].contains("scan: [components]") && of(1, 0, 0, 0, 0).sub().len() == 1, "{sub:?}");
    }
}
