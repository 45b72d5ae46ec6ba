//! Why a preview ends now.

use domain::{State as Ledger, gate};
use evidence::{Moment, Place};
use wire::PreviewView;

/// Why a preview ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody asked for that.
    Asked,
    /// Its template no longer allows it.
    Withdrawn,
    /// Its time is over.
    Expired,
}

impl Why {
    /// Why a preview ends now; `None` if it goes on.
    pub fn of(state: &Ledger, place: &Place, made: &PreviewView, now: Moment) -> Option<Self> {
        let is_asked = state.gate.environment(place).is_some_and(|set| set.ending.is_some());
        let template = Place { environment: made.template.clone(), ..place.clone() };
        let rules = state.gate.environment(&template).and_then(|set| set.facts.previews.as_ref());
        let is_allowed = rules.is_some_and(|rules| rules.against(&place.environment, made.slot).is_none());
        let is_over = state.gate.environment(place).is_some_and(|set| gate::is_over(set, now));
        match (is_asked, is_allowed, is_over) {
            (true, ..) => Some(Self::Asked),
            (_, false, _) => Some(Self::Withdrawn),
            (.., true) => Some(Self::Expired),
            (false, true, false) => None,
        }
    }

    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Asked => "somebody asked for that",
            Self::Withdrawn => "its template no longer allows it",
            Self::Expired => "its time is over",
        }
    }
}
