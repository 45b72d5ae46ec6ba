//! What people read on the way of a release: `status`, `approve --show` and `verify` in each state, and commands that come
//! too early, too late or twice.

use std::fs;

use super::Page;
use crate::release::shop::Shop;
use crate::support::{Home, Up};

const PLACE: &str = "shop/ledger-api/production";

#[test]
fn a_release_is_read_about_from_its_run_to_its_rollback() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let mut early = Page::within(&shop.home, shop.repository());
    let mut status = Page::within(&shop.home, shop.repository());
    status.shows("nothing has run", &["status"]);
    before_any_run(&mut early);
    shop.write("broken", "");
    shop.commit("break the test");
    early.fails_in_the_end("a test that fails", &["run"]);
    status.shows("a run that failed", &["status"]);
    shop.git(&["rm", "-q", "broken"]);
    shop.commit("mend the test");
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    status.shows("a release that waits for people", &["status"]);
    status.shows("its evidence", &["approve", "--show"]);
    while_it_waits(&mut early, &run);
    early.fails_in_the_end("a promotion that nobody approved", &["promote"]);
    status.shows("an approval", &["approve", "--yes", "--reason", "tested", "--ticket", "CH-1"]);
    status.shows("a second approval", &["approve", "--reason", "tested"]);
    early.fails_in_the_end("evidence that cannot be saved", &["promote", "--bundle", "gone/first.bundle"]);
    shop.ok(&["evidence", "--out", "first.bundle"]);
    status.shows("a release that runs", &["status"]);
    status.shows("its evidence, verified", &["verify", "first.bundle"]);
    while_it_runs(&mut early);
    shop.ok(&["freeze", "--yes", PLACE]);
    status.shows("a place that is frozen", &["status"]);
    shop.service("fine");
    shop.commit("another");
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    early.fails_in_the_end("a promotion while the place is frozen", &["promote"]);
    early.shows("a freeze twice", &["freeze", PLACE]);
    shop.ok(&["unfreeze", "--yes", PLACE]);
    until_it_runs(&up, 2);
    status.fails("a rollback without a terminal", &["rollback", PLACE]);
    early.fails("a rollback to a release that did not run", &["rollback", PLACE, "--to", "9"]);
    shop.ok(&["rollback", "--yes", PLACE, "--reason", "it is slow"]);
    status.shows("a rollback", &["status"]);
    early.fails_in_the_end("the commit that was rolled back", &["run"]);
    early.fails("a rollback of a rollback", &["rollback", PLACE]);
    early.fails("a rollback to what was rolled back", &["rollback", PLACE, "--to", "2"]);
    early.fails("a rollback to nothing", &["rollback", PLACE, "--to", "9"]);
    early.end("too-early-or-late");
    status.end("status");
    assert!(up.stop());
}

fn before_any_run(page: &mut Page<'_>) {
    page.fails("nothing to approve", &["approve", "--show"]);
    page.fails("nothing to approve there", &["approve", PLACE, "--show"]);
    page.fails("no such place", &["approve", "shop/ledger-api/prod", "--show"]);
    page.fails("nothing to promote", &["promote"]);
    page.fails("nothing to roll back", &["rollback"]);
    page.fails("nothing to roll back there", &["rollback", PLACE]);
    page.fails("no evidence", &["evidence"]);
    page.fails("no evidence there", &["evidence", PLACE]);
    page.fails("no log", &["logs"]);
    page.fails("no such run", &["logs", "abcd"]);
    page.fails("no such run by its whole id", &["logs", "ababababababababababababababab00"]);
    page.fails("no run to cancel", &["cancel", "abcd"]);
    page.fails(
        "a waiver that lasts too long",
        &["waive", "abcd", "--reason", "read it", "--until", "2099-12-31", "--yes"],
    );
    page.fails("no node to approve at", &["approve", "--run", "abcd", "--step", "sign-off"]);
    page.fails("no place to freeze", &["freeze", "shop/nosuch"]);
    page.fails("a place with too many parts", &["freeze", "a/b/c/d"]);
    page.fails("a place with a bad name", &["freeze", "Shop!"]);
    page.fails("no freeze to lift", &["unfreeze", PLACE, "--yes"]);
    page.fails("a commit that is not there", &["run", "nosuch"]);
    page.fails("a repository that is not there", &["run", "--repository", "gone"]);
    page.fails("another project", &["run", "--project", "nosuch"]);
    page.fails("a project that is there", &["project", "add"]);
}

