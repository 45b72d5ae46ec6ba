//! Nine hosts as network namespaces, with users of their own: a laptop, the server, two runners, two hosts of agents and
//! three witnesses. Everything between them goes over TLS.

mod freezes;
mod links;
mod losses;
mod releases;
mod renewals;
mod sources;

use std::io::{BufRead as _, BufReader};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use super::hosts::{Homes, Hosts, PLACES, Role};
use super::shop::Shop;
use crate::support::Home;
use crate::support::network::{self, Host};

/// The installation, its hosts and its roles.
struct Nine {
    hosts: Hosts,
    at: [Host; 9],
    net: network::Hosts,
    server: Option<Logged>,
    witnesses: Vec<Logged>,
    runners: Vec<Logged>,
    /// One for each place.
    agents: Vec<Logged>,
    /// The line by which machines and people find the server.
    line: String,
}

/// A role whose log is read.
struct Logged {
    role: Role,
    log: Receiver<String>,
}

const PORT: u16 = 8443;
const PRODUCTION: &str = "shop/ledger-api/production";
// Hosts by what they are for.
const LAPTOP: usize = 0;
const SERVER: usize = 1;
const BUILDS: usize = 2;
const STAGING: usize = 4;
const LIVE: usize = 5;
const WITNESSES: usize = 6;

impl Logged {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let (role, log) = Role::heard(home, arguments);
        let (said, lines) = channel();
        let name = arguments[..1].concat();
        // It reads to the end, so that a role never waits for its reader.
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                eprintln!("{name}: {line}");
                drop(said.send(line));
            }
        });
        Self { role, log: lines }
    }

    /// Waits for a line of the log, which is returned.
    fn says(&self, words: &str) -> String {
        loop {
            let line = self.log.recv().unwrap_or_else(|_| unreachable!("the role ended without: {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Forgets what it has said.
    fn listen(&self) {
        while self.log.try_recv().is_ok() {}
    }

    fn stop(self) {
        self.role.stop();
    }
}

impl Nine {
    /// Founded, joined and running; `None` if the test is not root.
    fn new() -> Option<Self> {
        Self::founded(|_| {})
    }

    /// The same; the network is told before anything is started.
    fn founded(before: impl FnOnce(&network::Hosts)) -> Option<Self> {
        let mut net = network::Hosts::new()?;
        let at: [Host; 9] = std::array::from_fn(|_| net.host());
        before(&net);
        let [laptop, server, first, second, staging, production, ..] = at;
        let hosts = Hosts::of(Homes {
            server: Home::on(server),
            people: [Home::on(laptop), Home::on(laptop)],
            builds: [Home::on(first), Home::on(second)],
            agents: [Home::on(staging), Home::on(staging), Home::on(production)],
            witnesses: at.iter().skip(WITNESSES).map(|host| Home::on(*host)).collect(),
        });
        let pin = hosts.found()["pin"].as_str().unwrap().to_owned();
        hosts.server.ok(&["trust", "root", "--out", "root.json"]);
        let root = hosts.server.dir.path().join("root.json");
        let (witnesses, runners, agents) = Default::default();
        let mut nine = Self { hosts, at, net, server: None, witnesses, runners, agents, line: String::new() };
        for number in 0..3 {
            let home = &nine.hosts.witnesses[number];
            let root = home.receive(&root, "root.json").display().to_string();
            home.ok(&["witness", "join", "--data", "witness", "--pin", &pin, "--trust-root", &root]);
            nine.witnesses.push(nine.witness(number));
        }
        nine.server = Some(nine.serve());
        nine.line = nine.hosts.server.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
        assert!(nine.line.starts_with("cs2."), "{}", nine.line);
        for home in &nine.hosts.builds {
            home.ok(&["runner", "join", "--data", "runner", "--pin", &nine.line]);
            nine.runners.push(runner(home));
        }
        for (number, place) in PLACES.iter().enumerate() {
            let at = format!("shop/ledger-api/{place}");
            let home = &nine.hosts.agents[number];
            home.ok(&["agent", "join", "--data", place, "--place", &at, "--pin", &nine.line]);
            nine.agents.push(nine.agent(number));
        }
        for home in [&nine.hosts.ada.home, &nine.hosts.bob] {
            let (key, sign_in) = (".ssh/id_ed25519", ".ssh/id_in");
            home.ok(&["key", "use", &nine.line, "--key", key, "--sign-in-key", sign_in]);
        }
        nine.hosts.ada.commit("a change");
        Some(nine)
    }

    fn witness(&self, number: usize) -> Logged {
        let at = self.at[WITNESSES + number].at(PORT);
        Logged::start(&self.hosts.witnesses[number], &["witness", "--data", "witness", "--tls", &at])
    }

    /// `--witness URL` for each.
    fn asking(&self) -> Vec<String> {
        let hosts = self.at.iter().skip(WITNESSES);
        hosts.flat_map(|host| ["--witness".to_owned(), format!("https://{}", host.at(PORT))]).collect()
    }

    fn serve(&self) -> Logged {
        let (at, asking) = (self.at[SERVER].at(PORT), self.asking());
        let asking = asking.iter().map(String::as_str);
        let arguments: Vec<_> = ["server", "--tls", &at].into_iter().chain(asking).collect();
        Logged::start(&self.hosts.server, &arguments)
    }

    /// The server comes back.
    fn restart(&mut self) {
        self.server = Some(self.serve());
    }

    fn agent(&self, number: usize) -> Logged {
        let (home, asking) = (&self.hosts.agents[number], self.asking());
        let asking = asking.iter().map(String::as_str);
        let own = ["agent", "--data", PLACES[number], "--settle-seconds", "0"];
        Logged::start(home, &own.into_iter().chain(asking).collect::<Vec<_>>())
    }

    fn ada(&self) -> &Shop {
        &self.hosts.ada
    }

    fn bob(&self) -> &Home {
        &self.hosts.bob
    }

    /// A change of Ada's, committed.
    fn change(&self, name: &str) {
        self.ada().write(&format!("src/{name}.rs"), "");
        self.ada().commit(name);
    }

    fn approve(&self) {
        self.bob().ok(&["approve", "--yes", "--reason", "read it"]);
    }

    /// A change of Ada's goes to production from the laptop.
    fn release(&self, name: &str) -> Value {
        self.change(name);
        self.ada().ok(&["run"]);
        self.approve();
        self.ada().ok(&["promote"])
    }

    /// What runs at a place, as its host knows it.
    fn runs(&self, number: usize) -> Value {
        let memory = self.hosts.agents[number].dir.path().join(PLACES[number]).join("memory.json");
        let memory: Value = serde_json::from_slice(&std::fs::read(memory).unwrap()).unwrap();
        memory["running"]["plan"].clone()
    }

    /// Nothing was lost, and the ledger replays.
    fn sound(&self) {
        assert_eq!(self.hosts.server.ok(&["audit", "verify"])["misfits"], serde_json::json!(0));
        assert_eq!(self.hosts.server.ok(&["audit", "replay"])["differ"], serde_json::json!(0));
    }
}

fn runner(home: &Home) -> Logged {
    Logged::start(home, &["runner", "--data", "runner"])
}
