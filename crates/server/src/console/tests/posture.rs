//! Posture of the corpus's service at several moments.

use super::{Corpus, shown};
use crate::caller::Caller;
use crate::console::Reading;
use crate::console::posture::of_state;

#[test]
fn a_posture_is_told_at_each_moment() {
    let corpus = Corpus::new();
    for (entries, name) in [(15, "running"), (64, "not-working"), (99, "held"), (110, "frozen")] {
        let state = corpus.state(entries);
        let page = corpus.at(corpus.time(entries - 1), |at| of_state(at, &state).unwrap());
        shown(&format!("posture-{name}"), &page);
    }
}

#[test]
fn attack_a_posture_of_an_unreadable_project_is_not_told() {
    let corpus = Corpus::new();
    let (state, now) = (corpus.state(110), corpus.time(109));
    let caller = Caller::Agent("agent".parse().unwrap(), ["elsewhere".parse().unwrap()].into());
    let at = Reading { shared: corpus.shared(), caller: &caller, now, session_ends: None };
    let page = of_state(&at, &state).unwrap();
    assert_eq!(page.headline, "There is no service yet");
    assert!(page.tables[0].rows.is_empty());
    let figures = crate::console::delivery::of_state(&at, &state, "").unwrap();
    assert!(
        figures.charts.iter().all(|chart| chart.points.iter().all(|point| point.height == 0)),
        "{figures:?}"
    );
    assert!(crate::console::delivery::of_state(&at, &state, "of=shop").is_err());
    let record = crate::console::record::record(&at, &super::place("production"), 1).unwrap_err();
    assert!(record.to_string().contains("you hold no role in project `shop`"), "{record}");
}
