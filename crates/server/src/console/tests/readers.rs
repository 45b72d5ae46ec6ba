//! Pages for a reader who may read another project alone.

use super::{Corpus, place};
use crate::caller::Caller;
use crate::console::ledger::{entry, ledger};
use crate::console::{
    Reading, compare, components, findings, overview, policies, release, run, service, system, trust,
};

#[test]
fn attack_a_page_shows_nothing_of_a_project_that_its_reader_may_not_read() {
    let corpus = Corpus::new();
    let (first, now) = (corpus.run(7), corpus.time(109));
    let caller = Caller::Agent("agent".parse().unwrap(), ["elsewhere".parse().unwrap()].into());
    let at = Reading { shared: corpus.shared(), caller: &caller, now, session_ends: None };
    let page = overview::overview(&at).unwrap();
    assert!(page.board.services.is_empty() && page.runs.is_empty() && page.ending.is_empty(), "{page:?}");
    let about = |waiting: &web::model::Waiting| {
        waiting.title.contains("ledger-api") || waiting.title.contains("shop")
    };
    assert!(!page.waiting.iter().any(about), "{:?}", page.waiting);
    for refused in [
        release::release(&at, &place("production"), 1).unwrap_err().to_string(),
        release::release(&at, &place("production"), 99).unwrap_err().to_string(),
        run::run(&at, first).unwrap_err().to_string(),
        service::service(&at, &"shop".parse().unwrap(), &"ledger-api".parse().unwrap())
            .unwrap_err()
            .to_string(),
        compare::compare(&at, "from=shop/ledger-api/dev@1").unwrap_err().to_string(),
        policies::place(&at, &place("production")).unwrap_err().to_string(),
    ] {
        assert!(refused.contains("you hold no role in project `shop`"), "{refused}");
    }
    let found = ledger(&at, "").unwrap();
    assert!(
        found.rows.iter().all(|row| !row.title.contains("shop") && !row.detail.contains("shop")),
        "{found:?}"
    );
    assert!(entry(&at, 7).unwrap_err().to_string().contains("you hold no role"));
    let sheet = system::system(&at).unwrap();
    let text = serde_json::to_string(&sheet).unwrap();
    assert!(!text.contains("shop") && !text.contains("runs_active"), "counts of other projects: {text}");
    let sheet = policies::policies(&at).unwrap();
    assert_eq!(sheet.headline, "No policy is in force at a place that you may read");
    assert!(!serde_json::to_string(&sheet).unwrap().contains("shop"), "{sheet:?}");
    let sheet = trust::trust(&at).unwrap();
    assert!(!serde_json::to_string(&sheet).unwrap().contains("shop"), "{sheet:?}");
    let sheet = findings::findings(&at, "").unwrap();
    assert!(!serde_json::to_string(&sheet).unwrap().contains("shop"), "{sheet:?}");
    assert!(sheet.headline.starts_with("Nothing runs yet"), "{sheet:?}");
    let sheet = components::components(&at, "").unwrap();
    assert!(!serde_json::to_string(&sheet).unwrap().contains("shop"), "{sheet:?}");
}
