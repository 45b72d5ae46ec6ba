//! The page of a place: what runs, what comes next, and how its releases ended.

use super::{Corpus, shown};
use crate::console::place;

#[test]
fn a_place_is_shown() {
    let corpus = Corpus::new();
    let place: evidence::Place = "shop/ledger-api/production".parse().unwrap();
    let held = corpus.state(99);
    let page = corpus.at(corpus.time(98), |at| place::of_state(at, &held, &place).unwrap());
    assert_eq!(page.lists[0].title, "Next");
    let next = &page.lists[0].rows[0];
    assert_eq!(next.title, "release 2 is blocked", "{next:?}");
    assert!(!next.notes[0].is_empty() && next.commands.len() == 1, "its reason and its command: {next:?}");
    let now = corpus.time(109);
    corpus.state(110);
    shown("place", &corpus.at(now, |at| place::place(at, &place).unwrap()));
    let other = "shop/ledger-api/other".parse().unwrap();
    assert!(corpus.at(now, |at| place::place(at, &other).is_err()));
}
