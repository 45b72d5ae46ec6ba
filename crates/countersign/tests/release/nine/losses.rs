//! The disk of each host is lost, and the documented commands bring it back: `docs/operating/upgrade.md`, "A host is lost", and
//! `docs/operating/restore.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{BUILDS, LAPTOP, LIVE, Nine, PRODUCTION, SERVER, WITNESSES, runner};
use crate::support::{Home, until};

/// What lies apart from the hosts.
struct Backup(tempfile::TempDir);

impl Backup {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn keep(&self, from: &Path, name: &str) -> PathBuf {
        let to = self.0.path().join(name);
        copy(from, &to);
        to
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

impl Nine {
    /// Ada makes a statement of trust, Bob signs it too, and it is sent.
    pub(super) fn both_sign(&self, amend: &[&str]) {
        let file = self.ada().home.dir.path().join("statement.json");
        drop(std::fs::remove_file(&file));
        let file = file.to_str().unwrap();
        self.ada().ok(&[amend, &["--yes", "--out", file]].concat());
        self.bob().ok(&["trust", "sign", "--yes", file]);
        self.ada().ok(&["trust", "send", file]);
    }

    /// A command of Ada's, typed until it succeeds.
    fn insists(&self, arguments: &[&str]) -> Value {
        let again = || {
            let output =
                self.ada().home.run_in(&self.ada().repository(), &[arguments, &["-o", "json"]].concat());
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            output.status.success().then(|| serde_json::from_str(said.lines().last().unwrap()).unwrap())
        };
        until(again)
    }
}

fn line(home: &Home, key: &[&str]) -> String {
    home.ok(key)["line"].as_str().unwrap().to_owned()
}

#[test]
fn a_lost_server_and_a_lost_laptop_come_back_from_backups() {
    let Some(mut nine) = Nine::new() else { return };
    let backup = Backup::new();
    nine.release("first");
    // The backup of the server, and what is written after it.
    nine.server.take().unwrap().stop();
    backup.keep(&nine.hosts.server.data(), "data");
    backup.keep(&nine.hosts.server.data().with_file_name("data.keys"), "data.keys");
    nine.restart();
    nine.ada().ok(&["trust", "status", "--yes", "--bar", &format!("sha256:{}", "ab".repeat(32))]);
    let status = nine.ada().home.dir.path().join("status.json").display().to_string();
    nine.ada().ok(&["trust", "status", "--save", &status]);
    nine.release("second");
    let lost = nine.runs(2);

    // Its disk is lost.
    nine.server.take().unwrap().stop();
    nine.hosts.server = Home::on(nine.at[SERVER]);
    copy(&backup.path("data"), &nine.hosts.server.data());
    copy(&backup.path("data.keys"), &nine.hosts.server.data().with_file_name("data.keys"));
    nine.hosts.server.owns_all();
    let server = &nine.hosts.server;
    server.ok(&["audit", "verify"]);
    server.ok(&["trust", "pin", "--set", &nine.line]);
    server.ok(&["trust", "origin", "--out", "next-root.json"]);
    let at = |home: &Home| home.dir.path().join("next-root.json");
    let ada = nine.ada().home.receive(&at(server), "next-root.json");
    nine.ada().home.ok(&["trust", "sign", "--yes", "next-root.json"]);
    nine.bob().receive(&ada, "next-root.json");
    nine.bob().ok(&["trust", "sign", "--yes", "next-root.json"]);
    server.receive(&at(nine.bob()), "next-root.json");
    let adopted = server.ok(&["trust", "origin", "--adopt", "next-root.json"]);
    for number in 0..3 {
        let logs = nine.hosts.witnesses[number].dir.path().join("witness/logs");
        let known = std::fs::read_to_string(&logs).unwrap();
        std::fs::write(&logs, format!("{}\n{}\n", known.trim_end(), adopted["vkey"].as_str().unwrap()))
            .unwrap();
        nine.witnesses.remove(0).stop();
        nine.witnesses.push(nine.witness(number));
    }
    nine.restart();
    // Services have gone on, and nothing else runs because of the older ledger.
    assert_eq!(nine.runs(2), lost);
    nine.ada().ok(&["trust", "send", &status]);
    nine.change("third");
    nine.insists(&["run"]);
    nine.insists_on_production();
    assert_ne!(nine.runs(2), lost);

    // The laptop's disk is lost. Keys and the repository are in the people's own backups.
    let keys = [&nine.hosts.ada.home, &nine.hosts.bob].map(|home| home.dir.path().join(".ssh"));
    backup.keep(&keys[0], "ada");
    backup.keep(&keys[1], "bob");
    backup.keep(&nine.ada().repository(), "shop");
    let (ada, bob) = (Home::on(nine.at[LAPTOP]), Home::on(nine.at[LAPTOP]));
    for (home, name) in [(&ada, "ada"), (&bob, "bob")] {
        std::fs::remove_dir_all(home.dir.path().join(".ssh")).unwrap();
        copy(&backup.path(name), &home.dir.path().join(".ssh"));
        home.owns_all();
        let (key, sign_in) = (".ssh/id_ed25519", ".ssh/id_in");
        home.ok(&["key", "use", &nine.line, "--key", key, "--sign-in-key", sign_in]);
    }
    copy(&backup.path("shop"), &ada.dir.path().join("shop"));
    ada.owns_all();
    nine.hosts.ada = super::Shop { home: ada };
    nine.hosts.bob = bob;
    nine.ada().identity(".ssh/id_in");
    assert_eq!(nine.release("fourth")["outcome"], json!("running"));
    nine.sound();
}

impl Nine {
    /// Bob approves what waits for people, and it goes to production. A release whose number the agent has seen before is
    /// refused, and its commit runs again, which proposes it under the next number.
    fn insists_on_production(&self) {
        let commit = self.ada().git(&["rev-parse", "HEAD"]);
        let again = || {
            self.approve();
            let output = self.ada().home.run_in(&self.ada().repository(), &["promote"]);
            if output.status.success() {
                return Some(());
            }
            assert!(String::from_utf8_lossy(&output.stderr).contains("release-not-newer"), "{output:?}");
            self.insists(&["run", "--again", &commit]);
            None
        };
        until(again);
    }
}

#[test]
fn lost_runners_agents_and_witnesses_are_replaced() {
    let Some(mut nine) = Nine::new() else { return };
    nine.release("first");
    let pin = nine.line.clone();

    // A runner.
    nine.runners.remove(0).stop();
    nine.hosts.builds[0] = Home::on(nine.at[BUILDS]);
    let home = &nine.hosts.builds[0];
    let key = line(home, &["runner", "key", "--data", "runner", "--name", "runner-3", "--host", "build-3"]);
    nine.both_sign(&["trust", "root", "--runner", &key, "--remove-runner", "runner-1"]);
    home.ok(&["runner", "join", "--data", "runner", "--pin", &pin]);
    nine.runners.push(runner(home));
    assert_eq!(nine.release("by-another-runner")["outcome"], json!("running"));

    // A witness.
    nine.witnesses.remove(0).stop();
    nine.hosts.witnesses[0] = Home::on(nine.at[WITNESSES]);
    let home = &nine.hosts.witnesses[0];
    let key = line(home, &["witness", "key", "--data", "witness", "--host", "witness-4"]);
    nine.both_sign(&["trust", "root", "--witness", &key, "--remove-witness", "witness/witness-1"]);
    let root = nine.ada().home.dir.path().join("root.json");
    nine.ada().ok(&["trust", "root", "--out", root.to_str().unwrap()]);
    let root = home.receive(&root, "root.json").display().to_string();
    let newest = nine.ada().ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
    home.ok(&["witness", "join", "--data", "witness", "--pin", &newest, "--trust-root", &root]);
    nine.witnesses.insert(0, nine.witness(0));
    // The quorum needs it now.
    nine.net.network.cut(nine.at[WITNESSES + 1]);
    assert_eq!(nine.release("by-another-witness")["outcome"], json!("running"));
    nine.net.network.mend(nine.at[WITNESSES + 1]);

    // The host of production.
    let commit = nine.ada().git(&["rev-parse", "HEAD"]);
    nine.agents.remove(2).stop();
    nine.hosts.agents[2] = Home::on(nine.at[LIVE]);
    let home = &nine.hosts.agents[2];
    let key = line(home, &["agent", "key", "--data", "production", "--name", "agent-2", "--host", "prod-2"]);
    nine.both_sign(&["trust", "environment", PRODUCTION, "--agent", &key, "--baseline", &commit]);
    home.ok(&["agent", "join", "--data", "production", "--place", PRODUCTION, "--pin", &pin]);
    nine.agents.push(nine.agent(2));
    nine.ada().ok(&["run", "--again", &commit]);
    nine.approve();
    assert_eq!(nine.ada().ok(&["promote"])["outcome"], json!("running"));
    assert_eq!(nine.release("on-another-host")["outcome"], json!("running"));
    nine.sound();
}
