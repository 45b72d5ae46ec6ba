//! A service with its way, and the trust.

use super::{Corpus, shown};
use crate::console::{compare, service, trust};

#[test]
fn a_service_and_the_trust_are_shown() {
    let corpus = Corpus::new();
    let now = corpus.time(109);
    corpus.state(110);
    let (project, name) = ("shop".parse().unwrap(), "ledger-api".parse().unwrap());
    shown("service", &corpus.at(now, |at| service::service(at, &project, &name).unwrap()));
    shown("trust", &corpus.at(now, |at| trust::trust(at).unwrap()));
    let other = "other".parse().unwrap();
    assert!(corpus.at(now, |at| service::service(at, &project, &other).is_err()));
}

#[test]
fn the_way_of_a_service_has_each_link_and_the_history_its_comparisons() {
    let corpus = Corpus::new();
    let (project, name) = ("shop".parse().unwrap(), "ledger-api".parse().unwrap());
    let at = |entries: u64| {
        let state = corpus.state(entries);
        corpus.at(corpus.time(entries - 1), |at| service::of_state(at, &state, &project, &name).unwrap())
    };
    let way = |page: &web::model::Sheet| -> Vec<String> {
        page.way.iter().map(|link| format!("{}: {}", link.title, link.badge.word)).collect()
    };
    // Entries come in order: views go forward alone.
    let building = at(15);
    assert_eq!(building.headline, "ledger-api does not run anywhere");
    let missing = |environment: &str| {
        [format!("gate of {environment}: not asked yet"), format!("{environment}: nothing runs")]
    };
    let expected: Vec<String> = ["dev", "staging", "production"].into_iter().flat_map(missing).collect();
    let [_, run, artifact, places @ ..] = &way(&building)[..] else { panic!("{building:?}") };
    assert!(run.ends_with(": running") && artifact == "artifact: not built yet", "{run} {artifact}");
    assert_eq!(places, expected);
    let held = at(99);
    assert_eq!(
        held.headline,
        "ledger-api is healthy in dev, staging and production; release 2 to production: blocked"
    );
    let gates: Vec<String> = way(&held).into_iter().filter(|link| link.starts_with("gate")).collect();
    assert_eq!(gates, ["gate of dev: passed", "gate of staging: passed", "gate of production: blocked"]);
    assert_eq!(held.badge.as_ref().map(|badge| badge.state), Some(web::model::State::Stop));
    let waits: Vec<&str> = held.lists[0].rows.iter().map(|row| row.title.as_str()).collect();
    assert_eq!(waits, ["ledger-api to production: release 2 is blocked"]);
    let end = at(110);
    let history = &end.tables[0];
    assert_eq!((history.rows.len(), history.more), (8, 0));
    let link = |nth: usize| history.rows[nth][2].href.clone().unwrap();
    assert!(link(0).starts_with("/compare?from=shop%2Fledger-api%2Fproduction%402&to="), "{}", link(0));
    for row in history.rows.iter().filter_map(|row| row[2].href.as_ref()) {
        let query = row.split_once('?').unwrap().1;
        let page = corpus.at(corpus.time(109), |at| compare::compare(at, query).unwrap());
        assert!(!page.tables.is_empty(), "the link leads to a comparison: {}", page.headline);
    }
    assert_eq!(history.rows.iter().filter(|row| row[2].href.is_none()).count(), 3, "the first of each place");
}
