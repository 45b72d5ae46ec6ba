//! Scan reports of Checkmarx One: the form by engines, and the later one by queries
//! (<https://docs.checkmarx.com/en/34965-182434-scan-reports.html>).

use evidence::document::findings::Class;

use super::super::draft::{Draft, DraftSite, Region};
use super::super::findings::Drafts;
use super::super::json::Node;
use super::super::vulnerabilities;
use super::entry::{is_fixed, place, rating, readable};
use super::one;
use crate::{ScanError, Tree};

/// Reads a report. A part that is not read is an error, unless it says that it is empty.
pub(super) fn read(root: &Node<'_>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
    let results = root.need("scanResults")?;
    if !results.has("resultsList") {
        return by_engines(&results, tree, drafts);
    }
    if let Some(scan) = root.field("scanInformation")? {
        for engine in scan.list("scannerStatus")? {
            let status = engine.text("status")?.unwrap_or_default();
            if !matches!(status, "Completed" | "Partial") {
                return Err(engine.fault(format_args!(
                    "an engine did not complete: {}",
                    evidence::document::text(status, 60)
                )));
            }
        }
    }
    let queries = results.list("resultsList")?;
    is_whole(&results, "totalResults", &queries, "vulnerabilities")?;
    for query in queries {
        let rule = query.need_text("queryName")?;
        for entry in query.need("vulnerabilities")?.items()? {
            if is_fixed(&entry)? {
                continue;
            }
            let region = Region { first: entry.line("sourceLine")?, ..Region::default() };
            let place = match entry.text("sourceFileName")? {
                Some(file) => place(file, region, tree),
                None => DraftSite::Whole,
            };
            drafts.push(Draft::new(Class::Code, rule, rating(&entry)?, &readable(rule), place))?;
        }
    }
    if let Some(part) = root.field("iacScanResults")? {
        for technology in part.list("technology")? {
            let queries = technology.list("queries")?;
            is_whole(&technology, "totalResults", &queries, "resultsList")?;
            for query in queries {
                configuration(&query, tree, drafts)?;
            }
        }
    }
    for name in ["scaScanResults", "containerScanResults", "apiSecScanResults"] {
        if let Some(part) = root.field(name)?
            && part.need("totalResults")?.number()? > 0.0
        {
            return Err(part.fault(
                "this part is not read; write the results by `cx results show --report-format json`",
            ));
        }
    }
    Ok(())
}

/// Refuses a list that is shorter than its count.
fn is_whole<'a>(
    counted: &Node<'a>,
    count: &'a str,
    lists: &[Node<'a>],
    name: &'a str,
) -> Result<(), ScanError> {
    let mut shown = 0_usize;
    for list in lists {
        shown += list.list(name)?.len();
    }
    let shown = u32::try_from(shown).unwrap_or(u32::MAX);
    match counted.field(count)? {
        Some(count) if count.number()? > f64::from(shown) => Err(count
            .fault(format_args!("the report shows {shown} results; write it without filters and limits"))),
        _ => Ok(()),
    }
}

fn configuration(query: &Node<'_>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
    let rule = query.need_text("queryName")?;
    for entry in query.list("resultsList")? {
        if !is_fixed(&entry)? {
            let file = place(entry.need_text("fileName")?, Region::default(), tree);
            drafts.push(Draft::new(Class::Configuration, rule, rating(&entry)?, rule, file))?;
        }
    }
    Ok(())
}

fn by_engines(results: &Node<'_>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
    for (engine, part) in results.fields()? {
        match engine {
            // A part that is null is an engine that did not run.
            _ if results.field(engine)?.is_none() => {}
            "sast" => {
                for language in part.list("languages")? {
                    for query in language.list("queries")? {
                        is_whole(
                            &query,
                            "vulnerabilitiesTotal",
                            std::slice::from_ref(&query),
                            "vulnerabilities",
                        )?;
                        code(&query, tree, drafts)?;
                    }
                }
            }
            "sca" => {
                for package in part.list("packages")? {
                    packages(&package, drafts)?;
                }
            }
            "kics" => {
                for platform in part.list("results")? {
                    is_whole(
                        &platform,
                        "vulnerabilitiesTotal",
                        std::slice::from_ref(&platform),
                        "vulnerabilities",
                    )?;
                    platforms(&platform, tree, drafts)?;
                }
            }
            _ => return Err(part.fault("the results of this engine are not read")),
        }
    }
    Ok(())
}

fn code(query: &Node<'_>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
    let rule = query.need_text("queryName")?;
    for entry in query.list("vulnerabilities")? {
        if is_fixed(&entry)? {
            continue;
        }
        let place = match entry.list("nodes")?.first() {
            Some(node) => {
                let region =
                    Region { first: node.line("line")?, column: node.line("column")?, ..Region::default() };
                place(node.need_text("fileName")?, region, tree)
            }
            None => DraftSite::Whole,
        };
        drafts.push(Draft::new(Class::Code, rule, rating(&entry)?, &readable(rule), place))?;
    }
    Ok(())
}

fn packages(package: &Node<'_>, drafts: &mut Drafts) -> Result<(), ScanError> {
    let component = one::component(package.need_text("name")?, "");
    for entry in package.list("vulnerabilities")? {
        if is_fixed(&entry)? {
            continue;
        }
        let rule = entry.text("cveName")?.map_or_else(|| entry.need_text("cveId"), Ok)?;
        let message = entry.text("description")?.unwrap_or(rule);
        let place = DraftSite::Component(component.clone());
        drafts.push(Draft {
            aliases: vulnerabilities::advisory_ids(rule),
            ..Draft::new(Class::Dependency, rule, rating(&entry)?, message, place)
        })?;
    }
    Ok(())
}

fn platforms(platform: &Node<'_>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
    for entry in platform.list("vulnerabilities")? {
        if !is_fixed(&entry)? {
            let rule = entry.need_text("queryName")?;
            let file = place(entry.need_text("fileName")?, Region::default(), tree);
            drafts.push(Draft::new(Class::Configuration, rule, rating(&entry)?, rule, file))?;
        }
    }
    Ok(())
}
