//! The releases of a run, the newest of each place.

use std::collections::BTreeMap;

use evidence::Place;
use review::release_words;
use web::model::{self, Link};
use wire::{ReleaseKind, ReleaseStage, ReleaseView};

use super::seen::Seen;
use crate::console::words::{badge, release_href};

/// One link for each place, in the order in which releases reached them.
pub fn links(seen: &Seen<'_>) -> Vec<Link> {
    let view = &seen.row.view;
    let own = view
        .releases
        .iter()
        .filter(|release| release.kind == ReleaseKind::Release && release.run == view.run);
    let mut newest: BTreeMap<&Place, (usize, &ReleaseView)> = BTreeMap::new();
    for (nth, release) in own.enumerate() {
        newest.entry(&release.place).or_insert((nth, release)).1 = release;
    }
    let mut newest: Vec<_> = newest.into_values().collect();
    newest.sort_by_key(|(nth, _)| *nth);
    newest.into_iter().map(|(_, release)| link(seen, release)).collect()
}

fn link(seen: &Seen<'_>, release: &ReleaseView) -> Link {
    let standing = seen.state.release.at(&release.place);
    let running = standing.and_then(|standing| standing.running.as_ref());
    let is_current = running.is_some_and(|now| release.release == Some(now.release));
    let state = match release.stage {
        ReleaseStage::Running if is_current => model::State::Pass,
        ReleaseStage::Running | ReleaseStage::Superseded | ReleaseStage::Dropped => model::State::Quiet,
        ReleaseStage::Proposed => model::State::Wait,
        ReleaseStage::Wanted | ReleaseStage::Judging | ReleaseStage::Due => model::State::Busy,
        _ => model::State::Stop,
    };
    let number = release.release;
    Link {
        title: format!("{} to {}", release.place.service, release.place.environment),
        badge: badge(state, release_words::word(release, is_current)),
        lines: number.map(|number| format!("release {number}")).into_iter().collect(),
        href: Some(release_href(&release.place, number.unwrap_or_default())),
        current: false,
    }
}
