//! Tests over many runs: how often each failed, and whether it passed on the same commit elsewhere.
//!
//! Input: the receipts of runs and the documents of tests that they name. Output: one row for each test. Invariant: a test
//! is flaky only by its own results on one commit and one tree: a run, a runner or an attempt passed it, and another one
//! did not. No signature is checked, since this is only shown; nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};

use domain::RunId;
use domain::build::Reported;
use evidence::document::tests::{TestOutcome, identity};
use evidence::document::{BYTES_MAX, Document as _, DocumentKind, TestsDocument};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::receipt::{PAYLOAD_TYPE, Receipt};
use evidence::{CommitId, Digest, Moment, Name};
use serde::Serialize;
use wire::{Client, RUNS_MAX, RunFilter};

use crate::error::Error;

/// Tests of the newest runs.
#[derive(Debug, Serialize)]
pub struct TestHistory {
    /// Number of runs that were read.
    pub runs: usize,
    /// Number of reports of tests that were read.
    pub reports: usize,
    /// Tests; flaky ones first, then those that failed most often.
    pub tests: Vec<TestRow>,
}

/// A test over runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestRow {
    /// The project.
    pub project: Name,
    /// Identity of the test, as waivers name it.
    pub id: Digest,
    /// Its suite, with its class.
    pub suite: String,
    /// Its name.
    pub test: String,
    /// Number of times that a runner ran it.
    pub runs: u64,
    /// Number of these that failed.
    pub failed: u64,
    /// Number of failures of commits on which it passed too; a test that passed only when it was tried again counts here.
    pub flaky: u64,
    /// Number of runs in which runners disagree about it.
    pub disagreements: u64,
    /// The last time that it ran.
    pub seen: Moment,
    /// The last time that it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_last: Option<Moment>,
    /// The commit of that failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
}

/// The result of a test on a runner.
#[derive(Clone, Debug)]
struct Seen {
    run: RunId,
    runner: Name,
    commit: CommitId,
    tree: Digest,
    ended: Moment,
    outcome: TestOutcome,
}

type Key = (Name, String, String);

/// Reads the tests of at most `runs_max` of the newest runs, of one project or of all.
///
/// # Errors
/// `Error` when the server does not answer, or what it shows cannot be read.
pub async fn read(client: &Client, project: Option<Name>, runs_max: u16) -> Result<TestHistory, Error> {
    let filter = RunFilter { project, limit: Some(runs_max.min(RUNS_MAX)), ..RunFilter::default() };
    let runs = client.runs(&filter).await?;
    let wanted: BTreeSet<RunId> = runs.iter().map(|run| run.run).collect();
    let mut history = TestHistory { runs: runs.len(), reports: 0, tests: Vec::new() };
    let Some(first) = runs.iter().map(|run| run.entry).min() else { return Ok(history) };
    let mut seen: BTreeMap<Key, Vec<Seen>> = BTreeMap::new();
    for (run, envelope) in reported(client, first, &wanted).await? {
        let envelope = Envelope::decode(&client.blob(&envelope, ENVELOPE_BYTES_MAX).await?)?;
        let receipt: Receipt = serde_json::from_slice(envelope.payload(PAYLOAD_TYPE)?)?;
        for report in receipt.reports.values().filter(|report| report.kind == DocumentKind::Tests) {
            let document = TestsDocument::decode(&client.blob(&report.document, BYTES_MAX).await?)
                .map_err(|error| Error::unusable(error.to_string()))?;
            history.reports += 1;
            add(&mut seen, run, &receipt, document);
        }
        if seen.len() > TESTS_MAX {
            return Err(Error::unusable(format!(
                "there are more than {TESTS_MAX} tests; name a project, or fewer runs"
            )));
        }
    }
    history.tests = seen.into_iter().filter_map(|(key, seen)| row(key, &seen)).collect();
    history.tests.sort_by_key(|row| std::cmp::Reverse((row.flaky, row.failed)));
    Ok(history)
}

/// Receipts of runs, by the digests of their envelopes.
async fn reported(
    client: &Client,
    first: u64,
    wanted: &BTreeSet<RunId>,
) -> Result<Vec<(RunId, Digest)>, Error> {
    let (mut from, mut found) = (first, Vec::new());
    loop {
        let entries = client.entries(from).await?;
        let Some(last) = entries.last() else { return Ok(found) };
        from = last.entry + 1;
        let reports = entries.into_iter().filter(|entry| entry.kind == "build.reported");
        let reports = reports.filter_map(|entry| serde_json::from_value::<Reported>(entry.facts).ok());
        found.extend(reports.filter(|it| wanted.contains(&it.run)).map(|it| (it.run, it.envelope)));
    }
}

fn add(seen: &mut BTreeMap<Key, Vec<Seen>>, run: RunId, receipt: &Receipt, document: TestsDocument) {
    for (suite, tests) in document.suites {
        for (name, test) in tests {
            let key = (receipt.project.clone(), suite.clone(), name);
            seen.entry(key).or_default().push(Seen {
                run,
                runner: receipt.runner.clone(),
                commit: receipt.commit.clone(),
                tree: receipt.tree,
                ended: receipt.ended,
                outcome: test.outcome,
            });
        }
    }
}

