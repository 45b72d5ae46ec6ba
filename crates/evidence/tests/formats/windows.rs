//! Windows: their example, their rules one by one, and their state at the edges.

use std::time::Duration;

use evidence::Moment;
use evidence::windows::{
    INTERVALS_MAX, Interval, NAME_BYTES_MAX, SOURCES_MAX, SPAN_MAX, WindowSource, WindowState, Windows,
};

use super::*;

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// Breaks one rule.
type Change = fn(&mut Windows);

fn example() -> Windows {
    let interval = |start, end| Interval { start: at(start), end: at(end) };
    Windows {
        v: 1,
        from: at("2026-11-21T00:00:00.000Z"),
        until: at("2026-12-21T00:00:00.000Z"),
        open: vec![
            interval("2026-11-23T08:00:00.000Z", "2026-11-23T15:00:00.000Z"),
            interval("2026-11-24T08:00:00.000Z", "2026-11-24T12:30:00.000Z"),
        ],
        sources: vec![
            WindowSource { name: "holidays.ics".into(), digest: Digest::of(b"holidays") },
            WindowSource { name: "windows.yaml".into(), digest: Digest::of(b"rules") },
        ],
        compiled_by: "countersign 0.1.0, zones 2026b".into(),
    }
}

#[test]
fn windows_example() {
    let windows = example();
    check("windows", 0, &windows.encode().unwrap());
    assert_eq!(Windows::decode(&windows.encode().unwrap()).unwrap(), windows);
    let text = String::from_utf8(windows.encode().unwrap()).unwrap();
    assert!(Windows::decode(text.replace("\"v\":1", "\"v\":1,\"x\":1").as_bytes()).is_err(), "unknown field");
    assert!(Windows::decode(format!("{text} ").as_bytes()).is_err(), "one spelling");
}

#[test]
fn windows_are_open_inside_an_interval_alone() {
    let windows = example();
    let state = |text| windows.state_at(at(text));
    let closed = |opens: Option<&str>| WindowState::Closed { opens: opens.map(at) };
    let open = |until| WindowState::Open { until: at(until) };
    let (first, second) = ("2026-11-23T08:00:00.000Z", "2026-11-24T08:00:00.000Z");
    for (moment, expected) in [
        ("2020-01-01T00:00:00.000Z", closed(Some(first))),
        ("2026-11-21T00:00:00.000Z", closed(Some(first))),
        ("2026-11-23T07:59:59.999Z", closed(Some(first))),
        (first, open("2026-11-23T15:00:00.000Z")),
        ("2026-11-23T14:59:59.999Z", open("2026-11-23T15:00:00.000Z")),
        ("2026-11-23T15:00:00.000Z", closed(Some(second))),
        (second, open("2026-11-24T12:30:00.000Z")),
        ("2026-11-24T12:30:00.000Z", closed(None)),
        ("2026-12-21T00:00:00.000Z", closed(None)),
        ("2099-01-01T00:00:00.000Z", closed(None)),
    ] {
        assert_eq!(state(moment), expected, "{moment}");
    }
    let cut = windows.between(at("2026-11-23T10:00:00.000Z"), at("2026-11-24T08:00:00.000Z"));
    let expected = Interval { start: at("2026-11-23T10:00:00.000Z"), end: at("2026-11-23T15:00:00.000Z") };
    assert_eq!(cut, [expected], "one that begins at the end is not between");
    assert_eq!(windows.between(windows.from, windows.until), windows.open);
    let never = Windows { open: Vec::new(), ..example() };
    assert_eq!(never.state_at(at(first)), closed(None));
}

#[test]
fn windows_that_break_a_rule_are_refused() {
    let faults: [(&str, Change); 14] = [
        ("`v` is not 1, the version that this program knows", |it| it.v = 2),
        ("`until` is not after `from`", |it| it.until = it.from),
        ("`until` is more than 400 days after `from`", |it| {
            it.until = it.from.later_by(SPAN_MAX + Duration::from_millis(1));
        }),
        ("there are more than 4,096 intervals", |it| it.open = minutes(it.from, INTERVALS_MAX + 1)),
        ("an interval ends before it starts", |it| it.open[0].end = it.open[0].start),
        ("`open` is not sorted, or two intervals touch", |it| it.open.reverse()),
        ("`open` is not sorted, or two intervals touch", |it| it.open[0].end = it.open[1].start),
        ("an interval is not between `from` and `until`", |it| it.from = at("2026-11-23T08:00:00.001Z")),
        ("an interval is not between `from` and `until`", |it| it.until = at("2026-11-24T12:29:59.999Z")),
        ("there are more than 64 sources", |it| it.sources = sources(SOURCES_MAX + 1)),
        ("`sources` are not sorted, or a name stands twice", |it| it.sources.reverse()),
        ("`sources` are not sorted, or a name stands twice", |it| it.sources[1] = it.sources[0].clone()),
        ("a name is empty, has more than 128 bytes or a control character", |it| it.compiled_by.clear()),
        ("a name is empty, has more than 128 bytes or a control character", |it| {
            it.sources[0].name = "a\u{1b}[2J".into();
        }),
    ];
    for (text, fault) in faults {
        let mut windows = example();
        fault(&mut windows);
        assert_eq!(windows.encode().unwrap_err().to_string(), format!("windows: {text}"));
        let bytes = canonical::encode("windows", &windows).unwrap();
        assert!(Windows::decode(&bytes).is_err(), "{text}");
    }
}

#[test]
fn the_largest_windows_fit() {
    let from = at("2026-11-21T00:00:00.000Z");
    let largest = Windows {
        until: from.later_by(SPAN_MAX),
        open: minutes(from, INTERVALS_MAX),
        sources: sources(SOURCES_MAX),
        ..example()
    };
    assert_eq!(Windows::decode(&largest.encode().unwrap()).unwrap(), largest);
}

/// Each second minute is open.
fn minutes(from: Moment, count: usize) -> Vec<Interval> {
    let minute = |n: u64| from.later_by(Duration::from_secs(60 * n));
    (0..count as u64).map(|n| Interval { start: minute(2 * n), end: minute(2 * n + 1) }).collect()
}

fn sources(count: usize) -> Vec<WindowSource> {
    let name = |n| format!("{n:0width$}", width = NAME_BYTES_MAX);
    (0..count).map(|n| WindowSource { name: name(n), digest: Digest::of(b"") }).collect()
}
