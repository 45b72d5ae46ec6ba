//! Lines of the server's log about drift: what differs at which place, and the remedy.
//!
//! Invariant: a line is written after its entry is durable, and only about a difference that the agent's observation before did
//! not have. So there are no more of them than entries allow, and a look that finds the same writes none.

use domain::State;
use evidence::dsse::Envelope;
use evidence::observations::{DriftDone, DriftFinding, DriftSeen};
use evidence::{Name, Place};
use tracing::{info, warn};

use crate::drift_view;
use crate::shared::Shared;

/// The difference between two observations of drift of an agent.
#[derive(Debug)]
pub struct DriftChange {
    place: Place,
    agent: Name,
    lines: Vec<Line>,
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Warning(String),
    Information(String),
}

/// The change that an observation brings, if it is one of drift. `state` does not have it yet.
pub fn change(shared: &Shared, state: &State, envelope: &Envelope) -> Option<DriftChange> {
    let (place, agent, seen) = drift_view::drift_of(envelope)?;
    let known = drift_view::of(shared, state, &place).0;
    let before = known.into_iter().find(|view| view.agent == agent);
    let before = before.map(|view| view.findings).unwrap_or_default();
    let lines = lines(&place, &before, &seen);
    Some(DriftChange { place, agent, lines })
}

impl DriftChange {
    /// Writes its lines, once the observation is entry `entry` of the ledger.
    pub fn write(&self, entry: u64) {
        let (place, agent) = (&self.place, &self.agent);
        for line in &self.lines {
            match line {
                Line::Warning(text) => warn!(%place, %agent, entry, "{text}"),
                Line::Information(text) => info!(%place, %agent, entry, "{text}"),
            }
        }
    }
}

fn lines(place: &Place, before: &[DriftFinding], seen: &DriftSeen) -> Vec<Line> {
    let same = |one: &DriftFinding, other: &DriftFinding| {
        (one.what, &one.name, &one.found, one.done) == (other.what, &other.name, &other.found, other.done)
    };
    let new = seen.findings.iter().filter(|one| !before.iter().any(|other| same(one, other)));
    let new: Vec<_> = new.collect();
    let of = seen.artifact.map_or_else(String::new, |artifact| format!(" (artifact {artifact})"));
    let line = |one: &&DriftFinding| {
        let text = format!("drift at {place}{of}: {one}; {}", remedy(one.done, place));
        if one.done == DriftDone::Corrected { Line::Information(text) } else { Line::Warning(text) }
    };
    let more = (new.len().saturating_sub(LINES_MAX) as u64).saturating_add(seen.more);
    let more = (more > 0).then(|| {
        Line::Warning(format!(
            "drift at {place}: {more} more differences; `countersign status` has those that are recorded"
        ))
    });
    let over = (seen.findings.is_empty() && !before.is_empty())
        .then(|| Line::Information(format!("the drift at {place} is over")));
    new.iter().take(LINES_MAX).map(line).chain(more).chain(over).collect()
}

/// The remedy of a difference, as people can carry it out.
fn remedy(done: DriftDone, place: &Place) -> String {
    match done {
        DriftDone::Alerted => format!(
            "the agent changes nothing: put it back by hand or with a release, or let the agent do it with \
             `countersign trust environment {place} --drift FILE`"
        ),
        DriftDone::Corrected => "the agent put it back".to_owned(),
        DriftDone::GivenUp => {
            "the agent put it back three times within ten minutes, and it came again: find the person or \
                               program that changes it, and end that"
                .to_owned()
        }
        DriftDone::Failed => {
            "the agent could not put it back: its own log says why; release again, or put it back by hand"
                .to_owned()
        }
        DriftDone::Frozen => format!(
            "no release is applied until it is over: put it back by hand, or sign other rules with \
             `countersign trust environment {place} --drift FILE`"
        ),
    }
}

/// Lines for one observation.
const LINES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::Moment;
    use evidence::observations::Drifted;

    use super::*;

    fn finding(name: &str, found: &str, done: DriftDone) -> DriftFinding {
        DriftFinding {
            what: Drifted::File,
            name: name.to_owned(),
            declared: "mode 444".to_owned(),
            found: found.to_owned(),
            since: Moment::from_millis(1_796_000_000_000).unwrap(),
            by: "unknown".to_owned(),
            done,
        }
    }

    #[test]
    fn a_difference_is_told_once_for_each_change_of_it() {
        let place: Place = "shop/api/dev".parse().unwrap();
        let of = |before: &[DriftFinding], findings: Vec<DriftFinding>| {
            lines(&place, before, &DriftSeen { findings, ..DriftSeen::default() })
        };
        let alerted = finding("etc/x", "mode 644", DriftDone::Alerted);
        let expected = "drift at shop/api/dev: file etc/x: declared mode 444, found mode 644, since 2026-11-30T00:53:20.000Z, \
                        by unknown: alerted; the agent changes nothing: put it back by hand or with a release, or let the \
                        agent do it with `countersign trust environment shop/api/dev --drift FILE`";
        assert_eq!(of(&[], vec![alerted.clone()]), [Line::Warning(expected.to_owned())]);
        assert_eq!(of(std::slice::from_ref(&alerted), vec![alerted.clone()]), []);
        let again =
            of(std::slice::from_ref(&alerted), vec![finding("etc/x", "mode 600", DriftDone::Alerted)]);
        assert_eq!(again.len(), 1, "it changed again: {again:?}");
        let corrected =
            of(std::slice::from_ref(&alerted), vec![finding("etc/x", "mode 644", DriftDone::Corrected)]);
        assert!(matches!(corrected.as_slice(), [Line::Information(_)]), "{corrected:?}");
        let over = of(&[alerted], Vec::new());
        assert_eq!(over, [Line::Information("the drift at shop/api/dev is over".to_owned())]);
        assert_eq!(of(&[], Vec::new()), []);
        let many = (0..20).map(|number| finding(&number.to_string(), "absent", DriftDone::Frozen)).collect();
        let many = of(&[], many);
        assert_eq!(many.len(), LINES_MAX + 1);
        assert!(
            matches!(many.last(), Some(Line::Warning(text)) if text.contains("12 more differences")),
            "{many:?}"
        );
    }
}
