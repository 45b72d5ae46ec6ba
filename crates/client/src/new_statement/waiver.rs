//! The finding, or the failed test, of a pending release that a person waives, and the page that they read before they sign.
//!
//! Invariant: everything that is shown comes from verified bytes.

use std::collections::BTreeSet;

use evidence::Digest;
use evidence::document::Document as _;
use evidence::document::findings::Finding;
use evidence::document::tests::{Test, identity};
use evidence::statements::{Scope, SeenReport, SeenTest, StatementKind, Waiver};
use judge::Checked;
use review::findings;

use super::{Until, finding};
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
    let tests: Vec<_> = documents.joined().filter_map(|all| all.tests.as_ref()).collect();
    let known = || {
        let failing = tests.iter().flat_map(|tests| tests.failing());
        let found = findings::all(checked).map(|(id, _)| *id);
        let ids: BTreeSet<Digest> = found.chain(failing).collect();
        Ok(ids.into_iter().collect())
    };
    let digest: Digest = id.digest::<Error>("finding or failed test", known)?;
    if let Some((_, found)) = findings::all(checked).find(|(id, _)| **id == digest) {
        return Ok((digest, Waivable::Finding(found)));
    }
    let rows = tests
        .iter()
        .flat_map(|all| &all.suites)
        .flat_map(|(suite, tests)| tests.iter().map(move |row| (suite, row)));
    let mut failed = rows.filter(|(_, (_, test))| test.outcome.is_failure());
    let row = failed.find(|(suite, (name, _))| identity(suite, name).is_ok_and(|id| id == digest));
    let (suite, (name, test)) = row.ok_or_else(|| finding::unknown(&digest, checked))?;
    let reports = documents.with_before().flat_map(|proof| proof.failing_in(&digest)).collect();
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
            Self::Finding(found) => {
                finding::page(kind, id, found, scope, until) + &finding::settles_too(checked, id, found)
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
