//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html>) of any tool.
//!
//! Invariant: each result whose kind names a problem, at each of its locations, is a finding, and so is each warning of
//! the tool about its own run; `suppressions`, `baselineState`, fingerprints and overrides of levels are not read. A run
//! without `results` did not look for problems (clause 3.14.23), and is refused like a run that failed.

mod notifications;
mod rule;

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, MESSAGE_BYTES_MAX, Tool, text};

use super::draft::{Draft, DraftSite, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::{incomplete, path};
use crate::{ScanError, Tree};
use rule::{Facts, Rule, Rules};

pub(super) const WHAT: &str = "SARIF report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let version = root.need_text("version")?;
    if version != "2.1.0" {
        let why = "only SARIF 2.1.0 is read; let the tool write that version";
        return Err(root.need("version")?.fault(why));
    }
    let runs = root.need("runs")?.items()?;
    if runs.is_empty() {
        return Err(root.fault("`runs` is empty: no tool ran"));
    }
    let mut inline = BTreeMap::new();
    for properties in root.list("inlineExternalProperties")? {
        if let Some(guid) = properties.text("guid")?
            && inline.insert(guid, properties.clone()).is_some()
        {
            return Err(properties.fault("two inline external properties have one `guid`"));
        }
    }
    let mut tools = BTreeSet::new();
    let mut drafts = Drafts::new(WHAT);
    for run in &runs {
        let warnings = notifications::warnings(run)?;
        let run = Run::of(run, &inline)?;
        tools.insert(run.tool.clone());
        for result in &run.results {
            run.drafts(result, tree, &mut drafts)?;
        }
        for warning in &warnings {
            run.incomplete(warning, tree, &mut drafts)?;
        }
    }
    findings::document(drafts, tools, tree)
}

/// A run: the results, and what they refer to.
struct Run<'a> {
    tool: Tool,
    results: Vec<Node<'a>>,
    rules: Rules<'a>,
    artifacts: Vec<Node<'a>>,
    bases: Option<Node<'a>>,
    strings: Option<Node<'a>>,
}

impl<'a> Run<'a> {
    fn of(run: &Node<'a>, inline: &BTreeMap<&'a str, Node<'a>>) -> Result<Self, ScanError> {
        let tool = run.need("tool")?;
        let driver = tool.need("driver")?;
        let version = driver.text("version")?.or(driver.text("semanticVersion")?);
        Ok(Self {
            tool: Tool::new(driver.need_text("name")?, version),
            results: results(run, inline)?,
            rules: Rules::of(&tool, &driver)?,
            artifacts: run.list("artifacts")?,
            bases: run.field("originalUriBaseIds")?,
            strings: driver.field("globalMessageStrings")?,
        })
    }

    /// The findings of one result.
    fn drafts(&self, result: &Node<'a>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
        let (rule, facts) = (self.rules.rule(result)?, Facts::of(result)?);
        let Some((rating, unconfirmed)) = rule::rating(result, &facts, &rule)? else { return Ok(()) };
        let class = self.rules.class(&rule, &facts);
        // The tool's sentence about a secret may hold the secret.
        let message = if class == Class::Secret { rule.description()? } else { self.message(result, &rule)? };
        let message = text(&message, MESSAGE_BYTES_MAX);
        let aliases = rule.aliases(result, &facts)?;
        for (place, logical) in self.places(result, tree)? {
            let class = if matches!(place, DraftSite::Page(..)) { Class::Web } else { class };
            let message = logical.map_or_else(|| message.clone(), |logical| format!("{logical}: {message}"));
            let aliases = aliases.clone();
            drafts.push(Draft {
                aliases,
                unconfirmed,
                ..Draft::new(class, &rule.id, rating, &message, place)
            })?;
        }
        Ok(())
    }

    /// The findings of a warning about the run.
    fn incomplete(&self, warning: &Node<'a>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
        let rule = Rule { id: incomplete::RULE.to_owned(), described: None };
        let mut message = text(&self.message(warning, &rule)?, MESSAGE_BYTES_MAX);
        let descriptor = warning.field("descriptor")?;
        if let Some(id) = descriptor.map(|descriptor| descriptor.text("id")).transpose()?.flatten() {
            message = format!("{}: {message}", text(id, MESSAGE_BYTES_MAX));
        }
        for (place, _) in self.places(warning, tree)? {
            drafts.push(incomplete::draft(&message, place))?;
        }
        Ok(())
    }

    /// The sentence of a result or a notification (clause 3.11).
    fn message(&self, result: &Node<'a>, rule: &Rule<'_>) -> Result<String, ScanError> {
        let Some(message) = result.field("message")? else { return rule.description() };
        if let Some(text) = message.text("text")? {
            return Ok(text.to_owned());
        }
        if let Some(id) = message.text("id")? {
            let strings = rule.described.map(|rule| rule.node.field("messageStrings")).transpose()?.flatten();
            for strings in [strings.as_ref(), self.strings.as_ref()].into_iter().flatten() {
                let text = strings.field(id)?.map(|string| string.text("text")).transpose()?.flatten();
                if let Some(text) = text {
                    return filled(text, &message);
                }
            }
        }
        message.text("markdown")?.map_or_else(|| rule.description(), |text| Ok(text.to_owned()))
    }

