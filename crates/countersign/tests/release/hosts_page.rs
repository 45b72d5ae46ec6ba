//! `docs/operating/hosts.md` from its first command to a release in production: the commands are read from the page, and only
//! the words in capitals, the hosts and the ports are replaced.

use serde_json::{Value, json};

use super::hosts::{Hosts, Role};
use crate::support::Home;

const PAGE: &str = include_str!("../../../../docs/operating/hosts.md");

/// The commands of the fenced blocks, in order, each as its words. Pools are for later (`pools.rs`).
fn commands() -> Vec<Vec<String>> {
    let (way, _) = PAGE.split_once("\n## Pools").unwrap();
    let blocks = way.split("```").skip(1).step_by(2);
    let joined: Vec<String> = blocks.map(|block| block.replace("\\\n", " ")).collect();
    let lines = joined.iter().flat_map(|block| block.lines()).map(str::trim);
    let words = lines.filter_map(|line| line.strip_prefix("countersign "));
    words.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The words with each capital replaced by the next of these.
fn with(words: &[String], capital: &str, values: &[&str]) -> Vec<String> {
    let mut values = values.iter();
    let mut next = |word: &String| match word.contains(capital) {
        true => word.replace(capital, values.next().copied().unwrap_or_default()),
        false => word.clone(),
    };
    words.iter().map(&mut next).collect()
}

fn ok(home: &Home, words: &[String]) -> Value {
    home.ok(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A role that the page starts. Its ports are free ones of this machine.
fn started(home: &Home, words: &[String], witness: Option<&str>) -> Role {
    let mut words: Vec<_> = words.iter().map(|word| word.replace("0.0.0.0:8443", "127.0.0.1:0")).collect();
    if let Some(at) = words.iter().position(|word| word == "--address") {
        // The address of a free port is the one that the server listens at.
        words.drain(at..at + 2);
    }
    if let Some(at) = words.iter().position(|word| word == "--witness") {
        words[at + 1] = witness.unwrap().to_owned();
    }
    if words[0] == "agent" {
        words.extend(["--settle-seconds".to_owned(), "0".to_owned()]);
    }
    Role::start(home, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Both people sign their copies.
fn signed(hosts: &Hosts, words: &[String]) {
    for home in [&hosts.ada.home, &hosts.bob] {
        if words.iter().any(|word| word == "--show") {
            std::fs::copy(hosts.founding(), home.dir.path().join("founding.json")).unwrap();
        }
        ok(home, &[words, &["--yes".to_owned()]].concat());
    }
}

/// Everything that the page says, and the roles that it starts.
fn followed(hosts: &Hosts) -> Vec<Role> {
    let mut roles = Vec::new();
    let (mut runners, mut others, mut pin) = (Vec::new(), Vec::new(), String::new());
    let repository = hosts.ada.repository().display().to_string();
    for words in commands() {
        let two: Vec<&str> = words.iter().take(2).map(String::as_str).collect();
        match two.as_slice() {
            ["runner", "key"] => {
                let second: Vec<_> = words.iter().map(|word| word.replace("-1", "-2")).collect();
                let lines = [ok(&hosts.builds[0], &words), ok(&hosts.builds[1], &second)];
                runners.extend(lines.map(|said| said["line"].as_str().unwrap().to_owned()));
            }
            ["agent", "key"] => {
                others.push(ok(&hosts.agents[2], &words)["line"].as_str().unwrap().to_owned())
            }
            ["witness", "key"] => {
                others.push(ok(&hosts.witnesses[0], &words)["line"].as_str().unwrap().to_owned())
            }
            ["init", "--mode"] => {
                hosts.people();
                let [agent, witness] = [&others[0], &others[1]];
                let lines = [&runners[0], &runners[1], witness, agent].map(String::as_str);
                let words = with(&with(&words, "LINE", &lines), "PATH", &[&repository]);
                let words: Vec<_> =
                    words.iter().map(|word| word.replace("shop/api/", "shop/ledger-api/")).collect();
                ok(&hosts.server, &[words, vec!["--project".to_owned(), "shop".to_owned()]].concat());
            }
            ["trust", "sign"] => signed(hosts, &words),
            ["init", "--continue"] => {
                let files = [&hosts.ada.home, &hosts.bob]
                    .map(|home| home.dir.path().join("founding.json").display().to_string());
                let made = ok(&hosts.server, &with(&words, "FILE", &files.each_ref().map(String::as_str)));
                hosts.know(&made);
                pin = made["pin"].as_str().unwrap().to_owned();
            }
            ["runner", "join"] => {
                hosts.builds.iter().for_each(|home| drop(ok(home, &with(&words, "LINE", &[&pin]))))
            }
            ["agent", "join"] => {
                let words: Vec<_> =
                    words.iter().map(|word| word.replace("shop/api/", "shop/ledger-api/")).collect();
                ok(&hosts.agents[2], &with(&words, "LINE", &[&pin]));
            }
            ["witness", "join"] => {
                hosts.server.ok(&["trust", "root", "--out", "root.json"]);
                let root = hosts.server.dir.path().join("root.json");
                std::fs::copy(root, hosts.witnesses[0].dir.path().join("root.json")).unwrap();
                ok(&hosts.witnesses[0], &with(&words, "LINE", &[&pin]));
            }
            ["witness", "--data"] => roles.push(started(&hosts.witnesses[0], &words, None)),
            ["server", "--tls"] => {
                let witness = roles[0].addresses[0].clone();
                roles.push(started(&hosts.server, &words, Some(&witness)));
            }
            ["trust", "pin"] => {
                pin = ok(&hosts.server, &words)["pin"].as_str().unwrap().to_owned();
                assert!(pin.starts_with("cs2."), "{pin}");
            }
            ["runner", "--data"] => {
                roles.extend(hosts.builds.iter().map(|home| started(home, &words, None)));
            }
            ["agent", "--data"] => roles.push(started(&hosts.agents[2], &words, None)),
            other => unreachable!("a command that this test does not know: {other:?}"),
        }
    }
    roles
}

#[test]
fn the_page_leads_from_nothing_to_production() {
    let hosts = Hosts::new();
    let roles = followed(&hosts);
    let url = roles[1].url.as_str();
    // The machines that no line names were made on the server's host.
    let _others = ["dev", "staging"].map(|environment| {
        let dir = hosts.server.data().with_file_name(format!("data.agent-ledger-api-{environment}"));
        let agent = ["agent", "--data", dir.to_str().unwrap(), "--server", url, "--settle-seconds", "0"];
        Role::start(&hosts.server, &agent)
    });
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote"])["outcome"], json!("running"));
}
