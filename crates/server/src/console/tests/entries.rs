//! The ledger: its search, its entries and its files.

use super::{Corpus, shown};
use crate::console::ledger::{FileSort, entry, file, ledger};

#[test]
fn the_ledger_is_searched_shown_and_exported() {
    let corpus = Corpus::new();
    corpus.state(110);
    let now = corpus.time(109);
    let found = |query: &str| corpus.at(now, |at| ledger(at, query).unwrap());
    shown("ledger-approvals", &found("kind=approval."));
    let numbers = |query: &str| found(query).rows.iter().map(|row| row.entry).collect::<Vec<_>>();
    let all: Vec<u64> = {
        let first = found("");
        let before = first.older.unwrap();
        let query = before.split_once('?').unwrap().1.to_owned();
        let second = found(&query);
        let third = second.older.map(|address| found(address.split_once('?').unwrap().1));
        let pages = [Some(first.rows), Some(second.rows), third.map(|page| page.rows)];
        pages.into_iter().flatten().flatten().map(|row| row.entry).collect()
    };
    assert_eq!(all, (0..110).rev().collect::<Vec<_>>(), "pages follow each other");
    assert_eq!(numbers("q=production+approved"), [99, 36]);
    assert_eq!(numbers("q=prod+reject&kind=approval."), [94]);
    assert!(numbers("q=nothing-has-this-word").is_empty());
    let one = found("kind=approval.").rows[0].entry;
    shown("ledger-entry", &corpus.at(now, |at| entry(at, one).unwrap()));
    assert!(corpus.at(now, |at| entry(at, 99_999).is_err()));
    let text =
        |sort| String::from_utf8(corpus.at(now, |at| file(at, "kind=approval.", sort).unwrap())).unwrap();
    let rows = found("kind=approval.").rows.len();
    assert_eq!(text(FileSort::Csv).lines().count(), 1 + rows);
    let lines: Vec<serde_json::Value> =
        text(FileSort::Ndjson).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["entry"]), (rows, &serde_json::json!(one)));
}
