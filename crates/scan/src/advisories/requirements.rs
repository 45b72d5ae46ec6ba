//! Requirements of versions, as manifests and advisories of Rust write them, as parts of the order of versions.
//!
//! Invariant: a version is in a requirement's part if it lies between its ends by precedence, so pre-releases between them
//! are in it; one before the version where `^`, `~` or `*` ends is not.

use std::cmp::Ordering;

use semver::{Comparator, Op, Prerelease, Version, VersionReq};

use super::affected::Event;

/// A cut through the order of versions: directly before a version, or directly after it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cut {
    version: Version,
    is_after: bool,
}

/// All versions from one cut to another; to the end of the order if `to` is absent.
#[derive(Clone, Debug)]
struct Part {
    from: Option<Cut>,
    to: Option<Cut>,
}

/// The versions that no requirement allows, as ranges of an advisory.
pub(super) fn outside(requirements: &[VersionReq]) -> Vec<Vec<Event>> {
    let mut inside: Vec<Part> = requirements.iter().filter_map(part).collect();
    inside.sort_by(|one, other| start(one.from.as_ref(), other.from.as_ref()));
    let mut ranges = Vec::new();
    // The start of the versions that are not covered yet; `None` if all up to the end are.
    let mut open: Option<Option<Cut>> = Some(None);
    for part in inside {
        let Some(from) = open.clone() else { break };
        if start(from.as_ref(), part.from.as_ref()).is_lt() {
            ranges.push(range(from.as_ref(), part.from.as_ref()));
        }
        open = match part.to {
            None => None,
            Some(to) if from.as_ref().is_none_or(|from| from.cmp(&to).is_lt()) => Some(Some(to)),
            Some(_) => Some(from),
        };
    }
    if let Some(from) = open {
        ranges.push(range(from.as_ref(), None));
    }
    ranges
}

/// The part that all comparators of a requirement allow; `None` if it is empty.
fn part(requirement: &VersionReq) -> Option<Part> {
    let mut all = Part { from: None, to: None };
    for comparator in &requirement.comparators {
        let Part { from, to } = ends(comparator);
        if start(all.from.as_ref(), from.as_ref()).is_lt() {
            all.from = from;
        }
        if let Some(to) = to
            && all.to.as_ref().is_none_or(|before| to.cmp(before).is_lt())
        {
            all.to = Some(to);
        }
    }
    let is_empty = matches!((&all.from, &all.to), (Some(from), Some(to)) if from.cmp(to).is_ge());
    (!is_empty).then_some(all)
}

/// The ends of one comparator (<https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html>).
fn ends(comparator: &Comparator) -> Part {
    let Comparator { op, major, minor, patch, pre } = comparator;
    let least = Version {
        pre: pre.clone(),
        ..Version::new(*major, minor.unwrap_or_default(), patch.unwrap_or_default())
    };
    let next = |n: u64| n.saturating_add(1);
    // The first version behind all those that begin with the numbers that are written.
    let behind = match (minor, patch) {
        (None, _) => before_all(next(*major), 0, 0),
        (Some(minor), None) => before_all(*major, next(*minor), 0),
        (Some(_), Some(_)) => Cut { version: least.clone(), is_after: true },
    };
    let (from, to) = match op {
        Op::Exact | Op::Wildcard => (Some(Cut::before(least)), Some(behind)),
        Op::Greater => (Some(behind), None),
        Op::GreaterEq => (Some(Cut::before(least)), None),
        Op::Less => (None, Some(Cut::before(least))),
        Op::LessEq => (None, Some(behind)),
        Op::Tilde => {
            let to = match minor {
                Some(minor) => before_all(*major, next(*minor), 0),
                None => before_all(next(*major), 0, 0),
            };
            (Some(Cut::before(least)), Some(to))
        }
        Op::Caret => {
            let to = match (major, minor, patch) {
                (0, Some(0), Some(patch)) => before_all(0, 0, next(*patch)),
                (0, Some(minor), _) => before_all(0, next(*minor), 0),
                (major, ..) => before_all(next(*major), 0, 0),
            };
            (Some(Cut::before(least)), Some(to))
        }
        // A later operator of the library is not known here: it allows nothing.
        _ => (Some(Cut::before(least.clone())), Some(Cut::before(least))),
    };
    Part { from, to }
}

/// Directly before all versions with these numbers, their pre-releases among them.
fn before_all(major: u64, minor: u64, patch: u64) -> Cut {
    let version =
        Version { pre: Prerelease::new("0").unwrap_or_default(), ..Version::new(major, minor, patch) };
    Cut::before(version)
}

