//! Figures of delivery by week, from rows that follow from the ledger alone: lead time, frequency, failures, recovery, builds,
//! tests, findings, evidence. Definitions: `docs/operating/delivery.md`.
//!
//! Invariant: pure. Spans of time are medians, and all times are those of ledger entries, so that no claim of a commit counts.

mod figure;
mod rows;
#[cfg(test)]
mod tests;
mod weeks;

use evidence::Moment;
use wire::{PlaceView, ReleaseKind, ReleaseStage, RunState};

pub use figure::{Figure, Point};
use figure::{Words, numbers, shares, spans};
pub use rows::{Build, Deployment, EndedRuns, Rows, Stopped};
pub use weeks::{WEEKS, Weeks};

/// The places at which the ways of their services end: no other environment of the service comes after them.
#[must_use]
pub fn last_places<'a>(places: impl IntoIterator<Item = &'a PlaceView>) -> Vec<&'a PlaceView> {
    let places: Vec<&PlaceView> = places.into_iter().collect();
    let goes_on = |view: &PlaceView| {
        places.iter().any(|other| {
            let (at, here) = (&other.place, &view.place);
            at.project == here.project
                && at.service == here.service
                && other.after.as_ref() == Some(&here.environment)
        })
    };
    places.iter().copied().filter(|view| !goes_on(view)).collect()
}

/// How delivery goes, in one sentence about the last four weeks.
#[must_use]
pub fn headline(figures: &[Figure]) -> String {
    let of = |words: Words| figures.iter().find(|figure| figure.title == words.title);
    let value = |words: Words| of(words).map(|figure| figure.value.as_str()).unwrap_or_default();
    let ran = value(FREQUENCY);
    if ran.starts_with("0 ") {
        return match value(FAILURES) {
            figure::NOTHING => "No release reached a last environment in four weeks".to_owned(),
            failed => {
                format!("No release runs in a last environment since four weeks; change failures: {failed}")
            }
        };
    }
    let count = ran.split(' ').next().unwrap_or_default();
    let word = if count == "1" { "release" } else { "releases" };
    format!(
        "{count} {word} in four weeks, with a lead time of {} and {} of changes failing",
        value(LEAD),
        value(FAILURES)
    )
}

/// All figures, the most asked for first.
#[must_use]
pub fn figures(rows: &Rows, now: Moment) -> Vec<Figure> {
    let weeks = Weeks::until(now);
    let reached = || rows.deployments.iter().filter(|row| row.kind == ReleaseKind::Release);
    let ran = || reached().filter(|row| row.stage == ReleaseStage::Running);
    let lead = ran().map(|row| (row.time, row.time.millis().saturating_sub(row.started.millis())));
    let built = rows.builds.iter().map(|row| (row.ended, row.took_ms));
    let frequency = by_week(weeks, ran().map(|row| (row.time, 1)));
    let failures = changes(&rows.deployments, weeks);
    vec![
        spans(LEAD, weeks, &by_week(weeks, lead)),
        numbers(FREQUENCY, weeks, &sums(&frequency)),
        shares(FAILURES, weeks, &failures),
        spans(RECOVERY, weeks, &by_week(weeks, recoveries(&rows.deployments))),
        spans(BUILD, weeks, &by_week(weeks, built)),
        shares(RUNS, weeks, &ended(&rows.ended, weeks)),
        numbers(TESTS, weeks, &stopped(rows, weeks, &TEST_CODES)),
        numbers(FINDINGS, weeks, &stopped(rows, weeks, &FINDING_CODES)),
        shares(EVIDENCE, weeks, &verified(reached(), weeks)),
    ]
}

/// Values by the week of their time.
fn by_week(weeks: Weeks, values: impl Iterator<Item = (Moment, u64)>) -> Vec<Vec<u64>> {
    let mut by_week = vec![Vec::new(); WEEKS];
    for (time, value) in values {
        if let Some(week) = weeks.of(time).and_then(|week| by_week.get_mut(week)) {
            week.push(value);
        }
    }
    by_week
}

fn sums(by_week: &[Vec<u64>]) -> Vec<u64> {
    by_week.iter().map(|week| week.iter().sum()).collect()
}

/// A part and the whole of each week, added up.
fn parts_by_week(weeks: Weeks, parts: impl IntoIterator<Item = (Moment, u64, u64)>) -> Vec<(u64, u64)> {
    let mut by_week = vec![(0, 0); WEEKS];
    for (time, some, of) in parts {
        if let Some((part, all)) = weeks.of(time).and_then(|week| by_week.get_mut(week)) {
            *part += some;
            *all += of;
        }
    }
    by_week
}

