//! Rules of a run, and what properties say about a rule or a result.
//!
//! Invariant: a rule is read once, however many results name it, so its tags and properties need no other limit than
//! that of the report.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::{Class, Severity};
use evidence::document::{MESSAGE_BYTES_MAX, TEXT_BYTES_MAX, text};

use crate::ScanError;
use crate::reports::json::Node;
use crate::reports::severity::Rating;
use crate::reports::vulnerabilities;

/// A rule as far as the report describes it.
pub(super) struct Rule<'a> {
    pub id: String,
    pub described: Option<&'a Described<'a>>,
}

/// The description of a rule.
pub(super) struct Described<'a> {
    pub node: Node<'a>,
    pub facts: Facts,
}

/// Facts that `properties` of a rule or a result state.
#[derive(Default)]
pub(super) struct Facts {
    class: Option<Class>,
    /// Ids of advisories among the tags.
    pub ids: BTreeSet<String>,
    vector: Option<Rating>,
    score: Option<Rating>,
}

impl Facts {
    pub(super) fn of(node: &Node<'_>) -> Result<Self, ScanError> {
        let Some(properties) = node.field("properties")? else { return Ok(Self::default()) };
        let mut facts = Self { vector: Rating::of_vectors(properties.texts()), ..Self::default() };
        if let Some(score) = properties.field("security-severity")? {
            let number = Rating::of_number(score.number()?);
            facts.score = Some(number.ok_or_else(|| score.fault("not a score from 0 to 10"))?);
        }
        if let Some(tags) = properties.field("tags")? {
            for tag in tags.texts() {
                facts.class = sharper(facts.class, class_of_word(tag));
                facts.ids.extend(vulnerabilities::advisory_ids(tag));
                if facts.ids.len() > IDS_MAX {
                    return Err(tags.fault(format_args!("they name more than {IDS_MAX} advisories")));
                }
            }
        }
        Ok(facts)
    }
}

/// All rules of a run.
pub(super) struct Rules<'a> {
    /// Rules of the driver, then of each extension.
    components: Vec<Vec<Described<'a>>>,
    by_id: BTreeMap<&'a str, (usize, usize)>,
    class: Option<Class>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(tool: &Node<'a>, driver: &Node<'a>) -> Result<Self, ScanError> {
        let class = class_of_word(driver.need_text("name")?);
        let mut rules = Self { components: Vec::new(), by_id: BTreeMap::new(), class };
        let extensions = tool.list("extensions")?;
        for (component, holder) in std::iter::once(driver).chain(&extensions).enumerate() {
            let mut list = Vec::new();
            for (n, node) in holder.list("rules")?.into_iter().enumerate() {
                if let Some(id) = node.text("id")? {
                    rules.by_id.entry(id).or_insert((component, n));
                }
                list.push(Described { facts: Facts::of(&node)?, node });
            }
            rules.components.push(list);
        }
        Ok(rules)
    }

    fn at(&self, component: usize, n: usize) -> Option<&Described<'a>> {
        self.components.get(component)?.get(n)
    }

    fn named(&self, id: &str) -> Option<&Described<'a>> {
        let (component, n) = self.by_id.get(id)?;
        self.at(*component, *n)
    }

    /// The rule of a result (clauses 3.27.5 to 3.27.7). A hierarchical id has its rule's id as its start.
    pub(super) fn rule<'r>(&'r self, result: &Node<'a>) -> Result<Rule<'r>, ScanError> {
        let reference = result.field("rule")?;
        let part = |name| reference.as_ref().map(|rule| rule.text(name)).transpose().map(Option::flatten);
        let id = result.text("ruleId")?.or(part("id")?);
        if let Some(id) = id {
            let start = || id.rsplit_once('/').and_then(|(start, _)| self.named(start));
            let described = self.named(id).or_else(start);
            if described.is_some() {
                return Ok(Rule { id: text(id, TEXT_BYTES_MAX), described });
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
        let described = index.and_then(|index| self.at(component, index));
        let of_rule = described.map(|rule| rule.node.text("id")).transpose()?.flatten();
        match id.or(of_rule) {
            Some(id) => Ok(Rule { id: text(id, TEXT_BYTES_MAX), described }),
            None if index.is_some() => Err(result.fault("its rule index names no rule")),
            None => Ok(Rule { id: "unnamed".into(), described }),
        }
    }

    /// The sort of a result: advisories by their id, others by tags of the rule or the result, or by the tool.
    pub(super) fn class(&self, rule: &Rule<'_>, result: &Facts) -> Class {
        if !vulnerabilities::advisory_ids(&rule.id).is_empty() {
            return Class::Dependency;
        }
        let of_rule = rule.described.and_then(|rule| rule.facts.class);
        sharper(self.class, sharper(of_rule, result.class)).unwrap_or(Class::Code)
    }
}

impl Rule<'_> {
    /// Ids of advisories in the id and the tags of the rule, and in the tags of the result.
    pub(super) fn aliases(&self, node: &Node<'_>, result: &Facts) -> Result<BTreeSet<String>, ScanError> {
        let mut ids = vulnerabilities::advisory_ids(&self.id);
        ids.extend(self.described.iter().flat_map(|rule| &rule.facts.ids).chain(&result.ids).cloned());
        if ids.len() > IDS_MAX {
            return Err(node.fault(format_args!("its tags name more than {IDS_MAX} advisories")));
        }
        Ok(ids)
    }

    /// The rule's own description.
    pub(super) fn description(&self) -> Result<String, ScanError> {
        for name in ["shortDescription", "fullDescription"] {
            let description = self.described.map(|rule| rule.node.field(name)).transpose()?.flatten();
            if let Some(sentence) = description.map(|field| field.text("text")).transpose()?.flatten() {
                return Ok(text(sentence, MESSAGE_BYTES_MAX));
            }
        }
        Ok(self.id.clone())
    }
}

