//! An invented rollout under way.

use super::invented::{HOUR, ago, badge, command, fact, words};
use crate::model::{CurvePoint, Curves, Sheet, SheetCell, SheetList, SheetRow, SheetTable, Span, State};

/// A canary whose failures are over their limit, which can still be chance.
#[must_use]
pub fn rollout_sheet() -> Sheet {
    Sheet {
        headline:
            "Rollout of release 42 to acme/api/production: step 2 with 25% of the requests is undecided"
                .to_owned(),
        badge: Some(badge(State::Wait, "undecided")),
        sub: words(&["canary", "measured by the agent at 2026-11-29 09:07:19 UTC; nobody signed that"]),
        curves: vec![
            curves(
                "Failures",
                ("0.10 %", "1.20 %"),
                Some((10_000, "limit 1 %")),
                &[(0, "0 %"), (10_000, "1 %"), (20_000, "2 %")],
                &[(0, 900), (1_100, 2_000), (900, 14_000), (1_000, 12_000)],
            ),
            curves(
                "99 % answered within",
                ("41 ms", "44 ms"),
                None,
                &[(0, "0 ms"), (30_000, "30 ms"), (60_000, "60 ms")],
                &[(40_000, 41_000), (41_000, 46_000), (40_500, 43_000), (41_000, 44_000)],
            ),
        ],
        poll_ms: Some(2_000),
        tables: vec![arithmetic(), steps()],
        lists: vec![SheetList {
            title: "Timeline".to_owned(),
            rows: vec![SheetRow {
                title: "Carol paused its rollout at step 1".to_owned(),
                notes: words(&["the on-call wants to look"]),
                href: Some("/ledger/48169".to_owned()),
                time: Some(ago(HOUR)),
                ..SheetRow::default()
            }],
            more: 0,
            empty: "Nothing was observed yet.".to_owned(),
            fill: Some(command("countersign rollout show acme/api/production", None)),
        }],
        facts: vec![(
            "The plan".to_owned(),
            vec![fact("strategy", "canary"), fact("steps", "5, 25, 100 percent")],
        )],
        ..Sheet::default()
    }
}

fn curves(
    title: &str,
    newest: (&str, &str),
    limit: Option<(u64, &str)>,
    scale: &[(u64, &str)],
    points: &[(u64, u64)],
) -> Curves {
    let point = |(nth, (old, new)): (usize, &(u64, u64))| CurvePoint {
        label: format!("09:0{nth}:00"),
        // A second in which the new release had no requests.
        heights: vec![Some(*old), (nth != 1).then_some(*new)],
        value: format!("{new}, before {old}"),
    };
    let name = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Curves {
        title: title.to_owned(),
        state: limit.is_some().then_some(State::Wait),
        sentence: "share of the new release and of the one before; each point is 60 s".to_owned(),
        names: vec![name("before", newest.0), name("new release", newest.1)],
        limit: limit.map(|(height, words)| (height, words.to_owned())),
        scale: scale.iter().map(|(height, words)| (*height, (*words).to_owned())).collect(),
        marks: vec![(500, "step 2 began".to_owned())],
        points: points.iter().enumerate().map(point).collect(),
    }
}

fn cell(text: &str) -> SheetCell {
    SheetCell { text: text.to_owned(), ..SheetCell::default() }
}

fn stand(state: State, word: &str) -> SheetCell {
    SheetCell { badge: Some(badge(state, word)), ..SheetCell::default() }
}

fn table(title: &str, columns: &[&str], rows: Vec<Vec<SheetCell>>) -> SheetTable {
    SheetTable {
        title: title.to_owned(),
        columns: words(columns),
        rows,
        more: 0,
        empty: "This step has no requests, so its probes decide alone.".to_owned(),
        fill: None,
    }
}

/// A number in each state.
fn arithmetic() -> SheetTable {
    let row = |texts: [&str; 4], state, word: &str, part, odds: &str| {
        let [name, observed, limit, samples] = texts.map(cell);
        let span = Some(Span { from: 0, to: part, today: 1_000, state, sentence: odds.to_owned() });
        vec![name, stand(state, word), observed, limit, samples, SheetCell { span, ..cell(odds) }]
    };
    let errors = ["errors over 5 min", "1.2 %", "at most 1 %", "12 of 1000"];
    let compared = [
        "errors, compared",
        "12 of 1000, and 10 of 998 before",
        "no worse than the release before",
        "1000 and 998",
    ];
    let slow = ["latency-p99 over 5 min", "412 ms", "at most 300 ms", "31 of 1000"];
    table(
        "The verdict about step 2",
        &["Number", "State", "Observed", "Limit", "Requests", "Odds against chance"],
        vec![
            row(errors, State::Wait, "undecided", 370, "2^3.7 of 2^10"),
            row(compared, State::Pass, "holds", 0, "2^-0.6 of 2^9.2"),
            row(slow, State::Stop, "stops it", 1_000, "2^22.1 of 2^10"),
        ],
    )
}

fn steps() -> SheetTable {
    let first = vec![
        SheetCell {
            notes: words(&["5% of the requests"]),
            href: Some("/ledger/48170".to_owned()),
            ..cell("1 of 3")
        },
        stand(State::Pass, "passed"),
        SheetCell { time: Some(ago(HOUR)), ..SheetCell::default() },
        SheetCell { notes: words(&["2 failed", "p50 4 ms", "p99 41 ms"]), ..cell("1,204 requests") },
        cell("22,871 requests"),
    ];
    table(
        "Steps, as the agent signed them",
        &["Step", "Verdict", "Began", "New release", "Release before"],
        vec![first],
    )
}
