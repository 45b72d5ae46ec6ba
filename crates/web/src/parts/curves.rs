//! Curves over time: a line for each series, a limit, a scale, and the newest values in words.
//!
//! Invariant: a point without a value is a gap, never a zero. Series differ by their stroke, so colour is not needed to tell them.
//! Lines are stretched to the width of the page, and words are not: they stand outside the part that is stretched.

use maud::{Markup, html};

use super::state::sign;
use super::texts::text;
use crate::model::{CurvePoint, Curves};

/// Curves in one picture. The newest values stand below it for everybody who asks.
#[must_use]
pub fn curves(curves: &Curves) -> Markup {
    let last = curves.names.len().saturating_sub(1);
    html! {
        figure class="curves card" {
            figcaption {
                h3 { (text(&curves.title)) @if let Some(state) = curves.state { " " (sign(state)) } }
                ul class="keys" {
                    @for (nth, (name, value)) in curves.names.iter().enumerate().rev() {
                        li { (key(nth == last)) span { (text(name)) } " " strong { (text(value)) } }
                    }
                    @if let Some((_, words)) = &curves.limit { li class="limit" { (limit_key()) span { (text(words)) } } }
                }
            }
            @if let [first, .., newest] = curves.points.as_slice() {
                (picture(curves))
                p class="axis" aria-hidden="true" {
                    span { (text(&first.label)) }
                    @if let Some(middle) = middle(&curves.points) { span { (text(&middle.label)) } }
                    span { (text(&newest.label)) }
                }
            }
            p class="more" { (text(&curves.sentence)) }
            @if !curves.points.is_empty() {
                details {
                    summary { "Newest values" }
                    dl class="facts" {
                        @for point in curves.points.iter().rev().take(VALUES_MAX) {
                            div { dt { (text(&point.label)) } dd { (text(&point.value)) } }
                        }
                    }
                }
            }
        }
    }
}

fn key(is_last: bool) -> Markup {
    let class = if is_last { "line new" } else { "line" };
    html! { svg viewBox="0 0 24 8" width="24" height="8" aria-hidden="true" focusable="false" { path class=(class) d="M1 4H23" {} } }
}

fn limit_key() -> Markup {
    html! { svg viewBox="0 0 24 8" width="24" height="8" aria-hidden="true" focusable="false" { path class="bound" d="M1 4H23" {} } }
}

/// The point in the middle, if there is one.
fn middle(points: &[CurvePoint]) -> Option<&CurvePoint> {
    (points.len() > 3 && points.len() % 2 == 1).then(|| points.get(points.len() / 2)).flatten()
}

fn picture(curves: &Curves) -> Markup {
    let heights = curves.points.iter().flat_map(|point| point.heights.iter().copied().flatten());
    let others = curves.limit.iter().map(|(limit, _)| *limit).chain(curves.scale.iter().map(|(at, _)| *at));
    let highest = heights.chain(others).max().unwrap_or(0).max(1);
    let last = curves.names.len().saturating_sub(1);
    html! {
        div class="frame" {
            svg class="scale" aria-hidden="true" focusable="false" {
                @for (height, words) in &curves.scale {
                    text x="100%" y=(percent(y(*height, highest) * 1_000 / HEIGHT)) { (text(words)) }
                }
            }
            svg class="plot" role="img" aria-label=(text(&curves.sentence)) {
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width="100%" height="100%" preserveAspectRatio="none" aria-hidden="true" {
                    @for (height, _) in curves.scale.iter().skip(1) {
                        path class="grid" d={ "M0 " (y(*height, highest)) "H" (WIDTH) } {}
                    }
                    path class="base" d={ "M0 " (y(0, highest)) "H" (WIDTH) } {}
                    @for (at, words) in &curves.marks {
                        path class="mark" d={ "M" (at) " 0V" (HEIGHT) } { title { (text(words)) } }
                    }
                    @if let Some((limit, words)) = &curves.limit {
                        path class="bound" d={ "M0 " (y(*limit, highest)) "H" (WIDTH) } { title { (text(words)) } }
                    }
                    @for nth in 0..curves.names.len() {
                        path class=(if nth == last { "line new" } else { "line" }) d=(way(curves, nth, highest)) {}
                    }
                }
                @for (at, words) in named_marks(&curves.marks) {
                    @let is_late = at > LATE;
                    text class=(if is_late { "named late" } else { "named" }) x=(percent(u64::from(at))) dx=(if is_late { -4 } else { 4 }) y="10" {
                        (text(words))
                    }
                }
            }
        }
    }
}

