//! JSON of `npm audit`, version 2 of its format (npm 7 and later).
//!
//! Invariant: each advisory is a finding at each installed copy of the package that it speaks about. The report names
//! copies by directory alone, so their versions come from the lockfile of the tree. A package that is listed only because
//! it depends on another one is no second finding, if the report describes the other one.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::{incomplete, purl, vulnerabilities};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "npm audit report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    if let Some(version) = root.field("auditReportVersion")? {
        if version.number()?.to_string() != "2" {
            return Err(version.fault("only version 2 is read; use npm 7 or later"));
        }
    } else {
        let message = evidence::document::text(root.text("message")?.unwrap_or("no message"), 200);
        return Err(root.fault(format_args!(
            "`auditReportVersion` is missing: npm 6, or npm reports an error: {message}"
        )));
    }
    let entries = root.need("vulnerabilities")?;
    if entries.fields()?.is_empty()
        && let Some(counts) =
            root.field("metadata")?.map(|metadata| metadata.field("vulnerabilities")).transpose()?.flatten()
        && counts.field("total")?.is_some_and(|total| total.number().ok() != Some(0.0))
    {
        return Err(counts.fault("it counts vulnerabilities and the report shows none; is the file cut?"));
    }
    let lock = lockfile(tree)?;
    let mut drafts = Drafts::new(WHAT);
    for (name, entry) in entries.fields()? {
        let components = components(name, &entry, &lock)?;
        for via in entry.need("via")?.items()? {
            match via.as_str() {
                // The advisory stands at the package that this one depends on.
                Some(other) if entries.field(other)?.is_some() => {}
                Some(other) => {
                    let message = format!("it depends on `{other}`, of which the report says no more");
                    for component in &components {
                        let draft = incomplete::draft(&message, DraftSite::Component(component.clone()));
                        drafts.push(Draft { unconfirmed: false, ..draft })?;
                    }
                }
                None => advisory(name, &via, &components, &mut drafts)?,
            }
        }
    }
    findings::document(drafts, BTreeSet::from([Tool::new("npm-audit", None)]), tree)
}

fn advisory(
    name: &str,
    via: &Node<'_>,
    components: &BTreeSet<String>,
    drafts: &mut Drafts,
) -> Result<(), ScanError> {
    let title = via.text("title")?.unwrap_or(name);
    let aliases = via.text("url")?.map(vulnerabilities::advisory_ids).unwrap_or_default();
    let source = || via.need("source")?.number().map(|number| format!("npm-{number}"));
    let rule = aliases.first().cloned().map_or_else(source, Ok)?;
    let vector = via.field("cvss")?.map(|cvss| cvss.text("vectorString")).transpose()?.flatten();
    let word = Rating::of_word(via.text("severity")?.unwrap_or_default());
    let rating = Rating::of_vectors(vector).unwrap_or(word);
    for component in components {
        let place = DraftSite::Component(component.clone());
        drafts.push(Draft {
            aliases: aliases.clone(),
            ..Draft::new(Class::Dependency, &rule, rating, title, place)
        })?;
    }
    Ok(())
}

/// The package URLs of the copies of a package; one without a version if the lockfile does not know the directory.
fn components(
    name: &str,
    entry: &Node<'_>,
    lock: &BTreeMap<String, String>,
) -> Result<BTreeSet<String>, ScanError> {
    let mut components = BTreeSet::new();
    for node in entry.list("nodes")? {
        let version = lock.get(node.str()?).map(String::as_str).unwrap_or_default();
        components.insert(purl::of_package("npm", name, version));
    }
    if components.is_empty() {
        components.insert(purl::of_package("npm", name, ""));
    }
    Ok(components)
}

/// Versions by directory, from the lockfile at the root of the tree.
fn lockfile(tree: &dyn Tree) -> Result<BTreeMap<String, String>, ScanError> {
    let Some(text) = ["npm-shrinkwrap.json", "package-lock.json"].iter().find_map(|path| tree.text(path))
    else {
        return Ok(BTreeMap::new());
    };
    let value = json::parse("lockfile of npm", text)?;
    let mut versions = BTreeMap::new();
    if let Some(packages) = Node::root("lockfile of npm", &value).field("packages")? {
        for (path, package) in packages.fields()? {
            versions.extend(package.text("version")?.map(|version| (path.to_owned(), version.to_owned())));
        }
    }
    Ok(versions)
}
