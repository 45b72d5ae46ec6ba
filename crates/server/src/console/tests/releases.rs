//! Releases, rollbacks and runs.

use super::{Corpus, place, shown};
use crate::console::{release, run};

#[test]
fn a_release_is_shown_at_each_stage() {
    let corpus = Corpus::new();
    for (entries, environment, number, name) in [
        (23, "dev", 0, "wanted"),
        (42, "production", 1, "running"),
        (64, "dev", 2, "not-working"),
        (94, "production", 2, "proposed"),
        (99, "production", 2, "held"),
        (103, "production", 2, "rolling-out"),
        (110, "production", 3, "rollback"),
        (110, "production", 2, "replaced"),
    ] {
        let state = corpus.state(entries);
        let page = corpus.at(corpus.time(entries - 1), |at| {
            release::of_state(at, &state, &place(environment), number).unwrap()
        });
        shown(&format!("release-{name}"), &page);
    }
}

#[test]
fn a_rollback_and_the_release_that_it_took_back_name_each_other() {
    let corpus = Corpus::new();
    let state = corpus.state(110);
    let page = |number| {
        corpus.at(corpus.time(109), |at| release::of_state(at, &state, &place("production"), number).unwrap())
    };
    let (back, taken) = (page(3), page(2));
    let told = back.notice.unwrap();
    assert!(told.title.starts_with("Release 1 runs again: Ada "), "{}", told.title);
    assert!(back.is_rollback && back.bundle.unwrap().name == "ledger-api-production-1.bundle");
    let leads_to = |facts: &[web::model::Fact], number: u64| {
        let href = format!("/releases/shop/ledger-api/production/{number}");
        facts.iter().any(|fact| fact.href.as_ref() == Some(&href))
    };
    assert!(leads_to(&told.facts, 1), "the evidence is that of the release it brings back");
    let told = taken.notice.unwrap();
    assert_eq!(told.title, "Ada rolled it back: rollback 3 started release 1 again");
    assert!(leads_to(&told.facts, 3) && told.state == web::model::State::Stop);
    assert_eq!(taken.badge.word, "rolled back");
    assert!(taken.timeline.iter().any(|moment| moment.title.starts_with("Rollback 3: Ada asked")));
    let verdict = taken.verdict.unwrap();
    assert_eq!(verdict.title, "The verdict of that time: nothing is against it");
    assert_eq!(verdict.state, web::model::State::Quiet);
    assert!(page(1).notice.is_none(), "the release that came back was not rolled back");
}

#[test]
fn a_run_is_shown_with_its_graph_and_runners() {
    let corpus = Corpus::new();
    for (entries, name) in [(15, "running"), (110, "passed")] {
        let state = corpus.state(entries);
        let id = corpus.run(7);
        let page = corpus.at(corpus.time(entries - 1), |at| run::of_state(at, &state, id).unwrap());
        shown(&format!("run-{name}"), &page);
    }
}
