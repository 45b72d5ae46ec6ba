//! Windows: whether a release comes at a time at which its place lets releases begin.
//!
//! Invariant: the windows are those that the environment statement names, whatever the server shows. The judge's own clock
//! and the time that witnesses vouch for have to be inside, and at most `APART_MAX` apart; a judge without a clock asks for
//! the witnessed time alone. Calendars and time zones are no matter of judges.

use std::time::Duration;

use evidence::bundle::Bundle;
use evidence::environment::Environment;
use evidence::windows::{WindowState, Windows};
use evidence::{Digest, Moment, Place};

use crate::reasons::{NEW_BUNDLE, Reasons, one_reason};

/// Windows of a place, and the times that they are asked for.
#[derive(Clone, Debug)]
pub struct WindowsProof {
    /// The windows; `None` if releases may always begin.
    pub windows: Option<Windows>,
    /// The newest time that a quorum of witnesses vouches for.
    pub witnessed: Moment,
    /// The judge's own clock, if it has one.
    pub clock: Option<Moment>,
}

/// The windows of a bundle, if they are those that the environment statement names.
pub fn of(bundle: &Bundle, environment: &Environment) -> Result<Option<Windows>, Reasons> {
    let differ = |what: &str| one_reason("windows-differ", what, NEW_BUNDLE);
    match (&environment.windows, &bundle.windows) {
        (None, None) => Ok(None),
        (Some(named), Some(bytes)) if Digest::of(&bytes.0) == *named => Windows::decode(&bytes.0)
            .map(Some)
            .map_err(|error| one_reason("windows-unsound", error.to_string(), OTHER_WINDOWS)),
        (Some(_), Some(_)) => Err(differ("the windows are not those that the environment statement names")),
        (Some(_), None) => Err(differ("the windows that the environment statement names are missing")),
        (None, Some(_)) => Err(differ("there are windows that the environment statement does not name")),
    }
}

impl WindowsProof {
    /// Tells whether a release may not begin now, unless people lift the windows for it.
    pub fn tell(&self, place: &Place, is_lifted: bool, reasons: &mut Reasons) {
        let Some(windows) = self.windows.as_ref().filter(|_| !is_lifted) else { return };
        if let Some(clock) = self.clock
            && apart(clock, self.witnessed) > APART_MAX
        {
            let what = format!(
                "this judge's clock says {clock} and the witnesses say {}, more than five minutes apart, so nothing is \
                 decided about the windows of {place}",
                self.witnessed
            );
            reasons.unclear("window-unsure", what, CLOCKS);
        }
        let closed = |moment: Moment| match windows.state_at(moment) {
            WindowState::Open { .. } => None,
            WindowState::Closed { opens } => Some((moment, opens)),
        };
        let closed = self.clock.and_then(closed).or_else(|| closed(self.witnessed));
        if let Some((moment, opens)) = closed {
            let next = match opens {
                Some(opens) => format!("they open at {opens}"),
                None => format!("they do not open again, and end at {}", windows.until),
            };
            let what = format!("{moment} is outside the windows of {place}; {next}");
            reasons.against("window-closed", what, WAIT);
        }
    }
}

impl WindowsProof {
    /// Whether the windows are open so long after the earlier of the two times.
    #[must_use]
    pub fn is_open_within(&self, pause: Duration) -> bool {
        let earlier = self.clock.map_or(self.witnessed, |clock| clock.min(self.witnessed));
        let state = self.windows.as_ref().map(|windows| windows.state_at(earlier.later_by(pause)));
        matches!(state, Some(WindowState::Open { .. }))
    }
}

/// The time between two moments.
fn apart(a: Moment, b: Moment) -> Duration {
    Duration::from_millis(a.millis().abs_diff(b.millis()))
}

/// Largest accepted difference between a judge's clock and the witnessed time.
const APART_MAX: Duration = Duration::from_mins(5);
const WAIT: &str = "wait until they open, have two release managers lift them for this release (`countersign override`), or have the policy \
                    signers name other windows";
const OTHER_WINDOWS: &str = "have the policy signers name other windows";
const CLOCKS: &str = "set the clocks right, and see that the witnesses are up";
