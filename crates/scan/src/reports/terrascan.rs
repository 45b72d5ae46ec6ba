//! JSON of Terrascan (<https://runterrascan.io/docs/usage/command_line_mode/>).
//!
//! Invariant: each violation is a finding, also one that a comment or an annotation skips. A directory that Terrascan
//! could not read is one of a scan that did not see everything, except where it looked for a kind of file that is not
//! there.

use std::collections::BTreeSet;

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, Tool};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::{incomplete, path};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "Terrascan report";

/// Reads a report. Terrascan writes `null` for an empty list.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let results = root.need("results")?;
    if !results.has("violations") {
        return Err(results.fault("the field `violations` is missing"));
    }
    let summary = results.need("scan_summary")?;
    let violations = results.list("violations")?;
    if violations.is_empty() {
        for (name, why) in [("policies_validated", NO_POLICY), ("violated_policies", CUT)] {
            let count = summary.need(name)?;
            if (count.number()? > 0.0) == (name == "violated_policies") {
                return Err(count.fault(why));
            }
        }
    }
    let scanned = summary.text("file/folder")?.unwrap_or_default();
    let mut drafts = Drafts::new(WHAT);
    for entry in violations.iter().chain(&results.list("skipped_violations")?) {
        drafts.push(draft(entry, scanned, tree)?)?;
    }
    let tries_all = summary.text("iac_type")? == Some("all");
    for error in results.list("scan_errors")? {
        let message = error.text("errMsg")?.unwrap_or("Terrascan reports an error");
        if tries_all && ABSENT.iter().any(|absent| message.contains(absent)) {
            continue;
        }
        drafts.push(incomplete::draft(message, DraftSite::Whole))?;
    }
    findings::document(drafts, BTreeSet::from([Tool::new("terrascan", None)]), tree)
}

fn draft(entry: &Node<'_>, scanned: &str, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let rule = entry.need_text("rule_id")?;
    let text = entry.text("description")?.or(entry.text("rule_name")?).unwrap_or(rule);
    let resource = [entry.text("resource_type")?, entry.text("resource_name")?];
    let resource: Vec<&str> = resource.into_iter().flatten().collect();
    let message =
        if resource.is_empty() { text.to_owned() } else { format!("{text} ({})", resource.join(".")) };
    let root = entry.text("plan_root")?.unwrap_or_default();
    let file = place(scanned, root, entry.need_text("file")?, tree);
    let region = Region { first: entry.line("line")?, ..Region::default() };
    let rating = Rating::of_word(entry.text("severity")?.unwrap_or_default());
    Ok(Draft::new(Class::Configuration, rule, rating, &message, DraftSite::File { path: file, region }))
}

/// The path of a file, which is below the scanned directory, or below the directory of the plan in it.
fn place(scanned: &str, root: &str, file: &str, tree: &dyn Tree) -> String {
    let below = [format!("{scanned}/{root}/{file}"), format!("{scanned}/{file}"), format!("{root}/{file}")];
    let mut paths = below.iter().map(|path| path::of_path(path, tree));
    paths.find(|path| tree.text(path).is_some()).unwrap_or_else(|| path::of_path(file, tree))
}

const NO_POLICY: &str = "Terrascan validated no policy: it read no file, or found no policies";
const CUT: &str = "it counts violated policies and the report shows none; is the file cut?";
/// The words of Terrascan about each kind of file that a directory does not have, if it tries all kinds.
const ABSENT: [&str; 3] =
    ["file not found in the directory", "no helm charts found in directory", "has no terraform config files"];
