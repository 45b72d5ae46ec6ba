//! Findings that only one of two releases has, and those that are worse or milder in the other one.

use std::collections::BTreeMap;

use evidence::document::findings::Finding;
use judge::Checked;

use super::difference::{Difference, LINES_MAX, Sign};
use super::lines;
use crate::findings;

/// The difference of the findings that the policies of two releases read; `None` if both have the same, or no policy reads
/// any.
pub(super) fn difference(from: &Checked<'_>, to: &Checked<'_>) -> Option<Difference> {
    let [are_read_from, are_read_to] = [from, to].map(are_read);
    if !are_read_from && !are_read_to {
        return None;
    }
    let mut found = lines::of_maps(
        &all(from),
        &all(to),
        |_, finding| text(finding),
        |_, old, new| format!("{}, before: {}", text(new), weight(old)),
    );
    let of = |sign: Sign| found.iter().filter(|line| line.sign == sign).count();
    let parts = [(of(Sign::Added), "new"), (of(Sign::Removed), "gone"), (of(Sign::Changed), "changed")];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let is_notable = of(Sign::Added) + of(Sign::Changed) > 0;
    // A sign would be read as good or bad, and a new finding is no good one.
    for line in &mut found {
        let word = match line.sign {
            Sign::Added => NEW_FINDING,
            Sign::Removed => "gone: ",
            Sign::Changed => "",
        };
        line.text.insert_str(0, word);
        line.sign = Sign::Changed;
    }
    let more = found.len().saturating_sub(LINES_MAX);
    found.truncate(LINES_MAX);
    let detail = match (are_read_from, are_read_to) {
        (true, true) => String::new(),
        (false, _) => "the policy of the first release reads no findings".to_owned(),
        (_, false) => "the policy of the second release reads no findings".to_owned(),
    };
    (!found.is_empty()).then(|| Difference {
        is_notable,
        title: format!("Findings: {}", parts.join(", ")),
        detail,
        lines: found,
        more,
    })
}

/// Beginning of a line about a finding that only the second release has; its severity follows.
pub const NEW_FINDING: &str = "new: ";

fn are_read(checked: &Checked<'_>) -> bool {
    checked.lanes.documents.joined().any(|all| all.findings.is_some())
}

/// Findings by their ids, which follow from rule and place and so stay from release to release.
fn all<'a>(checked: &'a Checked<'_>) -> BTreeMap<String, &'a Finding> {
    findings::all(checked).map(|(id, finding)| (id.to_string(), finding)).collect()
}

fn weight(finding: &Finding) -> &'static str {
    finding.severity.as_str()
}

fn text(finding: &Finding) -> String {
    let exploited = if finding.exploited { ", known to be exploited" } else { "" };
    format!("{}{exploited}: {} at {}", weight(finding), finding.rule, finding.site)
}
