//! Results of OpenSCAP: XCCDF, and ARF around it (<https://static.open-scap.org/openscap-1.3/oscap_user_manual.html>).
//!
//! Invariant: each failed rule is a finding, also one whose result somebody overrode. A rule that could not be
//! evaluated is a finding too, and warns where a person has to look. A benchmark without results is refused.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::findings::Class;
use evidence::document::{FindingsDocument, TEXT_BYTES_MAX, Tool, text};
use roxmltree::Node as Element;

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts};
use super::severity::Rating;
use super::{vulnerabilities, xml};
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "OpenSCAP report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let document = xml::parse(WHAT, input)?;
    let root = document.root_element();
    if !ROOTS.iter().any(|name| xml::is(root, name)) {
        return Err(xml::fault(
            WHAT,
            root,
            "expected `Benchmark`, `TestResult` or `asset-report-collection`",
        ));
    }
    let mut rules = BTreeMap::new();
    for rule in root.descendants().filter(|node| xml::is(*node, "Rule")) {
        if let Some(id) = rule.attribute("id") {
            let title = xml::text(rule, "title").map(|title| text(&title, TEXT_BYTES_MAX));
            rules.insert(id, (title, rule.attribute("severity")));
        }
    }
    let mut drafts = Drafts::new(WHAT);
    let mut evaluated = 0_u32;
    // Wherever it stands: a result in an unexpected place is no absent one.
    for result in root.descendants().filter(|node| xml::is(*node, "rule-result")) {
        let outcome = outcome(result)?;
        evaluated += u32::from(outcome != Outcome::Unselected);
        drafts_of(result, outcome, &rules, &mut drafts)?;
    }
    if evaluated == 0 {
        return Err(xml::fault(
            WHAT,
            root,
            "it has no result of a rule: nothing was evaluated; check the profile",
        ));
    }
    findings::document(drafts, BTreeSet::from([Tool::new("openscap", None)]), tree)
}

/// The result of a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Held,
    Broken,
    /// It could not be evaluated.
    Undecided,
    /// A person has to check it.
    ByHand,
    Unselected,
}

/// The outcome of a result. An override keeps the result that the tool found, which counts if it is worse.
fn outcome(result: Element<'_, '_>) -> Result<Outcome, ScanError> {
    let Some(word) = xml::text(result, "result") else {
        return Err(xml::fault(WHAT, result, "the element `result` is missing"));
    };
    let former = xml::children(result, "override").filter_map(|entry| xml::text(entry, "old-result"));
    let mut outcomes = Vec::new();
    for word in former.chain([word]) {
        outcomes.push(match word.as_str() {
            "pass" | "fixed" | "informational" => Outcome::Held,
            "fail" => Outcome::Broken,
            "error" | "unknown" => Outcome::Undecided,
            "notchecked" => Outcome::ByHand,
            "notapplicable" | "notselected" => Outcome::Unselected,
            _ => return Err(xml::fault(WHAT, result, "XCCDF has no such result")),
        });
    }
    let worst = [Outcome::Broken, Outcome::Undecided].into_iter().find(|worst| outcomes.contains(worst));
    Ok(worst.or(outcomes.last().copied()).unwrap_or(Outcome::Undecided))
}

type Rules<'a> = BTreeMap<&'a str, (Option<String>, Option<&'a str>)>;

fn drafts_of(
    result: Element<'_, '_>,
    outcome: Outcome,
    rules: &Rules<'_>,
    drafts: &mut Drafts,
) -> Result<(), ScanError> {
    let Some(rule) = result.attribute("idref") else {
        return Err(xml::fault(WHAT, result, "the attribute `idref` is missing"));
    };
    if matches!(outcome, Outcome::Held | Outcome::Unselected) {
        return Ok(());
    }
    let (title, severity) =
        rules.get(rule).map_or((None, None), |(title, severity)| (title.as_deref(), *severity));
    let title = title.unwrap_or(rule);
    let target = result.parent().and_then(|above| xml::text(above, "target"));
    let target = target.map(|target| format!(" ({})", text(&target, 200))).unwrap_or_default();
    let message = match outcome {
        Outcome::Undecided => format!("could not be evaluated: {title}{target}"),
        Outcome::ByHand => format!("was not checked: {title}{target}"),
        _ => format!("{title}{target}"),
    };
    let rating = Rating::of_word(result.attribute("severity").or(severity).unwrap_or_default());
    let ids = xml::children(result, "ident").map(xml::content);
    let aliases: BTreeSet<String> = ids.flat_map(|id| vulnerabilities::advisory_ids(&id)).collect();
    drafts.push(Draft {
        aliases: aliases.into_iter().take(ALIASES_MAX).collect(),
        undecided: outcome != Outcome::Broken,
        unconfirmed: outcome == Outcome::ByHand,
        ..Draft::new(Class::Configuration, rule, rating, &message, DraftSite::Whole)
    })
}

const ROOTS: [&str; 3] = ["Benchmark", "TestResult", "asset-report-collection"];
/// Highest number of aliases that a document holds.
const ALIASES_MAX: usize = 64;
