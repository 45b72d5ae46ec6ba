//! Reports of ZAP (<https://www.zaproxy.org/docs/desktop/addons/report-generation/report-traditional-json/>), in JSON
//! and XML.
//!
//! Invariant: each instance of each alert is a finding; an alert without instances is one finding. Alerts of low and
//! medium confidence are suspicions. An alert that somebody marked as a false positive counts like a confirmed one:
//! the mark is a suppression, and it hides the confidence that the scanner had.

use std::collections::BTreeSet;

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, Tool};
use roxmltree::Node as Element;

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use super::{path, xml};
use crate::{ScanError, Tree};

pub(super) const WHAT_JSON: &str = "ZAP report (JSON)";
pub(super) const WHAT_XML: &str = "ZAP report (XML)";

/// Reads a report in JSON.
pub(super) fn read_json(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT_JSON, input)?;
    let root = Node::root(WHAT_JSON, &value);
    let sites = root.need("site")?.items()?;
    if sites.is_empty() {
        return Err(root.fault(UNREACHED));
    }
    let mut alerts = Vec::new();
    for site in sites {
        for entry in site.need("alerts")?.items()? {
            alerts.push(of_json(&entry)?);
        }
    }
    let tool = Tool::new("zap", root.text("@version")?);
    findings::document(drafts(WHAT_JSON, &alerts)?, BTreeSet::from([tool]), tree)
}

/// Reads a report in XML.
pub(super) fn read_xml(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let document = xml::parse(WHAT_XML, input)?;
    let root = document.root_element();
    if !xml::is(root, "OWASPZAPReport") {
        return Err(xml::fault(WHAT_XML, root, "expected `OWASPZAPReport`"));
    }
    if xml::child(root, "site").is_none() {
        return Err(xml::fault(WHAT_XML, root, UNREACHED));
    }
    let mut alerts = Vec::new();
    for site in xml::children(root, "site") {
        if xml::child(site, "alerts").is_none() {
            return Err(xml::fault(WHAT_XML, site, "the element `alerts` is missing"));
        }
    }
    // Wherever it stands: an alert in an unexpected place is no absent one.
    for entry in root.descendants().filter(|node| xml::is(*node, "alertitem")) {
        alerts.push(of_xml(entry)?);
    }
    let tool = Tool::new("zap", root.attribute("version"));
    findings::document(drafts(WHAT_XML, &alerts)?, BTreeSet::from([tool]), tree)
}

/// An alert in either encoding.
struct Alert {
    rule: String,
    message: String,
    severity: Severity,
    unconfirmed: bool,
    instances: Vec<DraftSite>,
}

fn of_json(entry: &Node<'_>) -> Result<Alert, ScanError> {
    let rule = entry.text("alertRef")?.map_or_else(|| entry.need_text("pluginid"), Ok)?;
    let mut instances = Vec::new();
    for instance in entry.list("instances")? {
        let address = instance.need_text("uri")?;
        instances.push(page(instance.text("method")?, address, instance.text("param")?));
    }
    Ok(Alert {
        rule: rule.to_owned(),
        message: entry.text("alert")?.or(entry.text("name")?).unwrap_or(rule).to_owned(),
        severity: severity(entry.need_text("riskcode")?).ok_or_else(|| entry.fault(RISK))?,
        unconfirmed: is_unconfirmed(entry.need_text("confidence")?).ok_or_else(|| entry.fault(CONFIDENCE))?,
        instances,
    })
}

fn of_xml(entry: Element<'_, '_>) -> Result<Alert, ScanError> {
    let fault = |why: &str| xml::fault(WHAT_XML, entry, why);
    let Some(rule) = xml::text(entry, "alertRef").or_else(|| xml::text(entry, "pluginid")) else {
        return Err(fault("the element `pluginid` is missing"));
    };
    let mut instances = Vec::new();
    // Reports before 2.5 have the address in the alert itself.
    let lists = xml::children(entry, "instances").flat_map(|list| xml::children(list, "instance"));
    for instance in lists.chain(xml::child(entry, "uri").map(|_| entry)) {
        let Some(address) = xml::text(instance, "uri") else {
            return Err(xml::fault(WHAT_XML, instance, "the element `uri` is missing"));
        };
        let (method, parameter) = (xml::text(instance, "method"), xml::text(instance, "param"));
        instances.push(page(method.as_deref(), &address, parameter.as_deref()));
    }
    Ok(Alert {
        message: xml::text(entry, "alert")
            .or_else(|| xml::text(entry, "name"))
            .unwrap_or_else(|| rule.clone()),
        rule,
        severity: xml::text(entry, "riskcode").and_then(|code| severity(&code)).ok_or_else(|| fault(RISK))?,
        unconfirmed: xml::text(entry, "confidence")
            .and_then(|code| is_unconfirmed(&code))
            .ok_or_else(|| fault(CONFIDENCE))?,
        instances,
    })
}

fn page(method: Option<&str>, address: &str, parameter: Option<&str>) -> DraftSite {
    DraftSite::Page(method.unwrap_or("GET").to_owned(), path::page(address), parameter.map(str::to_owned))
}

fn drafts(what: &'static str, alerts: &[Alert]) -> Result<Drafts, ScanError> {
    let mut drafts = Drafts::new(what);
    for alert in alerts {
        let rating = Rating::of(alert.severity);
        let draft = Draft {
            unconfirmed: alert.unconfirmed,
            ..Draft::new(Class::Web, &alert.rule, rating, &alert.message, DraftSite::Whole)
        };
        for place in &alert.instances {
            drafts.push(Draft { place: place.clone(), ..draft.clone() })?;
        }
        if alert.instances.is_empty() {
            drafts.push(draft)?;
        }
    }
    Ok(drafts)
}

fn severity(code: &str) -> Option<Severity> {
    Some(match code {
        "0" => Severity::None,
        "1" => Severity::Low,
        "2" => Severity::Medium,
        "3" => Severity::High,
        _ => return None,
    })
}

/// Confidence: 0 marked as false, 1 low, 2 medium, 3 high, 4 confirmed.
fn is_unconfirmed(code: &str) -> Option<bool> {
    match code {
        "0" | "3" | "4" => Some(false),
        "1" | "2" => Some(true),
        _ => None,
    }
}

const UNREACHED: &str = "it names no site: ZAP reached nothing; check the address of the service";
const RISK: &str = "the risk code is not 0 to 3";
const CONFIDENCE: &str = "the confidence is not 0 to 4";
