//! Comparisons of two releases.

use rusqlite::Connection;

use super::{Corpus, shown};
use crate::console::{compare, words};

#[test]
fn any_two_releases_of_a_service_are_compared() {
    let corpus = Corpus::new();
    corpus.state(110);
    let now = corpus.time(109);
    let page = |query: &str| corpus.at(now, |at| compare::compare(at, query));
    let two = |from: &str, to: &str| {
        let of = |name: &str| format!("shop%2Fledger-api%2F{}", name.replace('@', "%40"));
        page(&format!("from={}&to={}", of(from), of(to)))
    };
    shown("compare", &two("production@1", "production@2").unwrap());
    let back = two("production@2", "production@1").unwrap();
    let forth = two("production@1", "production@2").unwrap();
    assert_eq!(back.changes.len(), forth.changes.len());
    assert_eq!(back.headline, "Release 1 of production passes");
    assert!(back.sub[0].contains("from release 2 to release 1"), "{:?}", back.sub);
    assert!(back.sub.contains(&"from the newer release to the older one".to_owned()), "{:?}", back.sub);
    let same = two("dev@3", "dev@3").unwrap();
    assert_eq!(
        (same.headline.as_str(), same.changes.len()),
        ("It is the same release: 3 of shop/ledger-api/dev", 0)
    );
    // Both places run the same artifact; policy and configuration are those of their places.
    let across = two("dev@3", "staging@2").unwrap();
    assert!(across.sub[0].ends_with(", of the same artifact"), "{:?}", across.sub);
    let rollback = two("production@2", "production@3").unwrap();
    assert_eq!(rollback.tables[0].rows[0][2].notes, ["rollback to release 1"]);
    let count = corpus.at(now, |at| at.shared.pages.comparisons.len());
    assert_eq!(count, 4, "each pair is compared once; a rollback is compared by what it brought back");

    let beside = |to: &str| compare::counterpart(&format!("from=shop/ledger-api/dev@1&to={to}"));
    let line = |other: &str| {
        web::Counterpart::Checked(words::command(format!("countersign status shop/ledger-api/{other}")))
    };
    assert_eq!(beside("shop/ledger-api/dev@2"), line("dev 2 --compare 1"));
    assert_eq!(beside("shop/ledger-api/staging@2"), line("staging 2 --compare shop/ledger-api/dev@1"));
    assert!(matches!(beside(""), web::Counterpart::Unchecked(_)), "one release is compared with nothing");

    let form = page("").unwrap();
    assert_eq!((form.headline.as_str(), form.tables.len()), ("Choose two releases of one service", 0));
    let half = page("from=shop/ledger-api/dev@1&to=").unwrap();
    let fields = half.form.unwrap().fields;
    assert_eq!(half.headline, "Choose the release to compare with release 1 of shop/ledger-api/dev");
    assert!(fields[0].choices[1..].iter().any(|one| one.chosen), "{fields:?}");
    assert_eq!(fields[1].choices.len(), 1 + 8, "every release of the service, and none");

    let refused = |query: &str| page(query).unwrap_err().to_string();
    assert!(two("production@1", "production@9").unwrap_err().to_string().contains("there is no release 9"));
    assert!(refused("from=x").contains("`x` names no release"));
    assert!(refused("until=x").contains("`until` is no field of a comparison: name `from` and `to`"));
    let other = refused("from=shop/ledger-api/dev@1&to=shop/other/dev@1");
    assert!(other.contains("`shop/ledger-api` and `shop/other` are two services"), "{other}");
}

#[test]
fn a_release_without_evidence_says_why_it_cannot_be_compared() {
    let corpus = Corpus::new();
    corpus.state(110);
    let rows = Connection::open(corpus.dir.path().join("views.db")).unwrap();
    let lost = "UPDATE release SET bundle = NULL, stage = 'superseded' WHERE place = 'shop/ledger-api/dev' AND release = 1";
    assert_eq!(rows.execute(lost, []).unwrap(), 1);
    let query = "from=shop/ledger-api/dev@1&to=shop/ledger-api/dev@3";
    let page = corpus.at(corpus.time(109), |at| compare::compare(at, query).unwrap());
    assert_eq!(
        page.headline,
        "Release 1 of shop/ledger-api/dev has no evidence to compare: no gate let it pass, and it is not pending; its state \
         is: replaced before it ran"
    );
    assert!(page.form.is_some() && page.changes.is_empty() && page.tables.is_empty(), "{page:?}");
}
