//! An installation of several hosts, each a home that shares nothing with the others but addresses: founders sign on
//! their own machines, runners, agents and witnesses join, and a release goes to production.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use ::evidence::bundle::Bundle;
use ::evidence::machine::MachineKey;
use serde_json::{Value, json};

use super::shop::Shop;
use crate::codes;
use crate::support::Home;

pub const PLACES: [&str; 3] = ["dev", "staging", "production"];

/// A role of the installation, as its host runs it.
pub struct Role {
    child: Child,
    pub url: String,
    /// URLs for other machines, and the certificate that they pin.
    pub addresses: Vec<String>,
    pub authority: Option<String>,
}

impl Role {
    pub fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::of(home.command(&[arguments, &["-o", "json"]].concat()))
    }

    /// The same, with its log.
    pub fn heard(home: &Home, arguments: &[&str]) -> (Self, ChildStderr) {
        let mut command = home.command(&[arguments, &["-o", "json"]].concat());
        command.stderr(Stdio::piped());
        let mut role = Self::of(command);
        let log = role.child.stderr.take().unwrap();
        (role, log)
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_default();
        let url = ready["url"].as_str().unwrap_or_else(|| unreachable!("{line}")).to_owned();
        let addresses = serde_json::from_value(ready["addresses"].clone()).unwrap_or_default();
        let authority = ready["authority"].as_str().map(str::to_owned);
        Self { child, url, addresses, authority }
    }

    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// The homes that an installation is made of.
pub struct Homes {
    pub server: Home,
    pub people: [Home; 2],
    pub builds: [Home; 2],
    pub agents: [Home; 3],
    pub witnesses: Vec<Home>,
}

/// Homes of the hosts and people. Ada writes the shop; nobody's private key is on the server's host.
pub struct Hosts {
    pub server: Home,
    pub ada: Shop,
    pub bob: Home,
    pub builds: [Home; 2],
    /// One for each place.
    pub agents: [Home; 3],
    pub witnesses: Vec<Home>,
}

impl Hosts {
    pub fn new() -> Self {
        let home = |_| Home::new();
        Self::of(Homes {
            server: Home::new(),
            people: std::array::from_fn(home),
            builds: std::array::from_fn(home),
            agents: std::array::from_fn(home),
            witnesses: (0..2).map(home).collect(),
        })
    }

    pub fn of(homes: Homes) -> Self {
        let Homes { server, people: [ada, bob], builds, agents, witnesses } = homes;
        for home in [&ada, &bob] {
            home.ssh_key(".ssh/id_in");
        }
        let ada = Shop::of(ada);
        ada.config("user.signingkey", ada.home.dir.path().join(".ssh/id_in").to_str().unwrap());
        ada.quick_pipeline();
        ada.commit("a quick pipeline");
        Self { server, ada, bob, builds, agents, witnesses }
    }

    /// The line that a machine's operator gives to the people who sign.
    fn line(home: &Home, arguments: &[&str]) -> String {
        let said = home.ok(arguments);
        assert_eq!(home.ok(arguments), said, "the same line again");
        said["line"].as_str().unwrap().to_owned()
    }

    /// Writes the people file, with public keys alone.
    pub fn people(&self) {
        let person = |name: &str, home: &Home| {
            let key =
                |file: &str| std::fs::read_to_string(home.dir.path().join(file)).unwrap().trim().to_owned();
            json!({ "name": name, "emails": [format!("{name}@example.com")], "key": key(".ssh/id_ed25519.pub"),
                    "sign_in_key": key(".ssh/id_in.pub"), "roles": ["developer", "release-manager"] })
        };
        let people = json!([person("ada", &self.ada.home), person("bob", &self.bob)]);
        std::fs::write(self.server.dir.path().join("people.json"), people.to_string()).unwrap();
    }

