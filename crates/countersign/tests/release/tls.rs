//! Machines of several hosts over TLS: they get certificates, renew them, and nobody else answers or asks in their place.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use ::evidence::Digest;
use ::evidence::pin::Pin;
use serde_json::json;

use super::hosts::{Hosts, PLACES, Role};

/// A pin with the addresses of a server.
pub fn reached_at(pin: &str, server: &Role) -> Pin {
    let authority = server.authority.as_ref().map(|digest| digest.parse().unwrap());
    pin.parse::<Pin>().unwrap().reached_at(server.addresses.clone(), authority).unwrap()
}

#[test]
fn machines_release_to_production_over_tls_and_nothing_is_plain() {
    let (hosts, pin) = Hosts::founded();
    hosts.server.ok(&["trust", "root", "--out", "root.json"]);
    let root = hosts.server.dir.path().join("root.json");
    let anywhere = "127.0.0.1:0";
    let start = |home: &crate::support::Home| {
        let root = home.receive(&root, "root.json").display().to_string();
        home.ok(&["witness", "join", "--data", "witness", "--pin", &pin, "--trust-root", &root]);
        Role::start(home, &["witness", "--data", "witness", "--tls", anywhere])
    };
    let witnesses: Vec<_> = hosts.witnesses.iter().map(start).collect();
    let serve = |at: &str| {
        let mut serve = vec!["server", "--tls", at];
        serve.extend(witnesses.iter().flat_map(|witness| ["--witness", &witness.addresses[0]]));
        Role::start(&hosts.server, &serve)
    };
    let server = serve(anywhere);
    let address = server.addresses[0].clone();
    assert!(address.starts_with("https://127.0.0.1:"), "{address}");
    let line = reached_at(&pin, &server).to_string();
    let start = |home: &crate::support::Home| {
        home.ok(&["runner", "join", "--data", "runner", "--pin", &line]);
        Role::start(home, &["runner", "--data", "runner"])
    };
    let runners: Vec<_> = hosts.builds.iter().map(start).collect();
    let start = |(place, home): (&&str, &crate::support::Home)| {
        let at = format!("shop/ledger-api/{place}");
        home.ok(&["agent", "join", "--data", place, "--place", &at, "--pin", &line]);
        Role::start(home, &["agent", "--data", place, "--settle-seconds", "0"])
    };
    let agents: Vec<_> = PLACES.iter().zip(&hosts.agents).map(start).collect();
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote"])["outcome"], json!("running"));
    // A server that was started again shows another certificate, and its machines find it.
    let at = address.trim_start_matches("https://");
    server.stop();
    let server = serve(at);
    assert_eq!(server.addresses[..], *std::slice::from_ref(&address));
    hosts.ada.write("src/more.rs", "");
    hosts.ada.commit("another change");
    hosts.ada.ok(&["run"]);
    // Plain HTTP gets no answer at this listener.
    let mut plain = TcpStream::connect(at).unwrap();
    plain.write_all(b"GET /api/v1/introduction HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The other side may end it with a reset.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.windows(4).any(|bytes| bytes == b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    drop((runners, agents, witnesses, server));
}

/// A machine whose pin names another authority gives its claims to nobody.
#[test]
fn attack_a_server_with_another_authority_gets_no_claim() {
    let (hosts, pin) = Hosts::founded();
    let server = Role::start(&hosts.server, &["server", "--tls", "127.0.0.1:0"]);
    let other = Some(Digest::of(b"another"));
    let other = reached_at(&pin, &server).reached_at(server.addresses.clone(), other).unwrap();
    let home = &hosts.builds[0];
    home.ok(&["runner", "join", "--data", "runner", "--pin", &other.to_string()]);
    let mut runner = home.command(&["runner", "--data", "runner"]);
    let mut child = runner.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.filter(|line| line.contains("is the pinned one")).take(1).collect::<String>();
    assert!(said.contains("no certificate that it shows"), "{said}");
    child.kill().unwrap();
    child.wait().unwrap();
}
