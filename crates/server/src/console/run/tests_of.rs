//! The tests that reports of a run name, by report.

use judge::Store as _;
use review::test_reports::{self, TestReport};
use web::model::{self, TestLine};

use super::seen::Seen;
use crate::console::words::badge;

/// One line for each report of tests.
pub fn lines(seen: &Seen<'_>) -> Vec<TestLine> {
    let store = seen.at.shared.gatekeeper.store();
    let found = test_reports::of(seen.receipts.values(), |digest| store.blob(digest).ok());
    let line = |TestReport { report, counts, passed, failed }| {
        let state = if passed { model::State::Pass } else { model::State::Stop };
        TestLine { report, badge: badge(state, counts), failed }
    };
    found.into_iter().map(line).collect()
}
