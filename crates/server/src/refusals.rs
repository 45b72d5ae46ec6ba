//! Limits how many refusals of each person or machine are recorded one by one, and counts the rest.
//!
//! Invariant: for each of them and minute the ledger grows by at most a fixed number of refusals and one entry that counts
//! the rest. The counts are in memory: a crash loses the counts of the last minute, but no answer.

use std::collections::BTreeMap;
use std::time::Duration;

use evidence::Moment;

/// Refusals of the current minutes, by whom they are of.
#[derive(Debug)]
pub struct Refusals<W> {
    per_minute: u32,
    minutes: BTreeMap<W, Minute>,
}

#[derive(Clone, Copy, Debug)]
struct Minute {
    begun: Moment,
    recorded: u32,
    more: u64,
}

impl<W: Ord + Clone> Refusals<W> {
    /// Records this many refusals a minute one by one.
    pub const fn new(per_minute: u32) -> Self {
        Self { per_minute, minutes: BTreeMap::new() }
    }

    /// Whether a refusal of somebody is recorded by itself; otherwise it is counted.
    pub fn may_record(&mut self, who: W, now: Moment) -> bool {
        let minute = self.minutes.entry(who).or_insert(Minute { begun: now, recorded: 0, more: 0 });
        if minute.recorded < self.per_minute {
            minute.recorded += 1;
            return true;
        }
        minute.more += 1;
        false
    }

    /// The counts of minutes that are over; counting begins anew.
    pub fn take_over(&mut self, now: Moment) -> Vec<(W, u64)> {
        let over = |minute: &Minute| minute.begun.later_by(MINUTE) <= now;
        let counted = self.minutes.iter().filter(|(_, minute)| over(minute) && minute.more > 0);
        let counted = counted.map(|(who, minute)| (who.clone(), minute.more)).collect();
        self.minutes.retain(|_, minute| !over(minute));
        counted
    }

    /// Whether counts remain to be recorded.
    pub fn are_counted(&self) -> bool {
        self.minutes.values().any(|minute| minute.more > 0)
    }
}

const MINUTE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_a_storm_of_refusals_is_one_entry_a_minute() {
        let person = |n: u8| n;
        let at = |seconds: u64| Moment::from_millis(seconds * 1000).unwrap();
        let mut refusals = Refusals::new(3);
        let recorded = (0..1000).filter(|_| refusals.may_record(person(1), at(0))).count();
        assert_eq!(recorded, 3);
        assert!(refusals.may_record(person(2), at(0)), "another person's are recorded");
        assert_eq!(refusals.take_over(at(59)), []);
        assert!(refusals.are_counted());
        assert_eq!(refusals.take_over(at(60)), [(person(1), 997)]);
        assert!(!refusals.are_counted() && refusals.minutes.is_empty());
        assert!(refusals.may_record(person(1), at(60)));
    }
}
