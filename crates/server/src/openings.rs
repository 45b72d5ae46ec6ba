//! When something that came at the wrong time is tried again: when the windows of its place open, when its soak time has ended,
//! or when people lift both.
//!
//! Invariant: nothing here lets anything pass. It only says when the judge is asked again, so that a release that waits
//! costs no entry of the ledger before its time.

use std::time::Duration;

use domain::State;
use domain::release::TimeHold;
use evidence::entry::Header;
use evidence::windows::{WindowState, Windows};
use evidence::{Moment, Place};
use judge::Store;

/// When the judge is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Now.
    Now,
    /// At this moment.
    At(Moment),
    /// Only after a new statement.
    Never,
}

/// The windows of a place, as its environment statement names them; `None` if it names none, or they cannot be read.
#[must_use]
pub fn windows_of(state: &State, store: &dyn Store, place: &Place) -> Option<Windows> {
    let named = state.gate.environment(place)?.facts.windows?;
    Windows::decode(&store.blob(&named).ok()?).ok()
}

/// When something that is held at a place is tried again.
#[must_use]
pub fn opening(state: &State, store: &dyn Store, place: &Place, hold: TimeHold, now: Moment) -> Opening {
    if is_overridden(state, place, hold, now) {
        return Opening::Now;
    }
    let (windows, soaked) = (windows_of(state, store, place), soaked_until(state, store, place));
    let is_closed = |windows: &Windows| matches!(windows.state_at(hold.moment), WindowState::Closed { .. });
    let is_explained =
        windows.as_ref().is_some_and(is_closed) || soaked.is_some_and(|until| hold.moment < until);
    // If nothing explains the hold, a clock was wrong or witnesses were late, which may last.
    let earliest = if is_explained { hold.moment } else { hold.moment.later_by(AGAIN) };
    let earliest = soaked.map_or(earliest, |until| earliest.max(until));
    match windows.map(|windows| windows.state_at(earliest.max(now))) {
        None | Some(WindowState::Open { .. }) => due(earliest, now),
        Some(WindowState::Closed { opens: Some(opens) }) => Opening::At(opens),
        Some(WindowState::Closed { opens: None }) => Opening::Never,
    }
}

/// Whether somebody has signed an override of the place since: the judge decides whether it counts.
fn is_overridden(state: &State, place: &Place, hold: TimeHold, now: Moment) -> bool {
    let mut stated = state.statement.at(place, now);
    stated.any(|known| known.facts.kind.lifts() && known.entry > hold.entry)
}

/// When the soak time of a place has ended by its witnesses; `None` if it has no soak time, or nothing runs before it.
fn soaked_until(state: &State, store: &dyn Store, place: &Place) -> Option<Moment> {
    let facts = &state.gate.environment(place)?.facts;
    let soak = Duration::from_millis(facts.soak_ms?);
    let before = Place { environment: facts.after.clone()?, ..place.clone() };
    let (_, entry) = state.release.at(&before)?.reported?;
    let header = Header::decode(&store.entry(entry).ok()?.header).ok()?;
    // The ledger stores one witnessed checkpoint of each `SLOT`, so the report may seem so much newer.
    Some(header.time.later_by(SLOT).later_by(soak))
}

fn due(moment: Moment, now: Moment) -> Opening {
    if moment <= now { Opening::Now } else { Opening::At(moment) }
}

/// Precision with which the ledger proves when something was recorded, and a little for the witnesses.
const SLOT: Duration = Duration::from_secs(5 * 60 + 5);
/// Pause after a hold that nothing explains.
const AGAIN: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use domain::{Event, State, gate};
    use evidence::entry::Entry;
    use evidence::{Digest, Moment};
    use judge::{Store, Unavailable};
    use lab::at;
    use lab::forgery::windows;

    use super::{Opening, TimeHold, opening};

    struct Blobs(Vec<Vec<u8>>);

    impl Store for Blobs {
        fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable> {
            let found = self.0.iter().find(|bytes| Digest::of(bytes) == *digest);
            found.cloned().ok_or_else(|| Unavailable(digest.to_string()))
        }

        fn entry(&self, number: u64) -> Result<Entry, Unavailable> {
            Err(Unavailable(number.to_string()))
        }
    }

    #[test]
    fn a_release_is_tried_again_when_its_windows_open_and_not_before() {
        let bytes = windows(&[(-100, 100), (3_600, 7_200)]).encode().unwrap();
        let lab = lab::Lab::default();
        let mut statement = lab.environment("production", &lab.base());
        (statement.windows, statement.after) = (Some(Digest::of(&bytes)), None);
        let set = gate::EnvironmentSet::of(&statement, Digest::of(b"envelope"), 1);
        let place = set.place.clone();
        let mut state = State::default();
        state.apply(&Event::EnvironmentSet(set), at(-1_000));
        let store = Blobs(vec![bytes]);
        let asked = |held: i64, now: i64| {
            let hold = TimeHold { entry: 7, moment: at(held) };
            opening(&state, &store, &place, hold, at(now))
        };
        let opens = |seconds| -> Opening { Opening::At(at(seconds)) };
        for (held, now, expected) in [
            (-200, -150, opens(-100)),
            (-200, -100, Opening::Now),
            (-200, 99, Opening::Now),
            (-200, 100, opens(3_600)),
            // The windows were open: a clock was wrong.
            (-100, -90, opens(3_600)),
            (3_600, 3_601, opens(3_900)),
            (3_600, 3_900, Opening::Now),
            (6_900, 7_200, Opening::Never),
            (8_000, 9_000, Opening::Never),
        ] {
            assert_eq!(asked(held, now), expected, "held at {held}, now {now}");
        }
        let unread = Blobs(Vec::new());
        let hold = TimeHold { entry: 7, moment: Moment::default() };
        assert_eq!(opening(&state, &unread, &place, hold, at(0)), Opening::Now, "the judge says why");
    }
}
