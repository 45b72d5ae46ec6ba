//! Figures of delivery of the corpus's service.

use super::{Corpus, shown};
use crate::console::delivery::of_state;

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
