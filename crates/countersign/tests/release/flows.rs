//! Flows of more than one run: the output of each `run` is about its own commit, and so is its exit code.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{PLACE, Shop, at};
use crate::codes;
use crate::support::Up;

/// A shop whose service is healthy once a file exists, with this number of probe attempts.
struct Gated {
    shop: Shop,
    up: Up,
}

impl Gated {
    fn new() -> Self {
        let shop = Shop::solo();
        let up = shop.home.up();
        Self { shop, up }
    }

    fn flag(&self, name: &str) -> PathBuf {
        self.shop.home.dir.path().join(name)
    }

    /// Commits a service that is healthy once a file of this name exists.
    fn commit(&self, name: &str, attempts: u32) -> String {
        let flag = self.flag(name);
        self.shop.write("service.sh", &format!("#!/bin/sh\ntest -e {}\n", flag.display()));
        let probe = format!("probe: {{ command: [bin/ledger-api], attempts: {attempts}, interval-ms: 20 }}");
        self.shop.write(
            ".countersign/release.yaml",
            &format!("version: 1\nservices:\n  ledger-api:\n    artifact: ledger-api\n    {probe}\n"),
        );
        self.shop.commit(name)
    }

    /// Waits until the server's view fulfils a condition; each look follows a change of the ledger.
    fn until(&self, holds: impl Fn(&Self) -> bool) {
        let mut entries = 0;
        while !holds(self) {
            let answer = self.up.get(&format!("/api/v1/wait?past={entries}")).1;
            entries = serde_json::from_str(&answer).unwrap();
        }
    }
}

fn outcome<'a>(ran: &'a Value, environment: &str) -> &'a Value {
    let place = format!("shop/ledger-api/{environment}");
    ran["outcomes"].as_array().unwrap().iter().find(|at| at["place"] == json!(place)).unwrap()
}

