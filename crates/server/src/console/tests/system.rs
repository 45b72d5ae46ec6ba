//! The system and the policies in force.

use super::{Corpus, place, shown};
use crate::console::{policies, system};

#[test]
fn the_system_shows_the_figures_of_monitoring() {
    let corpus = Corpus::new();
    corpus.state(110);
    let page = corpus.at(corpus.time(109), |at| system::system(at).unwrap());
    assert_eq!(page.headline, "The server accepts commands");
    let [capacity, figures] = &page.tables[..] else { unreachable!("capacity and figures") };
    let shown: Vec<_> = capacity.rows[0].iter().map(|cell| cell.text.as_str()).collect();
    assert_eq!(shown, ["every run", "2", "1", "0", "0"], "no runner has a pool, and none is busy");
    let value = |name: &str| {
        let row = figures.rows.iter().find(|row| row[3].text == format!("countersign_{name}"));
        row.map(|row| (row[1].text.clone(), row[2].text.clone()))
    };
    let entries = corpus.shared().intake.state().entries;
    assert_eq!(value("ledger_entries").unwrap().0, entries.to_string());
    assert_eq!(value("views_entries").unwrap().0, entries.to_string(), "the tables have caught up");
    assert_eq!(value("queue_first").unwrap(), ("0".to_owned(), "1024".to_owned()));
    assert_eq!(value("live_streams").unwrap(), ("0".to_owned(), "1024".to_owned()));
    assert!(value("runs_active").is_some());
    let known: Vec<_> = crate::figures::figures(corpus.shared()).unwrap();
    assert_eq!(known.len(), figures.rows.len(), "one source for both");
    let limits = &page.facts.iter().find(|(title, _)| title == "Limits in force").unwrap().1;
    assert!(
        limits.iter().any(|fact| (fact.name.as_str(), fact.value.as_str()) == ("Runs of a project", "32"))
    );
    let roles = &page.lists.iter().find(|list| list.title == "Roles").unwrap().rows;
    assert!(roles.iter().any(|row| row.title == "agent agent-1 of shop/ledger-api/dev"), "{roles:?}");
}

#[test]
fn policies_are_shown_with_what_each_rule_does() {
    let corpus = Corpus::new();
    corpus.state(110);
    let now = corpus.time(109);
    let all = corpus.at(now, |at| policies::policies(at).unwrap());
    assert_eq!(all.headline, "One policy is in force at 3 places");
    shown("policies", &all);
    shown("policy", &corpus.at(now, |at| policies::place(at, &place("production")).unwrap()));
    let dev = corpus.at(now, |at| policies::place(at, &place("dev")).unwrap());
    assert!(dev.sub.iter().any(|words| words.contains("as its text shows them")), "{:?}", dev.sub);
    assert!(dev.tables[0].rows.len() > 5, "{:?}", dev.tables);
    let unknown = corpus.at(now, |at| policies::place(at, &place("nowhere")).unwrap_err().to_string());
    assert!(unknown.contains("no statement names a policy for shop/ledger-api/nowhere"), "{unknown}");
}
