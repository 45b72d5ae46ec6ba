//! A rollback in words: the release that it brings back, the one that it takes back, the person, and how far it has come.
//!
//! Invariant: a sentence is true at each stage. No gate judges a rollback, so no sentence speaks of a verdict.

use wire::ReleaseStage;

use crate::headline::capital;

/// A rollback, as far as sentences tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollbackFacts<'a> {
    /// Its number.
    pub number: u64,
    /// The person who asked for it.
    pub by: &'a str,
    /// The release that it brings back, if that is known.
    pub brought_back: Option<u64>,
    /// The release that it takes back, if that is known.
    pub taken_back: Option<u64>,
    /// How far it has come.
    pub stage: ReleaseStage,
    /// Whether that which it brought back runs now.
    pub is_current: bool,
}

impl RollbackFacts<'_> {
    /// How things stand, for the rollback itself.
    #[must_use]
    pub fn title(&self) -> String {
        let (by, back) = (self.by, self.back());
        let taken = self.taken_back.map(|taken| format!(" instead of release {taken}")).unwrap_or_default();
        let asked = format!("{by} asked for {back} to run again{taken}");
        match self.stage {
            ReleaseStage::Running if self.is_current => match self.taken_back {
                Some(taken) => format!("{} runs again: {by} rolled back release {taken}", capital(&back)),
                None => format!("{} runs again: {by} asked for the rollback", capital(&back)),
            },
            ReleaseStage::Running => {
                format!("{asked}; it did, until a later release or rollback took its place")
            }
            ReleaseStage::Due => format!("{asked}; its agent has not reported yet"),
            ReleaseStage::Returned => format!("{asked}, but it did not work"),
            ReleaseStage::Failed => format!("{asked}, but it failed, and nothing ran afterwards"),
            ReleaseStage::Refused => format!("{asked}, but its agent refused the rollback"),
            ReleaseStage::Dropped => format!("{asked}, but {by} is no longer enrolled, so it was dropped"),
            _ => asked,
        }
    }

    /// How things stand, for the release that it takes back.
    #[must_use]
    pub fn of_release(&self) -> String {
        let (by, number, back) = (self.by, self.number, self.back());
        match self.stage {
            ReleaseStage::Running => format!("{by} rolled it back: rollback {number} started {back} again"),
            ReleaseStage::Due => {
                format!("{by} asked to roll it back: rollback {number} will start {back} again")
            }
            _ => format!("{by} asked to roll it back, and rollback {number} did not succeed"),
        }
    }

    /// The same for a release that never ran, because the rollback ended it.
    #[must_use]
    pub fn of_ended(&self) -> String {
        format!("It never ran: {} ended it with rollback {}", self.by, self.number)
    }

    fn back(&self) -> String {
        self.brought_back
            .map_or_else(|| "an earlier release".to_owned(), |number| format!("release {number}"))
    }
}

#[cfg(test)]
mod tests {
    use wire::ReleaseStage;

    use super::RollbackFacts;

    #[test]
    fn each_stage_names_the_person_and_both_releases() {
        let back = RollbackFacts {
            number: 3,
            by: "Ada",
            brought_back: Some(1),
            taken_back: Some(2),
            stage: ReleaseStage::Running,
            is_current: true,
        };
        let asked = "Ada asked for release 1 to run again instead of release 2";
        for (stage, is_current, title) in [
            (ReleaseStage::Running, true, "Release 1 runs again: Ada rolled back release 2".to_owned()),
            (
                ReleaseStage::Running,
                false,
                format!("{asked}; it did, until a later release or rollback took its place"),
            ),
            (ReleaseStage::Due, false, format!("{asked}; its agent has not reported yet")),
            (ReleaseStage::Returned, false, format!("{asked}, but it did not work")),
            (ReleaseStage::Failed, false, format!("{asked}, but it failed, and nothing ran afterwards")),
            (ReleaseStage::Refused, false, format!("{asked}, but its agent refused the rollback")),
            (
                ReleaseStage::Dropped,
                false,
                format!("{asked}, but Ada is no longer enrolled, so it was dropped"),
            ),
        ] {
            assert_eq!(RollbackFacts { stage, is_current, ..back }.title(), title);
        }
        let unknown = RollbackFacts { brought_back: None, taken_back: None, ..back };
        assert_eq!(unknown.title(), "An earlier release runs again: Ada asked for the rollback");
    }

    #[test]
    fn the_release_says_who_took_it_back_and_whether_that_is_done() {
        let back = |stage| RollbackFacts {
            number: 3,
            by: "Ada",
            brought_back: Some(1),
            taken_back: Some(2),
            stage,
            is_current: true,
        };
        for (stage, title) in [
            (ReleaseStage::Running, "Ada rolled it back: rollback 3 started release 1 again"),
            (ReleaseStage::Due, "Ada asked to roll it back: rollback 3 will start release 1 again"),
            (ReleaseStage::Failed, "Ada asked to roll it back, and rollback 3 did not succeed"),
        ] {
            assert_eq!(back(stage).of_release(), title);
        }
        assert_eq!(back(ReleaseStage::Running).of_ended(), "It never ran: Ada ended it with rollback 3");
    }
}
