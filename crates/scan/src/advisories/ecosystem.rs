//! Ecosystems of packages: their names in advisories and package URLs, and the normal forms of their packages' names.
//!
//! Invariant: a package has one normal name, whether an advisory or a package URL names it.

use std::str::FromStr;

use packageurl::PackageUrl;

use super::versions::Order;
use crate::components::purl::pypi_name;

/// Ecosystems whose packages lockfiles name, or images hold (<https://ossf.github.io/osv-schema/#defined-ecosystems>). They stand in the order
/// of their names' bytes, which is that of the keys of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// Packages of AlmaLinux, by its release.
    AlmaLinux,
    /// Packages of Alpine, by its release.
    Alpine,
    /// Packages of Debian, by its release.
    Debian,
    /// Modules of Go.
    Go,
    /// Artifacts of Maven.
    Maven,
    /// Projects of Python.
    Pypi,
    /// Packages of Rocky Linux, by its release.
    RockyLinux,
    /// Packages of Ubuntu, by its release.
    Ubuntu,
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
    /// Its name, in normal form; in a distribution `RELEASE/NAME`.
    pub name: String,
}

impl Ecosystem {
    /// All ecosystems.
    pub const ALL: [Self; 10] = [
        Self::CratesIo,
        Self::Go,
        Self::Maven,
        Self::Npm,
        Self::Pypi,
        Self::AlmaLinux,
        Self::Alpine,
        Self::Debian,
        Self::RockyLinux,
        Self::Ubuntu,
    ];

