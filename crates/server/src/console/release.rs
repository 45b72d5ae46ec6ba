//! One release at one place: pending, running, past, rolled back, without a plan, or without a number yet.
//!
//! Invariant: a pending release is judged now, as its gate would be; a settled one is shown as its gate judged it.

mod approvals;
mod evidence_facts;
mod newer;
mod next;
mod rollback;
mod seen;
mod timeline;
mod verdict;
mod waivers;
mod way;

use domain::State;
use evidence::Place;
use review::differences::{Difference, Line, Sign};
use web::model::{self, Change, ChangeLine, ChangeSign, Release};
use wire::ReleaseKind;

use super::commits;
use super::reading::{Reading, nothing, time};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;
use crate::run_view;
use crate::views::releases;
pub use next::BACK_AGAIN;
use seen::Seen;
pub use seen::settled_badge;
pub use timeline::Events;

/// A release. Number 0 stands for the newest artifact of the place that has no number.
///
/// # Errors
/// `Failure` if the caller may not read it, or it does not exist.
pub fn release(at: &Reading<'_>, place: &Place, number: u64) -> Result<Release, Failure> {
    at.of_place(place)?;
    up_to_date(at.shared)?;
    of_state(at, &at.shared.intake.state(), place, number)
}

/// The same with a given state.
pub(super) fn of_state(
    at: &Reading<'_>,
    state: &State,
    place: &Place,
    number: u64,
) -> Result<Release, Failure> {
    let view = at.shared.views.ask(|rows| releases::one(rows, place, number)).map_err(Failure::failed)?;
    let view = view.ok_or_else(|| {
        nothing(format!(
            "there is no release {number} of {place}; `countersign status {place}` shows the newest"
        ))
    })?;
    let run = run_view::one(at.shared, view.run)?;
    let events = Events::read(at, place, number)?;
    let seen = Seen::of(at, state, view, run, &events)?;
    let words = seen.words();
    let newer = if seen.is_rolled_back() { newer::Newer::of(&seen)? } else { None };
    Ok(Release {
        place: [&place.project, &place.service, &place.environment].map(ToString::to_string),
        is_rollback: seen.view.kind == ReleaseKind::Rollback,
        number: seen.view.release,
        subject: commits::subject(at.shared, seen.view.run, &seen.view.commit),
        badge: seen.badge(words.as_ref()),
        since: Some(time(seen.view.time)),
        sub: seen.sub(&events)?,
        commit: seen.view.commit.to_string(),
        artifact: seen.view.artifact.to_string(),
        way: way::links(&seen)?,
        notice: seen.notice(newer.as_ref().map(|newer| &newer.fact)),
        verdict: verdict::of(&seen, &events),
        next: next::commands(&seen, words, newer),
        changes: seen
            .proven()
            .map(|proven| proven.differences.iter().map(change).collect())
            .unwrap_or_default(),
        approvals: approvals::of(&seen)?,
        evidence: evidence_facts::of(&seen),
        bundle: evidence_facts::bundle(&seen),
        timeline: timeline(&seen, &events)?,
    })
}

/// The events of a release with its waivers and those of the rollback that took it back, the newest first.
fn timeline(seen: &Seen<'_>, events: &Events) -> Result<Vec<model::Moment>, Failure> {
    let mut all = events.moments(seen.at);
    let back = seen.rollback.as_ref().filter(|_| seen.view.kind == ReleaseKind::Release);
    all.extend(back.map(|back| back.moments(seen.at)).unwrap_or_default());
    if let Some(proven) = seen.proven() {
        all.extend(waivers::moments(seen.at, &proven.waivers)?);
    }
    all.sort_by_key(|moment| std::cmp::Reverse(moment.entry));
    Ok(all)
}

/// A sort of differences for a page.
pub fn change(difference: &Difference) -> Change {
    let line = |line: &Line| ChangeLine {
        sign: match line.sign {
            Sign::Added => ChangeSign::Added,
            Sign::Removed => ChangeSign::Removed,
            Sign::Changed => ChangeSign::Changed,
        },
        text: line.text.clone(),
    };
    Change {
        state: if difference.is_notable { model::State::Wait } else { model::State::Pass },
        title: difference.title.clone(),
        detail: difference.detail.clone(),
        lines: difference.lines.iter().map(line).collect(),
        more: difference.more,
    }
}
