//! The versions that an advisory affects, as it states them (<https://ossf.github.io/osv-schema/#evaluation>).
//!
//! Invariant: a statement that cannot be read, or compared with the installed version, is "undecided" and never "not
//! affected". No sorting: Maven's order is not a total one.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::versions::{Order, Version};

/// Versions of one package that one advisory affects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    /// Ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Vec<Event>>,
    /// Versions that no range contains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Reason why the statement cannot be read whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear: Option<String>,
}

/// A limit of a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first affected version; `0` is before all versions.
    Introduced(String),
    /// The first version that is not affected any more.
    Fixed(String),
    /// The last affected version.
    LastAffected(String),
    /// Nothing from here on counts; `*` is after all versions.
    Limit(String),
}

/// Answers for one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is affected.
    Affected,
    /// It is not.
    Unaffected,
    /// It cannot be told, for this reason.
    Undecided(String),
}

/// A statement whose versions are parsed.
#[derive(Debug)]
pub struct Parsed<'a> {
    order: Order,
    ranges: Vec<Vec<Bound<'a>>>,
    versions: Vec<(&'a str, Option<Version>)>,
    unclear: Option<&'a str>,
}

/// A limit of a range, parsed.
#[derive(Debug)]
struct Bound<'a> {
    event: &'a Event,
    /// `None` for `0` and `*`.
    version: Option<Result<Version, ()>>,
}

impl Event {
    /// The version, as written.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Introduced(version)
            | Self::Fixed(version)
            | Self::LastAffected(version)
            | Self::Limit(version) => version,
        }
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Introduced(version) => version == "0",
            Self::Limit(version) => version == "*",
            Self::Fixed(_) | Self::LastAffected(_) => false,
        }
    }
}

impl Affected {
    /// Parses the versions, in the order of the ecosystem.
    #[must_use]
    pub fn parse(&self, order: Order) -> Parsed<'_> {
        let bound = |event| Bound::new(order, event);
        Parsed {
            order,
            ranges: self.ranges.iter().map(|events| events.iter().map(bound).collect()).collect(),
            versions: self.versions.iter().map(|text| (text.as_str(), order.parse(text))).collect(),
            unclear: self.unclear.as_deref(),
        }
    }

    /// Removes listed versions that a range contains as well.
    pub fn prune(&mut self, order: Order) {
        let ranges = Self { versions: Vec::new(), unclear: None, ..self.clone() };
        let parsed = ranges.parse(order);
        self.versions.retain(|version| parsed.verdict(version) != Verdict::Affected);
    }
}

impl<'a> Bound<'a> {
    fn new(order: Order, event: &'a Event) -> Self {
        let version = (!event.is_open()).then(|| order.parse(event.version()).ok_or(()));
        Self { event, version }
    }

    /// The parsed version; `None` for an open end. An error names the version that cannot be read.
    fn parsed(&self) -> Result<Option<&Version>, String> {
        match &self.version {
            None => Ok(None),
            Some(Ok(version)) => Ok(Some(version)),
            Some(Err(())) => {
                Err(format!("the advisory names `{}`, which is no version", self.event.version()))
            }
        }
    }
}

impl<'a> Parsed<'a> {
    /// Whether a version is affected.
    #[must_use]
    pub fn verdict(&self, installed: &str) -> Verdict {
        let version = self.order.parse(installed);
        if self.versions.iter().any(|(text, listed)| {
            *text == installed
                || matches!((&version, listed), (Some(own), Some(listed)) if own.against(listed).is_eq())
        }) {
            return Verdict::Affected;
        }
        let mut unclear = self.unclear.map(str::to_owned);
        match &version {
            Some(version) => {
                for range in &self.ranges {
                    match contains(range, version) {
                        Ok(true) => return Verdict::Affected,
                        Ok(false) => {}
                        Err(why) => unclear = unclear.or(Some(why)),
                    }
                }
            }
            // Everything is affected: it needs no order.
            None if self.ranges.iter().any(|range| is_everything(range)) => return Verdict::Affected,
            None if !self.ranges.is_empty() => {
                unclear =
                    unclear.or_else(|| Some(format!("`{installed}` has no place in the order of versions")));
            }
            None => {}
        }
        unclear.map_or(Verdict::Unaffected, Verdict::Undecided)
    }