    /// Arguments of `init`, with the lines of all machines.
    fn init(&self) -> Vec<String> {
        self.people();
        let mut all: Vec<String> = [
            "init",
            "--mode",
            "team",
            "--people",
            "people.json",
            "--host",
            "server",
            "--operator",
            "platform",
        ]
        .map(str::to_owned)
        .into();
        all.extend(["--project".into(), "shop".into(), "--repository".into()]);
        // A clone, which is read for the first places alone.
        let clone = self.server.receive_dir(&self.ada.repository(), "shop");
        all.push(clone.display().to_string());
        for (number, home) in (1..).zip(&self.builds) {
            let (name, host) = (format!("runner-{number}"), format!("build-{number}"));
            let line =
                Self::line(home, &["runner", "key", "--data", "runner", "--name", &name, "--host", &host]);
            all.extend(["--runner".into(), line]);
        }
        for (place, home) in PLACES.iter().zip(&self.agents) {
            let key = [
                "agent",
                "key",
                "--data",
                place,
                "--name",
                "agent-1",
                "--host",
                "prod.example",
                "--operator",
                "ops",
            ];
            let line = Self::line(home, &key);
            all.extend(["--agent".into(), format!("shop/ledger-api/{place}={line}")]);
        }
        for (number, home) in (1..).zip(&self.witnesses) {
            let host = format!("witness-{number}");
            all.extend([
                "--witness".into(),
                Self::line(home, &["witness", "key", "--data", "witness", "--host", &host]),
            ]);
        }
        all
    }

    /// The file that people sign.
    pub fn founding(&self) -> PathBuf {
        self.server.data().with_file_name("data.founding").join("founding.json")
    }

    /// A person signs a copy of the founding on their own machine.
    fn sign(&self, home: &Home) -> PathBuf {
        let copy = home.receive(&self.founding(), "founding.json");
        home.ok(&["trust", "sign", "founding.json", "--yes"]);
        copy
    }

    /// Founded by two signatures that were made apart; the people have their profiles.
    pub fn founded() -> (Self, String) {
        let hosts = Self::new();
        let made = hosts.found();
        hosts.know(&made);
        (hosts, made["pin"].as_str().unwrap().to_owned())
    }

    /// The people say who they are, by the lines that were printed for them, and Ada writes a change.
    pub fn know(&self, made: &Value) {
        for (person, home) in made["people"].as_array().unwrap().iter().zip([&self.ada.home, &self.bob]) {
            let typed = person["types"].as_str().unwrap();
            home.ok(&typed.split_whitespace().skip(1).collect::<Vec<_>>());
        }
        self.ada.commit("a change");
    }

    /// What `init` says once both signatures have arrived.
    pub fn found(&self) -> Value {
        let hosts = self;
        let init = hosts.init();
        hosts.server.ok(&init.iter().map(String::as_str).collect::<Vec<_>>());
        let copies = [hosts.sign(&hosts.ada.home), hosts.sign(&hosts.bob)].map(|path| {
            let name = format!("from-{}.json", path.parent().unwrap().file_name().unwrap().display());
            hosts.server.receive(&path, &name).display().to_string()
        });
        hosts.server.ok(&["init", "--continue", &copies[0], &copies[1]])
    }

    /// All machines join and run.
    pub fn running(&self, pin: &str) -> Running {
        self.server.ok(&["trust", "root", "--out", "root.json"]);
        let root = self.server.dir.path().join("root.json").display().to_string();
        let (first, second) = (&self.witnesses[0], &self.witnesses[1]);
        first.ok(&["witness", "join", "--data", "witness", "--pin", pin, "--trust-root", &root]);
        let alone = Role::start(&self.server, &["server"]);
        second.ok(&["witness", "join", "--data", "witness", "--pin", pin, "--server", &alone.url]);
        alone.stop();
        let witnesses = [first, second].map(|home| Role::start(home, &["witness", "--data", "witness"]));
        let [one, two] = &witnesses;
        let server = Role::start(&self.server, &["server", "--witness", &one.url, "--witness", &two.url]);
        for home in &self.builds {
            home.ok(&["runner", "join", "--data", "runner", "--pin", pin]);
        }
        for (place, home) in PLACES.iter().zip(&self.agents) {
            let at = format!("shop/ledger-api/{place}");
            home.ok(&["agent", "join", "--data", place, "--place", &at, "--pin", pin]);
        }
        let runners = [&self.builds[0], &self.builds[1]].map(|home| runner(home, &server.url));
        let agents = [0, 1, 2].map(|number| agent(&self.agents[number], PLACES[number], &server.url));
        Running { runners, agents, witnesses, server }
    }
}

