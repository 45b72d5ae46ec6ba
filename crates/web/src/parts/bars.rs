//! Small bars for figures over time.

use maud::{Markup, html};

use super::texts::text;

/// Bars of figures, the newest last. `what` says in words what they show, for readers who do not see the picture.
#[must_use]
pub fn bars(figures: &[u64], what: &str) -> Markup {
    let highest = figures.iter().copied().max().unwrap_or(0).max(1);
    let width = figures.len().max(1) * 8;
    html! {
        svg class="bars" viewBox={ "0 0 " (width) " 40" } role="img" aria-label=(text(what)) preserveAspectRatio="none" {
            @for (at, figure) in figures.iter().enumerate() {
                @let height = (figure.saturating_mul(38) / highest).clamp(1, 38);
                rect x=(at * 8 + 1) y=(40 - height) width="6" height=(height) rx="1"
                    class=[(at + 1 == figures.len()).then_some("last")] {}
            }
        }
    }
}
