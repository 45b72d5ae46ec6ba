//! Whether the time of a preview is over.
//!
//! Invariant: a clock that was set back revives no preview, because the latest witnessed time counts as well. A clock that was set
//! ahead ends none at once: the witnesses have to say so too, unless they cannot be asked, or an hour has gone by.

use std::time::Duration;

use evidence::Moment;

/// Times that an agent knows.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// By its own clock.
    pub own: Moment,
    /// The latest one that witnesses signed in evidence that it has seen.
    pub seen: Moment,
    /// Of the newest checkpoint that the server shows; absent if it shows none.
    pub witnessed: Option<Moment>,
    /// For how long its own clock has said that the preview is over, by a clock that nobody sets.
    pub doubted: Duration,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It goes on.
    No,
    /// Its own clock says so, and witnesses do not.
    Doubtful,
    /// It is over.
    Yes,
}

/// Whether a preview with this end is over.
#[must_use]
pub fn over(until: Moment, times: &Times) -> Over {
    let Times { own, seen, witnessed, doubted } = *times;
    if until > own.max(seen) {
        return Over::No;
    }
    let is_early = witnessed.is_some_and(|at| until > at.max(seen).later_by(AHEAD_MAX));
    if is_early && doubted < DOUBT_MAX { Over::Doubtful } else { Over::Yes }
}

/// How far a host's clock may be ahead of the witnesses'.
const AHEAD_MAX: Duration = Duration::from_mins(5);
/// How long a clock that is ahead, or a server that shows old checkpoints, delays a removal.
const DOUBT_MAX: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Moment {
        Moment::from_millis(minutes * 60_000).unwrap()
    }

    #[test]
    fn a_preview_ends_on_time_and_clocks_that_jump_neither_end_nor_revive_it() {
        let times = |own, seen, witnessed: Option<u64>, doubted: u64| Times {
            own: at(own),
            seen: at(seen),
            witnessed: witnessed.map(at),
            doubted: Duration::from_mins(doubted),
        };
        for (expected, times) in [
            (Over::No, times(99, 90, Some(99), 0)),
            (Over::Yes, times(100, 90, Some(100), 0)),
            (Over::Yes, times(100, 90, Some(96), 0)),
            // The host's clock is ahead: nothing goes until witnesses agree, or an hour has gone by.
            (Over::Doubtful, times(900, 90, Some(91), 0)),
            (Over::Doubtful, times(900, 90, Some(91), 59)),
            (Over::Yes, times(900, 90, Some(91), 60)),
            (Over::Yes, times(900, 90, Some(101), 1)),
            // Nobody can be asked.
            (Over::Yes, times(100, 90, None, 0)),
            // The host's clock was set back, and evidence has a later time.
            (Over::Yes, times(10, 100, Some(100), 0)),
            (Over::No, times(10, 99, Some(99), 0)),
        ] {
            assert_eq!(over(at(100), &times), expected, "{times:?}");
        }
    }
}
