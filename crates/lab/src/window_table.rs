//! The table of windows in `calendar/tests/table.yaml`: rules, calendars, and what holds at moments around their edges.
//!
//! Invariant: the expected states were not made by this program: each moment has its offset from UTC beside it, so a person
//! can check it by a clock. Crate `calendar`, the command line, server and agent run the same rows.

use std::collections::BTreeMap;

use evidence::windows::WindowState;
use evidence::{Digest, Moment};
use serde::Deserialize;

/// One row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowCase {
    /// The thing that it shows, and its zone.
    pub name: String,
    /// First moment of the document.
    pub from: Moment,
    /// Number of its days.
    pub days: u32,
    /// The file of rules.
    pub rules: String,
    /// Calendars by their paths.
    #[serde(default)]
    pub calendars: BTreeMap<String, String>,
    checks: BTreeMap<String, String>,
}

/// All rows.
#[must_use]
pub fn window_cases() -> Vec<WindowCase> {
    let mut cases: Vec<WindowCase> = serde_saphyr::from_str(TABLE).unwrap();
    for case in &mut cases {
        for (name, text) in &case.calendars {
            let digest = Digest::of(text.as_bytes()).to_string();
            case.rules = case.rules.replace(&format!("DIGEST({name})"), &digest);
        }
    }
    cases
}

impl WindowCase {
    /// Moments, each with the state that holds then.
    pub fn checks(&self) -> impl Iterator<Item = (Moment, WindowState)> + '_ {
        self.checks.iter().map(|(at, state)| (moment(at), expected(state)))
    }
}

fn expected(text: &str) -> WindowState {
    match text.split_once(" until ") {
        Some(("open", until)) => WindowState::Open { until: moment(until) },
        Some(("closed", opens)) => WindowState::Closed { opens: Some(moment(opens)) },
        _ if text == "closed" => WindowState::Closed { opens: None },
        _ => unreachable!("`{text}` is no state"),
    }
}

fn moment(text: &str) -> Moment {
    let stamp: jiff::Timestamp = text.parse().unwrap();
    Moment::from_millis(stamp.as_millisecond().try_into().unwrap()).unwrap()
}

const TABLE: &str = include_str!("../../calendar/tests/table.yaml");
