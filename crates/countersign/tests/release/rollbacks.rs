//! Rollbacks as people see them: other pending releases end, two bad releases are skipped, and a release that hangs is
//! ended.

use serde_json::{Value, json};

use super::services::{ASKED, ENDLESS, QUICK, change, shop};
use super::{Shop, at};
use crate::codes;
use crate::support::{Up, until};

const DEV: &str = "shop/ledger-api/dev";

/// A commit of a service that prints this word, run as far as it gets without people.
fn bring(shop: &Shop, word: &str) -> String {
    shop.service(word);
    let commit = shop.commit(word);
    shop.ok(&["run"]);
    commit
}

fn replays(shop: &Shop, up: Up) {
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    let views = shop.ok(&["audit", "verify"]);
    assert_eq!((&views["breaches"], &views["misfits"]), (&json!([]), &json!(0)), "{views}");
    assert!(up.stop());
}

#[test]
fn what_is_held_ends_with_a_rollback_and_a_person_brings_it() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = bring(&shop, "one");
    bring(&shop, "two");
    shop.ok(&["trust", "status", "--yes", "--freeze", DEV]);
    shop.service("three");
    let third = shop.commit("three");
    assert_eq!(codes(&shop.in_repository(&["run"], 3)), ["frozen"]);
    let page = shop.home.run_in(&shop.repository(), &["rollback", DEV]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    let ends = format!("release 3 of commit {}, which is held, ends with it", &third[..12]);
    assert!(page.contains(&ends) && page.contains(&format!("`countersign run {third}`")), "{page}");
    let said = shop.home.run_in(&shop.repository(), &["rollback", "--yes", "--reason", " ", DEV]);
    assert_eq!(said.status.code(), Some(2), "an empty reason says nothing");
    let back = shop.ok(&["rollback", "--yes", "--reason", "it loses money", DEV]);
    assert_eq!(back["ended"][0]["release"], json!(3), "{back}");
    shop.ok(&["trust", "status", "--yes", "--unfreeze", DEV]);
    assert_eq!((&back["outcome"], &back["to"]["commit"]), (&json!("running"), &json!(first)));
    assert_eq!(at(&up, "dev")["open"], json!(null));
    let row = |up: &Up| {
        let rows = at(up, "dev")["releases"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["release"] == json!(3)).unwrap()
    };
    assert_eq!((&row(&up)["stage"], &row(&up)["by_rollback"]), (&json!("superseded"), &json!(4)));
    let status = String::from_utf8_lossy(&shop.home.run(&["status"]).stdout).into_owned();
    assert!(status.contains("dev ended by rollback 4"), "{status}");
    assert!(
        status.contains("was rolled back by Ada at 20") && status.contains(": it loses money"),
        "{status}"
    );
    assert!(status.contains("; dev running again after a rollback"), "{status}");
    assert!(status.contains("; dev rolled back by rollback 4"), "{status}");
    assert!(status.contains("  Ada (") && status.contains("keys SHA256:"), "{status}");
    // A person who wants the commit has to run it again.
    let ran = shop.ok(&["run", &third]);
    assert_eq!(ran["unchanged"], json!(false));
    assert_eq!(at(&up, "dev")["running"]["commit"], json!(third));
    replays(&shop, up);
}