    /// The name in advisories.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CratesIo => "crates.io",
            Self::Go => "Go",
            Self::Maven => "Maven",
            Self::Npm => "npm",
            Self::Pypi => "PyPI",
            Self::AlmaLinux => "AlmaLinux",
            Self::Alpine => "Alpine",
            Self::Debian => "Debian",
            Self::RockyLinux => "Rocky Linux",
            Self::Ubuntu => "Ubuntu",
        }
    }

    /// The ecosystem of a name in advisories, which may have a suffix: `Maven:https://repo.example`, `Debian:12`.
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
            Self::Debian | Self::Ubuntu => Order::Dpkg,
            Self::Alpine => Order::Apk,
            Self::AlmaLinux | Self::RockyLinux => Order::Rpm,
        }
    }

    const fn purl_type(self) -> &'static str {
        match self {
            Self::CratesIo => "cargo",
            Self::Go => "golang",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Debian | Self::Ubuntu => "deb",
            Self::Alpine => "apk",
            Self::AlmaLinux | Self::RockyLinux => "rpm",
        }
    }

    /// The name in package URLs, of a distribution.
    const fn distribution(self) -> Option<&'static str> {
        match self {
            Self::AlmaLinux => Some("almalinux"),
            Self::Alpine => Some("alpine"),
            Self::Debian => Some("debian"),
            Self::RockyLinux => Some("rocky"),
            Self::Ubuntu => Some("ubuntu"),
            Self::Go | Self::Maven | Self::Pypi | Self::CratesIo | Self::Npm => None,
        }
    }

    /// The release of a distribution that advisories name: `v3.20` of Alpine, `22.04:LTS` of Ubuntu. `None` for those of which
    /// a system has no package unless it was paid for, and for names without a release.
    fn release(self, suffix: &str) -> Option<String> {
        let is_version =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
        let release = match self {
            Self::Alpine => suffix.strip_prefix('v')?,
            Self::Ubuntu => suffix.strip_suffix(":LTS").unwrap_or(suffix),
            _ => suffix,
        };
        is_version(release).then(|| release.to_owned())
    }

    /// The release by which advisories name a system of this version.
    fn release_of(self, version: &str) -> String {
        let parts = match self {
            Self::Alpine | Self::Ubuntu => 2,
            _ => 1,
        };
        version.split('.').take(parts).collect::<Vec<_>>().join(".")
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
            _ => name.to_owned(),
        };
        Self { ecosystem, name }
    }

    /// The release of its distribution; `None` in another ecosystem.
    pub(super) fn release(&self) -> Option<&str> {
        self.ecosystem.distribution()?;
        self.name.split_once('/').map(|(release, _)| release)
    }

    /// The package that an advisory names in an ecosystem as it writes it: `Debian:12`. `None` where the program knows no such
    /// ecosystem or release.
    #[must_use]
    pub fn named(ecosystem: &str, name: &str) -> Option<Self> {
        let known = Ecosystem::named(ecosystem)?;
        if known.distribution().is_none() {
            return Some(Self::new(known, name));
        }
        let release = known.release(ecosystem.split_once(':')?.1)?;
        Some(Self::new(known, &format!("{release}/{name}")))
    }

    /// The packages that a package URL stands for, each with its version where that is another one: in a distribution the
    /// package itself, and the source that it was made of, because some advisories name the one and some the other.
    pub(super) fn all_of_purl(purl: &str) -> Result<Vec<(Self, Option<String>)>, String> {
        let Ok(parsed) = PackageUrl::from_str(purl) else { return Err("unknown".to_owned()) };
        if !["deb", "apk", "rpm"].contains(&parsed.ty()) {
            return Self::of_purl(purl).map(|package| vec![(package, None)]);
        }
        let namespace = parsed.namespace().unwrap_or_default();
        let is_named = |ecosystem: &Ecosystem| {
            ecosystem.purl_type() == parsed.ty() && ecosystem.distribution() == Some(namespace)
        };
        let unknown = || format!("{} {namespace}", parsed.ty()).trim_end().to_owned();
        let ecosystem = Ecosystem::ALL.into_iter().find(is_named).ok_or_else(unknown)?;
        let qualifiers = parsed.qualifiers();
        let version =
            qualifiers.get("distro").and_then(|distro| distro.strip_prefix(namespace)?.strip_prefix('-'));
        let release = ecosystem.release_of(version.ok_or_else(unknown)?);
        let of = |name: &str| Self::new(ecosystem, &format!("{release}/{name}"));
        let mut all = vec![(of(parsed.name()), None)];
        if let Some(source) = qualifiers.get("upstream") {
            let (name, version) = source.split_once('@').unwrap_or((source, ""));
            // Debian and its kin write advisories about sources alone. A package of another name may be the source of others.
            if matches!(ecosystem, Ecosystem::Debian | Ecosystem::Ubuntu | Ecosystem::Alpine) {
                all.clear();
            }
            all.push((of(name), Some(version.to_owned()).filter(|version| !version.is_empty())));
        }
        Ok(all)
    }

    /// The package of a package URL; otherwise the type of the package URL, for which there are no advisories.
    pub(super) fn of_purl(purl: &str) -> Result<Self, String> {
        let Ok(parsed) = PackageUrl::from_str(purl) else { return Err("unknown".to_owned()) };
        let is_type = |ecosystem: &Ecosystem| {
            ecosystem.purl_type() == parsed.ty() && ecosystem.distribution().is_none()
        };
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
        assert_eq!(Ecosystem::named("Debian:12"), Some(Ecosystem::Debian));
        assert_eq!(Ecosystem::named("Hex"), None);
    }

    #[test]
    fn packages_of_distributions_have_a_release_and_their_source() {
        let all = |purl: &str| {
            Package::all_of_purl(purl).map(|all| {
                all.into_iter()
                    .map(|(package, version)| (package.ecosystem, package.name, version))
                    .collect::<Vec<_>>()
            })
        };
        let one = |ecosystem, name: &str, version: Option<&str>| {
            (ecosystem, name.to_owned(), version.map(str::to_owned))
        };
        assert_eq!(
            all("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl")
                .unwrap(),
            [one(Ecosystem::Debian, "12/openssl", None)]
        );
        assert_eq!(
            all("pkg:deb/ubuntu/gcc-12-base@12.3.0?distro=ubuntu-22.04&upstream=gcc-12%40%2012.3").unwrap()
                [0]
            .1,
            "22.04/gcc-12"
        );
        assert_eq!(
            all("pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4").unwrap(),
            [one(Ecosystem::Alpine, "3.18/musl", None)]
        );
        assert_eq!(
            all("pkg:rpm/rocky/openssl-libs@3.0.7-24.el9?distro=rocky-9.3&epoch=1&upstream=openssl").unwrap(),
            [
                one(Ecosystem::RockyLinux, "9/openssl-libs", None),
                one(Ecosystem::RockyLinux, "9/openssl", None)
            ]
        );
        assert_eq!(all("pkg:deb/debian/x@1").unwrap_err(), "deb debian");
        assert_eq!(all("pkg:rpm/fedora/x@1?distro=fedora-39").unwrap_err(), "rpm fedora");
        for (ecosystem, name) in [
            ("Debian:12", Some("12/x")),
            ("Alpine:v3.18", Some("3.18/x")),
            ("Ubuntu:22.04:LTS", Some("22.04/x")),
            ("Ubuntu:23.10", Some("23.10/x")),
            ("Rocky Linux:9", Some("9/x")),
            ("AlmaLinux:8", Some("8/x")),
            ("PyPI", Some("x")),
            ("Ubuntu:Pro:22.04:LTS", None),
            ("Debian", None),
            ("Alpine:edge", None),
        ] {
            assert_eq!(
                Package::named(ecosystem, "x").map(|package| package.name).as_deref(),
                name,
                "{ecosystem}"
            );
        }
    }
}