    /// Versions that the ranges name as fixed, and that come after the installed one.
    pub fn fixes<'s>(&'s self, installed: &'s Version) -> impl Iterator<Item = (&'a str, &'s Version)> {
        self.ranges.iter().flatten().filter_map(|bound| match (bound.event, &bound.version) {
            (Event::Fixed(text), Some(Ok(version))) if installed.against(version).is_lt() => {
                Some((text.as_str(), version))
            }
            _ => None,
        })
    }
}

fn is_everything(range: &[Bound<'_>]) -> bool {
    let is_start = |bound: &Bound<'_>| matches!(bound.event, Event::Introduced(_)) && bound.version.is_none();
    range.iter().any(is_start) && range.iter().all(|bound| bound.version.is_none())
}

/// Whether the last event up to the version leaves it affected.
fn contains(range: &[Bound<'_>], installed: &Version) -> Result<bool, String> {
    let mut introduced: Option<Option<&Version>> = None;
    let mut ended: Option<(&Version, bool)> = None;
    let (mut has_limit, mut below_limit) = (false, false);
    for bound in range {
        let version = bound.parsed()?;
        let order = version.map(|version| installed.against(version));
        match bound.event {
            Event::Introduced(_) if order.is_none_or(Ordering::is_ge) => {
                introduced = Some(match introduced {
                    Some(before) => later(before, version),
                    None => version,
                });
            }
            Event::Fixed(_) if order.is_some_and(Ordering::is_ge) => ended = last(ended, version, false),
            Event::LastAffected(_) if order.is_some_and(Ordering::is_gt) => {
                ended = last(ended, version, true)
            }
            Event::Limit(_) => {
                has_limit = true;
                below_limit |= order.is_none_or(Ordering::is_lt);
            }
            _ => {}
        }
    }
    let Some(introduced) = introduced else { return Ok(false) };
    if has_limit && !below_limit {
        return Ok(false);
    }
    Ok(match (introduced, ended) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(introduced), Some((ended, inclusive))) => match ended.against(introduced) {
            Ordering::Less => true,
            // A version that is fixed and introduced at once counts as affected: the range may go on from there.
            Ordering::Equal => !inclusive,
            Ordering::Greater => false,
        },
    })
}

fn later<'v>(one: Option<&'v Version>, other: Option<&'v Version>) -> Option<&'v Version> {
    match (one, other) {
        (Some(one), Some(other)) if one.against(other).is_lt() => Some(other),
        (one, other) => one.or(other),
    }
}

