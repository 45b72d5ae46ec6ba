//! The finding, or the failed test, of a pending release that a person makes a statement about, and the page that they read
//! before they sign.
//!
//! Invariant: everything that is shown comes from verified bytes.

use std::collections::BTreeSet;

use evidence::Digest;
use evidence::document::Document as _;
use evidence::document::findings::Finding;
use evidence::document::tests::{Test, identity};
use evidence::statements::{Scope, SeenFinding, SeenReport, SeenTest, StatementKind, Waiver};
use judge::Checked;

use super::Until;
use crate::error::Error;
use crate::id_prefix::IdPrefix;

/// A finding or a failed test of the evidence.
#[derive(Clone, Debug)]
pub enum Waivable<'a> {
    /// A finding.
    Finding(&'a Finding),
    /// A failed test, with its suite and name, and the reports in which it failed.
    Test(&'a str, &'a str, &'a Test, BTreeSet<SeenReport>),
}

/// The finding or the failed test of the evidence that these digits name.
///
/// # Errors
/// `Error` when they name none, or more than one.
pub fn find_any<'a>(checked: &'a Checked<'_>, id: &IdPrefix) -> Result<(Digest, Waivable<'a>), Error> {
    let documents = &checked.lanes.documents;
    let found: Vec<_> = documents
        .joined()
        .filter_map(|all| all.findings.as_ref())
        .map(|document| &document.findings)
        .collect();
    let tests: Vec<_> = documents.joined().filter_map(|all| all.tests.as_ref()).collect();
    let known = || {
        let failing = tests.iter().flat_map(|tests| tests.failing());
        let ids: BTreeSet<Digest> = found.iter().flat_map(|all| all.keys().copied()).chain(failing).collect();
        Ok(ids.into_iter().collect())
    };
    let digest: Digest = id.digest::<Error>("finding or failed test", known)?;
    if let Some(finding) = found.iter().find_map(|all| all.get(&digest)) {
        return Ok((digest, Waivable::Finding(finding)));
    }
    let rows = tests
        .iter()
        .flat_map(|all| &all.suites)
        .flat_map(|(suite, tests)| tests.iter().map(move |row| (suite, row)));
    let mut failed = rows.filter(|(_, (_, test))| test.outcome.is_failure());
    let row = failed.find(|(suite, (name, _))| identity(suite, name).is_ok_and(|id| id == digest));
    let (suite, (name, test)) = row.ok_or_else(|| unknown(&digest, checked))?;
    let both = std::iter::once(documents).chain(documents.before.as_deref());
    let reports = both.flat_map(|proof| proof.failing_in(&digest)).collect();
    Ok((digest, Waivable::Test(suite, name, test, reports)))
}

impl Waivable<'_> {
    /// The content of a waiver about it.
    #[must_use]
    pub fn waiver(&self) -> Waiver {
        match self {
            Self::Finding(finding) => Waiver::of(finding),
            Self::Test(suite, test, _, reports) => Waiver::Test(SeenTest {
                suite: (*suite).to_owned(),
                test: (*test).to_owned(),
                reports: reports.clone(),
            }),
        }
    }

    /// The page that a person reads before the signature.
    #[must_use]
    pub fn page(&self, id: &Digest, checked: &Checked<'_>, scope: &Scope, until: Until) -> String {
        let kind = StatementKind::Waiver;
        match self {
            Self::Finding(finding) => {
                page(kind, id, finding, scope, until) + &settles_too(checked, id, finding)
            }
            Self::Test(suite, name, test, reports) => {
                let message = test.message.as_ref().map(|said| format!(": {}", shown::line(said)));
                let covers: Vec<_> = test.covers.iter().map(|id| shown::line(id)).collect();
                let covers = if covers.is_empty() {
                    String::new()
                } else {
                    format!("\n  covers {}", covers.join(", "))
                };
                let reports =
                    reports.iter().map(|report| format!("\n  in {}", shown::line(&report.to_string())));
                let reports: String = reports.collect();
                format!(
                    "{} in {scope}, until {} in UTC:\n  {} {} {}{}{covers}{reports}\n  test {id}; a failure in these reports does not count until then",
                    kind.as_str(),
                    until.0,
                    shown::line(suite),
                    shown::line(name),
                    test.outcome.as_str(),
                    message.unwrap_or_default(),
                )
            }
        }
    }
}

/// The finding of the evidence that these digits name: of the build, or of checks in the environment before.
pub fn find<'a>(checked: &'a Checked<'_>, id: &IdPrefix) -> Result<(Digest, &'a Finding), Error> {
    let all: Vec<_> = checked
        .lanes
        .documents
        .joined()
        .filter_map(|all| all.findings.as_ref())
        .map(|document| &document.findings)
        .collect();
    let known = || {
        let ids: BTreeSet<Digest> = all.iter().flat_map(|all| all.keys().copied()).collect();
        Ok(ids.into_iter().collect())
    };
    let digest: Digest = id.digest::<Error>("finding", known)?;
    let finding = all.iter().find_map(|all| all.get(&digest));
    finding.map(|finding| (digest, finding)).ok_or_else(|| unknown(&digest, checked))
}

fn unknown(digest: &Digest, checked: &Checked<'_>) -> Error {
    Error::unusable(format!(
        "the pending release of {} has no finding or failed test with id {digest}; `countersign approve --show` lists them",
        checked.place
    ))
}

/// The page that a person reads before the signature.
pub fn page(kind: StatementKind, id: &Digest, finding: &Finding, scope: &Scope, until: Until) -> String {
    let names: Vec<_> = finding.aliases.iter().map(|alias| shown::line(alias)).collect();
    let aliases = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    format!(
        "{} in {scope}, until {} in UTC:\n  {}{aliases} at {}: {}\n  severity {}, finding {id}",
        kind.as_str(),
        until.0,
        shown::line(&finding.rule),
        shown::line(&finding.site.to_string()),
        shown::line(&finding.message),
        finding.severity.as_str(),
    )
}

/// Lines about the other findings of the release that a statement about this one settles, because a statement about a
/// dependency counts for each id of its advisory.
pub fn settles_too(checked: &Checked<'_>, id: &Digest, finding: &Finding) -> String {
    let seen = SeenFinding::of(finding);
    let others = findings(checked).filter(|(other, also)| *other != id && seen.settles(&[*id], other, also));
    others.map(|(other, also)| format!("\n  it settles too: {}", named(other, also))).collect()
}

/// All findings of the release, and those that checks made in the environment before.
pub fn findings<'a>(checked: &'a Checked<'_>) -> impl Iterator<Item = (&'a Digest, &'a Finding)> {
    checked
        .lanes
        .documents
        .joined()
        .filter_map(|all| all.findings.as_ref())
        .flat_map(|document| &document.findings)
}

/// A finding in a few words, with its id.
pub fn named(id: &Digest, finding: &Finding) -> String {
    let (rule, site) = (shown::line(&finding.rule), shown::line(&finding.site.to_string()));
    format!("{rule} at {site}, {}, finding {id}", finding.severity.as_str())
}
