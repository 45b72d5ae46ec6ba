//! The overview, and what waits in it.

use super::{Corpus, shown};
use crate::console::situation::Situation;
use crate::console::{overview, waiting};

#[test]
fn the_overview_shows_what_waits_and_what_runs() {
    let corpus = Corpus::new();
    for (entries, name) in [(45, "running"), (64, "not-working"), (99, "held"), (103, "rolling-out")] {
        let state = corpus.state(entries);
        let now = corpus.time(entries - 1);
        shown(&format!("overview-{name}"), &corpus.at(now, |at| overview::of_state(at, &state).unwrap()));
    }
    let later = corpus.time(109).later_by(std::time::Duration::from_mins(38));
    let end = corpus.at(later, |at| overview::overview(at).unwrap());
    let count = corpus.at(later, |at| overview::waiting_count(at).unwrap());
    assert_eq!(end.waiting.len(), count, "the number is that of the page");
    shown("overview-frozen", &end);
}

#[test]
fn a_refusal_of_an_agent_is_told_whatever_ran_after_it() {
    let corpus = Corpus::new();
    let (state, now) = (corpus.state(110), corpus.time(109));
    let mut seen = corpus.at(now, |at| Situation::clone(&Situation::read(at, &state).unwrap()));
    let told = |seen: &Situation, now| corpus.at(now, |at| waiting::refused(at, seen));
    assert!(told(&seen, now).is_empty());
    let view = seen.places.iter_mut().find(|view| view.releases.len() > 2).unwrap();
    (view.releases[2].stage, view.releases[2].detail) = (wire::ReleaseStage::Refused, None);
    view.releases[2].reasons = vec!["artifact-differs".to_owned()];
    let found = told(&seen, now);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.badge.word.as_str(), one.detail.as_str()), ("refused by its agent", "artifact-differs"));
    assert!(one.title.ends_with(": the agent refused release 1"), "{}", one.title);
    let later = now.later_by(std::time::Duration::from_hours(24 * 31));
    assert!(told(&seen, later).is_empty(), "a month is enough");
}
