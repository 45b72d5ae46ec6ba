//! Advisories in a file, by which a server judges again what runs.
//!
//! Invariant: each component is judged as a scan would judge it, so that a finding has the same identity. A database that is damaged
//! is an error, and never "no problem".

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use evidence::Digest;
use evidence::document::components::{Component, ComponentsDocument, Scope};
use evidence::document::findings::Site;
use evidence::document::{Knowledge, Tool};
use review::inventory::{Package, Problem, severity_of};
use review::rescan::{Advisories, AdvisoriesFault, AdvisorySource, Answers, is_news};
use scan::advisories::{AdvisoriesError, DEPRECATED, Database, SOURCE_DIFFERS, UNPINNED, YANKED};
use serde::Serialize;
use wire::{PackageView, WatchedView};

use crate::error::Error;

/// A file that `countersign osv sync` makes, and replaces while the server runs.
#[derive(Clone, Debug)]
pub struct AdvisoriesFile(pub PathBuf);

/// An open database.
struct Opened(Database);

impl AdvisorySource for AdvisoriesFile {
    fn open(&self) -> Result<Box<dyn Advisories>, AdvisoriesFault> {
        let database =
            crate::advisories::open(&self.0).map_err(|error| AdvisoriesFault(error.to_string()))?;
        Ok(Box::new(Opened(database)))
    }
}

impl Advisories for Opened {
    fn knowledge(&self) -> Knowledge {
        self.0.knowledge()
    }

    fn judge(&self, packages: &[Package]) -> Result<Answers, AdvisoriesFault> {
        let mut answers = Answers::default();
        // A document has a bound, and each answer is one.
        packages.chunks(PART).try_for_each(|part| self.add(part, &mut answers))?;
        Ok(answers)
    }
}

impl Opened {
    fn add(&self, part: &[Package], answers: &mut Answers) -> Result<(), AdvisoriesFault> {
        let mut document = ComponentsDocument::new([Tool::new("countersign rescan", None)]);
        for package in part {
            if let Some(ecosystem) = scan::advisories::not_held(&package.purl, &self.0) {
                answers.not_held.insert(package.purl.clone(), ecosystem);
            } else {
                document.add(package.purl.clone(), component(package));
            }
        }
        let judged = match (scan::advisories::judge(&document, &self.0), part) {
            (Ok(judged), _) => judged,
            // A list of packages that was made for it must not stop the judgement of all others.
            (Err(AdvisoriesError::Document(_)), [package]) => {
                answers.not_held.insert(package.purl.clone(), TOO_MANY.to_owned());
                return Ok(());
            }
            (Err(AdvisoriesError::Document(_)), [_, ..]) => {
                let (first, second) = part.split_at(part.len() / 2);
                self.add(first, answers)?;
                return self.add(second, answers);
            }
            (Err(error), _) => return Err(AdvisoriesFault(error.to_string())),
        };
        // Facts about lockfiles and publishers' words are no advisories.
        let told = [UNPINNED, SOURCE_DIFFERS, YANKED, DEPRECATED];
        let found = judged.findings.into_iter().filter(|(_, finding)| {
            matches!(finding.site, Site::Component { .. }) && !told.contains(&finding.rule.as_str())
        });
        answers.problems.extend(found.map(|(id, finding)| Problem { id, finding }));
        Ok(())
    }
}

/// In place of an ecosystem, of a package with more problems than an answer holds.
const TOO_MANY: &str = "those with too many problems";

/// Problems of the releases of a place that are new, by a database of one's own.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// The advisories.
    pub advisories: Knowledge,
    /// The problems.
    pub problems: Vec<NewProblem>,
    /// Ecosystems of which the advisories hold no record, with their number of packages.
    pub not_held: BTreeMap<String, u64>,
    /// Whether a release has no list of packages, so that nothing is known of it.
    pub unlisted: bool,
}

/// A problem that a release did not know, or that is worse than it knew.
#[derive(Debug, Serialize)]
pub struct NewProblem {
    /// Number of the release.
    pub release: Option<u64>,
    /// Identity of the finding.
    pub id: Digest,
    /// The advisory.
    pub rule: String,
    /// Its other ids.
    pub aliases: BTreeSet<String>,
    /// Package URL of the component.
    pub component: String,
    /// Severity.
    pub severity: &'static str,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// A sentence about it.
    pub message: String,
    /// The version that has no such problem.
    pub fixed: Option<String>,
}