#[test]
fn two_bad_releases_are_gone_back_past_and_people_hear_of_it_before_production() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = bring(&shop, "one");
    let second = bring(&shop, "two");
    bring(&shop, "three");
    shop.ok(&["rollback", "--yes", "--reason", "slow", DEV]);
    let page = shop.home.run_in(&shop.repository(), &["rollback", DEV]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains(&format!("goes back to: release 1 of commit {first}")), "{page}");
    assert!(page.contains("not to release 3, which ran before: rollback 4 removed it"), "{page}");
    let known = shop.in_repository(&["rollback", "--yes", "--to", "7", DEV], 1);
    assert!(known["error"].as_str().unwrap().contains("it can to release 1 of commit"), "{known}");
    let back = shop.ok(&["rollback", "--yes", "--to", "1", DEV]);
    assert_eq!((&back["from"]["commit"], &back["to"]["commit"]), (&json!(second), &json!(first)));
    assert_eq!(at(&up, "dev")["running"]["commit"], json!(first));
    let nowhere = shop.in_repository(&["rollback", "--yes", DEV], 1);
    assert!(nowhere["error"].as_str().unwrap().contains("would go forward"), "{nowhere}");
    // Production's release is of the commit that was rolled back first, so its approver is told.
    let review = shop.home.run_in(&shop.repository(), &["approve", "--show"]);
    let review = String::from_utf8_lossy(&review.stdout).into_owned();
    let told = review.split("the server says (this is not proven):").nth(1).unwrap_or_default();
    assert!(told.contains(&format!("{DEV}: release 3 of commit")) && told.contains(": slow"), "{review}");
    shop.ok(&["approve", "--yes", "--reason", "it is fine here"]);
    let entries = shop.ok(&["status"])["entries"].clone();
    let again = shop.ok(&["approve", "--yes", "--reason", "twice"]);
    assert!(again["already"].is_string() && again["entry"].is_null(), "{again}");
    assert_eq!(shop.ok(&["status"])["entries"], entries, "nothing is signed twice");
    let promoted = shop.home.run_in(&shop.repository(), &["promote"]);
    assert!(promoted.status.success());
    let noted = String::from_utf8_lossy(&promoted.stderr).into_owned();
    assert!(noted.contains("note: ") && noted.contains("was rolled back by Ada"), "{noted}");
    let runs: Vec<Value> = serde_json::from_str(&up.get("/api/v1/runs").1).unwrap();
    let run = runs[0]["run"].clone();
    let ended = shop.in_repository(&["cancel", run.as_str().unwrap()], 3);
    assert_eq!(codes(&ended), ["run-ended"]);
    assert!(ended["error"].as_str().unwrap().contains("has ended already: passed"), "{ended}");
    replays(&shop, up);
}

#[test]
fn a_release_that_hangs_is_ended_by_a_rollback_and_by_a_rejection() {
    let shop = shop("echo the good one; exec sleep 1000", "exit 0", QUICK);
    let up = shop.home.up();
    shop.ok(&["run"]);
    let good = at(&up, "dev")["running"].clone();
    let asked = shop.home.data().with_file_name("data.agent-ledger-api-dev").join("state/asked");
    let stops: [&[&str]; 2] =
        [&["rollback", "--yes", DEV], &["reject", "--yes", "--reason", "it hangs", DEV]];
    for (number, stop) in stops.into_iter().enumerate() {
        change(&shop, &format!("exec sleep 20{number}"), ASKED, ENDLESS);
        let (ran, back) = std::thread::scope(|scope| {
            let run = scope.spawn(|| shop.in_repository(&["run"], 3));
            while !asked.exists() {
                assert!(!run.is_finished(), "the run ended without a probe");
                std::thread::yield_now();
            }
            let shown = shop.home.run_in(&shop.repository(), &["reject", "--show", DEV]);
            let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
            let expected = format!("in progress, ends: release {} of commit", 2 + 2 * number);
            assert!(shown.contains("a rejection rolls it back") && shown.contains(&expected), "{shown}");
            let back = shop.ok(stop);
            (run.join().unwrap(), back)
        });
        std::fs::remove_file(&asked).unwrap();
        assert_eq!(codes(&ran), ["probe-interrupted"], "{ran}");
        assert_eq!(
            (&back["outcome"], &back["to"]["artifact"]),
            (&json!("running"), &good["artifact"]),
            "{back}"
        );
        let dev = at(&up, "dev");
        assert_eq!((&dev["open"], &dev["running"]["artifact"]), (&json!(null), &good["artifact"]), "{dev}");
        assert_eq!(dev["rolled_back"].as_array().unwrap().len(), number + 1, "{dev}");
    }
    // Once at first, and once after each that hung: a rollback to the running release starts nothing again.
    let log = shop.ok(&["logs", DEV])["log"].as_str().unwrap().to_owned();
    assert_eq!(log.matches("the good one").count(), 3, "{log}");
    let first: Value = at(&up, "staging")["running"].clone();
    assert_eq!(first["artifact"], good["artifact"], "what was ended went nowhere else");
    replays(&shop, up);
}

