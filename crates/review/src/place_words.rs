//! Words about a place: its rollbacks, and the reports of its agent about the service.
//!
//! Invariant: the words are the server's, and nothing here is proven.

use domain::release::DUE_FOR_REVIEW;
use evidence::Name;
use wire::{
    AgentTurn, AgentTurnView, BarView, PlaceView, ReleaseStage, ReleaseView, RollbackView, ServiceView,
    WindowsView,
};

use crate::ids::short;

/// Warnings about the pending release from other places of its service: it was rolled back there, or the service does
/// not stay up.
#[must_use]
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
#[must_use]
pub fn rolled_back(view: &PlaceView, bar: &RollbackView) -> String {
    let commit = short(bar.commit.as_str());
    let time = bar.time.map(|time| format!(" at {time}")).unwrap_or_default();
    let by = bar.name.as_ref().map(|name| format!(" by {}", shown::line(name))).unwrap_or_default();
    let why = bar.reason.as_ref().map(|why| format!(": {}", shown::line(why))).unwrap_or_default();
    format!("{}: release {} of commit {commit} was rolled back{by}{time}{why}", view.place, bar.release)
}

/// The report by which what runs at a place came back and is due for review; none once another release runs there.
#[must_use]
pub fn due_for_review(view: &PlaceView) -> Option<&ReleaseView> {
    let ended = [ReleaseStage::Running, ReleaseStage::Returned, ReleaseStage::Failed];
    let ended = view.releases.iter().filter(|release| ended.contains(&release.stage));
    let newest = ended.max_by_key(|release| release.entry)?;
    let is_due = newest.reasons.iter().any(|code| code == DUE_FOR_REVIEW);
    Some(newest).filter(|_| is_due && view.running.is_some())
}

/// The codes against a release that is due for review.
#[must_use]
pub fn review_codes(reasons: &[String]) -> String {
    let codes: Vec<_> = reasons.iter().map(String::as_str).filter(|code| *code != DUE_FOR_REVIEW).collect();
    codes.join(", ")
}

/// A line about an artifact that failed its judgement at a place, and what lets it come again.
#[must_use]
pub fn barred(view: &PlaceView, bar: &BarView) -> String {
    let (place, release, why) = (&view.place, bar.release, shown::line(&bar.why));
    let what = format!("the artifact of release {release}, which failed its judgement ({why})");
    match &bar.lifted {
        None => format!("{place} is barred to {what}; `countersign lift` lets it come again"),
        Some(lift) => {
            let by = lift.by.name.as_ref();
            let by = by.map_or_else(|| format!("person {}", lift.by.person), |name| shown::line(name));
            format!(
                "{place}: {by} lifted the bar of {what} until {}; it may come again once it is approved after that",
                lift.until
            )
        }
    }
}

/// The windows of a place, as its server says, and whether people lifted them for the pending release.
#[must_use]
pub fn windows_text(windows: &WindowsView) -> String {
    let state = match (windows.open, windows.changes) {
        (true, Some(until)) => return format!("releases begin until {until}"),
        (true, None) => return "releases begin".to_owned(),
        (false, Some(opens)) => format!("begins before {opens}"),
        (false, None) => "begins until its statement names other windows".to_owned(),
    };
    match &windows.lifted {
        None => format!("no release {state}"),
        Some(lifted) if lifted.signed >= lifted.needed => {
            let (release, until) = (lifted.release, lifted.until);
            format!("its windows are lifted for release {release} until {until}; no other one {state}")
        }
        Some(lifted) => {
            let (release, signed, needed) = (lifted.release, lifted.signed, lifted.needed);
            format!("no release {state}; {signed} of {needed} people lifted that for release {release}")
        }
    }
}

/// The person who rolled a release back.
#[must_use]
pub fn person(bar: &RollbackView) -> String {
    bar.name.as_ref().map_or_else(|| format!("person {}", bar.person), |name| shown::line(name))
}

/// The versions of secrets with which a service runs, and why newer ones are not used, as its agent says.
#[must_use]
pub fn secrets_text(service: &ServiceView) -> String {
    let used = service.secrets.iter().map(|(name, number)| format!("{name} {number}"));
    let used: Vec<_> = used.collect();
    let mut text = if used.is_empty() { String::new() } else { format!("; secrets: {}", used.join(", ")) };
    if let Some(why) = &service.secret_refused {
        text += &format!("; a newer secret is not used: {}", shown::line(why));
    }
    text
}

/// The releases that each of several agents of a place has; empty if there is one.
#[must_use]
pub fn turns_text(view: &PlaceView) -> String {
    let one = |turn: &AgentTurnView| format!("{} {}", turn.agent, turn_words(view, turn));
    match view.turns.as_slice() {
        [] => String::new(),
        turns => format!("; agents: {}", turns.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}

/// The release that one of several agents of a place has.
#[must_use]
pub fn turn_text(view: &PlaceView, agent: &Name) -> Option<String> {
    view.turns.iter().find(|turn| turn.agent == *agent).map(|turn| turn_words(view, turn))
}

fn turn_words(view: &PlaceView, turn: &AgentTurnView) -> String {
    let runs = turn.release.map_or_else(|| "nothing".to_owned(), |number| format!("release {number}"));
    let due = view.open.as_ref().map_or(0, |open| open.release);
    match turn.state {
        AgentTurn::Runs => format!("runs {runs}"),
        AgentTurn::Turn => format!("runs {runs} and has its turn with release {due}"),
        AgentTurn::Waits => format!("runs {runs} and waits for the agents before it"),
        AgentTurn::Returns => format!("goes back from {runs}"),
    }
}

/// An agent's report about its service, unless the service simply runs.
#[must_use]
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn lifted_windows_are_told() {
        let at = |text: &str| text.parse::<evidence::Moment>().unwrap();
        let lifted = |signed| wire::WindowsLiftedView {
            release: 7,
            until: at("2026-11-30T12:00:00.000Z"),
            signed,
            needed: 2,
        };
        let mut windows = WindowsView {
            windows: evidence::Digest::of(b"windows"),
            open: false,
            changes: Some(at("2090-02-01T08:00:00.000Z")),
            lifted: None,
        };
        assert_eq!(windows_text(&windows), "no release begins before 2090-02-01T08:00:00.000Z");
        windows.lifted = Some(lifted(1));
        let half =
            "no release begins before 2090-02-01T08:00:00.000Z; 1 of 2 people lifted that for release 7";
        assert_eq!(windows_text(&windows), half);
        windows.lifted = Some(lifted(2));
        let whole = "its windows are lifted for release 7 until 2026-11-30T12:00:00.000Z; no other one begins before 2090-02-01T08:00:00.000Z";
        assert_eq!(windows_text(&windows), whole);
        windows.open = true;
        assert_eq!(windows_text(&windows), "releases begin until 2090-02-01T08:00:00.000Z");
    }

    #[test]
    fn a_service_shows_the_numbers_of_its_secrets_and_a_refusal() {
        let mut service = ServiceView::default();
        assert_eq!(secrets_text(&service), "");
        service.secrets = [("database".parse().unwrap(), 2), ("mail".parse().unwrap(), 7)].into();
        assert_eq!(secrets_text(&service), "; secrets: database 2, mail 7");
        service.secret_refused = Some("secret-unopened: version 3 is not sealed to this agent".into());
        let refused = "; secrets: database 2, mail 7; a newer secret is not used: secret-unopened: version 3 is not sealed to this agent";
        assert_eq!(secrets_text(&service), refused);
    }
}
