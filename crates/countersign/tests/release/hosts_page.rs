//! `docs/operating/hosts.md` from its first command to a release in production: the commands are read from the page, and only
//! the words in capitals are replaced.

use serde_json::{Value, json};

use super::hosts::{Hosts, Role};
use crate::support::Home;

const PAGE: &str = include_str!("../../../../docs/operating/hosts.md");

/// The commands of the fenced blocks, in order, each as its words.
fn commands() -> Vec<Vec<String>> {
    let blocks = PAGE.split("```").skip(1).step_by(2);
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

/// Everything that the page says until the machines are to be started.
fn followed(hosts: &Hosts) -> String {
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
                others.push(ok(&hosts.production, &words)["line"].as_str().unwrap().to_owned())
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
            ["trust", "sign"] => {
                for home in [&hosts.ada.home, &hosts.bob] {
                    if words.iter().any(|word| word == "--show") {
                        std::fs::copy(hosts.founding(), home.dir.path().join("founding.json")).unwrap();
                    }
                    ok(home, &[words.clone(), vec!["--yes".to_owned()]].concat());
                }
            }
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
                ok(&hosts.production, &with(&words, "LINE", &[&pin]));
            }
            ["witness", "join"] => {
                hosts.server.ok(&["trust", "root", "--out", "root.json"]);
                let root = hosts.server.dir.path().join("root.json");
                std::fs::copy(root, hosts.witnesses[0].dir.path().join("root.json")).unwrap();
                ok(&hosts.witnesses[0], &with(&words, "LINE", &[&pin]));
            }
            other => unreachable!("a command that this test does not know: {other:?}"),
        }
    }
    pin
}

#[test]
fn the_page_leads_from_nothing_to_production() {
    let hosts = Hosts::new();
    assert!(!followed(&hosts).is_empty());
    for started in [
        "`countersign witness --data witness --listen ADDRESS`",
        "`countersign server --witness URL`",
        "`countersign runner --data runner --server URL`",
        "`countersign agent --data production --server URL`",
    ] {
        assert!(PAGE.contains(started), "{started}");
    }
    let listen = ["witness", "--data", "witness", "--listen", "127.0.0.1:0"];
    let witness = Role::start(&hosts.witnesses[0], &listen);
    let server = Role::start(&hosts.server, &["server", "--witness", &witness.url]);
    let url = server.url.as_str();
    let _runners = [0, 1]
        .map(|n: usize| Role::start(&hosts.builds[n], &["runner", "--data", "runner", "--server", url]));
    let _agent = Role::start(&hosts.production, &["agent", "--data", "production", "--server", url]);
    // The machines that no line names were made on the server's host.
    let _others = ["dev", "staging"].map(|environment| {
        let dir = hosts.server.data().with_file_name(format!("data.agent-ledger-api-{environment}"));
        Role::start(
            &hosts.server,
            &["agent", "--data", dir.to_str().unwrap(), "--server", url, "--settle-seconds", "0"],
        )
    });
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote"])["outcome"], json!("running"));
}
