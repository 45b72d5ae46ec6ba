//! The list of results of Checkmarx One, as its API and `cx results show --report-format json` write it
//! (<https://docs.checkmarx.com/en/34965-68640-results.html>).

use evidence::document::findings::Class;

use super::super::draft::{Draft, DraftSite, Region};
use super::super::findings::{Drafts, moment};
use super::super::json::Node;
use super::super::severity::Rating;
use super::super::{purl, vulnerabilities};
use super::entry::{is_fixed, place, rating, readable};
use crate::{ScanError, Tree};

/// Reads the list.
pub(super) fn read(root: &Node<'_>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
    let total = root.need("totalCount")?;
    let results = root.need("results")?.items()?;
    let shown = u32::try_from(results.len()).unwrap_or(u32::MAX);
    if total.number()? > f64::from(shown) {
        return Err(total.fault(format_args!("the report shows {shown} results; ask for all of them")));
    }
    for entry in results {
        if is_fixed(&entry)? {
            continue;
        }
        let draft = match entry.need_text("type")? {
            "sast" => of_code(&entry, tree)?,
            "kics" => of_configuration(&entry, tree)?,
            "sca" => of_package(&entry)?,
            kind => of_other(kind, &entry, tree)?,
        };
        drafts.push(draft)?;
    }
    Ok(())
}

fn of_code(entry: &Node<'_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let data = entry.need("data")?;
    let rule = data.need_text("queryName")?;
    let place = match data.list("nodes")?.first() {
        Some(node) => {
            let region =
                Region { first: node.line("line")?, column: node.line("column")?, ..Region::default() };
            place(node.need_text("fileName")?, region, tree)
        }
        None => DraftSite::Whole,
    };
    Ok(Draft::new(Class::Code, rule, rating(entry)?, &readable(rule), place))
}

fn of_configuration(entry: &Node<'_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let data = entry.need("data")?;
    let name = data.need_text("queryName")?;
    // Old versions write where they took the id from behind it.
    let rule = data.text("queryId")?.and_then(|id| id.split(' ').next()).unwrap_or(name);
    let region = Region { first: data.line("line")?, ..Region::default() };
    let place = match data.text("filename")?.or(data.text("fileName")?) {
        Some(file) => place(file, region, tree),
        None => DraftSite::Whole,
    };
    Ok(Draft::new(Class::Configuration, rule, rating(entry)?, name, place))
}

fn of_package(entry: &Node<'_>) -> Result<Draft, ScanError> {
    let data = entry.need("data")?;
    let rule = entry.text("id")?.map_or_else(|| entry.need_text("similarityId"), Ok)?;
    let package = data.need_text("packageIdentifier")?;
    let details = entry.field("vulnerabilityDetails")?;
    let score = match &details {
        Some(details) => details.field("cvssScore")?.map(|score| score.number()).transpose()?,
        None => None,
    };
    let aliases = match &details {
        Some(details) => details.text("cveName")?.map(vulnerabilities::advisory_ids).unwrap_or_default(),
        None => vulnerabilities::advisory_ids(rule),
    };
    let component = component(package, &name_of(&data, package)?);
    let message = entry.text("description")?.unwrap_or(rule);
    let word = rating(entry)?;
    let place = DraftSite::Component(component);
    let published = match &details {
        Some(details) => details.text("publicationDate")?.and_then(moment),
        None => None,
    };
    Ok(Draft {
        aliases,
        published,
        ..Draft::new(
            Class::Dependency,
            rule,
            score.and_then(Rating::of_number).unwrap_or(word),
            message,
            place,
        )
    })
}

/// The name of a package, from the ways that lead to it; empty if the report has none.
fn name_of<'a>(data: &Node<'a>, package: &str) -> Result<&'a str, ScanError> {
    let Some(details) = data.field("scaPackageData")? else { return Ok("") };
    for path in details.list("dependencyPaths")? {
        for step in path.items()? {
            if step.text("id")? == Some(package) {
                return Ok(step.text("name")?.unwrap_or_default());
            }
        }
    }
    Ok("")
}

/// The package URL of `ECOSYSTEM-NAME-VERSION`. Names and versions may have hyphens, so a known name decides.
pub(super) fn component(package: &str, name: &str) -> String {
    let (ecosystem, rest) = package.split_once('-').unwrap_or(("", package));
    let known = rest.strip_prefix(name).filter(|_| !name.is_empty()).and_then(|rest| rest.strip_prefix('-'));
    let (name, version) = match known {
        Some(version) => (name, version),
        None => rest.rsplit_once('-').unwrap_or((rest, "")),
    };
    let ecosystem = match ecosystem.to_ascii_lowercase().as_str() {
        "php" => "composer".to_owned(),
        "ruby" => "gem".to_owned(),
        "ios" => "cocoapods".to_owned(),
        word => word.to_owned(),
    };
    purl::of_package(&ecosystem, name, version)
}

/// A result of an engine that this program does not know: it is a finding, of which only the common parts are read.
fn of_other(kind: &str, entry: &Node<'_>, tree: &dyn Tree) -> Result<Draft, ScanError> {
    let data = entry.field("data")?;
    let of_data = |name| match &data {
        Some(data) if data.has(name) => data.text(name),
        _ => Ok(None),
    };
    let is_secret = kind.contains("secret");
    let rule = match of_data("ruleName")? {
        Some(rule) => rule,
        None => entry.need_text("id")?,
    };
    let class = if is_secret { Class::Secret } else { Class::Code };
    let place = match of_data("fileName")? {
        Some(file) => place(file, Region::default(), tree),
        None => DraftSite::Whole,
    };
    let message = entry.text("description")?.filter(|_| !is_secret).unwrap_or(rule);
    let aliases = vulnerabilities::advisory_ids(rule);
    Ok(Draft { aliases, ..Draft::new(class, rule, rating(entry)?, message, place) })
}
