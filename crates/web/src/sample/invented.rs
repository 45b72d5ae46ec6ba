//! The clock and the words that all samples share.

use crate::model::{Badge, Command, Fact, State, Time};

pub(super) fn badge(state: State, word: &str) -> Badge {
    Badge { state, word: word.to_owned() }
}

pub(super) fn command(line: &str, note: Option<&str>) -> Command {
    Command { line: line.to_owned(), note: note.map(str::to_owned) }
}

pub(super) fn fact(name: &str, value: &str) -> Fact {
    Fact { name: name.to_owned(), value: value.to_owned(), whole: None, href: None, state: None }
}

pub(super) fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// A moment so many seconds ago.
pub(super) fn ago(seconds: i64) -> Time {
    ahead(-seconds)
}

/// A moment in so many seconds.
pub(super) fn ahead(seconds: i64) -> Time {
    let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (month, date) = match 29 + day {
        before @ ..1 => ("10", 31 + before),
        within @ 1..=30 => ("11", within),
        after => ("12", after - 30),
    };
    let (hours, minutes) = (second / HOUR, second / MINUTE % 60);
    Time {
        ms: MIDNIGHT_MS + seconds * 1_000,
        text: format!("2026-{month}-{date:02}T{hours:02}:{minutes:02}:{:02}Z", second % 60),
    }
}

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 86_400;

/// 2026-11-29T00:00:00Z, the moment of every sample.
pub(super) const MIDNIGHT_MS: i64 = 1_795_910_400_000;

pub(super) const COMMIT: &str = "4f9c21e07b3d5a8816c2e94f7a0b6d35c81f20ee";
pub(super) const ARTIFACT: &str = "sha256:9b1e77c05d2f4a86b3190c7ee1d4f8a2605b9c3d7e82f14650a9cb7d31e840c2";
