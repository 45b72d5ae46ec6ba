//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html>).
//!
//! Invariant: one result with at most one location for each finding, so that a reader counts as many.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::listing::{Listing, Row};

/// The report.
#[must_use]
pub fn sarif(listing: &Listing) -> String {
    let mut first: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in &listing.rows {
        first.entry(&row.rule).or_insert(row);
    }
    let rules: Vec<Value> = first.values().map(|row| rule(row)).collect();
    let places: BTreeMap<&str, usize> = first.keys().enumerate().map(|(at, id)| (*id, at)).collect();
    let results: Vec<Value> = listing
        .rows
        .iter()
        .map(|row| result(row, places.get(row.rule.as_str()).copied().unwrap_or_default()))
        .collect();
    let faults: Vec<Value> = listing.unread.iter().map(|(path, why)| fault(path, why)).collect();
    let invocation =
        json!({ "executionSuccessful": faults.is_empty(), "toolExecutionNotifications": faults });
    let version = env!("CARGO_PKG_VERSION");
    let report = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "countersign", "version": version, "semanticVersion": version, "rules": rules } },
            "invocations": [invocation],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    report.to_string()
}

/// A rule (clause 3.49), described by its first finding without a place.
fn rule(row: &Row) -> Value {
    let tags = if row.is_secret { json!(["security", "secret"]) } else { json!(["security", "dependency"]) };
    json!({
        "id": row.rule,
        "shortDescription": { "text": row.message },
        "help": { "text": row.remedy },
        "properties": { "tags": tags, "security-severity": format!("{:.1}", row.score) },
    })
}

/// A result (clause 3.27).
fn result(row: &Row, index: usize) -> Value {
    let place = |file: &String| {
        let artifact = json!({ "uri": uri(file) });
        let place = match row.line {
            Some(line) => json!({ "artifactLocation": artifact, "region": { "startLine": line } }),
            None => json!({ "artifactLocation": artifact }),
        };
        json!({ "physicalLocation": place })
    };
    json!({
        "ruleId": row.rule,
        "ruleIndex": index,
        "level": if row.is_stopping { "error" } else { "warning" },
        "message": { "text": format!("{}; {}", row.message, row.remedy) },
        "partialFingerprints": { "countersignIdentity/v1": row.id },
        "locations": row.file.iter().map(place).collect::<Vec<_>>(),
    })
}

/// A notification (clause 3.58).
fn fault(path: &str, why: &str) -> Value {
    json!({
        "level": "error",
        "message": { "text": format!("{path} was not scanned: {why}") },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(path) } } }],
    })
}

/// A path as a relative reference (<https://www.rfc-editor.org/rfc/rfc3986#section-4.2>).
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // A write to a text does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

#[cfg(test)]
mod tests {
    use evidence::document::findings::{Class, Origin, Site};
    use evidence::document::{Document as _, FindingsDocument};

    use super::*;
    use crate::reports::{self, ReportFormat};

    fn listing() -> Listing {
        let row = |rule: &str, file: &str, line: u32, is_secret: bool| Row {
            id: format!("sha256:{line:064}"),
            rule: rule.into(),
            is_secret,
            is_stopping: is_secret,
            score: if is_secret { 8.0 } else { 5.3 },
            file: Some(file.into()),
            line: (line > 0).then_some(line),
            message: format!("{rule} is here"),
            remedy: "revoke it".into(),
        };
        let rows = vec![
            row("github-pat", "a dir/ä%20#?.py", 3, true),
            row("github-pat", "a dir/ä%20#?.py", 4, true),
            row("aws-access-key", "b.txt", 1, true),
            row("RUSTSEC-2026-0001", "Cargo.lock", 0, false),
            Row { file: None, ..row("advisories-missing", "", 0, false) },
        ];
        Listing { rows, unread: Vec::new() }
    }

    fn read(listing: &Listing) -> Result<FindingsDocument, crate::ScanError> {
        let source: String = (0..9).map(|line| format!("line {line}\n")).collect();
        let tree = BTreeMap::from([("a dir/ä%20#?.py".to_owned(), source.clone()), ("b.txt".into(), source)]);
        let report = sarif(listing);
        let read = reports::translate(ReportFormat::Sarif, report.as_bytes(), &tree, Origin::Scan)?;
        Ok(FindingsDocument::decode(&read.document)?)
    }

    /// Each finding comes back, at its file and line; a message about a secret is that of the rule.
    #[test]
    fn our_own_reader_reads_as_many_back() {
        let document = read(&listing()).unwrap();
        assert_eq!(document.findings.len(), listing().rows.len());
        let sites: Vec<_> = document.findings.values().map(|found| found.site.clone()).collect();
        let site = Site::File { path: "a dir/ä%20#?.py".into(), line: Some(4), end: None };
        assert!(sites.contains(&site), "{sites:?}");
        let secrets = document.findings.values().filter(|found| found.class == Class::Secret).count();
        assert_eq!(secrets, 3);
        assert!(read(&Listing::default()).unwrap().findings.is_empty());
    }

    /// A scan that did not see everything is no report of "found nothing".
    #[test]
    fn a_file_that_was_not_scanned_makes_the_report_one_of_a_failure() {
        let listing = Listing { unread: vec![("a.zip".into(), "it is compressed".into())], ..listing() };
        assert!(read(&listing).unwrap_err().to_string().contains("the tool says that it failed"));
    }
}
