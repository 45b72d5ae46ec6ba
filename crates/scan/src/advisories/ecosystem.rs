//! Ecosystems of packages: their names in advisories and package URLs, and the normal forms of their packages' names.
//!
//! Invariant: a package has one normal name, whether an advisory or a package URL names it.

use std::str::FromStr;

use packageurl::PackageUrl;

use super::versions::Order;
use crate::components::purl::pypi_name;

/// Ecosystems whose packages lockfiles name (<https://ossf.github.io/osv-schema/#defined-ecosystems>). They stand in the order
/// of their names' bytes, which is that of the keys of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// Modules of Go.
    Go,
    /// Artifacts of Maven.
    Maven,
    /// Projects of Python.
    Pypi,
    /// Crates of Rust.
    CratesIo,
    /// Packages of npm.
    Npm,
}

/// A package that advisories may name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its ecosystem.
    pub ecosystem: Ecosystem,
    /// Its name, in normal form.
    pub name: String,
}

impl Ecosystem {
    /// All ecosystems.
    pub const ALL: [Self; 5] = [Self::CratesIo, Self::Go, Self::Maven, Self::Npm, Self::Pypi];

    /// The name in advisories.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CratesIo => "crates.io",
            Self::Go => "Go",
            Self::Maven => "Maven",
            Self::Npm => "npm",
            Self::Pypi => "PyPI",
        }
    }

    /// The ecosystem of a name in advisories, which may have a suffix: `Maven:https://repo.example`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.split(':').next().unwrap_or_default();
        Self::ALL.into_iter().find(|ecosystem| ecosystem.as_str() == name)
    }

    /// The order of its versions.
    #[must_use]
    pub const fn order(self) -> Order {
        match self {
            Self::CratesIo | Self::Go | Self::Npm => Order::Semver,
            Self::Maven => Order::Maven,
            Self::Pypi => Order::Pep440,
        }
    }

    const fn purl_type(self) -> &'static str {
        match self {
            Self::CratesIo => "cargo",
            Self::Go => "golang",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
        }
    }

    const fn separator(self) -> char {
        if matches!(self, Self::Maven) { ':' } else { '/' }
    }
}

impl Package {
    /// The package that an advisory names.
    #[must_use]
    pub fn new(ecosystem: Ecosystem, name: &str) -> Self {
        let name = match ecosystem {
            Ecosystem::Pypi => pypi_name(name),
            // Package URLs have the names of Go and npm in lower case, and a few old packages of npm have upper case.
            Ecosystem::Go | Ecosystem::Npm => name.to_lowercase(),
            Ecosystem::CratesIo | Ecosystem::Maven => name.to_owned(),
        };
        Self { ecosystem, name }
    }

    /// The package of a package URL; otherwise the type of the package URL, for which there are no advisories.
    pub(super) fn of_purl(purl: &str) -> Result<Self, String> {
        let Ok(parsed) = PackageUrl::from_str(purl) else { return Err("unknown".to_owned()) };
        let is_type = |ecosystem: &Ecosystem| ecosystem.purl_type() == parsed.ty();
        let Some(ecosystem) = Ecosystem::ALL.into_iter().find(is_type) else {
            return Err(parsed.ty().to_owned());
        };
        let name = match parsed.namespace() {
            Some(namespace) => format!("{namespace}{}{}", ecosystem.separator(), parsed.name()),
            None => parsed.name().to_owned(),
        };
        Ok(Self::new(ecosystem, &name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_names() {
        let mut all = Ecosystem::ALL;
        all.sort();
        assert!(all.map(Ecosystem::as_str).is_sorted());
    }

    #[test]
    fn one_name() {
        for (purl, ecosystem, name) in [
            ("pkg:cargo/serde_json@1.0.1", Ecosystem::CratesIo, "serde_json"),
            ("pkg:npm/%40a/b@1", Ecosystem::Npm, "@a/b"),
            ("pkg:npm/lodash@4?download_url=https%3A%2F%2Fx", Ecosystem::Npm, "lodash"),
            ("pkg:npm/morris.js@0.5.0", Ecosystem::Npm, "Morris.js"),
            ("pkg:pypi/ruamel-yaml@1", Ecosystem::Pypi, "Ruamel.YAML"),
            (
                "pkg:golang/github.com/masterminds/goutils@v1.0.0",
                Ecosystem::Go,
                "github.com/Masterminds/goutils",
            ),
            (
                "pkg:maven/org.apache.logging.log4j/log4j-core@2",
                Ecosystem::Maven,
                "org.apache.logging.log4j:log4j-core",
            ),
        ] {
            assert_eq!(Package::of_purl(purl).unwrap(), Package::new(ecosystem, name));
        }
        assert_eq!(Package::of_purl("pkg:generic/x@1").unwrap_err(), "generic");
        assert_eq!(Package::of_purl("nonsense").unwrap_err(), "unknown");
        assert_eq!(Ecosystem::named("Maven:https://repo.example/m2"), Some(Ecosystem::Maven));
        assert_eq!(Ecosystem::named("Debian:12"), None);
    }
}
