//! The work that leaves a report.
//!
//! Invariant: a step and a check of one name are never the same, here and in the identity of a finding.

use serde::Serialize;

use super::findings::Origin;
use crate::Name;
use crate::receipt::Work;

/// A step of the build, or a check of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maker {
    /// The step.
    Step(Name),
    /// The check. The place at which it counts says of which environment.
    Check(Name),
}

impl Maker {
    /// The work of a receipt, if it leaves reports.
    #[must_use]
    pub fn of(work: &Work) -> Option<Self> {
        match work {
            Work::Step(step) => Some(Self::Step(step.clone())),
            Work::Check(check) => Some(Self::Check(check.name.clone())),
            Work::Artifact(_) => None,
        }
    }

    /// The work of this sort and name.
    #[must_use]
    pub fn named(sort: &str, name: Name) -> Option<Self> {
        [Self::Step(name.clone()), Self::Check(name)].into_iter().find(|maker| maker.sort() == sort)
    }

    /// `step` or `check`.
    #[must_use]
    pub const fn sort(&self) -> &'static str {
        match self {
            Self::Step(_) => "step",
            Self::Check(_) => "check",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        match self {
            Self::Step(name) | Self::Check(name) => name,
        }
    }

    /// Its report with this path, in the identity of a finding.
    #[must_use]
    pub fn origin<'a>(&'a self, path: &'a str) -> Origin<'a> {
        match self {
            Self::Step(step) => Origin::Report { step: step.as_str(), path },
            Self::Check(check) => Origin::Check { check: check.as_str(), path },
        }
    }
}

impl std::fmt::Display for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.sort(), self.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::Maker;
    use crate::document::findings::{Class, IdentityPlace, Origin, identity};
    use crate::receipt::Work;
    use crate::release_check::ReleaseCheck;
    use crate::{Digest, Name, Place};

    #[test]
    fn a_step_and_a_check_of_one_name_and_path_are_two() {
        let name = || "scan".parse::<Name>().unwrap();
        let place = Place { project: name(), service: name(), environment: name() };
        let check = ReleaseCheck { place, release: 1, artifact: Digest::of(b"artifact"), name: name() };
        let [step, check] = [Work::Step(name()), Work::Check(check)].map(|work| Maker::of(&work).unwrap());
        assert_eq!((step.to_string(), check.to_string()), ("step scan".into(), "check scan".into()));
        for maker in [&step, &check] {
            assert_eq!(Maker::named(maker.sort(), maker.name().clone()).as_ref(), Some(maker));
        }
        assert_eq!(Maker::named("artifact", name()), None);
        assert_eq!(Maker::of(&Work::Artifact(name())), None);
        let places: [fn(Origin<'_>) -> IdentityPlace<'_>; 3] = [
            |origin| IdentityPlace::Whole { origin, nth: 0 },
            |origin| IdentityPlace::File { origin, path: "a.py", nth: 0 },
            |origin| IdentityPlace::Page { origin, method: "GET", path: "/", parameter: None },
        ];
        for place in places {
            let of = |origin| identity(Class::Code, "r", &place(origin)).unwrap();
            assert_ne!(of(step.origin("report.sarif")), of(check.origin("report.sarif")));
        }
    }
}