/// The later of two ends. At one version, the last affected one is the later end.
fn last<'v>(
    before: Option<(&'v Version, bool)>,
    version: Option<&'v Version>,
    inclusive: bool,
) -> Option<(&'v Version, bool)> {
    let Some(version) = version else { return before };
    match before {
        Some((end, was_inclusive)) => match end.against(version) {
            Ordering::Less => Some((version, inclusive)),
            Ordering::Equal => Some((end, was_inclusive || inclusive)),
            Ordering::Greater => before,
        },
        None => Some((version, inclusive)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Vec<Event> {
        let event = |word: &str| {
            let (kind, version) = word.split_once('=').unwrap();
            let version = version.to_owned();
            match kind {
                "i" => Event::Introduced(version),
                "f" => Event::Fixed(version),
                "l" => Event::LastAffected(version),
                _ => Event::Limit(version),
            }
        };
        text.split(' ').map(event).collect()
    }

    fn verdict(text: &str, installed: &str) -> Verdict {
        let affected = Affected { ranges: vec![range(text)], ..Affected::default() };
        affected.parse(Order::Semver).verdict(installed)
    }

    #[test]
    fn ranges() {
        let cases = [
            ("i=0 f=1.2.0", vec!["0.0.0-0", "1.1.9", "1.2.0-rc.1"], vec!["1.2.0", "2.0.0"]),
            ("f=1.2.0 i=1.0.0", vec!["1.0.0", "1.1.0"], vec!["1.0.0-rc.1", "0.9.0", "1.2.0"]),
            ("i=0 f=1.2.0 i=2.0.0 f=2.1.0", vec!["1.0.0", "2.0.5"], vec!["1.2.0", "1.9.0", "2.1.0", "3.0.0"]),
            ("i=1.0.0 l=1.5.0", vec!["1.0.0", "1.5.0"], vec!["1.5.1", "0.1.0"]),
            ("i=1.0.0 l=1.0.0", vec!["1.0.0"], vec!["1.0.1", "0.9.0"]),
            ("i=0 f=1.0.0 i=1.0.0 f=1.1.0", vec!["0.9.0", "1.0.0", "1.0.5"], vec!["1.1.0"]),
            ("i=0 l=1.0.0 f=1.0.0", vec!["0.9.0"], vec!["1.0.1"]),
            ("i=0 x=2.0.0", vec!["1.9.0"], vec!["2.0.0", "3.0.0"]),
            ("i=0 x=*", vec!["1.9.0"], vec![]),
            ("i=0 x=1.0.0 x=2.0.0", vec!["1.9.0"], vec!["2.0.0"]),
            ("i=0", vec!["0.0.1", "99.0.0", "not a version"], vec![]),
            ("i=2.0.0 f=1.0.0", vec!["2.0.0", "3.0.0"], vec!["0.5.0", "1.5.0"]),
        ];
        for (text, affected, unaffected) in cases {
            for installed in affected {
                assert_eq!(verdict(text, installed), Verdict::Affected, "{text}: {installed}");
            }
            for installed in unaffected {
                assert_eq!(verdict(text, installed), Verdict::Unaffected, "{text}: {installed}");
            }
        }
    }

    #[test]
    fn undecided() {
        for (text, installed) in [
            ("i=0 f=1.2.0", "latest"),
            ("i=0 f=next", "1.0.0"),
            ("i=one f=2.0.0", "1.0.0"),
            ("i=0 l=", "1.0.0"),
        ] {
            assert!(matches!(verdict(text, installed), Verdict::Undecided(_)), "{text}: {installed}");
        }
        let mut affected = Affected { versions: vec!["nightly".into()], ..Affected::default() };
        assert_eq!(affected.parse(Order::Semver).verdict("nightly"), Verdict::Affected);
        assert_eq!(affected.parse(Order::Semver).verdict("weekly"), Verdict::Unaffected);
        affected.unclear = Some("a range has the type `NEW`".into());
        assert_eq!(affected.parse(Order::Semver).verdict("nightly"), Verdict::Affected);
        assert!(matches!(affected.parse(Order::Semver).verdict("1.0.0"), Verdict::Undecided(_)));
        // A sound range decides, whatever else the advisory says.
        affected.ranges = vec![range("i=0 f=next"), range("i=0 f=2.0.0")];
        assert_eq!(affected.parse(Order::Semver).verdict("1.0.0"), Verdict::Affected);
    }

    #[test]
    fn listed_versions_that_a_range_contains_are_pruned() {
        let versions = ["1.0.0", "1.1.0", "2.0.0", "odd"].map(str::to_owned).to_vec();
        let mut affected = Affected { ranges: vec![range("i=0 f=1.1.0")], versions, unclear: None };
        affected.prune(Order::Semver);
        assert_eq!(affected.versions, ["1.1.0", "2.0.0", "odd"]);
    }
}