/// The severity of a result, and whether it is only a suspicion; `None` if it is no problem (clauses 3.27.9, 3.27.10).
pub(super) fn rating(
    result: &Node<'_>,
    facts: &Facts,
    rule: &Rule<'_>,
) -> Result<Option<(Rating, bool)>, ScanError> {
    let unconfirmed = match result.text("kind")?.unwrap_or("fail") {
        "fail" => false,
        "open" | "review" => true,
        "pass" | "notApplicable" | "informational" => return Ok(None),
        _ => return Err(result.need("kind")?.fault("not a kind of SARIF 2.1.0")),
    };
    let of_rule = rule.described.map(|rule| &rule.facts);
    let highest = |part: fn(&Facts) -> Option<Rating>| part(facts).max(of_rule.and_then(part));
    let level = level(result, rule, unconfirmed)?;
    let rating = highest(|facts| facts.vector).or(highest(|facts| facts.score)).unwrap_or(level);
    Ok(Some((rating, unconfirmed)))
}

/// The level of the result, otherwise the rule's default, otherwise `warning`. A level of `none` says that the kind is
/// not `fail`: beside that kind nobody knows what it means, and it takes no problem away.
fn level(result: &Node<'_>, rule: &Rule<'_>, unconfirmed: bool) -> Result<Rating, ScanError> {
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
    let stated = of(result)?;
    if let Some(Some(level)) = stated {
        return Ok(level);
    }
    let defaults = rule.described.map(|rule| rule.node.field("defaultConfiguration")).transpose()?.flatten();
    Ok(match defaults.as_ref().map(of).transpose()?.flatten() {
        Some(Some(level)) => level,
        // A suspicion has the level `none` by rule of the format.
        None if stated.is_none() || unconfirmed => Rating::of(Severity::Medium),
        _ => Rating::of(Severity::Unknown),
    })
}

/// The class that says more: a secret before a configuration.
fn sharper(one: Option<Class>, other: Option<Class>) -> Option<Class> {
    if one == Some(Class::Secret) { one } else { other.or(one) }
}

fn class_of_word(word: &str) -> Option<Class> {
    let among = |table: &[&str]| table.iter().any(|entry| word.eq_ignore_ascii_case(entry));
    match () {
        () if among(SECRETS) => Some(Class::Secret),
        () if among(CONFIGURATION) => Some(Class::Configuration),
        () => None,
    }
}

/// Highest number of aliases that a document holds.
const IDS_MAX: usize = 64;

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
