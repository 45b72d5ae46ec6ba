//! Pools: the request and the root choose the runners, and a person takes one out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Shop, at};
use crate::codes;
use crate::support::Up;

/// Runners that have work of a run.
fn runners(up: &Up, run: &Value) -> BTreeSet<String> {
    let view: Value =
        serde_json::from_str(&up.get(&format!("/api/v1/runs/{}", run.as_str().unwrap())).1).unwrap();
    let works = view["works"].as_array().unwrap().iter();
    works.filter_map(|work| Some(work["runner"].as_str()?.to_owned())).collect()
}

#[test]
fn the_request_and_the_root_choose_the_runners_and_a_person_takes_one_out() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let both = shop.ok(&["run"]);
    assert_eq!(runners(&up, &both["run"]).len(), 2, "without pools every runner serves");
    shop.ok(&["trust", "root", "--yes", "--pool", "runner-1=fork", "--pool", "runner-2=fork"]);
    // Both runners are on one host, so one of them serves.
    let chosen = shop.ok(&["run", "--again"]);
    let first = runners(&up, &chosen["run"]);
    assert_eq!(first.len(), 1, "{first:?}");
    let first = first.into_iter().next().unwrap();
    let commit = shop.commit("a change while a runner is down");
    let without = shop.ok(&["run", "--without", &first]);
    let second = runners(&up, &without["run"]);
    assert_eq!(second.len(), 1, "{second:?}");
    assert!(!second.contains(&first));
    assert_eq!(at(&up, "staging")["running"]["commit"], commit);

    let nobody = ["run", "--without", "runner-1", "--without", "runner-2"];
    assert_eq!(codes(&shop.in_repository(&nobody, 3)), ["pool-too-small"]);
    assert_eq!(codes(&shop.in_repository(&["run", "--without", "runner-9"], 3)), ["no-such-runner"]);
    // The pool of commits that no ref is named for has no runner any more.
    shop.ok(&["trust", "root", "--yes", "--pool", "runner-1=branch", "--pool", "runner-2=branch"]);
    assert_eq!(codes(&shop.in_repository(&["run", "--again"], 3)), ["pool-too-small"]);
    shop.ok(&["trust", "root", "--yes", "--pool", "runner-1=any", "--pool", "runner-2=any"]);
    let again = shop.ok(&["run", "--again"]);
    assert_eq!(runners(&up, &again["run"]).len(), 2);
    shop.home.witnessed(&up);
    assert!(up.stop());
    shop.ok(&["audit", "replay"]);
    shop.ok(&["audit", "verify"]);
}
