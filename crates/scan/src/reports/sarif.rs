//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html>) of any tool.
//!
//! Invariant: each result whose kind names a problem, at each of its locations, is a finding; `suppressions`,
//! `baselineState`, fingerprints and overrides of levels are not read. A run without `results` did not look for
//! problems (clause 3.14.23), and is refused like a run that failed.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, Tool, text};

use super::draft::{Draft, Place, Region};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::{path, vulnerabilities};
use crate::{ScanError, Tree};

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
        check_invocations(run)?;
        let run = Run::of(run, &inline)?;
        tools.insert(run.tool.clone());
        for result in &run.results {
            run.drafts(result, tree, &mut drafts)?;
        }
    }
    findings::document(drafts, tools, tree)
}

/// Refuses a run whose tool says that it failed.
fn check_invocations(run: &Node<'_>) -> Result<(), ScanError> {
    for invocation in run.list("invocations")? {
        if invocation.flag("executionSuccessful")? == Some(false) {
            return Err(
                invocation.fault("the tool says that it failed (`executionSuccessful`); look at its log")
            );
        }
        if invocation.field("processStartFailureMessage")?.is_some() {
            return Err(invocation.fault("the tool did not start; look at its log"));
        }
        for name in ["toolExecutionNotifications", "toolConfigurationNotifications"] {
            for notification in invocation.list(name)? {
                if notification.text("level")? == Some("error") {
                    let message = notification.field("message")?;
                    let message = message.map(|message| message.text("text")).transpose()?.flatten();
                    let message = text(message.unwrap_or("no message"), 200);
                    return Err(notification.fault(format_args!("the tool reports an error: {message}")));
                }
            }
        }
    }
    Ok(())
}

/// A run: the results, and what they refer to.
struct Run<'a> {
    tool: Tool,
    results: Vec<Node<'a>>,
    /// Rules of the driver, then of each extension.
    components: Vec<Vec<Node<'a>>>,
    by_id: BTreeMap<&'a str, Node<'a>>,
    artifacts: Vec<Node<'a>>,
    bases: Option<Node<'a>>,
    strings: Option<Node<'a>>,
}

impl<'a> Run<'a> {
    fn of(run: &Node<'a>, inline: &BTreeMap<&'a str, Node<'a>>) -> Result<Self, ScanError> {
        let tool = run.need("tool")?;
        let driver = tool.need("driver")?;
        let version = driver.text("version")?.or(driver.text("semanticVersion")?);
        let mut components = vec![driver.list("rules")?];
        for extension in tool.list("extensions")? {
            components.push(extension.list("rules")?);
        }
        let mut by_id = BTreeMap::new();
        for rule in components.iter().flatten() {
            if let Some(id) = rule.text("id")? {
                by_id.entry(id).or_insert_with(|| rule.clone());
            }
        }
        Ok(Self {
            tool: Tool::new(driver.need_text("name")?, version),
            results: results(run, inline)?,
            components,
            by_id,
            artifacts: run.list("artifacts")?,
            bases: run.field("originalUriBaseIds")?,
            strings: driver.field("globalMessageStrings")?,
        })
    }