/// The roles, which end with it: the runners first, and the server last.
pub struct Running {
    runners: [Role; 2],
    agents: [Role; 3],
    witnesses: [Role; 2],
    server: Role,
}

fn runner(home: &Home, server: &str) -> Role {
    Role::start(home, &["runner", "--data", "runner", "--server", server])
}

fn agent(home: &Home, place: &str, server: &str) -> Role {
    Role::start(home, &["agent", "--data", place, "--server", server, "--settle-seconds", "0"])
}

#[test]
fn a_founding_waits_for_the_signatures_of_its_people() {
    let hosts = Hosts::new();
    let init = hosts.init();
    let init: Vec<_> = init.iter().map(String::as_str).collect();
    let waits = hosts.server.ok(&init);
    assert_eq!(waits["people"][0]["signed"], json!(false));
    assert!(!hosts.server.data().exists());
    let error = |arguments: &[&str]| hosts.server.json(arguments, 1)["error"].as_str().unwrap().to_owned();
    let next = format!("countersign init --continue --data {}", hosts.server.data().display());
    assert!(error(&init).contains(&format!("`{next}` goes on")));
    assert!(error(&["up"]).contains("is not founded yet"));
    let first = hosts.sign(&hosts.ada.home).display().to_string();
    // One of two: what arrived is kept, and who is missing is named.
    let missing = error(&["init", "--continue", &first]);
    assert!(
        missing.contains("trust root version 1 (1 of 2)") && missing.contains("of bob somebody"),
        "{missing}"
    );
    assert!(
        missing.contains("enrolment of ada (0 of 1)") && !missing.contains("enrolment of bob"),
        "{missing}"
    );
    assert!(!hosts.server.data().exists());
    // A person signs once, and somebody without a right does not at all.
    let again = hosts.ada.home.json(&["trust", "sign", "founding.json", "--yes"], 1);
    assert!(
        again["error"].as_str().unwrap().contains("no statement of this founding waits for your key"),
        "{again}"
    );
    let stranger = Home::new();
    std::fs::copy(hosts.founding(), stranger.dir.path().join("founding.json")).unwrap();
    let refused = stranger.json(&["trust", "sign", "founding.json", "--yes"], 1);
    assert!(refused["error"].as_str().unwrap().contains("none of the keys that may sign"), "{refused}");
    let shown = stranger.ok(&["trust", "sign", "founding.json", "--show"]);
    let sentences = shown["sentences"].to_string();
    for words in [
        "on host server, operated by platform",
        "runner-2 is on host build-2",
        "prod.example, operated by ops",
    ] {
        assert!(sentences.contains(words), "{words}: {sentences}");
    }
    // The second one signs the file that has the first signature already.
    let second = hosts.sign(&hosts.bob).display().to_string();
    let made = hosts.server.ok(&["init", "--continue", &second]);
    assert_eq!(made["trust_root"], waits["trust_root"]);
    assert!(!hosts.founding().exists());
    assert!(error(&["init", "--continue"]).contains("no founding waits"));
    let root = hosts.server.ok(&["trust", "root"]);
    assert_eq!((&root["digest"], &root["statement"]["mode"]), (&waits["trust_root"], &json!("team")));
}

/// A change of a copy, and what it is.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));

