//! `countersign tests`: tests over runs, and which of them are flaky.
//!
//! Invariant: this shows and decides nothing. A gate judges the tests of the run that made its artifact.

use clap::Args;
use client::session;
use client::test_history::{self, TestHistory, TestRow};
use evidence::Name;

use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `tests`.
#[derive(Debug, Args)]
pub struct Tests {
    #[command(flatten)]
    data_dir: DataDir,
    /// The project; default: every project that you may read.
    project: Option<Name>,
    /// Most runs to read, the newest first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    runs: u16,
    /// Show tests that never failed, too. With `-o json` all are shown.
    #[arg(long)]
    all: bool,
}

/// Reads and prints.
pub fn run(verb: &Tests, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let read = test_history::read(&client, verb.project.clone(), verb.runs);
    let history = runtime()?.block_on(read)?;
    output.print(&history, |history| text(history, verb.all))
}

fn text(history: &TestHistory, all: bool) -> String {
    let flaky = history.tests.iter().filter(|row| row.flaky > 0).count();
    let mut lines = vec![format!(
        "{} tests in {} reports of {} runs; {flaky} flaky",
        history.tests.len(),
        history.reports,
        history.runs
    )];
    let chosen = || history.tests.iter().filter(|row| all || row.failed > 0 || row.flaky > 0);
    lines.extend(chosen().take(SHOWN_MAX).flat_map(row));
    let more = chosen().count().saturating_sub(SHOWN_MAX);
    lines.extend((more > 0).then(|| format!("and {more} more; `-o json` lists all")));
    lines.join("\n")
}

fn row(row: &TestRow) -> Vec<String> {
    let word = if row.flaky > 0 {
        "flaky"
    } else if row.failed > 0 {
        "failed"
    } else {
        "passed"
    };
    let TestRow { project, runs, failed, flaky, disagreements, .. } = row;
    let (suite, test) = (shown::brief(&row.suite, NAME_CHARS), shown::brief(&row.test, NAME_CHARS));
    let mut lines =
        vec![format!("{word}: {project}: {suite} {test}: {runs} times, {failed} failed, last {}", row.seen)];
    if row.flaky > 0 {
        lines.push(format!(
            "  {flaky} of its results differ from another one of the same commit; runners disagree in {disagreements} runs"
        ));
    }
    let last = row.failed_last.zip(row.commit.as_ref());
    lines.extend(
        last.map(|(time, commit)| format!("  failed last {time}, in commit {commit}; test {}", row.id)),
    );
    lines
}

const SHOWN_MAX: usize = 50;
const NAME_CHARS: usize = 120;
