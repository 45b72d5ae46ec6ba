//! Package URLs of reports.
//!
//! Invariant: a package URL that parses is in its normal form, so that findings of several tools, and the components
//! of lockfiles, name one package alike. Qualifiers that do not choose another package are left out.

use std::str::FromStr;

use evidence::document::{TEXT_BYTES_MAX, text};
use packageurl::PackageUrl;

use crate::components::purl::pypi_name;

/// The normal form of a package URL. One that does not parse stays as it is.
pub(crate) fn normal(purl: &str) -> String {
    if purl.len() > TEXT_BYTES_MAX {
        return text(purl, TEXT_BYTES_MAX);
    }
    let parsed = PackageUrl::from_str(purl.trim()).ok();
    parsed.and_then(|parsed| unified(&parsed)).unwrap_or_else(|| purl.trim().to_owned())
}

/// Whether a package URL, or another id, names a component: it is the same, or it has no version and is the same
/// otherwise. Qualifiers that it does not have may be any.
pub(crate) fn names(id: &str, component: &str) -> bool {
    if id == component {
        return true;
    }
    let (Ok(id), Ok(component)) = (PackageUrl::from_str(id), PackageUrl::from_str(component)) else {
        return false;
    };
    id.version().is_none()
        && id.subpath().is_none()
        && (id.ty(), id.namespace(), id.name()) == (component.ty(), component.namespace(), component.name())
        && id.qualifiers().iter().all(|(key, value)| component.qualifiers().get(key) == Some(value))
}

/// The form that `components` writes too.
fn unified(parsed: &PackageUrl<'_>) -> Option<String> {
    let kind = parsed.ty().to_owned();
    let is_lower = LOWER.contains(&kind.as_str());
    let lower = |part: &str| if is_lower { part.to_lowercase() } else { part.to_owned() };
    let name = if kind == "pypi" { pypi_name(parsed.name()) } else { lower(parsed.name()) };
    let mut purl = PackageUrl::new(kind.clone(), name).ok()?;
    if let Some(namespace) = parsed.namespace() {
        purl.with_namespace(lower(namespace)).ok()?;
    }
    if let Some(version) = parsed.version() {
        let is_module = kind == "golang" && parsed.namespace().is_some();
        purl.with_version(match kind.as_str() {
            "pypi" => version.to_lowercase(),
            // Some tools leave out the letter that Go itself writes.
            _ if is_module && version.starts_with(|c: char| c.is_ascii_digit()) => format!("v{version}"),
            _ => version.to_owned(),
        })
        .ok()?;
    }
    let is_language = LANGUAGES.contains(&kind.as_str());
    for (key, value) in parsed.qualifiers() {
        let is_default = key == "type" && value == "jar";
        if !is_language || (CHOOSING.contains(&key.as_ref()) && !is_default) {
            purl.add_qualifier(key.to_string(), value.to_string()).ok()?;
        }
    }
    Some(purl.to_string())
}

/// The package URL of a package that the report names otherwise. `ecosystem` is the tool's word for its source; an
/// unknown one becomes `generic`, which no lockfile has.
pub(super) fn of_package(ecosystem: &str, name: &str, version: &str) -> String {
    let word = if ecosystem.len() > 64 { String::new() } else { ecosystem.trim().to_ascii_lowercase() };
    let name = name.get(..name.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
    let version = version.get(..version.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
    // OSV writes the release behind a colon: `Debian:11`.
    let word = word.split(':').next().unwrap_or_default();
    let row = ECOSYSTEMS.iter().find(|(words, ..)| words.contains(&word));
    let (kind, namespace) = row.map_or(("generic", None), |(_, kind, namespace)| (*kind, *namespace));
    let (inner, name) = match kind {
        "maven" => name.rsplit_once(':').map_or((None, name), |(group, name)| (Some(group), name)),
        "npm" | "golang" | "composer" | "swift" => {
            name.rsplit_once('/').map_or((None, name), |(space, name)| (Some(space), name))
        }
        _ => (namespace, name),
    };
    build(kind, inner, name, version)
        .unwrap_or_else(|| format!("pkg:generic/{}", if name.is_empty() { "unnamed" } else { name }))
}

fn build(kind: &str, namespace: Option<&str>, name: &str, version: &str) -> Option<String> {
    let mut purl = PackageUrl::new(kind, name).ok()?;
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        purl.with_namespace(namespace).ok()?;
    }
    if !version.is_empty() {
        purl.with_version(version).ok()?;
    }
    Some(normal(&purl.to_string()))
}

/// Types whose names are lower case, beside those that the crate knows.
const LOWER: [&str; 3] = ["brew", "git", "golang"];

/// Types whose packages are chosen by namespace, name and version alone.
const LANGUAGES: [&str; 14] = [
    "cargo",
    "cocoapods",
    "composer",
    "conan",
    "cran",
    "gem",
    "golang",
    "hackage",
    "hex",
    "maven",
    "npm",
    "nuget",
    "pub",
    "pypi",
];

/// Qualifiers that choose another package than the one of its registry.
const CHOOSING: [&str; 5] = ["classifier", "download_url", "repository_url", "type", "vcs_url"];

type Ecosystem = (&'static [&'static str], &'static str, Option<&'static str>);