/// Of the releases that reached a last environment, those that did not work there or were rolled back, by the week in which
/// they reached it.
fn changes(deployments: &[Deployment], weeks: Weeks) -> Vec<(u64, u64)> {
    let mut reached: Vec<(Moment, bool)> = Vec::new();
    for of_place in deployments.chunk_by(|one, next| one.place == next.place) {
        let mut running: Option<Moment> = None;
        for row in of_place {
            match (row.kind, row.stage) {
                (ReleaseKind::Release, ReleaseStage::Running) => {
                    reached.extend(running.replace(row.time).map(|before| (before, false)));
                }
                // The release that it brought back was counted when it ran for the first time.
                (ReleaseKind::Rollback, ReleaseStage::Running) => {
                    reached.extend(running.take().map(|before| (before, true)));
                }
                (ReleaseKind::Release, ReleaseStage::Returned | ReleaseStage::Failed) => {
                    reached.push((row.time, true));
                }
                _ => {}
            }
        }
        reached.extend(running.map(|last| (last, false)));
    }
    parts_by_week(weeks, reached.into_iter().map(|(time, failed)| (time, u64::from(failed), 1)))
}

/// From a failure to the next report that something runs, and from the request for a rollback to its end, each with its end.
fn recoveries(deployments: &[Deployment]) -> impl Iterator<Item = (Moment, u64)> {
    let mut found = Vec::new();
    for of_place in deployments.chunk_by(|one, next| one.place == next.place) {
        let mut since: Option<Moment> = None;
        for row in of_place {
            match (row.kind, row.stage) {
                (_, ReleaseStage::Failed) => since = since.or(Some(row.time)),
                (ReleaseKind::Rollback, ReleaseStage::Running) => {
                    found.extend(since.take().or(row.asked).map(|from| (from, row.time)));
                }
                (ReleaseKind::Release, ReleaseStage::Running) => {
                    found.extend(since.take().map(|from| (from, row.time)));
                }
                _ => {}
            }
        }
    }
    found.into_iter().map(|(from, end)| (end, end.millis().saturating_sub(from.millis())))
}

/// Of the runs that passed or failed, those that failed. Cancelled and lost runs say nothing about the change.
fn ended(rows: &[EndedRuns], weeks: Weeks) -> Vec<(u64, u64)> {
    let counted = rows.iter().filter_map(|row| match row.state {
        RunState::Failed | RunState::Differed => Some((row.day, row.runs, row.runs)),
        RunState::Passed => Some((row.day, 0, row.runs)),
        RunState::Running | RunState::Cancelled | RunState::Lost => None,
    });
    parts_by_week(weeks, counted)
}

/// Releases that never ran and whose last verdict names one of these codes.
fn stopped(rows: &Rows, weeks: Weeks, codes: &[&str]) -> Vec<u64> {
    let is_named = |row: &&Stopped| row.reasons.iter().any(|code| codes.contains(&code.as_str()));
    sums(&by_week(weeks, rows.stopped.iter().filter(is_named).map(|row| (row.time, 1))))
}

/// Of the releases that ran or that agents refused, those that ran with evidence.
fn verified<'a>(reached: impl Iterator<Item = &'a Deployment>, weeks: Weeks) -> Vec<(u64, u64)> {
    let verified = |row: &Deployment| row.stage == ReleaseStage::Running && row.has_evidence;
    let counted = reached.filter(|row| matches!(row.stage, ReleaseStage::Running | ReleaseStage::Refused));
    parts_by_week(weeks, counted.map(|row| (row.time, u64::from(verified(row)), 1)))
}

const RELEASE: (&str, &str) = ("release", "releases");
const LEAD: Words = Words {
    title: "Lead time",
    counted: "From the start of a run to the report that its release runs in the last environment, the median",
    unit: RELEASE,
};
const FREQUENCY: Words = Words {
    title: "Deployments",
    counted: "Releases that began to run in the last environment",
    unit: RELEASE,
};
const FAILURES: Words = Words {
    title: "Change failures",
    counted: "Releases that failed, were returned or were rolled back, of all that reached the last environment",
    unit: RELEASE,
};
const RECOVERY: Words = Words {
    title: "Recovery",
    counted: "From a failure after which nothing ran, or the request for a rollback, until something ran again, the median",
    unit: ("recovery", "recoveries"),
};
const BUILD: Words = Words {
    title: "Build time",
    counted: "From the start to the end of runs that passed, the median of the newest of each week",
    unit: ("run", "runs"),
};
const RUNS: Words = Words {
    title: "Failed runs",
    counted: "Runs in which a step failed or runners made different bytes, of all that passed or failed",
    unit: ("run", "runs"),
};
const TESTS: Words = Words {
    title: "Stopped by tests",
    counted: "Releases that never ran, whose gate named failed tests or checks",
    unit: RELEASE,
};
const FINDINGS: Words = Words {
    title: "Findings stopped before production",
    counted: "Releases that never ran, whose gate named findings",
    unit: RELEASE,
};
const EVIDENCE: Words = Words {
    title: "Artifacts verified",
    counted: "Of the releases that agents of the last environment started or refused, those that ran with evidence that the gate judged and the agent checked again",
    unit: RELEASE,
};
const TEST_CODES: [&str; 4] = ["tests-failed", "tests-missing", "check-failed", "coverage-low"];
const FINDING_CODES: [&str; 8] = [
    "finding-critical",
    "finding-undecided",
    "secret-found",
    "fix-overdue",
    "fix-undated",
    "budget-exceeded",
    "licence-denied",
    "dependency-unpinned",
];
