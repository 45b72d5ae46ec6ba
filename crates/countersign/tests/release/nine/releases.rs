//! Releases from a laptop while hosts stop, are cut off and come back; and all that goes between the hosts, recorded.

use std::collections::BTreeSet;

use serde_json::json;

use super::{BUILDS, LAPTOP, LIVE, Nine, PORT, SERVER, STAGING, WITNESSES};

#[test]
fn nine_hosts_release_from_a_laptop_and_lose_no_host_for_good() {
    let Some(mut nine) = Nine::new() else { return };
    assert_eq!(nine.release("first")["outcome"], json!("running"));
    // The server stops and comes back: machines and people find it again.
    nine.server.take().unwrap().stop();
    nine.restart();
    assert_eq!(nine.release("second")["outcome"], json!("running"));
    // One of three witnesses is cut off: two are a quorum.
    nine.net.network.cut(nine.at[8]);
    assert_eq!(nine.release("third")["outcome"], json!("running"));
    nine.net.network.mend(nine.at[8]);
    // A runner is cut off while it is asked: the run waits, and ends once the link is back.
    nine.net.network.cut(nine.at[3]);
    nine.change("fourth");
    nine.ada().ok(&["run", "--no-wait"]);
    nine.net.network.mend(nine.at[3]);
    nine.ada().ok(&["run"]);
    nine.sound();
}

#[test]
fn everything_between_nine_hosts_is_tls_1_3() {
    let mut recorder = None;
    // One host has a slow link: nothing depends on a quick one.
    let begin = |net: &crate::support::network::Hosts| recorder = Some(net.network.record());
    let Some(nine) = Nine::founded(begin) else { return };
    nine.net.network.slow(nine.at[LIVE], "1mbit");
    nine.ada().ok(&["trust", "status", &nine.asking()[0], &nine.asking()[1]]);
    assert_eq!(nine.release("first")["outcome"], json!("running"));
    nine.ada().ok(&["freeze", super::PRODUCTION, "--yes"]);
    for agent in &nine.agents {
        agent.says("status 2 came from the witness");
    }
    let seen = recorder.unwrap().end();
    assert_eq!(seen.faults(), [""; 0]);
    assert!(seen.bytes > 100_000, "{} bytes", seen.bytes);
    // These hosts talk, and no others.
    let number = |host: usize| nine.at[host].number();
    let mut talk = BTreeSet::from([(LAPTOP, SERVER), (LAPTOP, WITNESSES)]);
    talk.extend([BUILDS, BUILDS + 1, STAGING, LIVE].map(|host| (host, SERVER)));
    for witness in WITNESSES..WITNESSES + 3 {
        talk.extend([SERVER, STAGING, LIVE].map(|host| (host, witness)));
    }
    assert_eq!(seen.talked, talk.iter().map(|(from, to)| (number(*from), number(*to))).collect());
    // The recorder sees what is plain: a request in HTTP, which gets no answer in HTTP.
    let recorder = nine.net.network.record();
    let words = format!(
        "exec 3<>/dev/tcp/10.77.0.{}/{PORT}; printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3",
        number(SERVER)
    );
    let asked = nine.ada().home.program("bash").args(["-c", &words]).output().unwrap();
    assert!(!String::from_utf8_lossy(&asked.stdout).contains("HTTP"), "{asked:?}");
    let faults = recorder.end().faults().join("\n");
    assert!(faults.contains("in plain text") && faults.contains(&PORT.to_string()), "{faults}");
}
