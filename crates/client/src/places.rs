//! Places: which one a person means, and what the server says about it.
//!
//! Input: the server's views of places. Output: one view. Invariant: if more than one place fits,
//! none is chosen.

use evidence::Place;
use wire::{Client, PlaceView, ReleaseStage};

use crate::error::Error;

/// The current view of a place, from the server.
pub async fn look(client: &Client, place: &Place) -> Result<PlaceView, Error> {
    named(client.places().await?, place)
}

/// The place of this name; an unknown name is an error that lists the known places.
pub fn named(places: Vec<PlaceView>, place: &Place) -> Result<PlaceView, Error> {
    let known: Vec<_> = places.iter().map(|view| view.place.to_string()).collect();
    let found = places.into_iter().find(|view| view.place == *place);
    found.ok_or_else(|| unknown(place, &known))
}

/// The place to act on: the one given, else the only one whose release waits for people.
pub fn waiting(places: Vec<PlaceView>, at: Option<&Place>) -> Result<PlaceView, Error> {
    if let Some(at) = at {
        let found = named(places, at)?;
        return if found.open.is_some() { Ok(found) } else { Err(nothing_pending(at)) };
    }
    let waits = |view: &PlaceView| {
        let open = view.open.as_ref();
        !view.automatic
            && open.is_some_and(|open| [ReleaseStage::Proposed, ReleaseStage::Held].contains(&open.stage))
    };
    only(places, waits, "has a release that waits for people")
}

/// The place whose rollout an order is about: the one given, else the only one with a release under way.
pub fn rolling(places: Vec<PlaceView>, at: Option<&Place>) -> Result<PlaceView, Error> {
    if at.is_some() {
        return waiting(places, at);
    }
    let is_under_way =
        |view: &PlaceView| view.open.as_ref().is_some_and(|open| open.stage == ReleaseStage::Due);
    only(places, is_under_way, "has a release under way")
}

/// The place whose release a statement is about: the one given, else the only one with a release that is not decided.
pub fn pending(places: Vec<PlaceView>, at: Option<&Place>) -> Result<PlaceView, Error> {
    if at.is_some() {
        return waiting(places, at);
    }
    only(places, |view| view.open.is_some(), "has a pending release; name one with `--place`")
}

/// The only place that fits; the words complete the sentence `no place …`.
pub fn only(
    places: Vec<PlaceView>,
    fits: impl Fn(&PlaceView) -> bool,
    what: &str,
) -> Result<PlaceView, Error> {
    let mut found: Vec<_> = places.into_iter().filter(|view| fits(view)).collect();
    match (found.pop(), found.len()) {
        (Some(view), 0) => Ok(view),
        (None, _) => Err(Error::unusable(format!("no place {what}; see `countersign status`"))),
        (Some(last), _) => {
            let names: Vec<_> = found.iter().chain([&last]).map(|view| view.place.to_string()).collect();
            Err(Error::ambiguous(format!("more than one place {what}: name one of {}", names.join(", "))))
        }
    }
}

fn unknown(place: &Place, known: &[String]) -> Error {
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::unusable(format!("there is no place `{place}`; known are {known}"))
}

/// The error for a place without a pending release.
pub fn nothing_pending(place: &Place) -> Error {
    Error::unusable(format!("no release is pending at {place}; see `countersign status`"))
}