    /// The findings of one result.
    fn drafts(&self, result: &Node<'a>, tree: &dyn Tree, drafts: &mut Drafts) -> Result<(), ScanError> {
        let rule = self.rule(result)?;
        let Some((rating, unconfirmed)) = rating(result, rule.node.as_ref())? else { return Ok(()) };
        let class = self.class(&rule, result)?;
        // The tool's sentence about a secret may hold the secret.
        let message = if class == Class::Secret { described(&rule)? } else { self.message(result, &rule)? };
        let message = text(&message, MESSAGE_BYTES_MAX);
        let aliases = vulnerabilities::advisory_ids(&rule.id);
        for (place, logical) in self.places(result, tree)? {
            let class = if matches!(place, Place::Page(..)) { Class::Web } else { class };
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

    /// The rule of a result (clauses 3.27.5 to 3.27.7). A hierarchical id has its rule's id as its start.
    fn rule(&self, result: &Node<'a>) -> Result<Rule<'a>, ScanError> {
        let reference = result.field("rule")?;
        let part = |name| reference.as_ref().map(|rule| rule.text(name)).transpose().map(Option::flatten);
        let id = result.text("ruleId")?.or(part("id")?);
        if let Some(id) = id {
            let known = || id.rsplit_once('/').and_then(|(start, _)| self.by_id.get(start));
            let node = self.by_id.get(id).or_else(known).cloned();
            if node.is_some() {
                return Ok(Rule { id: text(id, TEXT_BYTES_MAX), node });
            }
        }
        let component = match &reference {
            Some(reference) => match reference.field("toolComponent")? {
                Some(component) => component.index("index")?.map_or(0, |index| index.saturating_add(1)),
                None => 0,
            },
            None => 0,
        };
        let index = match (result.index("ruleIndex")?, &reference) {
            (None, Some(reference)) => reference.index("index")?,
            (index, _) => index,
        };
        let node = index.and_then(|index| self.components.get(component)?.get(index)).cloned();
        let of_node = node.as_ref().map(|node| node.text("id")).transpose()?.flatten();
        match id.or(of_node) {
            Some(id) => Ok(Rule { id: text(id, TEXT_BYTES_MAX), node }),
            None if index.is_some() => Err(result.fault("its rule index names no rule")),
            None => Ok(Rule { id: "unnamed".into(), node }),
        }
    }

    /// The sentence of a result (clause 3.11).
    fn message(&self, result: &Node<'a>, rule: &Rule<'a>) -> Result<String, ScanError> {
        let Some(message) = result.field("message")? else { return described(rule) };
        if let Some(text) = message.text("text")? {
            return Ok(text.to_owned());
        }
        if let Some(id) = message.text("id")? {
            let strings = rule.node.as_ref().map(|rule| rule.field("messageStrings")).transpose()?.flatten();
            for strings in [strings.as_ref(), self.strings.as_ref()].into_iter().flatten() {
                let text = strings.field(id)?.map(|string| string.text("text")).transpose()?.flatten();
                if let Some(text) = text {
                    return filled(text, &message);
                }
            }
        }
        message.text("markdown")?.map_or_else(|| described(rule), |text| Ok(text.to_owned()))
    }

    /// The sort of a result: advisories by their id, others by tags of the rule or by the tool.
    fn class(&self, rule: &Rule<'a>, result: &Node<'a>) -> Result<Class, ScanError> {
        if !vulnerabilities::advisory_ids(&rule.id).is_empty() {
            return Ok(Class::Dependency);
        }
        let mut words = vec![self.tool.name.as_str()];
        for node in rule.node.iter().chain([result]) {
            let tags =
                node.field("properties")?.map(|properties| properties.field("tags")).transpose()?.flatten();
            words.extend(tags.iter().flat_map(Node::texts).take(TAGS_MAX));
        }
        let has = |table: &[&str]| {
            words.iter().any(|word| table.iter().any(|entry| word.eq_ignore_ascii_case(entry)))
        };
        Ok(match () {
            () if has(SECRETS) => Class::Secret,
            () if has(CONFIGURATION) => Class::Configuration,
            () => Class::Code,
        })
    }

    /// The places of a result, with the name of the function or type where there is no file.
    fn places(&self, result: &Node<'a>, tree: &dyn Tree) -> Result<Vec<(Place, Option<String>)>, ScanError> {
        let mut places = Vec::new();
        for location in result.list("locations")? {
            places.push(self.place(&location, result, tree)?);
        }
        if places.is_empty() {
            let target = result.field("analysisTarget")?;
            let target = target.map(|target| self.file(&target, tree)).transpose()?.flatten();
            let file = |path| Place::File { path, region: Region::default() };
            places.push((target.map_or(Place::Whole, file), None));
        }
        Ok(places)
    }

    fn place(
        &self,
        location: &Node<'a>,
        result: &Node<'a>,
        tree: &dyn Tree,
    ) -> Result<(Place, Option<String>), ScanError> {
        let physical = location.field("physicalLocation")?;
        if let Some(physical) = &physical {
            let artifact = physical.field("artifactLocation")?;
            let uri = artifact.as_ref().map(|artifact| artifact.text("uri")).transpose()?.flatten();
            if let Some(page) = uri.filter(|uri| uri.starts_with("http://") || uri.starts_with("https://")) {
                let request = result.field("webRequest")?;
                let method = request.map(|request| request.text("method")).transpose()?.flatten();
                return Ok((Place::Page(method.unwrap_or("GET").to_owned(), path::page(page), None), None));
            }
            let file = artifact.map(|artifact| self.file(&artifact, tree)).transpose()?.flatten();
            if let Some(path) = file {
                let region = physical.field("region")?.map(|region| lines(&region)).transpose()?;
                return Ok((Place::File { path, region: region.unwrap_or_default() }, None));
            }
        }
        for logical in location.list("logicalLocations")? {
            if let Some(name) = logical.text("fullyQualifiedName")?.or(logical.text("name")?) {
                return Ok((Place::Whole, Some(name.to_owned())));
            }
        }
        Ok((Place::Whole, None))
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

/// A rule as far as the report describes it.
struct Rule<'a> {
    id: String,
    node: Option<Node<'a>>,
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

/// The severity of a result, and whether it is only a suspicion; `None` if it is no problem (clauses 3.27.9, 3.27.10).
fn rating(result: &Node<'_>, rule: Option<&Node<'_>>) -> Result<Option<(Rating, bool)>, ScanError> {
    let unconfirmed = match result.text("kind")?.unwrap_or("fail") {
        "fail" => false,
        "open" | "review" => true,
        "pass" | "notApplicable" | "informational" => return Ok(None),
        _ => return Err(result.need("kind")?.fault("not a kind of SARIF 2.1.0")),
    };
    let mut vectors = Vec::new();
    let mut stated = None;
    for node in [Some(result), rule].into_iter().flatten() {
        let Some(properties) = node.field("properties")? else { continue };
        vectors.extend(properties.texts());
        if let Some(score) = properties.field("security-severity")? {
            let number = Rating::of_number(score.number()?);
            stated = stated.max(Some(number.ok_or_else(|| score.fault("not a score from 0 to 10"))?));
        }
    }
    let level = level(result, rule, unconfirmed)?;
    let rating = Rating::of_vectors(vectors).or(stated).or(level);
    Ok(rating.map(|rating| (rating, unconfirmed)))
}

fn level(result: &Node<'_>, rule: Option<&Node<'_>>, unconfirmed: bool) -> Result<Option<Rating>, ScanError> {
    let of = |holder: &Node<'_>| {
        let Some(level) = holder.text("level")? else { return Ok(None) };
        let severity = match level {
            "error" => Some(Severity::High),
            "warning" => Some(Severity::Medium),
            "note" => Some(Severity::Low),
            "none" => None,
            _ => return Err(holder.need("level")?.fault("not a level of SARIF 2.1.0")),
        };
        Ok(Some(severity.map(Rating::of)))
    };
    // A suspicion has the level `none` by rule of the format, so the level of its rule counts.
    match of(result)? {
        Some(None) if unconfirmed => {}
        Some(level) => return Ok(level),
        None => {}
    }
    let defaults = rule.map(|rule| rule.field("defaultConfiguration")).transpose()?.flatten();
    let of_rule = defaults.as_ref().map(of).transpose()?.flatten();
    Ok(of_rule.unwrap_or(Some(Rating::of(Severity::Medium))))
}

fn lines(region: &Node<'_>) -> Result<Region, ScanError> {
    Ok(Region {
        first: region.line("startLine")?,
        column: region.line("startColumn")?,
        last: region.line("endLine")?,
        end: region.line("endColumn")?,
    })
}

/// The rule's own description.
fn described(rule: &Rule<'_>) -> Result<String, ScanError> {
    for name in ["shortDescription", "fullDescription"] {
        let description = rule.node.as_ref().map(|rule| rule.field(name)).transpose()?.flatten();
        if let Some(sentence) = description.map(|field| field.text("text")).transpose()?.flatten() {
            return Ok(text(sentence, MESSAGE_BYTES_MAX));
        }
    }
    Ok(rule.id.clone())
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

/// Highest number of tags that are looked at.
const TAGS_MAX: usize = 32;
/// Highest number of arguments that are filled into a message.
const ARGUMENTS_MAX: usize = 32;
/// Longest address of a file.
const URI_BYTES_MAX: usize = 4 * 1024;

/// Tools and tags whose results are secrets.
const SECRETS: &[&str] = &[
    "gitleaks",
    "trufflehog",
    "detect-secrets",
    "ggshield",
    "secret",
    "secrets",
    "secret-scanning",
    "credentials",
];

/// Tools and tags whose results are configuration.
const CONFIGURATION: &[&str] = &[
    "checkov",
    "tfsec",
    "terrascan",
    "kics",
    "hadolint",
    "dockle",
    "kube-linter",
    "kubelinter",
    "zizmor",
    "trivy config",
    "misconfiguration",
    "iac",
    "infrastructure",
];