/// Words of OSV, Trivy and Grype, the type of the package URL, and its namespace.
const ECOSYSTEMS: [Ecosystem; 28] = [
    (&["npm", "yarn", "pnpm", "bun", "node-pkg", "javascript"], "npm", None),
    (&["pypi", "pip", "pipenv", "poetry", "uv", "pylock", "python-pkg", "conda-pkg", "python"], "pypi", None),
    (&["crates.io", "cargo", "rustbinary", "rust-crate"], "cargo", None),
    (&["go", "gomod", "gobinary", "go-module"], "golang", None),
    (&["maven", "jar", "pom", "gradle", "sbt", "java-archive"], "maven", None),
    (&["rubygems", "bundler", "gemspec", "gem"], "gem", None),
    (&["packagist", "composer", "composer-vendor", "php-composer"], "composer", None),
    (&["nuget", "dotnet-core", "packages-props", "dotnet"], "nuget", None),
    (&["hex", "mix-lock"], "hex", None),
    (&["pub"], "pub", None),
    (&["hackage"], "hackage", None),
    (&["cran"], "cran", None),
    (&["conancenter", "conan"], "conan", None),
    (&["swifturl", "swift"], "swift", None),
    (&["cocoapods"], "cocoapods", None),
    (&["github actions"], "github", None),
    (&["debian", "deb"], "deb", Some("debian")),
    (&["ubuntu"], "deb", Some("ubuntu")),
    (&["alpine", "apk"], "apk", Some("alpine")),
    (&["wolfi"], "apk", Some("wolfi")),
    (&["chainguard"], "apk", Some("chainguard")),
    (&["redhat", "red hat", "rpm"], "rpm", Some("redhat")),
    (&["centos"], "rpm", Some("centos")),
    (&["rocky", "rocky linux"], "rpm", Some("rocky")),
    (&["alma", "almalinux"], "rpm", Some("almalinux")),
    (&["amazon"], "rpm", Some("amzn")),
    (&["oracle"], "rpm", Some("oracle")),
    (&["suse", "opensuse", "sles"], "rpm", Some("suse")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        for (purl, form) in [
            ("pkg:pypi/Django_X@3.2.9", "pkg:pypi/django-x@3.2.9"),
            ("pkg:pypi/yaspin@0.16.0?extension=tar.gz", "pkg:pypi/yaspin@0.16.0"),
            ("pkg:pypi/ruamel.yaml__x@1.0RC1", "pkg:pypi/ruamel-yaml-x@1.0rc1"),
            ("pkg:maven/a.b/c@1?type=jar#sub", "pkg:maven/a.b/c@1"),
            ("pkg:maven/a.b/c@1?classifier=x&package-id=5f", "pkg:maven/a.b/c@1?classifier=x"),
            ("pkg:golang/GitHub.com/A/b@1.2.0", "pkg:golang/github.com/a/b@v1.2.0"),
            ("pkg:golang/stdlib@1.21.0", "pkg:golang/stdlib@1.21.0"),
            ("pkg:deb/debian/curl@1?arch=amd64", "pkg:deb/debian/curl@1?arch=amd64"),
            ("pkg:npm/%40a/b@1", "pkg:npm/%40a/b@1"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(normal(purl), form);
            assert_eq!(normal(form), form, "the form is stable");
        }
    }

    #[test]
    fn a_package_url_without_a_version_names_every_version() {
        for (id, component, expected) in [
            ("pkg:npm/b@2", "pkg:npm/b@2", true),
            ("pkg:npm/b", "pkg:npm/b@2", true),
            ("pkg:npm/b@2", "pkg:npm/b@2.0", false),
            ("pkg:npm/b", "pkg:npm/bb@2", false),
            ("pkg:npm/%40a/b", "pkg:npm/b@2", false),
            ("pkg:npm/b", "pkg:cargo/b@2", false),
            ("pkg:deb/debian/curl", "pkg:deb/debian/curl@1?arch=amd64", true),
            ("pkg:deb/debian/curl?arch=arm64", "pkg:deb/debian/curl@1?arch=amd64", false),
            ("urn:b", "urn:b", true),
            ("urn:b", "pkg:npm/b@2", false),
            ("", "pkg:npm/b@2", false),
        ] {
            assert_eq!(names(id, component), expected, "{id} {component}");
        }
    }

    #[test]
    fn packages() {
        for (ecosystem, name, version, purl) in [
            ("npm", "@a/b", "1.0.0", "pkg:npm/%40a/b@1.0.0"),
            ("PyPI", "Flask", "1", "pkg:pypi/flask@1"),
            ("jar", "org.a:b-c", "2", "pkg:maven/org.a/b-c@2"),
            ("Go", "github.com/a/b", "1.2", "pkg:golang/github.com/a/b@v1.2"),
            ("Debian:11", "curl", "7.1-1", "pkg:deb/debian/curl@7.1-1"),
            ("crates.io", "time", "0.1.0", "pkg:cargo/time@0.1.0"),
            ("other", "a/b c", "", "pkg:generic/a%2Fb%20c"),
            ("", "", "", "pkg:generic/unnamed"),
        ] {
            assert_eq!(of_package(ecosystem, name, version), purl);
        }
    }
}
