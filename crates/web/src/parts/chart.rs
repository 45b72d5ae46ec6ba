//! A figure over time: its value now, bars, and the values behind them.

use maud::{Markup, html};

use super::state::sign;
use super::texts::text;
use crate::model::{Chart, ChartPoint};

/// A figure over time. The picture has its sentence as words, and the values stand below it for everybody who asks.
#[must_use]
pub fn chart(chart: &Chart) -> Markup {
    html! {
        figure class="chart card" {
            figcaption {
                h3 { (text(&chart.title)) }
                p class="value" { @if let Some(state) = chart.state { (sign(state)) " " } (text(&chart.value)) }
                p class="more" { (text(&chart.sentence)) }
            }
            @if let [first, .., last] = chart.points.as_slice() {
                (bars(&chart.points, &chart.sentence))
                p class="axis" aria-hidden="true" { span { (text(&first.label)) } span { (text(&last.label)) } }
            }
            @if !chart.points.is_empty() {
                details {
                    summary { "Values" }
                    dl class="facts" {
                        @for point in &chart.points { div { dt { (text(&point.label)) } dd { (text(&point.value)) } } }
                    }
                }
            }
        }
    }
}

/// Bars, the newest last. A bar without height stays away, so that nothing looks like a little.
fn bars(points: &[ChartPoint], sentence: &str) -> Markup {
    let highest = points.iter().map(|point| point.height).max().unwrap_or(0).max(1);
    let width = points.len() * STEP;
    html! {
        svg class="bars" viewBox={ "0 0 " (width) " " (HEIGHT) } role="img" aria-label=(text(sentence)) preserveAspectRatio="none" {
            @for (at, point) in points.iter().enumerate() {
                @let scaled = u128::from(point.height) * (HEIGHT - 2) / u128::from(highest);
                @let height = if point.height == 0 { 0 } else { scaled.max(1) };
                rect x=(at * STEP + 1) y=(HEIGHT - height) width=(STEP - 2) height=(height) rx="1"
                    class=[(at + 1 == points.len()).then_some("last")] {
                    title { (text(&point.label)) ": " (text(&point.value)) }
                }
            }
        }
    }
}

/// Width of a bar with its gap, and height of the picture, in its own units.
const STEP: usize = 8;
const HEIGHT: u128 = 40;
