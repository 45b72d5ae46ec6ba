//! Entries of a report that speak about one vulnerability of one component.
//!
//! Invariant: two entries are one if their component is the same and an id of one is an id of the other, directly or
//! through a third entry. The rule of the finding is the first of the records' own ids in the order of the alphabet,
//! so it does not depend on the order of the report.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::{Class, Severity};

use super::draft::{Draft, DraftSite};
use super::severity::Rating;

/// Gives the entries of one vulnerability one rule and one set of aliases. Other drafts stay as they are.
///
/// # Errors
/// One vulnerability has more ids than a document may hold; the text names it.
pub(super) fn merge(mut drafts: Vec<Draft>) -> Result<Vec<Draft>, String> {
    let mut groups = Groups((0..drafts.len()).collect());
    let mut first: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        let Some(purl) = vulnerable(draft) else { continue };
        for id in draft.aliases.iter().chain([&draft.rule]) {
            let other = *first.entry((purl, id)).or_insert(n);
            groups.join(n, other);
        }
    }
    let mut names: BTreeMap<usize, Names> = BTreeMap::new();
    for (n, draft) in drafts.iter().enumerate().filter(|(_, draft)| vulnerable(draft).is_some()) {
        let names = names.entry(groups.of(n)).or_default();
        names.records.insert(draft.rule.clone());
        names.ids.extend(draft.aliases.iter().chain([&draft.rule]).cloned());
        if names.ids.len() > IDS_MAX {
            return Err(format!("the vulnerability `{}` has more than {IDS_MAX} ids", draft.rule));
        }
    }
    for (n, draft) in drafts.iter_mut().enumerate() {
        if let Some(names) = names.get(&groups.of(n)) {
            names.give(draft);
        }
    }
    Ok(drafts)
}

/// Ids in a text of the forms that advisory databases use.
pub(super) fn advisory_ids(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter_map(advisory_id).collect()
}

/// The id at the start of a word: some tools write the package behind it.
fn advisory_id(word: &str) -> Option<String> {
    let word = word.trim_matches('-');
    let (kind, rest) = word.split_once('-')?;
    let kind = kind.to_ascii_uppercase();
    let is_digits = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = rest.split('-');
    if kind == "GHSA" {
        let parts: Vec<&str> = parts.take(3).filter(|part| part.len() == 4).collect();
        return (parts.len() == 3).then(|| format!("GHSA-{}", parts.join("-").to_ascii_lowercase()));
    }
    if !YEARLY.contains(&kind.as_str()) {
        return None;
    }
    let year = parts.next().filter(is_digits).filter(|year| year.len() == 4)?;
    let number = parts.next().filter(is_digits)?;
    Some(format!("{kind}-{year}-{number}"))
}

/// Highest number of ids of one vulnerability: a rule and 64 aliases.
const IDS_MAX: usize = 65;

/// Databases that number their advisories by year.
const YEARLY: [&str; 7] = ["CVE", "RUSTSEC", "PYSEC", "GO", "MAL", "BDSA", "OSV"];

/// The component of a draft that speaks about a vulnerability.
fn vulnerable(draft: &Draft) -> Option<&str> {
    match (&draft.class, &draft.place) {
        (Class::Dependency | Class::Supply, DraftSite::Component(purl)) => Some(purl),
        _ => None,
    }
}

#[derive(Default)]
struct Names {
    records: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Names {
    fn give(&self, draft: &mut Draft) {
        if let Some(rule) = self.records.first() {
            draft.rule.clone_from(rule);
        }
        draft.aliases = self.ids.iter().filter(|id| **id != draft.rule).cloned().collect();
        // A package that was made to harm has no CVSS vector, and is the worst that a dependency can be.
        if self.ids.iter().any(|id| id.starts_with("MAL-")) {
            draft.class = Class::Supply;
            draft.rating = draft.rating.max(Rating::of(Severity::Critical));
        }
    }
}

/// Disjoint sets: each entry points to another one of its set, the root to itself.
struct Groups(Vec<usize>);

impl Groups {
    fn of(&mut self, entry: usize) -> usize {
        let mut at = entry;
        while let Some(next) = self.0.get(at).copied().filter(|next| *next != at) {
            // Halving the way keeps later ways short.
            let after = self.0.get(next).copied().unwrap_or(next);
            if let Some(slot) = self.0.get_mut(at) {
                *slot = after;
            }
            at = next;
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (low, high) = (self.of(one).min(self.of(other)), self.of(one).max(self.of(other)));
        if let Some(slot) = self.0.get_mut(high) {
            *slot = low;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(purl: &str, rule: &str, aliases: &[&str]) -> Draft {
        let place = DraftSite::Component(purl.into());
        let aliases = aliases.iter().map(|id| (*id).to_owned()).collect();
        Draft { aliases, ..Draft::new(Class::Dependency, rule, Rating::of(Severity::Low), "m", place) }
    }

    #[test]
    fn one_vulnerability() {
        let merged = merge(vec![
            draft("pkg:a/b@1", "PYSEC-2", &["CVE-1"]),
            draft("pkg:a/b@1", "GHSA-9", &["CVE-1", "CVE-2"]),
            draft("pkg:a/b@1", "OTHER-1", &["CVE-2"]),
            draft("pkg:a/b@1", "CVE-3", &[]),
            draft("pkg:a/c@1", "CVE-1", &[]),
        ])
        .unwrap();
        let rules: Vec<&str> = merged.iter().map(|draft| draft.rule.as_str()).collect();
        assert_eq!(rules, ["GHSA-9", "GHSA-9", "GHSA-9", "CVE-3", "CVE-1"]);
        let aliases: Vec<&str> = merged[0].aliases.iter().map(String::as_str).collect();
        assert_eq!(aliases, ["CVE-1", "CVE-2", "OTHER-1", "PYSEC-2"]);
        assert!(merged[3].aliases.is_empty());
    }

    #[test]
    fn malicious_packages_are_critical() {
        let merged = merge(vec![draft("pkg:a/b@1", "GHSA-1", &["MAL-2023-1"])]).unwrap();
        assert_eq!((merged[0].class, merged[0].rating.severity), (Class::Supply, Severity::Critical));
    }

    #[test]
    fn endless_aliases_are_refused() {
        let ids: Vec<String> = (0..100).map(|n| format!("CVE-{n}")).collect();
        let chain = ids.windows(2).map(|pair| draft("pkg:a/b@1", &pair[0], &[&pair[1]]));
        assert!(merge(chain.collect()).unwrap_err().contains("more than 65 ids"));
    }

    #[test]
    fn ids_in_texts() {
        for (text, ids) in [
            ("CVE-2008-0732-geronimo-j2ee", vec!["CVE-2008-0732"]),
            ("BDSA-2020-1001 (CVE-2020-11022)", vec!["BDSA-2020-1001", "CVE-2020-11022"]),
            ("ghsa-V6rh-hp5x-86rv", vec!["GHSA-v6rh-hp5x-86rv"]),
            ("CWE-79, CVE-20-1, go-fmt, GHSA-1-2, \u{e9}-1", vec![]),
        ] {
            assert_eq!(advisory_ids(text).into_iter().collect::<Vec<_>>(), ids, "{text}");
        }
    }
}
