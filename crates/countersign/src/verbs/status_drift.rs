//! Drift of places, as `status` shows it.

use wire::PlaceView;

/// A line for each difference that an agent observed last, and one for each host that differs from its baseline.
pub fn lines(places: &[PlaceView]) -> Vec<String> {
    let drift = places.iter().flat_map(|view| view.drift.iter().map(move |drift| (view, drift)));
    let drift = drift.flat_map(|(view, drift)| {
        let held = if drift.frozen { "; releases wait until that is over" } else { "" };
        let of = move |text: String| {
            format!("{}: agent {}: {}{held}", view.place, drift.agent, shown::line(&text))
        };
        let more = (drift.more > 0).then(|| format!("and {} more", drift.more));
        drift.findings.iter().map(ToString::to_string).chain(more).map(of).collect::<Vec<_>>()
    });
    let hosts = places.iter().flat_map(|view| view.baseline.iter().map(move |host| (view, host)));
    let hosts = hosts.filter(|(_, host)| !host.equal).map(|(view, host)| {
        let count = u64::try_from(host.differences.len()).unwrap_or(u64::MAX).saturating_add(host.more);
        format!(
            "{}: agent {}: its host differs from the baseline in {count} points, measured at {}",
            view.place, host.agent, host.time
        )
    });
    drift.chain(hosts).collect()
}
