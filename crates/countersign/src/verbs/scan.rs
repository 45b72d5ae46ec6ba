//! `countersign scan`: secrets, components and their vulnerabilities in a directory, with no installation and no network.
//!
//! Invariant: a file or lockfile that cannot be read is named and never passes as "nothing found".

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use client::source_tree;
use domain::gate::GateOutcome;
use evidence::document::findings::FindingsDocument;
use evidence::document::{ComponentsDocument, Document as _};
use policy::Finding;
use serde::Serialize;

use super::scan_advisories::{self, Judged, NOT_JUDGED};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `scan`.
#[derive(Debug, Args)]
pub struct Scan {
    /// Directory or file. Files that its repository ignores are not read; default: the current directory.
    path: Option<PathBuf>,
    /// Database of advisories; default: the one that `countersign osv sync` made in your data directory.
    #[arg(long, value_name = "FILE")]
    advisories: Option<PathBuf>,
}

/// Results of a scan.
#[derive(Debug, Serialize)]
struct ScanReport {
    files: usize,
    findings: Vec<FoundSecret>,
    components: Option<Components>,
    vulnerabilities: Option<Judged>,
    unread: BTreeMap<String, String>,
}

/// A secret, without its text.
#[derive(Debug, Serialize)]
struct FoundSecret {
    id: String,
    rule: String,
    severity: &'static str,
    at: String,
    message: String,
}

/// The packages that lockfiles name.
#[derive(Debug, Serialize)]
struct Components {
    count: usize,
    sources: BTreeSet<String>,
    unpinned: Vec<String>,
}

/// A tree that was read: its secrets, and the files that name packages.
#[derive(Debug, Default)]
struct ReadTree {
    files: usize,
    secrets: Option<FindingsDocument>,
    manifests: BTreeMap<String, Vec<u8>>,
    unread: BTreeMap<String, String>,
}

/// Scans and prints. Exit code 3: secrets or critical problems of packages were found; 4: something could not be read or judged.
pub fn run(verb: &Scan, output: Output) -> Result<(), Failure> {
    let mut tree = read(verb.path.as_deref().unwrap_or(Path::new(".")))?;
    let mut vulnerabilities = None;
    let components = match scan::components::of(&tree.manifests) {
        Ok(document) => {
            vulnerabilities = scan_advisories::judge(&document, verb.advisories.as_ref())?;
            Some(summary(&document))
        }
        Err(error) => {
            tree.unread.insert("components".to_owned(), error.to_string());
            None
        }
    };
    let report = ScanReport {
        files: tree.files,
        findings: tree.secrets.iter().flat_map(found).collect(),
        components,
        vulnerabilities,
        unread: tree.unread,
    };
    output.print(&report, text)?;
    report.outcome()
}

impl ScanReport {
    fn outcome(&self) -> Result<(), Failure> {
        let mut stops = Vec::new();
        if !self.findings.is_empty() {
            let secrets = counted(self.findings.len(), "secret");
            stops.push(format!(
                "{secrets}: revoke each, and remove it; a secret in a commit stays in its history"
            ));
        }
        let stopping = self.vulnerabilities.as_ref().map_or(0, Judged::stopping);
        if stopping > 0 {
            let problems = counted(stopping, "critical or exploited problem");
            stops.push(format!("{problems} of packages: upgrade each, or replace it"));
        }
        if !stops.is_empty() {
            return Err(Failure::counted(stops.join("; "), Vec::new()));
        }
        let undecided = self.vulnerabilities.as_ref().map_or(0, Judged::undecided);
        if self.unread.is_empty() && self.files > 0 && undecided == 0 {
            return Ok(());
        }
        let finding = |(path, why): (&String, &String)| Finding {
            code: "not-scanned".to_owned(),
            what: format!("{path}: {why}"),
            remedy: "mend the file, or scan a directory without it".to_owned(),
        };
        let findings = self.unread.iter().map(finding).collect();
        let what = if self.files == 0 {
            "no file was scanned; name a directory with files that its repository does not ignore"
        } else if self.unread.is_empty() {
            "not every package could be judged; the findings above that could not be decided say why"
        } else {
            "not everything could be scanned"
        };
        Err(Failure::decided(GateOutcome::Undecided, what, findings))
    }
}

fn read(path: &Path) -> Result<ReadTree, Failure> {
    let mut tree = ReadTree::default();
    source_tree::each(path, |file| {
        let bytes = match file.content {
            Ok(bytes) => bytes,
            Err(why) => {
                tree.unread.insert(file.path, why);
                return Ok(());
            }
        };
        let one = BTreeMap::from([(file.path.clone(), bytes)]);
        match scan::secrets::of(&one) {
            Ok(scanned) => {
                tree.files += scanned.files;
                tree.unread.extend(
                    scanned.skipped.into_iter().map(|skipped| (skipped.path, skipped.why.to_owned())),
                );
                let document = scanned.document;
                tree.secrets = Some(match tree.secrets.take() {
                    Some(all) => all.merge(document),
                    None => document,
                });
            }
            Err(error) => drop(tree.unread.insert(file.path, error.to_string())),
        }
        tree.manifests.extend(one.into_iter().filter(|(path, _)| scan::components::is_read(path)));
        Ok(())
    })?;
    Ok(tree)
}

fn found(document: &FindingsDocument) -> impl Iterator<Item = FoundSecret> {
    // An unconfirmed one is a file that was not scanned, which is named apart.
    document.findings.iter().filter(|(_, finding)| !finding.unconfirmed).map(|(id, finding)| FoundSecret {
        id: id.to_string(),
        rule: finding.rule.clone(),
        severity: finding.severity.as_str(),
        at: finding.site.to_string(),
        message: finding.message.clone(),
    })
}

fn summary(document: &ComponentsDocument) -> Components {
    let unpinned = document.components.iter().filter(|(_, component)| !component.pinned);
    Components {
        count: document.components.len(),
        sources: document.sources.clone(),
        unpinned: unpinned.map(|(purl, _)| purl.clone()).collect(),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn text(report: &ScanReport) -> String {
    let mut lines = vec![match report.findings.len() {
        0 => format!("secrets: none found in {}", counted(report.files, "file")),
        count => format!("secrets: {count} found in {}", counted(report.files, "file")),
    }];
    lines.extend(
        report.findings.iter().map(|found| format!("  {}: {} ({})", found.at, found.message, found.rule)),
    );
    if let Some(components) = &report.components {
        let sources = components.sources.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        lines.push(match components.count {
            0 => "components: no lockfile names any".to_owned(),
            count => format!("components: {count} in {sources}"),
        });
        if !components.unpinned.is_empty() {
            lines.push(format!("  {} are fixed by no checksum:", components.unpinned.len()));
            lines.extend(components.unpinned.iter().take(SHOWN_MAX).map(|purl| format!("    {purl}")));
            let more = components.unpinned.len().saturating_sub(SHOWN_MAX);
            lines.extend((more > 0).then(|| format!("    and {more} more, see -o json")));
        }
    }
    match &report.vulnerabilities {
        Some(judged) => lines.extend(judged.lines()),
        None => lines.push(format!("vulnerabilities: {NOT_JUDGED}")),
    }
    lines.extend(report.unread.iter().map(|(path, why)| format!("not scanned: {path}: {why}")));
    lines.join("\n")
}

const SHOWN_MAX: usize = 10;