/// Each change of a copy that founds the installation when it is unchanged.
#[test]
fn attack_a_founding_that_was_changed_on_its_way_founds_nothing() {
    let hosts = Hosts::new();
    let init = hosts.init();
    let init: Vec<_> = init.iter().map(String::as_str).collect();
    hosts.server.ok(&init);
    let copies = [hosts.sign(&hosts.ada.home), hosts.sign(&hosts.bob)];
    let genuine: Value = serde_json::from_slice(&std::fs::read(&copies[1]).unwrap()).unwrap();
    let changes: [Change<'_>; 6] = [
        ("another payload", &|it| it["status"]["payload"] = it["root"]["payload"].clone()),
        ("the signature of another statement", &|it| {
            it["root"]["signatures"] = it["status"]["signatures"].clone()
        }),
        ("a signature under another name", &|it| it["root"]["signatures"][0]["keyid"] = json!("SHA256:x")),
        ("a place left out", &|it| drop(it["places"].as_array_mut().unwrap().pop())),
        ("another policy", &|it| it["places"][0]["policy"] = json!("e30=")),
        ("one more field", &|it| it["more"] = json!(1)),
    ];
    let changed = hosts.server.dir.path().join("changed.json").display().to_string();
    let first = copies[0].display().to_string();
    for (what, change) in changes {
        let mut copy = genuine.clone();
        change(&mut copy);
        std::fs::write(&changed, copy.to_string()).unwrap();
        let refused = hosts.server.json(&["init", "--continue", &first, &changed], 1);
        assert!(refused["error"].as_str().unwrap().contains("changed.json"), "{what}: {refused}");
        assert!(!hosts.server.data().exists(), "{what}");
    }
    // Another founding that the same person signed.
    let (other, people) = (Home::new(), hosts.server.dir.path().join("people.json"));
    std::fs::copy(people, other.dir.path().join("people.json")).unwrap();
    other.ok(&init);
    let another = hosts.bob.dir.path().join("another.json");
    std::fs::copy(other.data().with_file_name("data.founding").join("founding.json"), &another).unwrap();
    hosts.bob.ok(&["trust", "sign", "another.json", "--yes"]);
    let refused = hosts.server.json(&["init", "--continue", &first, another.to_str().unwrap()], 1);
    assert!(refused["error"].as_str().unwrap().contains("not of the same statements"), "{refused}");
    std::fs::write(&changed, genuine.to_string()).unwrap();
    hosts.server.ok(&["init", "--continue", &first, &changed]);
}

#[test]
fn machines_of_several_hosts_join_and_release_to_production() {
    let (hosts, pin) = Hosts::founded();
    let running = hosts.running(&pin);
    let root = hosts.server.ok(&["trust", "root"])["statement"].clone();
    assert_eq!(root["runners"][1]["place"], json!({ "host": "build-2", "operator": "platform" }));
    assert_eq!(root["witnesses"]["quorum"], json!(2));
    // Nothing of another role lies on the server's host.
    let beside = hosts.server.data().with_file_name("x").parent().map(Path::to_path_buf).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(beside).unwrap().flatten().map(|it| it.file_name()).collect();
    names.sort();
    assert_eq!(names, ["data", "data.keys"]);
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote"])["outcome"], json!("running"));
    drop(running);
    assert_eq!(hosts.server.ok(&["audit", "verify"])["misfits"], json!(0));
    assert_eq!(hosts.server.ok(&["audit", "replay"])["differ"], json!(0));
}

/// The same installation, whose root says that both runners are on one host.
#[test]
fn attack_two_runners_on_one_host_reach_no_production() {
    let (hosts, pin) = Hosts::founded();
    let _running = hosts.running(&pin);
    let root = hosts.server.ok(&["trust", "root"])["statement"].clone();
    let line = format!("runner-2={}@BUILD-1", root["runners"][1]["key"].as_str().unwrap());
    hosts.ada.ok(&["trust", "root", "--yes", "--runner", &line, "--out", "root.json"]);
    let file = hosts.ada.repository().join("root.json").display().to_string();
    hosts.bob.ok(&["trust", "sign", "--yes", &file]);
    hosts.ada.ok(&["trust", "send", "root.json"]);
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    let held = hosts.ada.in_repository(&["promote"], 3);
    assert_eq!(codes(&held), ["runners-too-few"], "{held}");
}

impl Hosts {
    /// Ada makes a statement of trust, Bob signs it too, and it is sent.
    pub fn both_sign(&self, amend: &[&str]) {
        let file = self.ada.home.dir.path().join("statement.json");
        drop(std::fs::remove_file(&file));
        let file = file.to_str().unwrap();
        self.ada.ok(&[amend, &["--yes", "--out", file]].concat());
        self.bob.ok(&["trust", "sign", "--yes", file]);
        self.ada.ok(&["trust", "send", file]);
    }

