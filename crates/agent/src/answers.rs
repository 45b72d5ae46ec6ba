//! Answers of Prometheus to the queries of a rollout, while its agent lives.
//!
//! Invariant: an answer counts in the step in which it was asked for, and only for a short time: one that is older is absent, like
//! one that never came. A pure value without a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use evidence::{Moment, Name};
use judge::rollout::Answered;

/// The newest answer to each query, with the time at which it was asked for.
#[derive(Clone, Debug, Default)]
pub struct Answers(BTreeMap<Name, (Moment, Answered)>);

impl Answers {
    /// Takes an answer to what was asked at a time.
    pub fn take(&mut self, name: Name, asked: Moment, answered: Answered) {
        self.0.insert(name, (asked, answered));
    }

    /// The answers that count now in a step that began at `since`.
    pub fn counting(&self, since: Moment, now: Moment) -> BTreeMap<Name, Answered> {
        let oldest = Moment::from_millis(now.millis().saturating_sub(AGE_MAX_MS)).unwrap_or_default();
        let counts = |asked: Moment| asked > since && asked >= oldest && asked <= now;
        let counting = self.0.iter().filter(|(_, (asked, _))| counts(*asked));
        counting.map(|(name, (_, answered))| (name.clone(), answered.clone())).collect()
    }
}

/// Time between two times of asking.
pub const ASK_EVERY: Duration = Duration::from_secs(2);
/// Longest time for one answer.
pub const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long an answer counts.
const AGE_MAX_MS: u64 = 30_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_in_its_step_and_for_a_short_time() {
        let at = |seconds: u64| Moment::from_millis(1_000_000 + seconds * 1_000).unwrap();
        let mut answers = Answers::default();
        let name: Name = "queue".parse().unwrap();
        answers.take(name.clone(), at(100), Answered::Number(1));
        let counting = |since, now| answers.counting(at(since), at(now)).contains_key(&name);
        assert!(counting(90, 100) && counting(99, 130));
        assert!(!counting(100, 105), "it was asked before the step was in force");
        assert!(!counting(90, 131), "it is old");
        assert!(!counting(90, 99), "the clock was set back");
        answers.take(name.clone(), at(110), Answered::Unread("away".into()));
        assert_eq!(
            answers.counting(at(90), at(111))[&name],
            Answered::Unread("away".into()),
            "the newest counts"
        );
    }
}