/// Judges releases by a database of advisories.
///
/// # Errors
/// `Error` if the database cannot be read.
pub fn judge(file: &Path, releases: Vec<WatchedView>) -> Result<Judged, Error> {
    let fault = |error: AdvisoriesFault| Error::unusable(error.to_string());
    let opened = AdvisoriesFile(file.to_path_buf()).open().map_err(fault)?;
    let mut judged = Judged {
        advisories: opened.knowledge(),
        problems: Vec::new(),
        not_held: BTreeMap::new(),
        unlisted: releases.iter().any(|release| release.packages.is_empty()),
    };
    for release in releases {
        let known: BTreeMap<Digest, i64> =
            release.known.iter().map(|known| (known.finding, known.rank)).collect();
        let was_exploited: BTreeSet<Digest> =
            release.known.iter().filter(|known| known.exploited).map(|known| known.finding).collect();
        let package =
            |one: PackageView| Package { purl: one.purl, name: one.name, version: one.version, direct: None };
        let mut packages: Vec<Package> = release.packages.into_iter().map(package).collect();
        packages.sort();
        let answers = opened.judge(&packages).map_err(fault)?;
        for ecosystem in answers.not_held.into_values() {
            *judged.not_held.entry(ecosystem).or_default() += 1;
        }
        let known_as = |problem: &Problem| {
            let rank = known.get(&problem.id)?;
            Some((severity_of(*rank), was_exploited.contains(&problem.id)))
        };
        let new = answers.problems.into_iter().filter(|problem| is_news(known_as(problem), problem));
        judged.problems.extend(new.map(|problem| NewProblem {
            release: release.release,
            id: problem.id,
            component: problem.component().unwrap_or_default().to_owned(),
            rule: problem.finding.rule,
            aliases: problem.finding.aliases,
            severity: problem.finding.severity.as_str(),
            exploited: problem.finding.exploited,
            message: problem.finding.message,
            fixed: problem.finding.fixed,
        }));
    }
    Ok(judged)
}

fn component(package: &Package) -> Component {
    Component {
        name: package.name.clone(),
        version: package.version.clone(),
        scope: Scope::Runtime,
        direct: None,
        pinned: true,
        checksums: BTreeMap::new(),
        licence: None,
        needs: [].into(),
        sources: [].into(),
        differs: None,
    }
}

/// Packages of one document: few enough that their problems fit one answer.
const PART: usize = 500;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use review::inventory::Package;
    use review::rescan::AdvisorySource as _;
    use scan::advisories::Ecosystem;

    use super::AdvisoriesFile;

    fn package(purl: &str, name: &str, version: &str) -> Package {
        Package { purl: purl.to_owned(), name: name.to_owned(), version: version.to_owned(), direct: None }
    }

    #[test]
    fn packages_are_judged_as_a_scan_judges_them() {
        let dir = tempfile::tempdir().unwrap();
        let record = r#"{"id": "RUSTSEC-2026-0001", "modified": "2026-08-21T10:00:00Z", "aliases": ["CVE-2026-1"],
            "summary": "bad", "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [{"package": {"ecosystem": "crates.io", "name": "serde"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}]}]}"#;
        std::fs::create_dir(dir.path().join("records")).unwrap();
        disk::write(&dir.path().join("records/1.json"), record.as_bytes(), 0o644).unwrap();
        let file = dir.path().join("advisories");
        let all = Ecosystem::ALL;
        crate::advisories::sync(&dir.path().join("records"), None, "records", &all, &file, &mut |_| ())
            .unwrap();
        let packages = [
            package("pkg:cargo/serde@1.0.0", "serde", "1.0.0"),
            package("pkg:cargo/serde@1.0.1", "serde", "1.0.1"),
            package("pkg:deb/debian/curl@7", "curl", "7"),
        ];
        let opened = AdvisoriesFile(file.clone()).open().unwrap();
        let answers = opened.judge(&packages).unwrap();
        let found: Vec<_> = answers.problems.iter().map(|problem| problem.component()).collect();
        assert_eq!(found, [Some("pkg:cargo/serde@1.0.0")]);
        assert_eq!(answers.problems[0].finding.fixed.as_deref(), Some("1.0.1"));
        assert_eq!(answers.not_held.len(), 1);
        disk::write(&file, b"damaged", 0o644).unwrap();
        assert!(AdvisoriesFile(file).open().is_err());
    }
}