    /// The places of a result, with the name of the function or type where there is no file.
    fn places(
        &self,
        result: &Node<'a>,
        tree: &dyn Tree,
    ) -> Result<Vec<(DraftSite, Option<String>)>, ScanError> {
        let mut places = Vec::new();
        for location in result.list("locations")? {
            places.push(self.place(&location, result, tree)?);
        }
        if places.is_empty() {
            let target = result.field("analysisTarget")?;
            let target = target.map(|target| self.file(&target, tree)).transpose()?.flatten();
            let file = |path| DraftSite::File { path, region: Region::default() };
            places.push((target.map_or(DraftSite::Whole, file), None));
        }
        Ok(places)
    }

    fn place(
        &self,
        location: &Node<'a>,
        result: &Node<'a>,
        tree: &dyn Tree,
    ) -> Result<(DraftSite, Option<String>), ScanError> {
        let physical = location.field("physicalLocation")?;
        if let Some(physical) = &physical {
            let artifact = physical.field("artifactLocation")?;
            let uri = artifact.as_ref().map(|artifact| artifact.text("uri")).transpose()?.flatten();
            if let Some(page) = uri.filter(|uri| uri.starts_with("http://") || uri.starts_with("https://")) {
                let request = result.field("webRequest")?;
                let method = request.map(|request| request.text("method")).transpose()?.flatten();
                return Ok((
                    DraftSite::Page(method.unwrap_or("GET").to_owned(), path::page(page), None),
                    None,
                ));
            }
            let file = artifact.map(|artifact| self.file(&artifact, tree)).transpose()?.flatten();
            if let Some(path) = file {
                let region = physical.field("region")?.map(|region| lines(&region)).transpose()?;
                return Ok((DraftSite::File { path, region: region.unwrap_or_default() }, None));
            }
        }
        for logical in location.list("logicalLocations")? {
            if let Some(name) = logical.text("fullyQualifiedName")?.or(logical.text("name")?) {
                return Ok((DraftSite::Whole, Some(name.to_owned())));
            }
        }
        Ok((DraftSite::Whole, None))
    }

    /// The path of an artifact location (clause 3.4).
    fn file(&self, location: &Node<'a>, tree: &dyn Tree) -> Result<Option<String>, ScanError> {
        let mut location = location.clone();
        if location.text("uri")?.is_none() {
            let artifact = location.index("index")?.and_then(|index| self.artifacts.get(index));
            match artifact.map(|artifact| artifact.field("location")).transpose()?.flatten() {
                Some(other) => location = other,
                None => return Ok(None),
            }
        }
        let Some(uri) = location.text("uri")? else { return Ok(None) };
        if uri.len() > URI_BYTES_MAX {
            return Err(location.fault(format_args!("the address is longer than {URI_BYTES_MAX} bytes")));
        }
        let base = match (&self.bases, location.text("uriBaseId")?) {
            (Some(bases), Some(id)) => bases.field(id)?.map(|base| base.text("uri")).transpose()?.flatten(),
            _ => None,
        };
        // A base below the root of the tree is part of the path; any other base is the root of the tree.
        let base = base.filter(|base| base.len() <= URI_BYTES_MAX);
        let joined = base.map(|base| path::of_uri(&format!("{}/{uri}", base.trim_end_matches('/')), tree));
        Ok(Some(joined.filter(|path| tree.text(path).is_some()).unwrap_or_else(|| path::of_uri(uri, tree))))
    }
}

/// The results of a run, with those that the report holds apart from it (clause 4).
fn results<'a>(run: &Node<'a>, inline: &BTreeMap<&'a str, Node<'a>>) -> Result<Vec<Node<'a>>, ScanError> {
    let mut results = run.field("results")?.map(|results| results.items()).transpose()?;
    if let Some(references) = run.field("externalPropertyFileReferences")? {
        let mut named = BTreeSet::new();
        for reference in references.list("results")? {
            let guid = reference.text("guid")?;
            let Some(properties) = guid.and_then(|guid| inline.get(guid)) else {
                return Err(reference.fault("results stand in another file; let the tool write one file"));
            };
            if named.insert(guid) {
                results.get_or_insert_default().extend(properties.need("results")?.items()?);
            }
        }
    }
    results
        .ok_or_else(|| run.fault("`results` is missing: the tool did not look for problems; look at its log"))
}

fn lines(region: &Node<'_>) -> Result<Region, ScanError> {
    Ok(Region {
        first: region.line("startLine")?,
        column: region.line("startColumn")?,
        last: region.line("endLine")?,
        end: region.line("endColumn")?,
    })
}

/// A message with its arguments (clause 3.11.5).
fn filled(pattern: &str, message: &Node<'_>) -> Result<String, ScanError> {
    let mut filled = text(pattern, MESSAGE_BYTES_MAX);
    for (n, argument) in message.list("arguments")?.iter().enumerate().take(ARGUMENTS_MAX) {
        filled = filled.replace(&format!("{{{n}}}"), &text(argument.str()?, MESSAGE_BYTES_MAX));
        filled.truncate(filled.floor_char_boundary(MESSAGE_BYTES_MAX));
    }
    Ok(filled)
}

/// Highest number of arguments that are filled into a message.
const ARGUMENTS_MAX: usize = 32;
/// Longest address of a file.
const URI_BYTES_MAX: usize = 4 * 1024;
