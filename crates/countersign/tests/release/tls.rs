//! Machines of several hosts over TLS: they get certificates, renew them, and nobody else answers or asks in their place.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use ::evidence::pin::Pin;
use serde_json::json;

use super::hosts::{Hosts, PLACES, Role};
use crate::support::Home;

/// A pin with the addresses of a server.
pub fn reached_at(pin: &str, server: &Role) -> Pin {
    let authority = server.authority.as_ref().map(|digest| digest.parse().unwrap());
    pin.parse::<Pin>().unwrap().reached_at(server.addresses.clone(), authority).unwrap()
}

/// All machines of an installation, which reach each other over TLS; they end with it.
pub struct Secured {
    pub runners: Vec<Role>,
    pub agents: Vec<Role>,
    pub witnesses: Vec<Role>,
    pub server: Role,
}

/// All machines join and run.
pub fn over_tls(hosts: &Hosts, pin: &str) -> Secured {
    hosts.server.ok(&["trust", "root", "--out", "root.json"]);
    let root = hosts.server.dir.path().join("root.json");
    let start = |home: &Home| {
        let root = home.receive(&root, "root.json").display().to_string();
        home.ok(&["witness", "join", "--data", "witness", "--pin", pin, "--trust-root", &root]);
        Role::start(home, &["witness", "--data", "witness", "--tls", ANYWHERE])
    };
    let witnesses: Vec<_> = hosts.witnesses.iter().map(start).collect();
    let server = serve(hosts, &witnesses, ANYWHERE);
    let line = reached_at(pin, &server).to_string();
    let start = |home: &Home| {
        home.ok(&["runner", "join", "--data", "runner", "--pin", &line]);
        Role::start(home, &["runner", "--data", "runner"])
    };
    let runners = hosts.builds.iter().map(start).collect();
    let start = |(place, home): (&&str, &Home)| {
        let at = format!("shop/ledger-api/{place}");
        home.ok(&["agent", "join", "--data", place, "--place", &at, "--pin", &line]);
        Role::start(home, &["agent", "--data", place, "--settle-seconds", "0"])
    };
    let agents = PLACES.iter().zip(&hosts.agents).map(start).collect();
    Secured { runners, agents, witnesses, server }
}

/// The server, which asks these witnesses.
fn serve(hosts: &Hosts, witnesses: &[Role], at: &str) -> Role {
    let mut serve = vec!["server", "--tls", at];
    serve.extend(witnesses.iter().flat_map(|witness| ["--witness", &witness.addresses[0]]));
    Role::start(&hosts.server, &serve)
}

const ANYWHERE: &str = "127.0.0.1:0";

#[test]
fn machines_release_to_production_over_tls_and_nothing_is_plain() {
    let (hosts, pin) = Hosts::founded();
    let Secured { runners, agents, witnesses, server } = over_tls(&hosts, &pin);
    let address = server.addresses[0].clone();
    assert!(address.starts_with("https://127.0.0.1:"), "{address}");
    hosts.ada.ok(&["run"]);
    hosts.bob.ok(&["approve", "--yes", "--reason", "read it"]);
    assert_eq!(hosts.ada.ok(&["promote"])["outcome"], json!("running"));
    // A server that was started again shows another certificate, and its machines find it.
    let at = address.trim_start_matches("https://");
    server.stop();
    let server = serve(&hosts, &witnesses, at);
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

/// A machine gives its claims to nobody whose certificate leads to another authority than the root's, whatever a pin says.
#[test]
fn attack_a_server_with_another_authority_gets_no_claim() {
    let (hosts, pin) = Hosts::founded();
    for file in ["authority.pem", "authority.crt"] {
        std::fs::remove_file(hosts.server.data().with_file_name("data.keys").join(file)).unwrap();
    }
    // The server makes another authority, which no root names.
    let server = Role::start(&hosts.server, &["server", "--tls", "127.0.0.1:0"]);
    let line = reached_at(&pin, &server);
    let home = &hosts.builds[0];
    home.ok(&["runner", "join", "--data", "runner", "--pin", &line.to_string()]);
    let mut runner = home.command(&["runner", "--data", "runner"]);
    let mut child = runner.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.filter(|line| line.contains("is the pinned one")).take(1).collect::<String>();
    assert!(said.contains("no certificate that it shows"), "{said}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Another project's program speaks TLS with the server: 1.3 with the certificate that it names, and nothing older
/// (RFC 8446, 4.1.3 and appendix D).
#[test]
fn attack_openssl_gets_no_older_version_and_no_other_name() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(
            std::env::var_os("COUNTERSIGN_PEERS").is_none(),
            "openssl is missing: apt-get install openssl"
        );
        println!("skipped: openssl is not here");
        return;
    }
    let (hosts, _) = Hosts::founded();
    let server = Role::start(&hosts.server, &["server", "--tls", "127.0.0.1:0"]);
    let at = server.addresses[0].trim_start_matches("https://").to_owned();
    let authority = hosts.server.data().with_file_name("data.keys").join("authority.crt");
    let installation = hosts.server.ok(&["trust", "root"])["statement"]["installation"].clone();
    let name = format!("server.server.{}.countersign.internal", installation.as_str().unwrap());
    let client = |more: &[&str]| {
        let mut client = Command::new("openssl");
        client
            .args(["s_client", "-connect", &at, "-verify_return_error", "-brief", "-CAfile"])
            .arg(&authority);
        let output = client.args(more).stdin(Stdio::null()).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (fine, said) = client(&["-tls1_3", "-verify_hostname", &name]);
    assert!(fine && said.contains("TLSv1.3") && said.contains("Verification: OK"), "{said}");
    for (mutation, reason) in [
        (vec!["-tls1_2"], "alert protocol version"),
        (vec!["-tls1_3", "-verify_hostname", "server.example"], "hostname mismatch"),
        (vec!["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"], "alert handshake failure"),
        (vec!["-tls1_3", "-groups", "ffdhe2048"], "alert handshake failure"),
    ] {
        let (fine, said) = client(&mutation);
        assert!(!fine && said.to_lowercase().contains(reason), "{mutation:?}: {said}");
    }
}
