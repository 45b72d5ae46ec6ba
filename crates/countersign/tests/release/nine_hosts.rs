//! Nine hosts as network namespaces, with users of their own: a laptop, the server, two runners, two hosts of agents and
//! three witnesses. Everything between them goes over TLS.

use serde_json::{Value, json};

use super::hosts::{Homes, Hosts, PLACES, Role};
use super::shop::Shop;
use crate::support::Home;
use crate::support::network::{self, Host};

/// The installation, its hosts and its roles.
struct Nine {
    hosts: Hosts,
    at: [Host; 9],
    net: network::Hosts,
    server: Option<Role>,
    witnesses: Vec<Role>,
    /// Runners and agents.
    machines: Vec<Role>,
}

const PORT: u16 = 8443;

impl Nine {
    /// Founded, joined and running; `None` if the test is not root.
    fn new() -> Option<Self> {
        let mut net = network::Hosts::new()?;
        let at: [Host; 9] = std::array::from_fn(|_| net.host());
        let [laptop, server, first, second, staging, production, ..] = at;
        let hosts = Hosts::of(Homes {
            server: Home::on(server),
            people: [Home::on(laptop), Home::on(laptop)],
            builds: [Home::on(first), Home::on(second)],
            agents: [Home::on(staging), Home::on(staging), Home::on(production)],
            witnesses: at.iter().skip(6).map(|host| Home::on(*host)).collect(),
        });
        let pin = hosts.found()["pin"].as_str().unwrap().to_owned();
        hosts.server.ok(&["trust", "root", "--out", "root.json"]);
        let root = hosts.server.dir.path().join("root.json");
        let mut nine = Self { hosts, at, net, server: None, witnesses: Vec::new(), machines: Vec::new() };
        for number in 0..3 {
            let home = &nine.hosts.witnesses[number];
            let root = home.receive(&root, "root.json").display().to_string();
            home.ok(&["witness", "join", "--data", "witness", "--pin", &pin, "--trust-root", &root]);
            nine.witnesses.push(nine.witness(number));
        }
        nine.server = Some(nine.serve());
        let line = nine.hosts.server.ok(&["trust", "pin"])["pin"].as_str().unwrap().to_owned();
        assert!(line.starts_with("cs2."), "{line}");
        for home in &nine.hosts.builds {
            home.ok(&["runner", "join", "--data", "runner", "--pin", &line]);
            nine.machines.push(runner(home));
        }
        for (place, home) in PLACES.iter().zip(&nine.hosts.agents) {
            let at = format!("shop/ledger-api/{place}");
            home.ok(&["agent", "join", "--data", place, "--place", &at, "--pin", &line]);
            nine.machines.push(agent(home, place));
        }
        for home in [&nine.hosts.ada.home, &nine.hosts.bob] {
            let (key, sign_in) = (".ssh/id_ed25519", ".ssh/id_in");
            home.ok(&["key", "use", &line, "--key", key, "--sign-in-key", sign_in]);
        }
        nine.hosts.ada.commit("a change");
        Some(nine)
    }

    fn witness(&self, number: usize) -> Role {
        let at = self.at[6 + number].at(PORT);
        Role::start(&self.hosts.witnesses[number], &["witness", "--data", "witness", "--tls", &at])
    }

    fn serve(&self) -> Role {
        let at = self.at[1].at(PORT);
        let witnesses: Vec<_> =
            self.at.iter().skip(6).map(|host| format!("https://{}", host.at(PORT))).collect();
        let mut arguments = vec!["server", "--tls", &at];
        arguments.extend(witnesses.iter().flat_map(|url| ["--witness", url]));
        Role::start(&self.hosts.server, &arguments)
    }

    fn ada(&self) -> &Shop {
        &self.hosts.ada
    }

    /// A change of Ada's goes to production from the laptop.
    fn release(&self, name: &str) -> Value {
        self.ada().write(&format!("src/{name}.rs"), "");
        self.ada().commit(name);
        self.ada().ok(&["run"]);
        self.hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
        self.ada().ok(&["promote"])
    }
}

fn runner(home: &Home) -> Role {
    Role::start(home, &["runner", "--data", "runner"])
}

fn agent(home: &Home, place: &str) -> Role {
    Role::start(home, &["agent", "--data", place, "--settle-seconds", "0"])
}

#[test]
fn nine_hosts_release_from_a_laptop_and_lose_no_host_for_good() {
    let Some(mut nine) = Nine::new() else { return };
    assert_eq!(nine.release("first")["outcome"], json!("running"));
    // The server stops and comes back: machines and people find it again.
    nine.server.take().unwrap().stop();
    nine.server = Some(nine.serve());
    assert_eq!(nine.release("second")["outcome"], json!("running"));
    // One of three witnesses is cut off: two are a quorum.
    nine.net.network.cut(nine.at[8]);
    assert_eq!(nine.release("third")["outcome"], json!("running"));
    nine.net.network.mend(nine.at[8]);
    // A runner is cut off while it is asked: the run waits, and ends once the link is back.
    nine.net.network.cut(nine.at[3]);
    nine.ada().write("src/fourth.rs", "");
    nine.ada().commit("fourth");
    nine.ada().ok(&["run", "--no-wait"]);
    nine.net.network.mend(nine.at[3]);
    nine.ada().ok(&["run"]);
    // Nothing was lost, and the ledger replays.
    assert_eq!(nine.hosts.server.ok(&["audit", "verify"])["misfits"], json!(0));
    assert_eq!(nine.hosts.server.ok(&["audit", "replay"])["differ"], json!(0));
}
