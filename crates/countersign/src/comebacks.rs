//! When a role that ended by itself is started again, and when not any more.
//!
//! Invariant: a role that ends again and again is given up after a limited number of times, so that an installation
//! which cannot work says so. There is no clock here: the caller passes the time.

use std::time::Duration;

use evidence::Moment;

/// The ends of one role.
#[derive(Clone, Debug, Default)]
pub struct Comebacks {
    ends: Vec<Moment>,
}

impl Comebacks {
    /// Notes that the role ended; the time of its next start, or `None` if it ended too often.
    pub fn ended(&mut self, now: Moment) -> Option<Moment> {
        self.ends.retain(|end| end.later_by(WITHIN) > now);
        self.ends.push(now);
        let pauses = self.ends.len().checked_sub(1)?;
        let pause = PAUSES_SECONDS.get(pauses)?;
        Some(now.later_by(Duration::from_secs(*pause)))
    }
}

/// Seconds before each start; after as many ends within [`WITHIN`] and one more, a role is given up.
const PAUSES_SECONDS: [u64; 5] = [0, 1, 2, 4, 8];
/// The time within which ends are counted.
const WITHIN: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use evidence::Moment;

    use super::Comebacks;

    #[test]
    fn a_role_comes_back_five_times_in_ten_minutes() {
        let at = |seconds: u64| Moment::from_millis(1_000_000 + seconds * 1_000).unwrap();
        let mut comebacks = Comebacks::default();
        for (end, start) in [(0, 0), (1, 2), (3, 5), (6, 10), (11, 19)] {
            assert_eq!(comebacks.ended(at(end)), Some(at(start)));
        }
        assert_eq!(comebacks.clone().ended(at(20)), None, "too often");
        assert_eq!(comebacks.ended(at(700)), Some(at(700)), "the others are long ago");
    }
}
