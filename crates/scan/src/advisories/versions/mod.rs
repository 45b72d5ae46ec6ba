//! The order of versions in each ecosystem.
//!
//! Invariant: a text that is no version of the ecosystem has no place in its order, and is never guessed. Orders of
//! crates.io, Go, npm and `PyPI` come from libraries; no kept library has those of Maven and of distributions.

mod apk;
#[cfg(test)]
#[path = "distributions/tests.rs"]
mod distribution_tests;
mod dpkg;
mod maven;
mod rpm;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use pep440_rs::Version as Pep440;
use semver::Version as Semver;

use apk::Apk;
use dpkg::Dpkg;
use maven::Maven;
use rpm::Rpm;

/// Longest version in bytes.
pub const VERSION_BYTES_MAX: usize = 256;

/// Orders of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Semantic versions (<https://semver.org/spec/v2.0.0.html#spec-item-11>), with an optional `v` before them, and
    /// with missing parts read as 0, as Go does (<https://pkg.go.dev/golang.org/x/mod/semver>).
    Semver,
    /// Python's (<https://packaging.python.org/en/latest/specifications/version-specifiers/>).
    Pep440,
    /// Maven's (<https://maven.apache.org/pom.html#version-order-specification>).
    Maven,
    /// Debian's (<https://www.debian.org/doc/debian-policy/ch-controlfields.html#version>).
    Dpkg,
    /// Alpine's (<https://wiki.alpinelinux.org/wiki/APKBUILD_Reference#pkgver>).
    Apk,
    /// RPM's (<https://rpm.org/docs/latest/manual/dependencies.html#versioning>).
    Rpm,
}

/// A version in an order.
#[derive(Clone, Debug)]
pub enum Version {
    /// A semantic version. Build metadata has no part in the order.
    Semver(Semver),
    /// A version of Python.
    Pep440(Box<Pep440>),
    /// A version of Maven.
    Maven(Maven),
    /// A version of Debian.
    Dpkg(Dpkg),
    /// A version of Alpine.
    Apk(Apk),
    /// A version of RPM.
    Rpm(Rpm),
}

impl Order {
    /// Parses a version; `None` if the text is not one.
    #[must_use]
    pub fn parse(self, text: &str) -> Option<Version> {
        let text = text.trim();
        if text.is_empty() || text.len() > VERSION_BYTES_MAX {
            return None;
        }
        match self {
            Self::Semver => semver(text).map(Version::Semver),
            Self::Pep440 => text.parse().ok().map(|version| Version::Pep440(Box::new(version))),
            Self::Maven => Some(Version::Maven(Maven::parse(text))),
            Self::Dpkg => Dpkg::parse(text).map(Version::Dpkg),
            Self::Apk => Apk::parse(text).map(Version::Apk),
            Self::Rpm => Rpm::parse(text).map(Version::Rpm),
        }
    }
}

impl Version {
    /// Compares an installed version with one that an advisory names.
    ///
    /// A local version of Python (`2.0.0+cu118`) is a build of the public one, so the local part counts only where the
    /// advisory has one too.
    #[must_use]
    pub fn against(&self, bound: &Self) -> Ordering {
        match (self, bound) {
            (Self::Semver(own), Self::Semver(bound)) => own.cmp_precedence(bound),
            (Self::Pep440(own), Self::Pep440(bound)) if own.is_local() && !bound.is_local() => {
                own.as_ref().clone().without_local().cmp(bound)
            }
            (Self::Pep440(own), Self::Pep440(bound)) => own.cmp(bound),
            (Self::Maven(own), Self::Maven(bound)) => own.compare(bound),
            (Self::Dpkg(own), Self::Dpkg(bound)) => own.compare(bound),
            (Self::Apk(own), Self::Apk(bound)) => own.compare(bound),
            (Self::Rpm(own), Self::Rpm(bound)) => own.compare(bound),
            // Versions of two orders never meet: an order parses both.
            _ => Ordering::Equal,
        }
    }
}

fn semver(text: &str) -> Option<Semver> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(end);
    let missing = match core.split('.').count() {
        1 => ".0.0",
        2 => ".0",
        _ => "",
    };
    Semver::parse(&format!("{core}{missing}{rest}")).ok()
}
