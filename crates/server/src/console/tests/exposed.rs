//! Findings and components of what runs and waits.

use super::{Corpus, shown};
use crate::console::situation::Situation;
use crate::console::{components, exposure, findings};

#[test]
fn the_findings_of_what_runs_and_waits_are_shown() {
    let corpus = Corpus::new();
    let page = |entries: u64| {
        let state = corpus.state(entries);
        corpus.at(corpus.time(entries - 1), |at| findings::of_state(at, &state, "").unwrap())
    };
    assert_eq!(page(99).tables.iter().map(|table| table.rows.len()).collect::<Vec<_>>(), [3, 1]);
    shown("findings", &page(110));
    let made_of = corpus.at(corpus.time(109), |at| components::components(at, "q=serde").unwrap());
    assert_eq!(made_of.headline, "No component that runs or waits matches `serde`.");
    assert_eq!(made_of.sub[1], "3 places without a list of components");
}

/// A page reads a bounded number of bundles, however many places run something; those that are known cost nothing.
#[test]
fn evidence_beyond_the_bound_is_said_to_be_unread() {
    let corpus = Corpus::new();
    let (state, now) = (corpus.state(110), corpus.time(109));
    let unread = |most: usize| -> Vec<bool> {
        corpus.at(now, |at| {
            let situation = Situation::read(at, &state).unwrap();
            let places: Vec<_> = situation.places.iter().collect();
            let found = exposure::within(at, &state, &places, most).unwrap();
            found.iter().filter(|one| !one.waits).map(|one| one.unread).collect()
        })
    };
    assert_eq!(unread(0), [true, true, true]);
    assert_eq!(unread(1), [false, true, true]);
    assert_eq!(unread(0), [false, true, true]);
    assert_eq!(unread(2), [false, false, false]);
}