fn while_it_waits(page: &mut Page<'_>, run: &str) {
    page.fails("no reason", &["approve"]);
    page.fails("no terminal", &["approve", "--reason", "tested"]);
    page.fails("a run that has ended", &["cancel", run]);
    page.fails("a node that is not there", &["approve", "--run", run, "--step", "sign-off", "--yes"]);
    page.fails("a step that is not there", &["logs", run, "deploy"]);
    page.fails("a runner that is not there", &["logs", run, "--runner", "runner-9"]);
    page.fails("evidence before the gate", &["evidence", PLACE, "1"]);
}

fn while_it_runs(page: &mut Page<'_>) {
    page.fails("nothing waits any more", &["approve", "--reason", "again"]);
    page.fails("no release before", &["rollback", PLACE]);
    page.fails("more than one place to roll back", &["rollback"]);
    page.fails("no such release", &["evidence", PLACE, "9"]);
    page.fails("evidence into a directory that is not there", &["evidence", PLACE, "--out", "gone/file"]);
    page.shows("the same commit again", &["run"]);
}

/// Waits until a release runs in production.
fn until_it_runs(up: &Up, release: u64) {
    let mut entries: u64 = 0;
    while crate::release::at_place(up, PLACE)["running"]["release"] != serde_json::json!(release) {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
}

#[test]
fn evidence_that_does_not_verify_says_why() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release_to("first.bundle");
    shop.ok(&["trust", "root", "--out", "root.json"]);
    shop.ok(&["trust", "status", "--save", "status.json"]);
    let at = |name: &str| shop.repository().join(name);
    let bytes = fs::read(at("first.bundle")).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    fs::write(at("cut.bundle"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(at("other.bundle"), "{}").unwrap();
    fs::write(at("empty.bundle"), "").unwrap();
    fs::write(at("spaced.bundle"), text.replacen(':', ": ", 1)).unwrap();
    fs::write(at("forged.bundle"), text.replacen("\"release\":1", "\"release\":2", 1)).unwrap();
    let mut page = Page::within(&shop.home, shop.repository());
    page.shows("evidence that verifies", &["verify", "first.bundle", "--state", "state.json"]);
    for file in ["gone.bundle", "cut.bundle", "other.bundle", "empty.bundle", "spaced.bundle", "root.json"] {
        page.fails("a file that is no bundle", &["verify", file]);
    }
    page.fails("forged evidence", &["verify", "forged.bundle"]);
    page.fails("no such root", &["verify", "first.bundle", "--trust-root", "gone.json"]);
    page.fails("a root that is none", &["verify", "first.bundle", "--trust-root", "status.json"]);
    page.fails("no such status", &["verify", "first.bundle", "--status", "gone.json"]);
    page.fails("a status that is none", &["verify", "first.bundle", "--status", "root.json"]);
    page.fails("a state that is none", &["verify", "first.bundle", "--state", "root.json"]);
    shop.commit("another");
    shop.release_to("second.bundle");
    page.fails("a later ledger without proof", &["verify", "second.bundle", "--state", "state.json"]);
    let server = ["verify", "second.bundle", "--state", "state.json", "--url"];
    page.fails("a server that is not there", &[&server[..], &["http://127.0.0.1:1"]].concat());
    let other = Home::solo();
    let small = other.up();
    page.fails("another server", &[&server[..], &[small.url.as_str()]].concat());
    assert!(small.stop());
    let mut state: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(at("state.json")).unwrap()).unwrap();
    state["pin"]["installation"] = serde_json::json!("ab".repeat(16));
    fs::write(at("others.state"), state.to_string()).unwrap();
    page.fails("a state of another installation", &{
        ["verify", "first.bundle", "--state", "others.state", "--trust-root", "root.json"]
    });
    page.fails("a server's address that is none", &[&server[..], &["nowhere"]].concat());
    shop.ok(&["freeze", "--yes", PLACE]);
    shop.ok(&["trust", "status", "--save", "frozen.json"]);
    page.fails("frozen since", &["verify", "second.bundle", "--status", "frozen.json"]);
    page.shows("the older status of the bundle", &["verify", "second.bundle"]);
    other.ok(&["trust", "root", "--out", shop.repository().join("others.json").to_str().unwrap()]);
    page.fails("another root", &["verify", "first.bundle", "--trust-root", "others.json"]);
    page.end("verify");
    let mut page = Page::within(&other, shop.repository());
    page.fails("nothing pinned", &["verify", "first.bundle"]);
    page.end("verify-without-a-pin");
    assert!(up.stop());
}
