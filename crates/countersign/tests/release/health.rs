//! The health of a runner, an agent and a witness, as a monitoring system asks for it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use super::relays::{Apart, Heard};

/// Status and body of an answer.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The figure of a name.
fn figure(address: &str, name: &str) -> u64 {
    let (status, text) = get(address, "/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("countersign_{name} ")));
    assert!(status == 200 && text.ends_with("# EOF\n"), "{text}");
    line.unwrap_or_else(|| unreachable!("{name}: {text}")).parse().unwrap()
}

/// A role that tells its health, and where.
fn told(apart: &Apart, role: &str, dir: &str, server: &str) -> (Heard, String) {
    let more: &[&str] = if role == "agent" { &["--settle-seconds", "0"] } else { &["--follow-paths"] };
    let (dir, health) = (apart.dir(dir), "127.0.0.1:0");
    let usual = [role, "--data", &dir, "--server", server, "--health", health];
    let mut heard = Heard::start(apart, &[&usual, more].concat());
    let line = heard.says("the health of this role is told");
    let address = line.trim().rsplit_once("address=").unwrap().1.to_owned();
    (heard, address)
}

#[test]
fn runners_agents_and_witnesses_tell_their_health_on_loopback() {
    let apart = Apart::new();
    let witness = apart.witness();
    let server = apart.server(&witness);
    let places = ["dev", "staging"].map(|place| format!("agent-ledger-api-{place}"));
    let runners = [1, 2].map(|number| told(&apart, "runner", &format!("runner-{number}"), &server.url));
    let agents = places.each_ref().map(|dir| told(&apart, "agent", dir, &server.url));
    apart.shop.ok(&["run"]);
    for (_, address) in runners.iter().chain(&agents) {
        assert_eq!(get(address, "/healthz"), (200, "ok\n".to_owned()));
        assert_eq!(get(address, "/readyz"), (200, "ready\n".to_owned()));
        assert_eq!(get(address, "/another").0, 404);
        assert_eq!(figure(address, "ready"), 1);
        assert!(figure(address, "server_silent_seconds") <= figure(address, "uptime_seconds") + 1);
    }
    for (_, address) in &runners {
        assert!(figure(address, "work_begun") >= 2);
    }
    for (_, address) in &agents {
        assert_eq!((figure(address, "service_runs"), figure(address, "service_restarts")), (1, 0));
    }
    let at = witness.url.trim_start_matches("http://");
    assert_eq!(get(at, "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(figure(at, "ledgers"), 1);
    assert!(figure(at, "cosigned_checkpoints") > 0 && figure(at, "cosigned_entries") > 20);
    drop((runners, agents));

    // A role that no server answers lives, and is not ready.
    server.stop();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_runner, address) = told(&apart, "runner", "runner-1", &format!("http://{nobody}"));
    assert_eq!(get(&address, "/healthz").0, 200);
    let (status, why) = get(&address, "/readyz");
    assert!(status == 503 && why.contains("the server has not answered yet"), "{why}");
    assert_eq!(figure(&address, "ready"), 0);
    // It listens before it says that it is ready, and for this machine alone.
    let home = &apart.shop.home;
    let dir = apart.dir("runner-2");
    let start = |health: &str, code| {
        let url = format!("http://{nobody}");
        home.json(&["runner", "--data", &dir, "--server", &url, "--health", health], code)
    };
    let taken = start(&address, 1);
    assert!(taken["error"].as_str().unwrap().contains("for questions about health"), "{taken}");
    let output = home.run(&["runner", "--data", &dir, "--health", "0.0.0.0:9101"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(json!(output.status.code()), json!(2));
    assert!(said.contains("it has to be a loopback address"), "{said}");
}
