//! JSON of InSpec, `--reporter json` (<https://docs.chef.io/inspec/reporters/>).
//!
//! Invariant: each failed test of each control is a finding, also one of a waived control. A test or a profile that was
//! skipped is one of a run that did not see everything. A profile that could not be loaded is refused.

use std::collections::BTreeSet;

use evidence::document::findings::{Class, Severity};
use evidence::document::{FindingsDocument, Tool, text};

use super::draft::{Draft, DraftSite};
use super::findings::{self, Drafts};
use super::json::{self, Node};
use super::severity::Rating;
use crate::{ScanError, Tree};

pub(super) const WHAT: &str = "InSpec report";

/// Reads a report.
pub(super) fn read(input: &str, tree: &dyn Tree) -> Result<FindingsDocument, ScanError> {
    let value = json::parse(WHAT, input)?;
    let root = Node::root(WHAT, &value);
    let profiles = root.need("profiles")?;
    let mut drafts = Drafts::new(WHAT);
    let mut tests = 0_u32;
    for profile in profiles.items()? {
        let reason = profile.text("status_message")?.or(profile.text("skip_message")?);
        let reason = text(reason.unwrap_or("no message"), 200);
        match profile.text("status")? {
            None | Some("loaded") => {}
            Some("skipped") => {
                let name = profile.text("name")?.unwrap_or("unnamed");
                let message = format!("InSpec skipped the profile {name}: {reason}");
                drafts.push(super::incomplete::draft(&message, DraftSite::Whole))?;
            }
            Some(_) => return Err(profile.fault(format_args!("InSpec could not load the profile: {reason}"))),
        }
        for control in profile.need("controls")?.items()? {
            for result in control.list("results")? {
                tests += 1;
                if let Some(draft) = draft(&control, &result)? {
                    drafts.push(draft)?;
                }
            }
        }
    }
    if tests == 0 {
        return Err(profiles.fault("no test ran; check the profile and the target"));
    }
    findings::document(drafts, BTreeSet::from([Tool::new("inspec", root.text("version")?)]), tree)
}

fn draft(control: &Node<'_>, result: &Node<'_>) -> Result<Option<Draft>, ScanError> {
    let rule = control.need_text("id")?;
    let title = control.text("title")?.unwrap_or(rule);
    let test = result.text("code_desc")?.unwrap_or_default();
    let status = result.need("status")?;
    let (prefix, undecided) = match status.str()? {
        "passed" => return Ok(None),
        "failed" => ("", false),
        "error" => ("could not be tested: ", true),
        "skipped" => ("was skipped: ", true),
        _ => return Err(status.fault("not `passed`, `failed`, `skipped` or `error`")),
    };
    let reason = if undecided { result.text("skip_message")?.unwrap_or(test) } else { test };
    let message = format!("{prefix}{title}: {reason}");
    let rating =
        control.field("impact")?.map(|impact| severity(&impact)).transpose()?.unwrap_or(Severity::Unknown);
    // A waiver is a suppression, which has no effect.
    let is_waived =
        control.field("waiver_data")?.is_some_and(|waiver| waiver.fields().is_ok_and(|all| !all.is_empty()));
    Ok(Some(Draft {
        undecided,
        unconfirmed: undecided && !is_waived && status.str()? == "skipped",
        ..Draft::new(Class::Configuration, rule, Rating::of(rating), &message, DraftSite::Whole)
    }))
}

/// The severity of an impact from 0 to 1, by InSpec's own limits; some profiles write a word.
fn severity(impact: &Node<'_>) -> Result<Severity, ScanError> {
    if let Some(word) = impact.as_str().filter(|word| word.parse::<f64>().is_err()) {
        return Ok(Rating::of_word(word).severity);
    }
    let number = impact.number()?;
    let limits =
        [(0.9, Severity::Critical), (0.7, Severity::High), (0.4, Severity::Medium), (0.01, Severity::Low)];
    Ok(match number {
        number if !(0.0..=1.0).contains(&number) => Severity::Unknown,
        number => {
            limits.iter().find(|(limit, _)| number >= *limit).map_or(Severity::None, |(_, level)| *level)
        }
    })
}