/// Thousandths as a percentage.
fn percent(thousandths: u64) -> String {
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

/// The marks whose words have room: none stands on those of the one before.
fn named_marks(marks: &[(u16, String)]) -> Vec<(u16, &str)> {
    let mut named: Vec<(u16, &str)> = Vec::new();
    let mut sorted: Vec<_> = marks.iter().collect();
    sorted.sort_by_key(|(at, _)| *at);
    for (at, words) in sorted {
        if named.last().is_none_or(|(before, _)| at.saturating_sub(*before) >= APART) {
            named.push((*at, words));
        }
    }
    named
}

/// The path of a series. A point between two gaps is a short line.
fn way(curves: &Curves, nth: usize, highest: u64) -> String {
    let steps = u64::try_from(curves.points.len().saturating_sub(1)).unwrap_or(u64::MAX).max(1);
    let (mut path, mut is_joined) = (String::new(), false);
    for (at, point) in (0_u64..).zip(&curves.points) {
        let Some(height) = point.heights.get(nth).copied().flatten() else {
            is_joined = false;
            continue;
        };
        let (x, y) = (at * WIDTH / steps, y(height, highest));
        let begin = if is_joined { "L" } else { "M" };
        path.push_str(&format!("{begin}{x} {y}"));
        if !is_joined {
            path.push_str("h1");
        }
        is_joined = true;
    }
    path
}

fn y(height: u64, highest: u64) -> u64 {
    let room = HEIGHT - 2 * MARGIN;
    let scaled = u128::from(height.min(highest)) * u128::from(room) / u128::from(highest);
    HEIGHT - MARGIN - u64::try_from(scaled).unwrap_or(room)
}

/// Size of the picture in its own units.
const WIDTH: u64 = 1_000;
const HEIGHT: u64 = 200;
/// Room above and below the lines.
const MARGIN: u64 = 4;
/// Thousandths of the width between two marks that are named, and beyond which words stand before their mark.
const APART: u16 = 180;
const LATE: u16 = 800;
/// Most values in words; the JSON of a page has all of them.
const VALUES_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::{named_marks, way};
    use crate::model::{CurvePoint, Curves};

    fn drawn(heights: &[Option<u64>], highest: u64) -> String {
        let point = |height: &Option<u64>| CurvePoint {
            label: String::new(),
            heights: vec![*height],
            value: String::new(),
        };
        let curves = Curves {
            title: String::new(),
            state: None,
            sentence: String::new(),
            names: vec![(String::new(), String::new())],
            limit: None,
            scale: Vec::new(),
            marks: Vec::new(),
            points: heights.iter().map(point).collect(),
        };
        way(&curves, 0, highest)
    }

    #[test]
    fn a_gap_is_no_zero() {
        assert_eq!(drawn(&[Some(0), Some(10), None, Some(5), None], 10), "M0 196h1L250 4M750 100h1");
        assert_eq!(drawn(&[None, None], 1), "");
        assert_eq!(drawn(&[], 1), "");
        assert_eq!(drawn(&[Some(u64::MAX)], u64::MAX), "M0 4h1");
    }
    #[test]
    fn marks_are_named_where_their_words_have_room() {
        let marks = [(10, "a"), (850, "d"), (100, "b"), (200, "c")].map(|(at, name)| (at, name.to_owned()));
        assert_eq!(named_marks(&marks), [(10, "a"), (200, "c"), (850, "d")]);
    }
}
