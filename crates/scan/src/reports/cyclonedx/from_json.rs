//! The JSON encoding.

use evidence::document::Tool;

use super::model::{Components, Report, Score, Vulnerability, twice, unnamed};
use crate::ScanError;
use crate::reports::json::Node;
use crate::reports::severity::Rating;
use crate::reports::{findings, purl};

impl Components {
    /// The components of a document of CycloneDX.
    pub(crate) fn of(root: &Node<'_>) -> Result<Self, ScanError> {
        check_format(root)?;
        let mut all = Self::default();
        if let Some(metadata) = root.field("metadata")? {
            components(metadata.field("component")?.into_iter().collect(), &mut all)?;
        }
        components(root.list("components")?, &mut all)?;
        Ok(all)
    }
}

fn check_format(root: &Node<'_>) -> Result<(), ScanError> {
    if root.text("bomFormat")? != Some("CycloneDX") {
        return Err(root.fault("`bomFormat` is not `CycloneDX`"));
    }
    let version = root.need_text("specVersion")?;
    if !version.starts_with("1.") {
        return Err(root.fault("`specVersion` is not 1.x"));
    }
    Ok(())
}

pub(super) fn report(root: &Node<'_>) -> Result<Report, ScanError> {
    let mut report = Report { components: Components::of(root)?, ..Report::default() };
    if let Some(metadata) = root.field("metadata")? {
        tools(&metadata, &mut report)?;
    }
    let Some(list) = root.field("vulnerabilities")? else {
        return Err(root.fault("`vulnerabilities` is missing: the tool did not look for any"));
    };
    for entry in list.items()? {
        report.vulnerabilities.push(vulnerability(&entry)?);
    }
    Ok(report)
}

/// Tools are a list up to 1.4, and an object with lists since 1.5.
fn tools(metadata: &Node<'_>, report: &mut Report) -> Result<(), ScanError> {
    let Some(tools) = metadata.field("tools")? else { return Ok(()) };
    let list = if tools.is_list() {
        tools.items()?
    } else {
        tools.list("components")?.into_iter().chain(tools.list("services")?).collect()
    };
    for tool in list.iter().take(evidence::document::TOOLS_MAX) {
        if let Some(name) = tool.text("name")? {
            report.tools.insert(Tool::new(name, tool.text("version")?));
        }
    }
    Ok(())
}

/// Components hold components; the depth is bounded by the parser.
fn components(mut open: Vec<Node<'_>>, all: &mut Components) -> Result<(), ScanError> {
    while let Some(component) = open.pop() {
        open.extend(component.list("components")?);
        let purl = match component.text("purl")? {
            Some(purl) => purl::normal(purl),
            None => {
                let name = component.text("name")?.unwrap_or_default();
                unnamed(component.text("group")?, name, component.text("version")?)
            }
        };
        if let Some(reference) = component.text("bom-ref")?
            && !all.add(reference, purl)
        {
            return Err(component.fault(twice(reference)));
        }
    }
    Ok(())
}

fn vulnerability(entry: &Node<'_>) -> Result<Vulnerability, ScanError> {
    let mut found = Vulnerability { id: entry.need_text("id")?.to_owned(), ..Vulnerability::default() };
    for reference in entry.list("references")? {
        found.aliases.extend(reference.text("id")?.map(str::to_owned));
    }
    for rating in entry.list("ratings")? {
        let score = rating.field("score")?.map(|score| {
            let number = score.number()?;
            // OWASP and others have scales of their own, so a number outside is not an error.
            Ok::<_, ScanError>(Rating::of_number(number))
        });
        found.ratings.push(Score {
            method: rating.text("method")?.map(str::to_owned),
            vector: rating.text("vector")?.map(str::to_owned),
            score: score.transpose()?.flatten(),
            severity: rating.text("severity")?.map(str::to_owned),
        });
    }
    found.message = entry.text("description")?.or(entry.text("detail")?).map(str::to_owned);
    if let Some(time) = entry.text("published")? {
        let time =
            findings::moment(time).ok_or_else(|| entry.fault("`published` is not a time of RFC 3339"))?;
        found.published = Some(time);
    }
    for target in entry.list("affects")? {
        found.affects.push(target.need_text("ref")?.to_owned());
    }
    Ok(found)
}
