//! The curves of a rollout: requests, failures and times of both releases.
//!
//! Invariant: a stretch without requests has no point in a curve of shares or times, so nothing looks like a success.

use evidence::Moment;
use evidence::rollout_metric::Metric;
use web::model::{CurvePoint, Curves, State};
use wire::{CurveFigures, RolloutNow};

use super::figures::{rate_words, share_words, time_words};
use super::shown::{Shown, Verdict};
use crate::console::words::clock;

/// A stretch of time with the figures of both releases.
struct Stretch {
    label: String,
    for_ms: u64,
    old: CurveFigures,
    new: CurveFigures,
}

/// Curves over time, as the agent tells them.
pub fn live(now: &RolloutNow, shown: &Shown) -> Vec<Curves> {
    let stretches: Vec<_> = now
        .curve
        .iter()
        .map(|point| Stretch {
            label: hour(point.at),
            for_ms: point.for_ms,
            old: point.old.clone(),
            new: point.new.clone(),
        })
        .collect();
    let length = now.curve.first().map_or(0, |point| point.for_ms / 1_000);
    // Where a step began, in thousandths of the time that is shown.
    let (first, last) = (now.curve.first().map(|one| one.at), now.at);
    let marks = shown.seen.iter().map(|seen| (seen.verdict.step, seen.verdict.began));
    let marks = marks.chain([(now.step.saturating_sub(1), now.since)]);
    let part = |moment: Moment| {
        let (from, all) = (first?.millis(), last.millis().checked_sub(first?.millis())?);
        let part = moment.millis().checked_sub(from)?.saturating_mul(1_000).checked_div(all)?;
        u16::try_from(part).ok().filter(|part| (1..1_000).contains(part))
    };
    let marks: Vec<_> =
        marks.filter_map(|(step, began)| Some((part(began)?, format!("step {} began", step + 1)))).collect();
    of(&stretches, &marks, &format!("each point is {length} s"), shown)
}

/// Curves from step to step, from what the agent signed.
pub fn past(shown: &Shown) -> Vec<Curves> {
    let stretch = |seen: &Verdict| {
        let [old, new] = seen.both();
        Stretch {
            label: format!("step {}", seen.verdict.step + 1),
            for_ms: seen.took_ms().max(1),
            old: CurveFigures::of(&old),
            new: CurveFigures::of(&new),
        }
    };
    let stretches: Vec<_> = shown.seen.iter().map(stretch).collect();
    of(&stretches, &[], "each point is a step", shown)
}

fn of(stretches: &[Stretch], marks: &[(u16, String)], each: &str, shown: &Shown) -> Vec<Curves> {
    if stretches.is_empty() {
        return Vec::new();
    }
    let limit = |metric: Metric| {
        let one = shown.rollout.thresholds.iter().find(|one| one.metric.as_str() == metric.as_str())?;
        Some(one.at_most)
    };
    let drawn = |title: &str, what: &str, limit: Option<u64>, value: Value, (least, word): Unit| {
        let point = |one: &Stretch| {
            let (old, new) = (value(&one.old, one.for_ms), value(&one.new, one.for_ms));
            let said = |height: Option<u64>| height.map_or_else(|| "no requests".to_owned(), word);
            CurvePoint {
                label: one.label.clone(),
                value: format!("{}, before {}", said(new), said(old)),
                heights: vec![old, new],
            }
        };
        let points: Vec<_> = stretches.iter().map(point).collect();
        let last = |nth: usize| {
            let heights = points.iter().rev().filter_map(|point| point.heights.get(nth).copied().flatten());
            heights.map(word).next().unwrap_or_else(|| "no requests".to_owned())
        };
        let is_over = points.iter().rev().find_map(|point| point.heights.get(1).copied().flatten());
        let is_over = limit.zip(is_over).is_some_and(|(limit, height)| height > limit);
        Curves {
            title: title.to_owned(),
            state: is_over.then_some(State::Wait),
            sentence: format!("{what} of the new release and of the one before; {each}"),
            names: [("before", last(0)), ("new release", last(1))]
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            limit: limit.map(|limit| (limit, format!("limit {}", word(limit)))),
            scale: scale(&points, limit, least, word),
            marks: marks.to_vec(),
            points,
        }
    };
    vec![
        drawn("Requests", "requests a second", None, requests, RATE),
        drawn("Failures", "share of failed requests", limit(Metric::Errors), failures, SHARE),
        drawn(
            "Half answered within",
            "the time of half of the requests",
            limit(Metric::LatencyP50),
            half,
            TIME,
        ),
        drawn(
            "99 % answered within",
            "the time of 99 % of the requests",
            limit(Metric::LatencyP99),
            slowest,
            TIME,
        ),
    ]
}

