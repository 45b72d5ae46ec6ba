//! The reasons for which a rollout waits, and the order that its agent did not carry out, with the commands that go on.
//!
//! Invariant: the words are those that the agent tells; nothing is told of a rollout that has ended.

use evidence::Place;
use review::rollout_words;
use web::model::{SheetList, SheetRow, State};
use wire::{RolloutHold, RolloutNow};

use crate::console::sheets::{list, row};
use crate::console::words::{badge, command, command_for};

/// The list; `None` if the rollout goes on by itself. `dropped` is an order that was not carried out, in words.
pub fn waits(place: &Place, now: &RolloutNow, dropped: Option<String>) -> Option<SheetList> {
    let mut rows: Vec<SheetRow> = Vec::new();
    match now.hold {
        RolloutHold::Asks => rows.push(SheetRow {
            badge: Some(badge(State::Wait, "waits for you")),
            commands: vec![command_for(rollout_words::promote(place), MANAGER)],
            ..row(format!("step {} passed: a person begins the next one", now.step))
        }),
        RolloutHold::Paused => rows.push(SheetRow {
            badge: Some(badge(State::Wait, "paused")),
            commands: vec![command_for(format!("countersign rollout resume {place}"), MANAGER)],
            ..row(format!("step {} stays in force until a person lets it go on", now.step))
        }),
        RolloutHold::Refused | RolloutHold::Undecided => {
            rows.extend(now.reasons.iter().map(|why| SheetRow {
                badge: Some(match now.hold {
                    RolloutHold::Refused => badge(State::Wait, "may not begin yet"),
                    _ => badge(State::Wait, "undecided"),
                }),
                ..row(why.clone())
            }))
        }
        RolloutHold::Measures | RolloutHold::Waits => {}
    }
    if let Some(order) = dropped {
        rows.push(SheetRow {
            badge: Some(badge(State::Stop, "not carried out")),
            commands: vec![command(format!("countersign rollout show {place}"))],
            ..row(order)
        });
    }
    (!rows.is_empty()).then(|| list("Waits for", rows, ROWS_MAX, ""))
}

const MANAGER: &str = "release managers";
const ROWS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn now(hold: RolloutHold, reasons: &[&str]) -> RolloutNow {
        let at = |text: &str| text.parse().unwrap();
        RolloutNow {
            release: 2,
            plan: evidence::Digest::of(b"plan"),
            at: at("2026-11-30T09:01:00.000Z"),
            step: 1,
            percent: 5,
            since: at("2026-11-30T09:00:00.000Z"),
            hold,
            left_ms: None,
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            probes: Some(true),
            end: None,
            order: None,
            measures: Vec::new(),
            curve: Vec::new(),
        }
    }

    #[test]
    fn what_waits_names_its_command_or_its_reasons() {
        let place: Place = "shop/api/dev".parse().unwrap();
        let shown = |hold, reasons: &[&str]| waits(&place, &now(hold, reasons), None).map(|list| list.rows);
        assert_eq!(shown(RolloutHold::Waits, &[]), None, "it goes on by itself");
        let asks = shown(RolloutHold::Asks, &[]).unwrap();
        assert_eq!(asks[0].commands[0].line, "countersign rollout promote shop/api/dev");
        let paused = shown(RolloutHold::Paused, &[]).unwrap();
        assert_eq!(paused[0].commands[0].line, "countersign rollout resume shop/api/dev");
        let closed = shown(RolloutHold::Refused, &["window-closed: it is outside the windows"]).unwrap();
        assert_eq!(closed[0].title, "window-closed: it is outside the windows");
        assert_eq!(shown(RolloutHold::Undecided, &["a", "b"]).unwrap().len(), 2);
        let dropped = waits(&place, &now(RolloutHold::Waits, &[]), Some("bob ordered".into())).unwrap();
        assert_eq!(dropped.rows[0].title, "bob ordered");
    }
}