impl Cut {
    const fn before(version: Version) -> Self {
        Self { version, is_after: false }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.version.cmp_precedence(&other.version).then(self.is_after.cmp(&other.is_after))
    }

    /// The first version behind the cut.
    fn first(&self) -> Version {
        let mut version = self.version.clone();
        if self.is_after {
            let pre = if version.pre.is_empty() {
                version.patch = version.patch.saturating_add(1);
                "0".to_owned()
            } else {
                format!("{}.0", version.pre)
            };
            version.pre = Prerelease::new(&pre).unwrap_or_default();
        }
        version
    }
}

/// Compares starts: none is before all.
fn start(one: Option<&Cut>, other: Option<&Cut>) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(one), Some(other)) => one.cmp(other),
    }
}

fn range(from: Option<&Cut>, to: Option<&Cut>) -> Vec<Event> {
    let introduced = from.map_or_else(|| "0".to_owned(), |cut| cut.first().to_string());
    let mut events = vec![Event::Introduced(introduced)];
    // No version is named as fixed where only those behind one are.
    events.extend(to.map(|cut| {
        let version = cut.version.to_string();
        if cut.is_after { Event::LastAffected(version) } else { Event::Fixed(version) }
    }));
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisories::versions::Order;
    use crate::advisories::{Affected, Verdict};

    fn shown(requirements: &[&str]) -> String {
        let all: Vec<_> = requirements.iter().map(|text| VersionReq::parse(text).unwrap()).collect();
        let event = |event: &Event| match event {
            Event::Introduced(version) => format!("i={version}"),
            Event::Fixed(version) => format!("f={version}"),
            Event::LastAffected(version) => format!("l={version}"),
            Event::Limit(version) => format!("limit={version}"),
        };
        let range = |events: &Vec<Event>| events.iter().map(event).collect::<Vec<_>>().join(" ");
        outside(&all).iter().map(range).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn outside_of_requirements() {
        for (requirements, ranges) in [
            (&[][..], "i=0"),
            (&["*"], ""),
            (&[">= 1.2.3"], "i=0 f=1.2.3"),
            (&["> 1.2.3"], "i=0 l=1.2.3"),
            (&["> 1.2"], "i=0 f=1.3.0-0"),
            (&["<= 1.2.3"], "i=1.2.4-0"),
            (&["<= 1.2"], "i=1.3.0-0"),
            (&["<= 1.0.0-a"], "i=1.0.0-a.0"),
            (&["^1.2.3", ">= 2.1"], "i=0 f=1.2.3, i=2.0.0-0 f=2.1.0"),
            (&[">= 2.1", "1.2.3"], "i=0 f=1.2.3, i=2.0.0-0 f=2.1.0"),
            (&["^0.3.1", "^0.0.7"], "i=0 f=0.0.7, i=0.0.8-0 f=0.3.1, i=0.4.0-0"),
            (&["~1.2.3"], "i=0 f=1.2.3, i=1.3.0-0"),
            (&["1.2.*", "~3"], "i=0 f=1.2.0, i=1.3.0-0 f=3.0.0, i=4.0.0-0"),
            (&["= 1.2.3"], "i=0 f=1.2.3, i=1.2.4-0"),
            (&[">= 1.0.0, < 1.5.0", ">= 1.4.0, < 2.0.0", "< 0.5.0"], "i=0.5.0 f=1.0.0, i=2.0.0"),
            (&[">= 1.0.0, < 3.0.0", ">= 1.1.0, < 1.2.0"], "i=0 f=1.0.0, i=3.0.0"),
            (&[">= 2.0.0, < 1.0.0"], "i=0"),
            (&[">= 1.0.0", "< 1.0.0"], ""),
        ] {
            assert_eq!(shown(requirements), ranges, "{requirements:?}");
        }
    }

    #[test]
    fn a_version_is_outside_or_inside_as_the_library_says() {
        let numbers =
            || (0..3).flat_map(|a| (0..3).flat_map(move |b| (0..3).map(move |c| Version::new(a, b, c))));
        for operator in [">=", ">", "<=", "<", "=", "^", "~"] {
            for text in ["1.1.1", "1.1", "1", "0.1.2", "0.0.1", "0.1", "0"] {
                let requirement = VersionReq::parse(&format!("{operator}{text}")).unwrap();
                let ranges = outside(std::slice::from_ref(&requirement));
                let affected = Affected { ranges, ..Affected::default() };
                for version in numbers() {
                    let is_outside = affected.parse(Order::Semver).verdict(&version.to_string());
                    let expected =
                        if requirement.matches(&version) { Verdict::Unaffected } else { Verdict::Affected };
                    assert_eq!(is_outside, expected, "{requirement} {version}");
                }
            }
        }
    }
}
