//! Components with everywhere that they are.

use std::collections::{BTreeMap, BTreeSet};

use review::contents::{Contents, Found, Used};
use review::tally::{is_grave, rank};

use super::search::Search;
use crate::console::exposure::Exposure;

/// A component of one version with everywhere that it is.
#[derive(Clone, Debug)]
pub struct Usage<'a> {
    /// The component, as one of the lists has it.
    pub used: &'a Used,
    /// Everywhere that it is, what runs first, each with the component as the list there has it.
    pub at: Vec<(&'a Exposure, &'a Used)>,
    /// Rules of the open findings about it, the worst first.
    pub findings: Vec<String>,
    /// Whether one of them is grave.
    pub is_grave: bool,
    /// Whether no scanner looked at anything that has it, so that the absence of findings means nothing.
    pub is_unjudged: bool,
    /// Whether the search names it exactly.
    pub is_named: bool,
}

/// The components that a search finds: those that it names exactly, then those with findings, then by package URL.
pub fn all<'a>(all: &'a [Exposure], search: &Search) -> Vec<Usage<'a>> {
    let mut by_purl: BTreeMap<&str, Usage<'_>> = BTreeMap::new();
    for exposure in all {
        let Some(contents) = exposure.contents.as_ref() else { continue };
        for used in contents.used().iter().filter(|used| search.finds(used)) {
            let new = || Usage {
                used,
                at: Vec::new(),
                findings: Vec::new(),
                is_grave: false,
                is_unjudged: false,
                is_named: search.names(used),
            };
            by_purl.entry(&used.purl).or_insert_with(new).at.push((exposure, used));
        }
    }
    let open = open(all);
    let mut found: Vec<Usage<'_>> = by_purl.into_values().collect();
    for usage in &mut found {
        usage.is_unjudged = !usage.at.iter().any(|(exposure, _)| exposure.is_scanned());
        let Some(about) = open.get(usage.used.purl.as_str()) else { continue };
        let mut seen = BTreeSet::new();
        usage.findings =
            about.iter().filter(|(rule, _)| seen.insert(*rule)).map(|(rule, _)| (*rule).to_owned()).collect();
        usage.is_grave = about.iter().any(|(_, grave)| *grave);
    }
    found.sort_by_key(|usage| (!usage.is_named, !usage.is_grave, usage.findings.is_empty()));
    found
}

/// Rules of open findings about components, with whether they are grave, by package URL, the worst first.
fn open(all: &[Exposure]) -> BTreeMap<&str, Vec<(&str, bool)>> {
    let mut found: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for (item, standing) in all.iter().flat_map(Exposure::findings) {
        if let (Some(purl), true) = (item.component(), standing.is_open()) {
            found.entry(purl).or_default().push(item);
        }
    }
    fn ordered(mut items: Vec<&Found>) -> Vec<(&str, bool)> {
        items.sort_by_cached_key(|item| rank(&item.finding));
        items.into_iter().map(|item| (item.finding.rule.as_str(), is_grave(&item.finding))).collect()
    }
    found.into_iter().map(|(purl, findings)| (purl, ordered(findings))).collect()
}

/// The versions of the one package that a search finds or names exactly, and the other components.
pub fn one_package<'a, 'b>(found: &'b [Usage<'a>]) -> Option<(&'b [Usage<'a>], &'b [Usage<'a>])> {
    let packages =
        |some: &[Usage<'a>]| some.iter().map(|usage| usage.used.package()).collect::<BTreeSet<_>>().len();
    if packages(found) == 1 {
        return Some((found, &[]));
    }
    // Those that are named come first.
    let (named, others) = found.split_at(found.iter().take_while(|usage| usage.is_named).count());
    (packages(named) == 1).then_some((named, others))
}

/// Whether a list of components was read for a release.
pub fn is_listed(exposure: &Exposure) -> bool {
    exposure.contents.as_ref().as_ref().is_some_and(|known: &Contents| known.components.is_some())
}
