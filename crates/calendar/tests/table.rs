//! The table of windows, compiled by this crate.
#![expect(clippy::unwrap_used, reason = "test code")]

#[path = "../../lab/src/window_table.rs"]
mod window_table;

use std::collections::BTreeSet;
use std::io::ErrorKind;

use calendar::Compiler;
use evidence::windows::Windows;
use window_table::{WindowCase, window_cases};

fn compiled(case: &WindowCase) -> Windows {
    let compiler = Compiler { from: case.from, days: case.days, program: "table" };
    let read = |path: &str| {
        case.calendars.get(path).map(|text| text.clone().into_bytes()).ok_or(ErrorKind::NotFound.into())
    };
    compiler
        .compile("windows.yaml", case.rules.as_bytes(), &read)
        .unwrap_or_else(|error| unreachable!("{}: {error}", case.name))
}

#[test]
fn the_table_of_windows_holds() {
    let cases = window_cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len(), "each name stands once");
    for zone in ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"] {
        assert!(cases.iter().filter(|case| case.name.ends_with(zone)).count() >= 10, "{zone}");
    }
    for case in &cases {
        let windows = compiled(case);
        for (moment, state) in case.checks() {
            assert_eq!(windows.state_at(moment), state, "{} at {moment}", case.name);
        }
        assert_eq!(Windows::decode(&windows.encode().unwrap()).unwrap(), windows, "{}", case.name);
    }
}

#[test]
fn two_machines_compile_the_same_bytes() {
    for case in window_cases() {
        assert_eq!(compiled(&case).encode().unwrap(), compiled(&case).encode().unwrap(), "{}", case.name);
    }
}
