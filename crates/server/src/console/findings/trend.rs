//! Findings of the last releases of each service, those with the most first.
//!
//! Invariant: a page reads a bounded number of bundles that it has not read before, and says where more are left.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use evidence::{Digest, Place};
use review::delivery::last_places;
use review::tally::Counts;
use web::model::{Chart, ChartPoint};
use wire::{PlaceView, ReleaseKind, ReleaseView};

use crate::console::exposure::Exposure;
use crate::console::judged;
use crate::console::reading::Reading;
use crate::http::problem::Failure;

/// A chart for each of the services with the most open findings.
///
/// # Errors
/// `Failure` if a bundle cannot be read.
pub fn charts(at: &Reading<'_>, places: &[&PlaceView], all: &[Exposure]) -> Result<Vec<Chart>, Failure> {
    let mut left = BUNDLES_MAX;
    let mut made = Vec::new();
    for view in worst(last_of_each(places), all) {
        let releases = judged_releases(view);
        let mut counts = Vec::new();
        for (number, bundle) in releases.iter().rev() {
            counts.push((*number, judged::counts(at.shared, *bundle, &mut left)?));
        }
        let unread = counts.iter().filter(|(_, found)| found.is_none()).count();
        let known = counts.into_iter().filter_map(|(number, found)| Some((number, (*found?).clone()?)));
        made.extend(chart(&view.place, &known.collect::<Vec<_>>(), unread));
    }
    Ok(made)
}

/// The last place of each service; the first one by name if its way ends at several.
fn last_of_each<'a>(places: &[&'a PlaceView]) -> Vec<&'a PlaceView> {
    let mut last: BTreeMap<_, &PlaceView> = BTreeMap::new();
    for view in last_places(places.iter().copied()) {
        last.entry((&view.place.project, &view.place.service)).or_insert(view);
    }
    last.into_values().collect()
}

/// The places with the most open findings, grave ones first; at most so many as a page shows.
fn worst<'a>(mut places: Vec<&'a PlaceView>, all: &[Exposure]) -> Vec<&'a PlaceView> {
    let weight = |view: &PlaceView| {
        let of = all.iter().filter(|found| found.place == view.place).map(Exposure::tally);
        of.map(|tally| (tally.grave, tally.open_count())).max()
    };
    places.sort_by_cached_key(|view| (Reverse(weight(view)), view.place.clone()));
    places.truncate(CHARTS_MAX);
    places
}

/// Number and bundle of the last releases that a gate judged, the newest first.
fn judged_releases(view: &PlaceView) -> Vec<(u64, Digest)> {
    let judged = view.releases.iter().filter(|release| release.kind == ReleaseKind::Release);
    let with_bundle = |release: &ReleaseView| Some((release.release?, release.bundle?));
    judged.filter_map(with_bundle).take(POINTS_MAX).collect()
}

/// The chart of a place; `None` for a single release, which shows no course.
fn chart(place: &Place, counts: &[(u64, Counts)], unread: usize) -> Option<Chart> {
    let [_, .., (_, newest)] = counts else { return None };
    let more = match unread {
        0 => String::new(),
        unread => format!("; {} not read yet", shown::many(unread, "release")),
    };
    let last = shown::many(counts.len(), "release");
    Some(Chart {
        title: format!("{} in {}", place.service, place.environment),
        value: shown::many(newest.total(), "finding"),
        state: None,
        sentence: format!("findings of the last {last} that its gate judged, settled ones among them{more}"),
        points: counts
            .iter()
            .map(|(number, counts)| ChartPoint {
                label: format!("release {number}"),
                height: counts.total() as u64,
                value: counts.words(),
            })
            .collect(),
    })
}

/// Most charts of a page.
const CHARTS_MAX: usize = 4;
/// Most releases of a chart.
const POINTS_MAX: usize = 12;
/// Most bundles that a page reads for the first time.
const BUNDLES_MAX: usize = 24;

#[cfg(test)]
mod tests {
    use evidence::document::findings::{Class, Severity};
    use lab::documents::{self, LabDocument};

    use super::{Counts, chart};

    #[test]
    fn a_chart_tells_the_course_and_what_it_does_not_know_yet() {
        let place = "shop/api/production".parse().unwrap();
        let counts = |found: &[(&str, Class, Severity)]| {
            let document = LabDocument::of(&documents::findings(found));
            Counts::of(&[(document.digest(), evidence::Bytes(document.bytes))].into()).unwrap()
        };
        let worse = counts(&[
            ("a", Class::Code, Severity::Critical),
            ("b", Class::Code, Severity::High),
            ("c", Class::Code, Severity::High),
        ]);
        let made = chart(&place, &[(3, counts(&[])), (5, worse)], 4).unwrap();
        assert_eq!((made.title.as_str(), made.value.as_str()), ("api in production", "3 findings"));
        let points: Vec<_> = made
            .points
            .iter()
            .map(|point| (point.label.as_str(), point.height, point.value.as_str()))
            .collect();
        assert_eq!(points, [("release 3", 0, "none"), ("release 5", 3, "1 critical, 2 high")]);
        assert!(made.sentence.ends_with("; 4 releases not read yet"), "{}", made.sentence);
        assert!(chart(&place, &[(3, counts(&[]))], 0).is_none(), "one release shows no course");
    }
}