/// The row of a test; `None` if it never ran.
fn row((project, suite, test): Key, seen: &[Seen]) -> Option<TestRow> {
    let id = identity(&suite, &test).ok()?;
    let ran: Vec<&Seen> = seen.iter().filter(|seen| seen.outcome != TestOutcome::Skipped).collect();
    let passed = |seen: &&&Seen| matches!(seen.outcome, TestOutcome::Passed | TestOutcome::Flaky);
    let passed_trees: BTreeSet<_> =
        ran.iter().filter(passed).map(|seen| (&seen.commit, &seen.tree)).collect();
    let failures: Vec<_> = ran.iter().filter(|seen| seen.outcome.is_failure()).collect();
    let as_well = failures.iter().filter(|seen| passed_trees.contains(&(&seen.commit, &seen.tree))).count();
    let again = ran.iter().filter(|seen| seen.outcome == TestOutcome::Flaky).count();
    let mut by_run: BTreeMap<RunId, BTreeMap<bool, BTreeSet<&Name>>> = BTreeMap::new();
    for seen in &ran {
        by_run
            .entry(seen.run)
            .or_default()
            .entry(seen.outcome.is_failure())
            .or_default()
            .insert(&seen.runner);
    }
    let disagree = |sides: &&BTreeMap<bool, BTreeSet<&Name>>| match (sides.get(&true), sides.get(&false)) {
        (Some(failed), Some(passed)) => failed != passed || failed.len() > 1,
        _ => false,
    };
    let last = failures.iter().max_by_key(|seen| seen.ended);
    Some(TestRow {
        project,
        id,
        suite,
        test,
        runs: ran.len() as u64,
        failed: failures.len() as u64,
        flaky: (as_well + again) as u64,
        disagreements: by_run.values().filter(disagree).count() as u64,
        seen: ran.iter().map(|seen| seen.ended).max()?,
        failed_last: last.map(|seen| seen.ended),
        commit: last.map(|seen| seen.commit.clone()),
    })
}

/// Highest number of different tests that are kept.
const TESTS_MAX: usize = 200_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::document::tests::TestOutcome::{self, Error, Failed, Flaky, Passed, Skipped};
    use evidence::{Digest, Moment};

    use super::{Seen, TestRow, row};

    /// A result: run, runner, commit, outcome; each ends a second after the one before.
    fn rows(results: &[(u8, &str, u8, TestOutcome)]) -> Option<TestRow> {
        let seen: Vec<Seen> = results
            .iter()
            .zip(1..)
            .map(|((run, runner, commit, outcome), seconds)| Seen {
                run: format!("{run:02}").repeat(16).parse().unwrap(),
                runner: runner.parse().unwrap(),
                commit: format!("{commit:02}").repeat(20).parse().unwrap(),
                tree: Digest::of(&[*commit]),
                ended: Moment::from_millis(seconds * 1_000).unwrap(),
                outcome: *outcome,
            })
            .collect();
        row(("shop".parse().unwrap(), "book".into(), "adds".into()), &seen)
    }

    #[test]
    fn a_test_is_flaky_only_by_its_results_on_one_commit() {
        type Case<'a> = (&'a [(u8, &'a str, u8, TestOutcome)], [u64; 4]);
        let cases: &[Case<'_>] = &[
            // Runs, failures, flaky, disagreements.
            (&[(1, "a", 1, Passed), (1, "b", 1, Passed)], [2, 0, 0, 0]),
            (&[(1, "a", 1, Passed), (1, "b", 1, Failed)], [2, 1, 1, 1]),
            (&[(1, "a", 1, Failed), (1, "b", 1, Error)], [2, 2, 0, 0]),
            // Another run of the same commit, and a commit that mended or broke it.
            (&[(1, "a", 1, Failed), (2, "a", 1, Passed)], [2, 1, 1, 0]),
            (&[(1, "a", 1, Failed), (2, "a", 2, Passed)], [2, 1, 0, 0]),
            (&[(1, "a", 1, Passed), (2, "a", 2, Failed), (2, "b", 2, Failed)], [3, 2, 0, 0]),
            // It passed when it was tried again in the same step.
            (&[(1, "a", 1, Flaky)], [1, 0, 1, 0]),
            (&[(1, "a", 1, Flaky), (1, "b", 1, Failed)], [2, 1, 2, 1]),
            (&[(1, "a", 1, Skipped), (1, "b", 1, Failed)], [1, 1, 0, 0]),
        ];
        for (results, expected) in cases {
            let row = rows(results).unwrap();
            let found = [row.runs, row.failed, row.flaky, row.disagreements];
            assert_eq!(found, *expected, "{results:?}");
        }
        assert_eq!(rows(&[(1, "a", 1, Skipped)]), None, "it never ran");
        let row = rows(&[(1, "a", 1, Failed), (2, "a", 2, Passed)]).unwrap();
        assert_eq!(row.seen.millis(), 2_000);
        assert_eq!(
            (row.failed_last.unwrap().millis(), row.commit.unwrap()),
            (1_000, "01".repeat(20).parse().unwrap())
        );
    }
}
