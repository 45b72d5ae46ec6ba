//! The part of a rollout that ends with its agent: counts, and why a step stays in force.
//!
//! Invariant: nothing here decides after a restart; the memory does.

use std::sync::Arc;

use evidence::bundle::Bundle;
use judge::FreshCheckpoint;
use judge::rollout::{Hold, StepEvidence};
use wire::{OrderAnswer, RolloutNow};

use crate::answers::Answers;
use crate::counting::Counting;
use crate::steady::SteadyTime;

/// The part of a rollout that an agent does not remember.
#[derive(Debug, Default)]
pub struct Rolling {
    pub counting: Counting,
    /// Its time.
    pub time: SteadyTime,
    /// Whether the step in force was arranged since the agent began.
    pub is_arranged: bool,
    /// Why the step stays in force.
    pub hold: Option<Hold>,
    /// Why the next step may not begin.
    pub refused: Option<String>,
    /// Codes of the same, which stay while the words tell another time.
    pub refused_codes: Vec<String>,
    /// Answers to the queries of its plan.
    pub answers: Answers,
    /// The evidence of the last tick.
    pub evidence: Option<StepEvidence>,
    /// The answer to the newest order of a person.
    pub order: Option<OrderAnswer>,
    /// The rollout as people are told about it.
    pub told: Option<Arc<RolloutNow>>,
}

impl Rolling {
    /// Notes why the next step may not begin, with the codes of the reasons. Returns the words if that is another reason than
    /// before: the words alone name the time of each look.
    pub fn refuse(&mut self, codes: Vec<String>, words: Option<String>) -> Option<String> {
        let codes = if words.is_none() { Vec::new() } else { codes };
        let is_other = self.refused_codes != codes;
        (self.refused, self.refused_codes) = (words, codes);
        self.refused.clone().filter(|_| is_other)
    }
}

/// The evidence by which a wider step is judged.
#[derive(Debug)]
pub struct Widening {
    /// The evidence of the release.
    pub bundle: Arc<Bundle>,
    /// A newer checkpoint than its own.
    pub fresh: Option<FreshCheckpoint>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_may_not_begin_is_told_once_until_the_reason_is_another_one() {
        let mut rolling = Rolling::default();
        let mut look = |codes: &[&str], words: &str| {
            let codes = codes.iter().map(|code| (*code).to_owned()).collect();
            let told = rolling.refuse(codes, Some(words.to_owned()).filter(|words| !words.is_empty()));
            (told.is_some(), rolling.refused.clone().unwrap_or_default())
        };
        let closed = ["window-closed"];
        assert_eq!(look(&closed, "09:00 is outside"), (true, "09:00 is outside".to_owned()));
        for second in 1..60 {
            let words = format!("09:00:{second} is outside");
            assert_eq!(look(&closed, &words), (false, words.clone()), "people see the newest words");
        }
        assert!(look(&["window-closed", "window-unsure"], "a clock is wrong").0);
        assert_eq!(look(&[], ""), (false, String::new()));
        assert!(look(&closed, "10:00 is outside").0, "it was open meanwhile");
    }
}
