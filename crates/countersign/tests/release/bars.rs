//! A release that failed its own judgement: its agent and the server keep it away from its place, over runs, promotions and
//! restarts, until somebody who is not behind the change lifts that.

use std::path::Path;

use agent::{Deployer, Memory};
use evidence::Moment;
use evidence::machine::MachineSigner;
use evidence::observations::{RolloutEnd, RolloutVerdict, VerdictOfStep};
use serde_json::{Value, json};

use super::reading::{colleague, elsewhere, rehearsal};
use super::{PLACE, Shop};
use crate::codes;
use crate::support::until;

/// The view of production, which strangers do not read.
fn production(shop: &Shop) -> Value {
    let places = shop.ok(&["status"])["places"].clone();
    places.as_array().unwrap().iter().find(|view| view["place"] == json!(PLACE)).unwrap().clone()
}

/// The deployer of production's agent judges that the running release fails, and ends before it could tell anybody.
fn fails(dir: &Path) {
    let memory = Memory::read(dir).unwrap();
    let key = std::fs::read_to_string(dir.join("key.pem")).unwrap();
    let now: fn() -> Moment = || Moment::from_millis(1_790_000_000_000).unwrap();
    let running = memory.running.clone().unwrap();
    let signer = MachineSigner::from_pem(&key).unwrap();
    let mut agent = Deployer::new(dir.to_owned(), memory, signer, Box::new(lab::NoServices), now).unwrap();
    let verdict = RolloutVerdict {
        release: running.release.unwrap(),
        artifact: running.artifact,
        plan: running.plan.digest().unwrap(),
        step: 1,
        percent: 25,
        began: now(),
        verdict: VerdictOfStep::Stop,
        end: Some(RolloutEnd::Failed),
        probes: true,
        counts: [].into(),
        answers: [].into(),
        reasons: vec!["errors: 40 of 1,000 requests".into()],
    };
    agent.observe(verdict).unwrap();
}

#[test]
fn a_failed_release_stays_away_until_somebody_else_lifts_its_bar() {
    let (shop, made) = rehearsal();
    let mut up = shop.home.up();
    let data = elsewhere(&shop, "elsewhere", &up.url);
    let bob = colleague(&shop, &made, "bob", made["people"][1]["person"].as_str().unwrap(), &data);
    let by_bob = |words: &[&str], code: i32| bob.json(&[words, &["--data", &data]].concat(), code);
    let approved = || by_bob(&["approve", "--yes", "--reason", "tested in staging"], 0);
    let commit = shop.ok(&["run"])["commit"].as_str().unwrap().to_owned();
    approved();
    shop.ok(&["promote"]);
    assert_eq!(production(&shop)["running"]["release"], json!(1));

    assert!(up.stop());
    fails(&shop.home.data().with_file_name("data.agent-ledger-api-production"));
    up = shop.home.up();
    std::fs::write(Path::new(&data).join("server.url"), &up.url).unwrap();
    let bars = until(|| Some(production(&shop)["bars"].clone()).filter(|bars| !bars.is_null()));
    assert_eq!((&bars[0]["release"], bars.as_array().unwrap().len()), (&json!(1), 1));
    let why = "step 2 (25 percent): stop, rollout failed: errors: 40 of 1,000 requests";
    assert_eq!(bars[0]["why"], why);
    let shown = String::from_utf8(shop.home.run_in(&shop.repository(), &["status"]).stdout).unwrap();
    assert!(shown.contains("is barred to the artifact of release 1, which failed its judgement"), "{shown}");

    // The next run of the commit and the next promotion do not bring it back, nor does a restart.
    shop.ok(&["run", "--again", &commit]);
    let page = shop.home.run_in(&shop.repository(), &["approve", "--show"]).stdout;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("release 1 of this artifact failed its judgement at"), "{page}");
    assert!(page.contains("and a lift voids approvals from before it"), "{page}");
    approved();
    let held = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&held), ["barred-here"], "{held}");
    // No evidence of the release names the bar: the server's gate does.
    let status = String::from_utf8(shop.home.run_in(&shop.repository(), &["status", PLACE]).stdout).unwrap();
    assert!(
        status.contains("held by the server's gate at its last attempt:\n  barred-here: release 1"),
        "{status}"
    );
    assert!(up.stop());
    up = shop.home.up();
    std::fs::write(Path::new(&data).join("server.url"), &up.url).unwrap();
    let held = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&held), ["barred-here"], "{held}");

    // Ada wrote the change and asked for its run.
    let lift = ["lift", "--yes", "--reason", "the link was down"];
    let own = shop.in_repository(&lift, 3);
    assert_eq!(codes(&own), ["own-change"], "{own}");
    let long = by_bob(&[&lift[..], &["--until", "2099-01-01"]].concat(), 1);
    assert_eq!(long["error"], "a lift lasts at most 30 days: choose an earlier end");
    let asked = bob.on_terminal(bob.dir.path(), &format!("lift --reason x --data {data}"), "n\n");
    let page = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(page.contains("release 1, by agent ") && page.contains("errors: 40 of 1,000 requests"), "{page}");
    let lifted = by_bob(&lift, 0);
    assert_eq!(lifted.as_array().map(Vec::len), Some(1), "{lifted}");

    let shown = String::from_utf8(shop.home.run_in(&shop.repository(), &["status"]).stdout).unwrap();
    assert!(
        shown.contains("bob lifted the bar of the artifact of release 1") && !shown.contains("is barred to"),
        "{shown}"
    );
    assert_eq!(production(&shop)["bars"][0]["lifted"]["by"]["person"], made["people"][1]["person"]);
    // Approvals from before the lift have not seen it.
    let refused = shop.in_repository(&["promote"], 3);
    assert_eq!(codes(&refused), ["approval-void", "approvals-missing"], "{refused}");
    approved();
    shop.ok(&["promote"]);
    let view = production(&shop);
    assert_eq!((&view["running"]["release"], &view["bars"]), (&json!(2), &Value::Null), "{view}");
    let nothing = by_bob(&lift, 1);
    assert_eq!(
        nothing["error"],
        "no place has a pending release; name one with `--place`; see `countersign status`"
    );
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!((&replayed["decisions"], &replayed["differ"]), (&replayed["agree"], &json!(0)), "{replayed}");
    shop.ok(&["audit", "verify"]);
    assert!(up.stop());
}