/// A value of figures over so many milliseconds; absent without requests.
type Value = fn(&CurveFigures, u64) -> Option<u64>;

/// The least height of a picture, and the words of a height.
type Unit = (u64, fn(u64) -> String);

/// Two requests a second, a thousandth, and a fifth of a millisecond: below that, half of it has no words.
const RATE: Unit = (2_000, rate_words);
const SHARE: Unit = (1_000, share_words);
const TIME: Unit = (200, time_words);

/// Nothing, the height of the picture, which is a round number, and half of it.
fn scale(
    points: &[CurvePoint],
    limit: Option<u64>,
    least: u64,
    word: fn(u64) -> String,
) -> Vec<(u64, String)> {
    let heights = points.iter().flat_map(|point| point.heights.iter().copied().flatten());
    let top = round(heights.chain(limit).max().unwrap_or_default().max(least));
    [0, top / 2, top].map(|height| (height, word(height))).to_vec()
}

/// The next number that is 1, 2, 4, 6 or 8 and zeros.
fn round(number: u64) -> u64 {
    let one = 10_u64.saturating_pow(number.checked_ilog10().unwrap_or_default());
    let found = [1, 2, 4, 6, 8, 10].map(|times: u64| one.saturating_mul(times));
    found.into_iter().find(|round| *round >= number).unwrap_or(u64::MAX)
}

/// Requests a second, in thousandths.
fn requests(figures: &CurveFigures, for_ms: u64) -> Option<u64> {
    figures.requests.saturating_mul(1_000_000).checked_div(for_ms)
}

/// Share of failures in millionths.
fn failures(figures: &CurveFigures, _: u64) -> Option<u64> {
    figures.errors.saturating_mul(1_000_000).checked_div(figures.requests)
}

const fn half(figures: &CurveFigures, _: u64) -> Option<u64> {
    figures.p50_us
}

const fn slowest(figures: &CurveFigures, _: u64) -> Option<u64> {
    figures.p99_us
}

/// Hour, minute and second.
fn hour(moment: Moment) -> String {
    clock(moment).get(11..19).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_without_requests_are_absent() {
        let none = CurveFigures::default();
        assert_eq!(requests(&none, 1_000), Some(0), "no requests are a number of requests");
        assert_eq!((failures(&none, 1_000), half(&none, 1_000), slowest(&none, 1_000)), (None, None, None));
        let some = CurveFigures { requests: 50, errors: 1, p50_us: Some(900), p99_us: Some(41_500) };
        assert_eq!((requests(&some, 2_000), failures(&some, 2_000)), (Some(25_000), Some(20_000)));
        assert_eq!(requests(&some, 0), None);
    }

    #[test]
    fn a_scale_has_round_numbers() {
        let rounded = [(0, 1), (1, 1), (9, 10), (10, 10), (11, 20), (21, 40), (45, 60), (61, 80), (81, 100)];
        rounded.into_iter().for_each(|(number, expected)| assert_eq!(round(number), expected, "{number}"));
        assert_eq!(round(u64::MAX), u64::MAX);
        let point = |height| CurvePoint { label: String::new(), heights: vec![height], value: String::new() };
        let words = |points: &[CurvePoint], limit, (least, word): Unit| {
            scale(points, limit, least, word).into_iter().map(|(_, words)| words).collect::<Vec<_>>()
        };
        assert_eq!(words(&[point(None)], None, SHARE), ["0 %", "0.05 %", "0.10 %"]);
        assert_eq!(words(&[point(Some(12_000))], Some(10_000), SHARE), ["0 %", "1 %", "2 %"]);
        assert_eq!(words(&[point(Some(41_500))], None, TIME), ["0.0 ms", "30 ms", "60 ms"]);
        assert_eq!(words(&[point(Some(0))], None, RATE), ["0.0/s", "1.0/s", "2.0/s"]);
    }
}
