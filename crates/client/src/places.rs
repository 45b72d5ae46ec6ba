//! Places: which one a person means, and what the server says about it.
//!
//! Input: the server's views of places. Output: one view, or lines for a person. Invariant: if more than one place fits,
//! none is chosen.

use evidence::Place;
use wire::{Client, PlaceView, ReleaseStage, RollbackView, ServiceView};

use crate::error::Error;
use crate::review::short;

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

/// Warnings about the pending release from other places of its service: it was rolled back there, or the service does
/// not stay up.
pub fn elsewhere(places: &[PlaceView], view: &PlaceView) -> Vec<String> {
    let Some(open) = &view.open else { return Vec::new() };
    let others = places.iter().filter(|other| {
        let (at, here) = (&other.place, &view.place);
        at.project == here.project && at.service == here.service && at != here
    });
    let said = |other: &PlaceView| {
        let bars =
            other.rolled_back.iter().filter(|bar| bar.artifact == open.artifact || bar.commit == open.commit);
        let mut lines: Vec<_> = bars.map(|bar| rolled_back(other, bar)).collect();
        let runs_it = other.running.as_ref().is_some_and(|running| running.artifact == open.artifact);
        let falls = |service: &&ServiceView| runs_it && (service.restarts > 0 || service.down.is_some());
        let service = other.service.as_ref().filter(falls).map(service_text).unwrap_or_default();
        if let Some(service) = service.strip_prefix("; ") {
            lines.push(format!("{}: {service}", other.place));
        }
        lines
    };
    others.flat_map(said).collect()
}

/// A line about a rollback, with its time and reason, as the server reports it.
pub fn rolled_back(view: &PlaceView, bar: &RollbackView) -> String {
    let commit = short(bar.commit.as_str());
    let time = bar.time.map(|time| format!(" at {time}")).unwrap_or_default();
    let by = bar.name.as_ref().map(|name| format!(" by {}", shown::line(name))).unwrap_or_default();
    let why = bar.reason.as_ref().map(|why| format!(": {}", shown::line(why))).unwrap_or_default();
    format!("{}: release {} of commit {commit} was rolled back{by}{time}{why}", view.place, bar.release)
}

/// An agent's report about its service, unless the service simply runs.
pub fn service_text(service: &ServiceView) -> String {
    let mut text = String::new();
    if let Some(why) = &service.probing {
        text = format!("; a release is probed and has not passed yet: {}", shown::line(why));
    }
    if let (1.., Some(last), Some(since)) = (service.restarts, &service.last, service.since) {
        let now = if service.down.is_some() { "is down" } else { "runs again" };
        let times =
            if service.restarts == 1 { "once".to_owned() } else { format!("{} times", service.restarts) };
        text += &format!("; its service {now}: it failed {times} since {since}, the last time: {last}");
    }
    if service.hold.as_deref() == Some("descendants") {
        text.push_str("; its host has no process namespaces, so a subreaper supervises the service");
    }
    text
}