    fn root(&self) -> Value {
        self.server.ok(&["trust", "root"])["statement"].clone()
    }
}

/// Keys of a runner, a witness and an agent are renewed while a run waits in its middle: receipts by both keys of the runner
/// lead to production.
#[test]
fn the_key_of_every_machine_is_renewed_and_ends_no_run() {
    let (hosts, pin) = Hosts::founded();
    let mut running = hosts.running(&pin);
    hosts.ada.sign_off();
    let waits = hosts.ada.ok(&["run"]);
    let run = waits["run"].as_str().unwrap().to_owned();
    let before = hosts.root();
    // The runner.
    let renew = ["runner", "key", "--data", "runner", "--renew"];
    let line = Hosts::line(&hosts.builds[0], &renew);
    hosts.both_sign(&["trust", "root", "--runner", &line]);
    let root = hosts.root();
    assert_eq!(root["runners"][0]["former"]["key"], before["runners"][0]["key"]);
    assert_eq!(root["runners"][0]["place"], before["runners"][0]["place"]);
    let [first, second] = running.runners;
    first.stop();
    running.runners = [runner(&hosts.builds[0], &running.server.url), second];
    let key = |home: &Home, dir: &str| std::fs::read(home.dir.path().join(dir).join("key.pem")).unwrap();
    assert!(!hosts.builds[0].dir.path().join("runner/key.next.pem").exists(), "it was taken up");
    // A witness signs by both keys from its next start on, so none is missing when the root changes.
    let line = Hosts::line(&hosts.witnesses[0], &["witness", "key", "--data", "witness", "--renew"]);
    let [one, other] = running.witnesses;
    let address = one.url.strip_prefix("http://").unwrap().to_owned();
    one.stop();
    let one = Role::start(&hosts.witnesses[0], &["witness", "--data", "witness", "--listen", &address]);
    running.witnesses = [one, other];
    hosts.both_sign(&["trust", "root", "--witness", &line]);
    let old = key(&hosts.witnesses[0], "witness");
    let server = running.server.url.clone();
    hosts.witnesses[0].ok(&["witness", "join", "--data", "witness", "--pin", &pin, "--server", &server]);
    assert_ne!(key(&hosts.witnesses[0], "witness"), old);
    // An agent: the report by its former key stays good, and the next one is by the new key.
    hosts.bob.ok(&["approve", "--run", &run, "--step", "sign-off", "--yes"]);
    hosts.ada.ok(&["run"]);
    let line = Hosts::line(&hosts.agents[1], &["agent", "key", "--data", "staging", "--renew"]);
    hosts.both_sign(&["trust", "environment", "shop/ledger-api/staging", "--agent", &line]);
    let [dev, staging, production] = running.agents;
    staging.stop();
    running.agents = [dev, agent(&hosts.agents[1], "staging", &server), production];
    assert!(!hosts.agents[1].dir.path().join("staging/key.next.pem").exists(), "it was taken up");
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote", "--bundle", "bundle"])["outcome"], json!("running"));
    let former: MachineKey = serde_json::from_value(before["runners"][0]["key"].clone()).unwrap();
    let bundle = Bundle::decode(&std::fs::read(hosts.ada.repository().join("bundle")).unwrap()).unwrap();
    let signers = bundle.receipts.iter().map(|receipt| receipt.signatures()[0].keyid.clone());
    let signers: std::collections::BTreeSet<_> = signers.collect();
    assert!(signers.len() == 3 && signers.contains(&former.id().to_string()), "{signers:?}");
    // The next release, all by the new keys.
    hosts.ada.commit("another change");
    let next = hosts.ada.ok(&["run"])["run"].as_str().unwrap().to_owned();
    hosts.bob.ok(&["approve", "--run", &next, "--step", "sign-off", "--yes"]);
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote"])["outcome"], json!("running"));
    drop(running);
    assert_eq!(hosts.server.ok(&["audit", "verify"])["misfits"], json!(0));
    assert_eq!(hosts.server.ok(&["audit", "replay"])["differ"], json!(0));
}
