//! Packages that a lockfile fixes, and whether one of them is what a manifest asks for.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::fault::Fault;
use super::manifests::{Asked, is_local};
use super::node::Node;
use super::urls;

/// A package that a lockfile fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Version; projects of a workspace may have none.
    pub version: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A registry.
    Registry,
    /// A directory or file of the tree.
    Local,
    /// An address.
    Address(String),
}

impl Fixed {
    /// Reads a package of `Cargo.lock`.
    pub fn cargo(node: &Node) -> Result<Self, Fault> {
        let source = match node.text("source")? {
            None => Source::Local,
            Some(source) if source.starts_with("git+") => Source::Address(source.to_owned()),
            Some(_) => Source::Registry,
        };
        Ok(Self { version: Some(node.need("version")?.to_owned()), source })
    }

    /// Reads a package of `uv.lock`, `poetry.lock` or `pdm.lock`.
    pub fn python(node: &Node) -> Result<Self, Fault> {
        let version = node.text("version")?.map(str::to_owned);
        let Some(source) = node.get("source")? else {
            // Only PDM writes these fields beside the version.
            let source = match (node.text("git")?, node.text("url")?, node.text("path")?) {
                (Some(url), ..) => match node.text("ref")? {
                    Some(reference) => Source::Address(format!("git+{url}?rev={reference}")),
                    None => Source::Address(format!("git+{url}")),
                },
                (_, Some(url), _) => Source::Address(url.to_owned()),
                (.., Some(_)) => Source::Local,
                _ => Source::Registry,
            };
            return Ok(Self { version, source });
        };
        let kind = source.text("type")?;
        let source = match (kind, source.text("url")?, source.text("git")?) {
            (Some("git"), Some(url), _) => {
                let reference = source.text("reference")?.unwrap_or_default();
                let is_default = matches!(reference, "" | "HEAD" | "master");
                Source::Address(if is_default {
                    format!("git+{url}")
                } else {
                    format!("git+{url}?rev={reference}")
                })
            }
            (Some("directory" | "file"), ..) => Source::Local,
            (None | Some("url"), Some(url), _) => Source::Address(url.to_owned()),
            (None, None, Some(url)) => Source::Address(format!("git+{url}")),
            (None, None, None) if source.text("registry")?.is_none() => Source::Local,
            _ => Source::Registry,
        };
        Ok(Self { version, source })
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().unwrap_or("no version");
        match &self.source {
            Source::Registry => f.write_str(version),
            Source::Local => write!(f, "{version} of a directory"),
            Source::Address(url) => write!(f, "{version} of {}", urls::public(url)),
        }
    }
}

/// How the ecosystem of a lockfile writes ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Cargo.
    Cargo,
    /// PEP 440.
    Uv,
    /// PEP 440, and forms that only Poetry has.
    Poetry,
}

/// The ranges that none of the packages meets. `is_replaced`: the project replaces the package, so each source is fine.
pub fn unmet<'a>(asked: &'a Asked, fixed: &[Fixed], style: Style, is_replaced: bool) -> Vec<&'a str> {
    let has = |is: fn(&str) -> bool| asked.ranges.iter().any(|range| is(range));
    let (has_local, has_address) = (has(is_local), has(is_address));
    let is_asked = |fixed: &Fixed| match fixed.source {
        Source::Registry => true,
        Source::Local => is_replaced || has_local,
        Source::Address(_) => is_replaced || has_address,
    };
    let is_met = |range: &str| {
        if is_local(range) {
            return true;
        }
        if is_address(range) {
            let is_there =
                |fixed: &Fixed| matches!(&fixed.source, Source::Address(url) if is_same(range, url));
            return fixed.iter().any(|fixed| is_replaced || is_there(fixed));
        }
        fixed.iter().filter(|fixed| is_asked(fixed)).any(|fixed| match &fixed.version {
            Some(version) => allows(style, range, version),
            None => true,
        })
    };
    asked.ranges.iter().map(String::as_str).filter(|range| !is_met(range)).collect()
}

/// Whether a version is in a range. A range that cannot be read has no version, except the forms of Poetry alone, which
/// are compared by name.
fn allows(style: Style, range: &str, version: &str) -> bool {
    let range = range.trim();
    if range.is_empty() {
        return true;
    }
    if style == Style::Cargo {
        let wanted = range.parse::<semver::VersionReq>();
        return wanted.is_ok_and(|wanted| version.parse().is_ok_and(|version| wanted.matches(&version)));
    }
    let range = range.strip_prefix('(').and_then(|range| range.strip_suffix(')')).unwrap_or(range).trim();
    // Poetry: a version alone means this version.
    let is_bare = range.starts_with(|c: char| c.is_ascii_digit()) && style == Style::Poetry;
    let range = if is_bare { format!("=={range}") } else { range.to_owned() };
    match range.parse::<pep440_rs::VersionSpecifiers>() {
        Ok(wanted) => version.parse().is_ok_and(|version| wanted.contains(&version)),
        Err(_) => style == Style::Poetry && is_of_poetry(&range),
    }
}

/// Whether a range is in a form that only Poetry has: `^1.2`, `~1.2`, `*`, `<2 || >3`.
fn is_of_poetry(range: &str) -> bool {
    let mut parts = range.split(['|', ',']).map(str::trim).filter(|part| !part.is_empty()).peekable();
    let is_part = |part: &str| {
        let version = part.trim_start_matches(['^', '~', '=', '<', '>', '!']).trim();
        let version = version.strip_suffix(".*").unwrap_or(version);
        version == "*" || version.parse::<pep440_rs::Version>().is_ok()
    };
    parts.peek().is_some() && parts.all(is_part) && !range.starts_with("===")
}

fn is_address(range: &str) -> bool {
    range.contains("://") || range.starts_with("git+")
}

/// Whether two addresses lead to the same place, and for git to the same reference.
fn is_same(asked: &str, fixed: &str) -> bool {
    let parts = |url: &str| {
        let url = url.split('#').next().unwrap_or_default();
        let Some(git) = url.strip_prefix("git+") else { return (without_user(url), None) };
        let (bare, query) = git.split_once('?').unwrap_or((git, ""));
        let reference = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut reference =
            reference.filter(|(key, _)| matches!(*key, "rev" | "tag" | "branch")).map(|(_, value)| value);
        let reference =
            reference.next_back().map(|value| percent_decode_str(value).decode_utf8_lossy().into_owned());
        // `git+https://HOST/PATH@REFERENCE` of Python; the `@` between user and host is no such mark.
        let path = bare.find("://").and_then(|at| bare.get(at + 3..)?.find('/').map(|slash| at + 3 + slash));
        let mark = path.and_then(|path| bare.rfind('@').filter(|at| *at > path));
        let (bare, behind) = match mark.and_then(|at| bare.split_at_checked(at)) {
            Some((bare, behind)) => (bare, behind.strip_prefix('@').map(str::to_owned)),
            None => (bare, None),
        };
        let bare = without_user(bare.trim_end_matches('/').trim_end_matches(".git"));
        (format!("git+{bare}"), reference.or(behind))
    };
    parts(asked) == parts(fixed)
}

/// The address without user name and password, which lockfiles leave out.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
    format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
}
