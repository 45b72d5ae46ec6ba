//! The console in a real Chromium: what a person sees, and what a hostile page or service beside it gets.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code")]

mod axe;
mod checks;
mod chromium;
mod console;
mod harness;
mod hostile;
mod installation;
mod journeys;
mod samples;
mod screens;
mod searches;
mod settings;
mod site;
mod strangers;
#[path = "../../../web/src/tests/strings.rs"]
mod strings;
mod table;

use std::time::Duration;

/// Runs a test that waits, for a bounded time.
fn timed(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async { tokio::time::timeout(TEST, test).await });
    assert!(ended.is_ok(), "the test did not end within {TEST:?}");
}

/// The pages are many, and axe takes seconds for each on a busy machine.
const TEST: Duration = Duration::from_secs(450);
