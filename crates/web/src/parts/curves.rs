//! Curves over time: a line for each series, a limit, and the newest values in words.
//!
//! Invariant: a point without a value is a gap, never a zero. Series differ by their stroke, so colour is not needed to tell them.

use maud::{Markup, html};

use super::state::sign;
use super::texts::text;
use crate::model::Curves;

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
                p class="axis" aria-hidden="true" { span { (text(&first.label)) } span { (text(&newest.label)) } }
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

fn picture(curves: &Curves) -> Markup {
    let heights = curves.points.iter().flat_map(|point| point.heights.iter().copied().flatten());
    let highest = heights.chain(curves.limit.iter().map(|(limit, _)| *limit)).max().unwrap_or(0).max(1);
    let last = curves.names.len().saturating_sub(1);
    html! {
        svg class="plot" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(text(&curves.sentence)) preserveAspectRatio="none" {
            path class="base" d={ "M0 " (HEIGHT - 1) "H" (WIDTH) } {}
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
    }
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
/// Most values in words; the JSON of a page has all of them.
const VALUES_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::way;
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
}
