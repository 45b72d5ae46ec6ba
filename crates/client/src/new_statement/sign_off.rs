//! The results of tests that a person signs off, and the page that they read before they sign.
//!
//! Invariant: everything that is shown comes from verified bytes.

use evidence::document::DocumentKind;
use evidence::statements::{Scope, SignOff};
use judge::Checked;

use super::Until;

/// The sign-off of all tests of the release.
pub fn body(checked: &Checked<'_>) -> SignOff {
    SignOff { tests: checked.lanes.documents.stated_tests() }
}

/// The page that a person reads before the signature.
pub fn page(checked: &Checked<'_>, scope: &Scope, until: Until) -> String {
    let mut lines = vec![format!(
        "sign off the tests of release {} in {scope}, until {} in UTC",
        checked.bundle.release, until.0
    )];
    // The same reports as those of `stated_tests`.
    let reports = checked.lanes.documents.with_before().flat_map(|proof| &proof.reports);
    for report in reports.filter(|report| report.by.values().any(|by| by.kind == DocumentKind::Tests)) {
        for (runner, by) in &report.by {
            let items: Vec<_> = by.items.iter().map(|(name, count)| format!("{count} {name}")).collect();
            let items = if items.is_empty() { "no tests".to_owned() } else { items.join(", ") };
            let (path, tool) = (shown::line(&report.path), shown::line(&by.tool));
            lines.push(format!("  {path} of {} by {tool} on {runner}: {items}", report.maker));
        }
    }
    if lines.len() == 1 {
        lines.push("  no step reports tests: you sign for tests by hand".into());
    }
    lines.push(format!("artifact: {}", checked.bundle.artifact()));
    lines.join("\n")
}
