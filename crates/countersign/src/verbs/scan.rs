//! `countersign scan`: secrets, components and their vulnerabilities, and files that configure, in a directory, a file, changes or a history, with no
//! installation and no network.
//!
//! Invariant: a file or lockfile that cannot be read is named and never passes as "nothing found".

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use client::source_tree::{self, TreeFile};
use evidence::document::Document as _;
use evidence::document::findings::FindingsDocument;

use super::scan_advisories;
use super::scan_changes;
use super::scan_history::{self, Limits};
use super::scan_image::{self, ImageArguments};
use super::scan_report::{Components, FoundSecret, ScanReport, text, unread_packages};
use super::scan_rules::Judging;
use crate::failure::Failure;
use crate::output::{self, Output};

/// Arguments of `scan`.
#[derive(Debug, Args)]
pub struct Scan {
    /// Directory, or an image of a container as OCI layout or tar, or one file such as a log, or `-` for the standard input. Files that its repository ignores are not read;
    /// default: the current directory, or with `--diff`, `--staged` and `--history` the whole repository.
    path: Option<PathBuf>,
    /// Show only what the commits between this one and HEAD bring, and what a later one of them removes again.
    #[arg(long, value_name = "BASE", conflicts_with = "staged")]
    diff: Option<String>,
    /// Show only what the next commit would bring: what the index holds and the last commit does not.
    #[arg(long)]
    staged: bool,
    /// Look for secrets in every commit that a branch, tag or other reference leads to. It shows the first commit with each.
    #[arg(long, conflicts_with_all = ["staged", "diff"])]
    history: bool,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    image: ImageArguments,
    /// Format of the result; default: that of `-o`.
    #[arg(long, value_enum)]
    format: Option<ScanFormat>,
    /// Database of advisories; default: the one that `countersign osv sync` made in your data directory.
    #[arg(long, value_name = "FILE")]
    advisories: Option<PathBuf>,
}

/// Formats of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScanFormat {
    /// Text for people.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// Annotations of GitHub's workflows.
    Github,
}

/// A tree that was read: its secrets, and the files that name packages.
#[derive(Debug, Default)]
struct ReadTree {
    files: usize,
    secrets: Option<FindingsDocument>,
    manifests: BTreeMap<String, Vec<u8>>,
    judging: Judging,
    unread: BTreeMap<String, String>,
}

/// Scans and prints. Exit code 3: secrets, critical problems of packages or broken rules of severity high were found; 4: something could not be read or judged.
pub fn run(verb: &Scan, output: Output) -> Result<(), Failure> {
    let path = verb.path.as_deref();
    let report = match &verb.diff {
        Some(base) => scan_changes::since(path, base, verb.advisories.as_ref())?,
        None if verb.history => scan_history::all(path, verb.limits, output)?,
        None if verb.staged => scan_changes::staged(path, verb.advisories.as_ref())?,
        None => of_path(path.unwrap_or(Path::new(".")), verb)?,
    };
    print(&report, verb.format, output)?;
    report.outcome()
}

fn print(report: &ScanReport, format: Option<ScanFormat>, output: Output) -> Result<(), Failure> {
    let said = match format {
        None => return output.print(report, text),
        Some(ScanFormat::Text) => return Output::Text.print(report, text),
        Some(ScanFormat::Json) => return Output::Json.print(report, text),
        Some(ScanFormat::Sarif) => shown::json(&scan::exports::sarif(&report.listing())),
        Some(ScanFormat::Github) => shown::text(&scan::exports::github(&report.listing())),
    };
    // No finding is no line of an annotation.
    output::stream(if said.is_empty() { said } else { said + "\n" }.as_bytes())
}

fn of_path(path: &Path, verb: &Scan) -> Result<ScanReport, Failure> {
    match scan_image::scanned(path, &verb.image, verb.advisories.as_ref())? {
        Some(report) => Ok(report),
        None => whole(path, verb.advisories.as_ref()),
    }
}

fn whole(path: &Path, advisories: Option<&PathBuf>) -> Result<ScanReport, Failure> {
    let mut tree = read(path)?;
    let mut packages = None;
    let components = match scan::components::of(&tree.manifests) {
        Ok(document) => {
            tree.unread.extend(unread_packages(&document, None));
            packages = scan_advisories::judge(&document, None, advisories)?;
            Some(Components::of(&document, None))
        }
        Err(error) => {
            tree.unread.insert("components".to_owned(), error.to_string());
            None
        }
    };
    tree.unread.extend(tree.judging.unread().map(|(path, why)| (path.clone(), why.clone())));
    let [infrastructure, pipelines] = tree.judging.beside(None);
    // An undecided one is a file that was not scanned, which is named apart.
    let secrets = tree.secrets.into_iter().flat_map(|document| document.findings);
    let secrets = secrets.filter(|(_, finding)| !finding.undecided);
    Ok(ScanReport {
        compared: None,
        history: None,
        image: None,
        images: None,
        files: tree.files,
        secrets: secrets.map(|(id, finding)| FoundSecret::new(id.to_string(), finding, None)).collect(),
        components,
        packages,
        infrastructure: Some(infrastructure),
        pipelines: Some(pipelines),
        unread: tree.unread,
    })
}

fn read(path: &Path) -> Result<ReadTree, Failure> {
    let mut tree = ReadTree::default();
    let mut each = |file: TreeFile| -> Result<(), client::Error> {
        let bytes = match file.content {
            Ok(bytes) => bytes,
            Err(why) => {
                tree.unread.insert(file.path, why);
                return Ok(());
            }
        };
        let one = BTreeMap::from([(file.path.clone(), bytes)]);
        if file.is_link {
            if let Some((path, bytes)) = one.first_key_value() {
                tree.judging.add(path, bytes);
            }
            tree.manifests.extend(one);
            return Ok(());
        }
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
        if let Some((path, bytes)) = one.first_key_value() {
            tree.judging.add(path, bytes);
        }
        tree.manifests.extend(one.into_iter().filter(|(path, _)| scan::components::is_read(path)));
        Ok(())
    };
    if path == Path::new("-") {
        each(TreeFile::of("standard-input", std::io::stdin()))?;
    } else {
        source_tree::each(path, each)?;
    }
    Ok(tree)
}