#[test]
fn flow_b_is_run_while_a_is_on_its_way_and_each_says_what_is_true_of_it() {
    let gated = Gated::new();
    let (a, flag) = (gated.commit("a", 3000), gated.flag("a"));
    let (ran_a, ran_b) = std::thread::scope(|scope| {
        let first = scope.spawn(|| gated.shop.ok(&["run", &a]));
        gated.until(|gated| at(&gated.up, "dev")["open"]["stage"] == "due");
        std::fs::write(gated.flag("b"), "").unwrap();
        let b = gated.commit("b", 3);
        let shop = &gated.shop;
        let second = scope.spawn(move || {
            let ran = shop.ok(&["run", &b]);
            (b, ran)
        });
        // B was built and waits behind A, which its agent has not reported yet.
        gated.until(|gated| at(&gated.up, "dev")["wanted"] == json!(true));
        std::fs::write(&flag, "").unwrap();
        (first.join().unwrap(), second.join().unwrap())
    });
    let (b, ran_b) = ran_b;
    assert_eq!((&ran_a["commit"], &ran_b["commit"]), (&json!(a), &json!(b)));
    for (ran, numbers) in [(&ran_a, [1, 1]), (&ran_b, [2, 2])] {
        for (environment, number) in ["dev", "staging"].into_iter().zip(numbers) {
            let outcome = outcome(ran, environment);
            assert_eq!(
                (&outcome["outcome"], &outcome["release"]),
                (&json!("running"), &json!(number)),
                "{ran}"
            );
            assert_eq!(outcome.get("by"), None, "its own release: {ran}");
        }
    }
    assert_eq!(outcome(&ran_b, "production")["outcome"], "waiting", "{ran_b}");
    assert_eq!(gated.shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(gated.up.stop());
}

#[test]
fn flow_a_release_that_hangs_fails_for_its_own_run_and_the_fix_runs() {
    let gated = Gated::new();
    let hangs = gated.commit("never", 150);
    let (failed, fixed) = std::thread::scope(|scope| {
        let first = scope.spawn(|| gated.shop.in_repository(&["run", &hangs], 3));
        gated.until(|gated| at(&gated.up, "dev")["open"]["stage"] == "due");
        std::fs::write(gated.flag("fix"), "").unwrap();
        let fix = gated.commit("fix", 3);
        let shop = &gated.shop;
        let second = scope.spawn(move || shop.ok(&["run", &fix]));
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_eq!(codes(&failed), ["probe-failed"]);
    assert!(failed["error"].as_str().unwrap().contains("release 1 did not work"), "{failed}");
    let dev = outcome(&fixed, "dev");
    assert_eq!((&dev["outcome"], &dev["release"]), (&json!("running"), &json!(2)), "{fixed}");
    assert!(gated.up.stop());
}

#[test]
fn flow_the_same_commit_twice_changes_nothing_and_says_so() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = shop.ok(&["run"]);
    assert_eq!(first["unchanged"], json!(false));
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    let entries = || shop.ok(&["status"])["entries"].clone();
    let before = (entries(), at(&up, "production")["open"].clone(), at(&up, "dev")["running"].clone());
    let again = shop.ok(&["run"]);
    assert_eq!((&again["run"], &again["unchanged"]), (&first["run"], &json!(true)));
    assert_eq!(again["next"], json!(format!("countersign promote {PLACE}")));
    let now = (entries(), at(&up, "production")["open"].clone(), at(&up, "dev")["running"].clone());
    assert_eq!(now, before, "no restart, no lost approval, nothing proposed");
    let text = shop.home.run_in(&shop.repository(), &["run"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("nothing was done: this commit was run before"));
    assert!(String::from_utf8_lossy(&text.stderr).contains("`countersign run --again` repeats it"));
    shop.ok(&["promote"]);
    assert_eq!(shop.ok(&["run"])["unchanged"], json!(true), "nor once it runs everywhere");
    let repeated = shop.ok(&["run", "--again"]);
    assert_ne!(repeated["run"], first["run"]);
    assert_eq!(outcome(&repeated, "dev")["release"], json!(2), "{repeated}");
    // A failed run does not count: its commit is built and tried again.
    shop.service("bad");
    let bad = shop.commit("this will not work");
    for tried in 1..=2 {
        assert_eq!(codes(&shop.in_repository(&["run"], 3)), ["probe-failed"]);
        let runs = up.get(&format!("/api/v1/runs?project=shop&commit={bad}")).1;
        assert_eq!(serde_json::from_str::<Vec<Value>>(&runs).unwrap().len(), tried);
    }
    assert_eq!(shop.ok(&["audit", "replay"])["differ"], json!(0));
    assert!(up.stop());
}

#[test]
fn flow_two_who_ask_at_once_restart_nothing() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let first = shop.ok(&["run"]);
    let running = at(&up, "dev")["running"].clone();
    // As if the second command had looked before the first one had ended: it asks the server again.
    let commit = first["commit"].as_str().unwrap();
    shop.write("broken", "");
    shop.commit("a failure in between");
    shop.in_repository(&["run"], 3);
    assert_eq!(shop.ok(&["run", commit])["unchanged"], json!(true));
    assert_eq!(at(&up, "dev")["running"], running);
    assert!(up.stop());
}

#[test]
fn flow_who_stops_waiting_ends_nothing_and_is_told_how() {
    let shop = Shop::solo();
    let path = shop.repository().join(".countersign/pipeline.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    shop.write(".countersign/pipeline.yaml", &text.replace("test ! -e broken", "echo begun && sleep 1000"));
    let commit = shop.commit("a long step");
    let up = shop.home.up();
    for (signal, said) in
        [(rustix::process::Signal::INT, "interrupted"), (rustix::process::Signal::TERM, "ended")]
    {
        let mut waiting = shop.home.spawn_in(&shop.repository(), &["run"]);
        let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines().map(Result::unwrap);
        // The command is waiting once it has printed the state of its run.
        assert!(lines.any(|line| line == "step test on runner-1: due"));
        let runs: Vec<Value> = serde_json::from_str(&up.get("/api/v1/runs").1).unwrap();
        let run = runs[0]["run"].as_str().unwrap().to_owned();
        let pid = rustix::process::Pid::from_raw(waiting.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        let told = lines.last().unwrap();
        assert_eq!(waiting.wait().unwrap().code(), Some(130), "{told}");
        assert!(
            told.contains(said) && told.contains(&format!("`countersign cancel {run}` ends it")),
            "{told}"
        );
        let view: Value = serde_json::from_str(&up.get(&format!("/api/v1/runs/{run}")).1).unwrap();
        assert_eq!((&view["state"], &view["commit"]), (&json!("running"), &json!(commit)));
    }
    assert!(up.stop());
}

#[test]
fn flow_a_run_ends_where_people_or_places_are_missing() {
    let shop = Shop::solo();
    let text = shop.sign_off();
    let up = shop.home.up();
    let waits = shop.ok(&["run"]);
    let run = waits["run"].as_str().unwrap();
    assert_eq!(waits["state"], "running");
    assert_eq!(waits["next"], json!(format!("countersign approve --run {run} --step sign-off")));
    shop.ok(&["approve", "--yes", "--run", run, "--step", "sign-off"]);
    // The same commit follows the same run from there.
    let followed = shop.ok(&["run"]);
    assert_eq!((&followed["run"], &followed["state"]), (&json!(run), &json!("passed")));
    assert_eq!(outcome(&followed, "production")["outcome"], "waiting");
    shop.write(".countersign/pipeline.yaml", &text);
    let release = std::fs::read_to_string(shop.repository().join(".countersign/release.yaml")).unwrap();
    shop.write(".countersign/release.yaml", &release.replace("  ledger-api:\n", "  renamed:\n"));
    shop.commit("a service of which nobody has heard");
    let nowhere = shop.in_repository(&["run"], 1);
    let said = nowhere["error"].as_str().unwrap();
    assert!(said.contains("no environment statement names service renamed"), "{said}");
    assert!(said.contains("nothing was done") && said.contains("was it renamed?"), "{said}");
    assert!(said.contains("countersign trust environment shop/renamed/ENVIRONMENT"), "{said}");
    assert!(up.stop());
}

#[test]
fn flow_what_a_freeze_held_goes_on_once_it_is_lifted() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let place = "shop/ledger-api/dev";
    let unknown = shop.in_repository(&["trust", "status", "--yes", "--freeze", "shop/ledger-api/dve"], 1);
    let said = unknown["error"].as_str().unwrap();
    assert!(said.contains("there is no place `shop/ledger-api/dve`") && said.contains(place), "{said}");
    shop.ok(&["trust", "status", "--yes", "--freeze", place]);
    let held = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&held), ["frozen"]);
    assert!(held["reasons"][0]["remedy"].as_str().unwrap().contains("tried again automatically"), "{held}");
    let status = String::from_utf8_lossy(&shop.home.run(&["status"]).stdout).into_owned();
    assert!(status.contains(&format!("{place} is frozen by Ada since ")), "{status}");
    assert!(status.contains(&format!(", until `countersign unfreeze {place}`")), "{status}");
    assert!(status.contains("holds release 1"), "{status}");
    // This run has no lasting result: the same commit is tried again, and held again.
    assert_eq!(codes(&shop.in_repository(&["run"], 3)), ["frozen"]);
    shop.ok(&["trust", "status", "--yes", "--unfreeze", place]);
    let mut entries = 0;
    while at(&up, "production")["open"] == json!(null) {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
    assert_eq!(at(&up, "dev")["frozen"], json!(false));
    // A promoted release that a freeze held proceeds too.
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    shop.ok(&["trust", "status", "--yes", "--freeze", PLACE]);
    assert_eq!(codes(&shop.in_repository(&["promote"], 3)), ["frozen"]);
    shop.ok(&["trust", "status", "--yes", "--unfreeze", PLACE]);
    while at(&up, "production")["running"] == json!(null) {
        entries = serde_json::from_str(&up.get(&format!("/api/v1/wait?past={entries}")).1).unwrap();
    }
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

#[test]
fn flow_a_rollback_names_what_it_goes_back_to_and_a_second_one_goes_nowhere() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.release();
    let first = at(&up, "production")["running"].clone();
    shop.service("fine");
    let commit = shop.commit("another");
    shop.release();
    let second = at(&up, "production")["running"].clone();
    // Without a terminal, nothing is signed.
    let asked = shop.home.run_in(&shop.repository(), &["rollback", PLACE]);
    assert_eq!(asked.status.code(), Some(2));
    let shown = String::from_utf8_lossy(&asked.stdout).into_owned();
    for what in [&first, &second] {
        for field in ["artifact", "commit"] {
            assert!(shown.contains(what[field].as_str().unwrap()), "{shown}");
        }
    }
    assert!(shown.contains("goes back to: release 1 ") && shown.contains("since 20"), "{shown}");
    assert!(String::from_utf8_lossy(&asked.stderr).contains("nothing was rolled back"));
    assert_eq!(at(&up, "production")["running"], second);
    let back = shop.ok(&["rollback", "--yes", "--reason", "it loses money", PLACE]);
    assert_eq!((&back["outcome"], &back["to"]["artifact"]), (&json!("running"), &first["artifact"]));
    let entries: Vec<Value> = serde_json::from_str(&up.get("/api/v1/entries?from=0").1).unwrap();
    let recorded = entries.iter().find(|entry| entry["kind"] == "release.returning").unwrap();
    assert_eq!(recorded["facts"]["from"], second["artifact"]);
    let refused = shop.in_repository(&["rollback", "--yes", PLACE], 1);
    let said = refused["error"].as_str().unwrap();
    assert!(said.contains("would go forward") && said.contains(&format!("run --again {commit}")), "{said}");
    // The commit comes back only if a person runs it again.
    let barred = shop.in_repository(&["run"], 3);
    assert_eq!(codes(&barred), ["rolled-back"]);
    assert_eq!(at(&up, "production")["open"], json!(null));
    let status = String::from_utf8_lossy(&shop.home.run(&["status"]).stdout).into_owned();
    assert!(status.contains(&format!("{PLACE}: release 2 of commit")), "{status}");
    let again = shop.ok(&["run", "--again"]);
    assert_eq!(outcome(&again, "production")["outcome"], "waiting", "{again}");
    let replayed = shop.ok(&["audit", "replay"]);
    assert_eq!(replayed["differ"], json!(0), "{replayed}");
    assert!(up.stop());
}

/// Every verb that signs a statement: without a terminal and without `--yes` it signs nothing.
#[test]
fn flow_nothing_is_signed_where_nobody_can_be_asked() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    let key = shop.home.ssh_key("bob");
    let public = key.with_extension("pub");
    let public = public.to_str().unwrap();
    shop.ok(&["trust", "root", "--yes", "--renew", "--out", "root.json"]);
    let verbs: [&[&str]; 9] = [
        &["approve", "--reason", "x"],
        &["reject", "--reason", "x"],
        &["trust", "root", "--renew"],
        &["trust", "status", "--freeze", "shop"],
        &["trust", "status", "--renew"],
        &["trust", "environment", PLACE, "--variable", "A=1"],
        &[
            "trust",
            "enrol",
            "--name",
            "Bob",
            "--email",
            "b@c",
            "--role",
            "developer",
            "--key",
            public,
            "--sign-in-key",
            public,
        ],
        &["trust", "sign", "root.json"],
        &["trust", "origin", "--out", "origin.json"],
    ];
    let entries = shop.ok(&["status"])["entries"].clone();
    for verb in verbs {
        for output in [&["-o", "text"][..], &["-o", "json"]] {
            let said = shop.home.run_in(&shop.repository(), &[verb, output].concat());
            let told =
                format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
            assert_eq!(said.status.code(), Some(2), "{verb:?}: {told}");
            assert!(told.contains("nothing was signed") && told.contains("--yes"), "{verb:?}: {told}");
        }
    }
    assert_eq!(shop.ok(&["status"])["entries"], entries);
    assert!(!shop.repository().join("origin.json").exists());
    assert!(up.stop());
}

/// On a terminal the statement is shown and the person is asked; any answer but yes signs nothing.
#[test]
fn flow_on_a_terminal_people_are_asked() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    let on_terminal = |arguments: &str, answer: &str| {
        let output = shop.home.on_terminal(&shop.repository(), arguments, answer);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let approve = "approve --reason tested";
    let (code, shown) = on_terminal(approve, "n\n");
    assert!(shown.contains("Sign this? [y/N]") && shown.contains("nothing was signed"), "{shown}");
    assert_eq!((code, &at(&up, "production")["open"]["approvals"]), (Some(1), &json!(0)));
    let (code, shown) = on_terminal(approve, "y\n");
    let asked = shown.find("Sign this?").unwrap();
    assert!(shown.find("artifact: sha256:").unwrap() < asked, "shown before it is asked: {shown}");
    assert_eq!((code, &at(&up, "production")["open"]["approvals"]), (Some(0), &json!(1)));
    let (code, shown) = on_terminal("trust status --freeze shop", "y\n");
    let changes = shown.find("this status freezes shop: nothing is released there").unwrap();
    assert!(changes < shown.find("Sign this?").unwrap(), "{shown}");
    assert_eq!((code, &at(&up, "production")["frozen"]), (Some(0), &json!(true)));
    // Commands that stop or begin something do not ask.
    let (code, shown) = on_terminal("run", "");
    assert!(code == Some(0) && !shown.contains("[y/N]"), "{shown}");
    assert!(up.stop());
}
