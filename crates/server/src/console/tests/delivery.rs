//! Figures of delivery of the corpus's service.

use super::{Corpus, place, shown};
use crate::console::delivery::{of_state, ways};
use crate::console::situation::Situation;

#[test]
fn delivery_is_counted_from_the_ledger() {
    let corpus = Corpus::new();
    let (state, now) = (corpus.state(110), corpus.time(109));
    let page = |query: &str| corpus.at(now, |at| of_state(at, &state, query));
    let all = page("").unwrap();
    shown("delivery", &all);
    let one = page("of=shop/ledger-api").unwrap();
    assert_eq!(one.charts, all.charts, "there is one service");
    assert!(one.form.unwrap().narrowed);
    assert!(page("of=shop/other").unwrap_err().to_string().contains("no place has `shop/other`"));
    assert!(page("of=%2F").is_err() && page("from=shop").is_err());
    let later = corpus.time(109).later_by(std::time::Duration::from_hours(24 * 100));
    let empty = corpus.at(later, |at| of_state(at, &state, "")).unwrap();
    assert_eq!(empty.headline, "No release reached a last environment in four weeks");
    assert!(empty.charts.iter().all(|chart| chart.points.iter().all(|point| point.height == 0)), "{empty:?}");
}

/// A new environment statement may end a way elsewhere, without a new place.
#[test]
fn rows_are_kept_by_places_and_by_their_ways() {
    let corpus = Corpus::new();
    let (state, now) = (corpus.state(110), corpus.time(109));
    let mut places = corpus.at(now, |at| Situation::read(at, &state).unwrap().places.clone());
    let before = ways(&places);
    assert_eq!(before, ways(&places));
    let production = places.iter_mut().find(|view| view.place == place("production")).unwrap();
    assert_eq!(production.after.take().map(|after| after.to_string()).as_deref(), Some("staging"));
    assert_ne!(before, ways(&places));
}
