//! The way of a release from the commit to its environments, as links.

use evidence::{Name, Place};
use review::ids::short;
use review::{duration, release_words};
use web::model::{self, Link};
use wire::{ReleaseKind, ReleaseStage, ReleaseView, RunState};

use super::seen::Seen;
use crate::console::commits;
use crate::console::words::{badge, release_href, run_href};
use crate::http::problem::Failure;

/// The way, in order.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn links(seen: &Seen<'_>) -> Result<Vec<Link>, Failure> {
    let mut links = vec![commit(seen), run(seen), artifact(seen)];
    for place in environments(seen) {
        links.push(environment(seen, &place));
    }
    Ok(links)
}

fn commit(seen: &Seen<'_>) -> Link {
    let facts = commits::of(seen.at.shared, seen.view.run, &seen.view.commit);
    let signer = seen.proven().and_then(|proven| proven.facts.signer.as_ref());
    let by = signer.map(|name| format!("signed by {name}"));
    let by = by.or_else(|| facts.map(|facts| format!("by {}", facts.author)));
    let (state, word) = signed(seen.proven().map(|_| signer.is_some()));
    let lines = std::iter::once(short(seen.view.commit.as_str()).to_owned()).chain(by).collect();
    Link { title: "commit".to_owned(), badge: badge(state, word), lines, href: None, current: false }
}

/// The signature of the commit: whether it counts, or `None` where no evidence shows it.
const fn signed(known: Option<bool>) -> (model::State, &'static str) {
    match known {
        Some(true) => (model::State::Pass, "signed"),
        Some(false) => (model::State::Stop, "not signed"),
        None => (model::State::Quiet, "not proven"),
    }
}

fn run(seen: &Seen<'_>) -> Link {
    let id = seen.view.run.to_string();
    let row = seen.run.as_ref();
    let (state, word) = row.map_or((model::State::Quiet, "unknown"), |row| match row.view.state {
        RunState::Running => (model::State::Busy, "running"),
        RunState::Passed => (model::State::Pass, "passed"),
        RunState::Failed => (model::State::Stop, "failed"),
        RunState::Differed => (model::State::Stop, "runners differ"),
        RunState::Cancelled => (model::State::Quiet, "cancelled"),
        RunState::Lost => (model::State::Stop, "lost"),
    });
    let mut lines = Vec::new();
    if let Some(proven) = seen.proven() {
        let runners = &proven.facts.runners;
        lines.push(match runners.as_slice() {
            [one] => format!("built by {one}"),
            all => format!("{} runners agree", all.len()),
        });
    }
    let took = row.and_then(|row| Some(row.ended?.millis().saturating_sub(row.started.millis())));
    lines.extend(took.map(duration::words));
    Link {
        title: format!("run {}", id.get(..RUN_DIGITS).unwrap_or(&id)),
        badge: badge(state, word),
        lines,
        href: Some(run_href(seen.view.run)),
        current: false,
    }
}

fn artifact(seen: &Seen<'_>) -> Link {
    let components = seen.proven().and_then(|proven| proven.facts.components);
    let components = components.map(|count| shown::many(count, "component"));
    let lines = std::iter::once(short(&seen.view.artifact.hex()).to_owned()).chain(components).collect();
    let badge = badge(model::State::Pass, "built");
    Link { title: "artifact".to_owned(), badge, lines, href: None, current: false }
}

/// The places of the service: those before this one, this one, and those after it.
fn environments(seen: &Seen<'_>) -> Vec<Place> {
    let own = &seen.view.place;
    let of = |environment: &Name| Place { environment: environment.clone(), ..own.clone() };
    let set = |place: &Place| seen.state.gate.environment(place).map(|set| &set.facts);
    let mut places = vec![own.clone()];
    while let Some(before) = places.first().and_then(set).and_then(|facts| facts.after.as_ref()).map(of)
        && !places.contains(&before)
    {
        places.insert(0, before);
    }
    let after = |place: &Place| {
        let mut all = seen.state.gate.environments().map(|set| &set.facts);
        let next = all.find(|facts| {
            let at = &facts.place;
            at.project == place.project
                && at.service == place.service
                && facts.after.as_ref() == Some(&place.environment)
        });
        next.map(|facts| facts.place.clone())
    };
    while let Some(next) = places.last().and_then(after)
        && !places.contains(&next)
    {
        places.push(next);
    }
    places
}

fn environment(seen: &Seen<'_>, place: &Place) -> Link {
    let is_own = *place == seen.view.place;
    let runs = |release: &&ReleaseView| {
        release.place == *place
            && release.kind == ReleaseKind::Release
            && release.artifact == seen.view.artifact
    };
    let of_run = seen.run.as_ref().map(|run| run.view.releases.as_slice()).unwrap_or_default();
    let found = if is_own { Some(&seen.view) } else { of_run.iter().rev().find(runs) };
    let number = found.and_then(|release| release.release);
    let badge = match found {
        None => badge(model::State::Quiet, "not yet"),
        Some(_) if is_own => seen.badge(seen.words().as_ref()),
        Some(release) => other(seen, release),
    };
    let kind = found.map_or(ReleaseKind::Release, |release| release.kind);
    let lines = number.map(|number| format!("{kind} {number}")).into_iter().collect();
    Link {
        title: place.environment.to_string(),
        badge,
        lines,
        href: number.map(|number| release_href(place, number)),
        current: is_own,
    }
}

/// The state of the same artifact's release in another environment.
fn other(seen: &Seen<'_>, release: &ReleaseView) -> model::Badge {
    let standing = seen.state.release.at(&release.place);
    let running = standing.and_then(|standing| standing.running.as_ref());
    let is_current = running.is_some_and(|running| running.artifact == release.artifact);
    let state = match release.stage {
        ReleaseStage::Running if is_current && seen.is_frozen(&release.place) => {
            return badge(model::State::Frozen, "frozen");
        }
        // A release that passed through counts for the way, whatever runs there now.
        ReleaseStage::Running if !is_current => return badge(model::State::Pass, "ran"),
        ReleaseStage::Running => model::State::Pass,
        ReleaseStage::Superseded | ReleaseStage::Dropped => model::State::Quiet,
        ReleaseStage::Proposed => model::State::Wait,
        ReleaseStage::Wanted | ReleaseStage::Judging | ReleaseStage::Due => model::State::Busy,
        _ => model::State::Stop,
    };
    badge(state, release_words::word(release, is_current))
}

/// Digits of a run's id in a title.
const RUN_DIGITS: usize = 4;

#[cfg(test)]
mod tests {
    use web::model::State;

    use super::signed;

    #[test]
    fn attack_a_commit_is_not_called_signed_where_no_evidence_holds() {
        assert_eq!(signed(Some(true)), (State::Pass, "signed"));
        assert_eq!(signed(Some(false)), (State::Stop, "not signed"));
        assert_eq!(signed(None), (State::Quiet, "not proven"));
    }
}