/// A person who rejects a release in progress must not be told that all is done while the release proceeds.
#[test]
fn a_rejection_of_what_is_under_way_is_done_only_with_its_rollback() {
    let shop = shop("exec sleep 1000", ASKED, ENDLESS);
    let up = shop.home.up();
    let asked = shop.home.data().with_file_name("data.agent-ledger-api-dev").join("state/asked");
    std::thread::scope(|scope| {
        let run = scope.spawn(|| shop.in_repository(&["run"], 3));
        while !asked.exists() {
            assert!(!run.is_finished(), "the run ended without a probe");
            std::thread::yield_now();
        }
        let shown = shop.home.run_in(&shop.repository(), &["reject", "--show", DEV]);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(
            shown.contains("release 1 is in progress, and cannot be rolled back: nothing runs"),
            "{shown}"
        );
        for _ in 0..2 {
            let failed = shop.in_repository(&["reject", "--yes", "--reason", "it hangs", DEV], 1);
            let why = failed["error"].as_str().unwrap();
            assert!(
                why.contains("nothing runs at shop/ledger-api/dev to which it could go back"),
                "{failed}"
            );
        }
        assert_eq!(at(&up, "dev")["open"]["rejections"], json!(1), "nothing is signed twice");
        shop.ok(&["trust", "status", "--yes", "--freeze", DEV]);
        assert_eq!(codes(&run.join().unwrap()), ["probe-interrupted"]);
    });
    replays(&shop, up);
}

/// While a person reads the page of a rejection, a colleague promotes the release: the rejection must end it.
#[test]
fn what_comes_under_way_while_it_is_rejected_is_rolled_back() {
    let probe = format!("[ \"$COUNTERSIGN_ENVIRONMENT\" = production ] || exit 0; {ASKED}");
    let shop = shop("exec sleep 1000", "exit 0", QUICK);
    let up = shop.home.up();
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "good"]);
    shop.ok(&["promote"]);
    let good = at(&up, "production")["running"].clone();
    change(&shop, "exec sleep 1001", &probe, ENDLESS);
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "it may be good"]);
    let rejected = shop.home.once_shown(&shop.repository(), "reject --reason hangs", "[y/N]", || {
        shop.ok(&["promote", "--no-wait"]);
        assert_eq!(at(&up, "production")["open"]["stage"], json!("due"));
        // One answer for the rejection, and one for the rollback that was not on the page.
        "y\ny\n"
    });
    let said = String::from_utf8_lossy(&rejected.stdout).into_owned();
    assert!(rejected.status.success() && said.contains("so a rejection rolls it back"), "{said}");
    let production = at(&up, "production");
    assert_eq!((&production["open"], &production["running"]["artifact"]), (&json!(null), &good["artifact"]));
    assert_eq!(production["rolled_back"].as_array().unwrap().len(), 1, "{production}");
    replays(&shop, up);
}

/// The policy of the place became stricter meanwhile: the place goes back at once, and people hear that they have to look.
#[test]
fn what_comes_back_under_a_stricter_policy_runs_and_is_due_for_review() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = bring(&shop, "one");
    bring(&shop, "two");
    let before = shop.home.dir.path().join("before");
    let strict = shop.home.dir.path().join("strict");
    for dir in [&before, &strict] {
        shop.ok(&["policy", "copy", dir.to_str().unwrap()]);
    }
    let file = strict.join("gate.rego");
    let text = std::fs::read_to_string(&file).unwrap();
    let needed = "approvals_needed := 1 if production else := 0";
    assert!(text.contains(needed));
    std::fs::write(&file, text.replace(needed, "approvals_needed := 1")).unwrap();
    shop.ok(&["trust", "environment", "--yes", DEV, "--policy", strict.to_str().unwrap()]);
    // The agent gets statement and policy by itself.
    let rules = shop.home.data().with_file_name("data.agent-ledger-api-dev").join("rules.json");
    until(|| {
        let rules = std::fs::read_to_string(&rules).ok()?;
        rules.contains("approvals_needed := 1\\n").then_some(())
    });
    let back = shop.ok(&["rollback", "--yes", "--reason", "slow", DEV]);
    assert_eq!((&back["outcome"], &back["to"]["commit"]), (&json!("running"), &json!(first)), "{back}");
    assert_eq!(back["review"], json!(["approvals-missing", "due-for-review"]), "{back}");
    assert_eq!(at(&up, "dev")["last"]["reasons"], back["review"]);
    let status = || String::from_utf8_lossy(&shop.home.run(&["status"]).stdout).into_owned();
    let line = "; due for review since release 3 running: approvals-missing";
    assert!(status().contains(line), "{}", status());
    let waits = "the release that came back with 3 does not pass any more";
    let page = up.get("/").1;
    assert!(page.contains(waits) && page.contains("due for review"), "{page}");
    // It ends with the next release.
    shop.ok(&["trust", "environment", "--yes", DEV, "--policy", before.to_str().unwrap()]);
    bring(&shop, "three");
    assert!(!status().contains("due for review") && !up.get("/").1.contains(waits), "{}", status());
    replays(&shop, up);
}
