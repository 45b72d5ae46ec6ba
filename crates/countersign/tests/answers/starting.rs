//! Starting an installation that runs already, naming missing things, and interrupting commands.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::release::shop::Shop;
use crate::support::Home;

#[test]
fn a_second_up_names_the_first_one() {
    let home = Home::solo();
    let up = home.up();
    let data = home.data().display().to_string();
    let pid = up.pid();
    let failed = home.json(&["up"], 1)["error"].clone();
    let whole = format!(
        "`{data}` is up already at {}: use it as it is, `countersign status` shows it; or end it first, process {pid}, \
         which `up` started: Ctrl-C where it runs, or `kill {pid}`",
        up.url
    );
    assert_eq!(failed, json!(whole));
    assert!(up.stop(), "the first one goes on");
    let mut text = home.command(&["up"]);
    let mut child = text.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<_> = lines.take(3).collect();
    assert!(lines[0].starts_with("up at http://127.0.0.1:"), "{lines:?}");
    let url = lines[0].trim_start_matches("up at ");
    assert_eq!(lines[1], format!("console: {url}"), "in solo mode everybody reads");
    assert_eq!(lines[2], format!("data: {data}"));
    let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
}

/// kill -9 leaves roles that are just ending, the server last of all: it still answers the requests that it has.
#[test]
fn an_up_after_one_that_was_killed_waits_for_the_roles_that_end() {
    let home = Home::solo();
    let mut up = home.up();
    for _ in 0..3 {
        let server = up.roles.iter().find(|(role, _)| role == "server").unwrap().1;
        let server = rustix::process::Pid::from_raw(server.try_into().unwrap()).unwrap();
        // A stopped process cannot end, so the next `up` surely meets it.
        rustix::process::kill_process(server, rustix::process::Signal::STOP).unwrap();
        up.kill();
        let next = home.begun_up();
        rustix::process::kill_process(server, rustix::process::Signal::CONT).unwrap();
        up = home.ready(next);
        assert!(!up.url.is_empty(), "it did not wait");
    }
    assert!(up.stop());
}

/// Several agents share the terminal of `up`.
#[test]
fn up_says_which_agent_speaks_and_lines_are_lines() {
    let shop = Shop::solo();
    let said = shop.home.dir.path().join("said");
    let up = shop.home.up_saying(std::fs::File::create(&said).unwrap().into());
    shop.service("bad");
    shop.commit("this will not work");
    shop.in_repository(&["run"], 3);
    assert!(up.stop());
    let said = std::fs::read_to_string(said).unwrap();
    let line = said.lines().find(|line| line.contains("does not work")).unwrap();
    assert!(line.starts_with("agent shop/ledger-api/dev: warning: the release does not work: "), "{said}");
    assert!(!said.contains("\\n"), "{said}");
}

#[test]
fn logs_of_a_runner_that_is_not_there_are_refused_by_name() {
    let shop = Shop::solo();
    let up = shop.home.up();
    let run = shop.ok(&["run"])["run"].as_str().unwrap().to_owned();
    let unknown = shop.in_repository(&["logs", "--runner", "runner-9"], 1)["error"].clone();
    assert_eq!(
        unknown,
        json!(format!("run {run} has no runner called `runner-9`; it has runner-1, runner-2"))
    );
    shop.ok(&["logs", "--runner", "runner-2"]);
    assert!(up.stop());
}

#[test]
fn ctrl_c_at_a_question_is_an_interruption() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    let entries = || shop.ok(&["status"])["entries"].clone();
    let before = entries();
    let ask = "Sign this? [y/N]";
    let output = shop.home.once_asked(&shop.repository(), "approve --reason ok", ask, "\u{3}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("error: interrupted: nothing was signed"), "{said}");
    assert_eq!(entries(), before);
    assert!(up.stop());
}

/// An installation keeps its address, because people and scripts use it.
#[test]
fn up_answers_where_it_answered_the_last_time() {
    let home = Home::solo();
    let up = home.up();
    let first = up.url.clone();
    assert!(up.stop());
    let taken = std::net::TcpListener::bind(first.strip_prefix("http://").unwrap());
    if taken.is_err() {
        // Another test on this machine uses the port meanwhile.
        return;
    }
    let said = home.dir.path().join("said");
    let other = home.up_saying(std::fs::File::create(&said).unwrap().into());
    assert_ne!(other.url, first);
    let words = std::fs::read_to_string(&said).unwrap();
    let note = format!("note: {}, where this installation answered the last time", address(&first));
    assert!(words.contains(&note), "{words}");
    drop(taken);
    let second = other.url.clone();
    assert!(other.stop());
    let again = home.up();
    assert_eq!(again.url, second);
    assert!(again.stop());
    let asked = home.up_in(&["--listen", "127.0.0.1:0"]);
    assert_ne!(asked.url, second, "port 0 is any free one");
    assert!(asked.stop());
}

fn address(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// Everything else goes on while a role is started again; without its server nothing could.
#[test]
fn a_role_that_ends_by_itself_is_started_again() {
    let shop = Shop::solo();
    let said = shop.home.dir.path().join("said");
    let up = shop.home.up_saying(std::fs::File::create(&said).unwrap().into());
    let server = up.roles.iter().position(|(role, _)| role == "server").unwrap();
    for (number, (role, _)) in up.roles.iter().enumerate().filter(|(number, _)| *number != server) {
        if role != "witness" && role != "runner" {
            continue;
        }
        assert_eq!(up.kill_child(number), *role);
    }
    // Every runner builds every step, and no gate passes without the witness: all of them are back.
    assert_eq!(shop.release()["outcome"], "running");
    up.kill_child(server);
    assert!(!up.ended(), "the server is not started again");
    let said = std::fs::read_to_string(said).unwrap();
    for role in ["witness", "runner"] {
        assert!(said.contains(&format!("{role} `")), "{role}: {said}");
    }
    assert!(said.contains("ended by itself (signal: 9 (SIGKILL)); it is started again"), "{said}");
}

/// The server's owner looks from an account that has no profile.
#[test]
fn status_needs_no_profile() {
    let shop = Shop::solo();
    let up = shop.home.up();
    shop.ok(&["run"]);
    assert_eq!(shop.ok(&["status"])["gates"][0]["left"][0]["code"], "approvals-missing");
    let empty = tempfile::tempdir().unwrap();
    let data = shop.home.data().display().to_string();
    let mut command = shop.home.command(&["status", "-o", "json", "--data", &data]);
    let output = command.env("HOME", empty.path()).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &said["gates"]), (Some(0), &json!([])), "{said}");
    assert!(said["places"].is_array(), "{said}");
    assert!(up.stop());
}
