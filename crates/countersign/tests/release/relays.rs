//! A freeze while the server is down: it goes to witnesses, and agents hear of it there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Stdio};

use serde_json::{Value, json};

use super::hosts::Role;
use super::{PLACE, Shop};
use crate::codes;

/// A solo installation whose roles run one by one.
pub struct Apart {
    pub shop: Shop,
}

/// An agent whose log is read.
pub struct Heard {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Apart {
    pub fn new() -> Self {
        Self { shop: Shop::solo() }
    }

    pub fn dir(&self, role: &str) -> String {
        let data = self.shop.home.data();
        data.with_file_name(format!("data.{role}")).display().to_string()
    }

    pub fn witness(&self) -> Role {
        Role::start(&self.shop.home, &["witness", "--data", &self.dir("witness")])
    }

    pub fn server(&self, witness: &Role) -> Role {
        Role::start(&self.shop.home, &["server", "--witness", &witness.url])
    }

    /// A runner that asks the witness.
    fn asking_runner(&self, number: u8, server: &Role, witness: &Role) -> Heard {
        let dir = self.dir(&format!("runner-{number}"));
        let (server, witness) = (&server.url, &witness.url);
        let asks = ["runner", "--data", &dir, "--server", server, "--witness", witness, "--follow-paths"];
        Heard::start(self, &asks)
    }

    fn runner(&self, number: u8, server: &Role) -> Role {
        let dir = self.dir(&format!("runner-{number}"));
        Role::start(&self.shop.home, &["runner", "--data", &dir, "--server", &server.url, "--follow-paths"])
    }

    pub fn agent(&self, place: &str, server: &Role, witness: &Role) -> Heard {
        let dir = self.dir(&format!("agent-ledger-api-{place}"));
        let own = ["agent", "--data", &dir, "--settle-seconds", "0"];
        let asking = ["--server", &server.url, "--witness", &witness.url];
        Heard::start(self, &[&own[..], &asking].concat())
    }

    fn installation(&self) -> String {
        self.shop.ok(&["trust", "root"])["statement"]["installation"].as_str().unwrap().to_owned()
    }
}

impl Heard {
    pub fn start(apart: &Apart, arguments: &[&str]) -> Self {
        let mut command = apart.shop.home.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// Waits for a line of the log, which is returned.
    pub fn says(&mut self, words: &str) -> String {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the role ended without: {words}");
        }
        line
    }
}

#[cfg(feature = "faults")]
impl Heard {
    /// Waits for a line of the log, or for the end of the agent.
    pub fn says_or_ends(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            if self.log.read_line(&mut line).unwrap() == 0 {
                return;
            }
        }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One request to a witness: status and body.
fn asked(witness: &Role, request: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(witness.url.trim_start_matches("http://")).unwrap();
    let head = format!("{request} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = bytes.split_off(at + 4);
    let head = String::from_utf8(bytes).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

#[test]
fn a_freeze_reaches_an_agent_while_the_server_is_down_and_holds_once_it_is_back() {
    let apart = Apart::new();
    let shop = &apart.shop;
    let installation = apart.installation();
    let witness = apart.witness();
    let server = apart.server(&witness);
    let runners = [1, 2].map(|number| apart.runner(number, &server));
    let mut production = apart.agent("production", &server, &witness);
    let others = ["dev", "staging"].map(|place| apart.agent(place, &server, &witness));
    shop.ok(&["run"]);
    shop.ok(&["approve", "--yes", "--reason", "tested"]);
    // The person has seen the status once, and told the witness.
    let told = shop.ok(&["trust", "status", "--witness", &witness.url]);
    assert_eq!((&told["status"], &told["witnesses"][0]["failure"]), (&json!(1), &Value::Null));
    server.stop();
    drop(runners);

    // Nobody takes it: the command fails. The witness that is remembered takes it: the command succeeds.
    let nobody =
        format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let failed = shop.in_repository(&["freeze", PLACE, "--yes", "--witness", &nobody], 1);
    assert!(failed["error"].as_str().unwrap().contains("the witness does not answer"), "{failed}");
    let frozen = shop.ok(&["freeze", PLACE, "--yes"]);
    assert_eq!(frozen["witnesses"], json!([{ "url": witness.url }]));
    assert!(frozen["server"].as_str().unwrap().contains("no server runs on"), "{frozen}");
    production.says("status 2 came from the witness");

    // The server comes back with its old status, and lets the release pass. The agent does not.
    let kept = asked(&witness, &format!("GET /status/{installation}"), b"").1;
    witness.stop();
    let witness = apart.witness();
    assert_eq!(asked(&witness, &format!("GET /status/{installation}"), b""), (200, kept.clone()));
    let server = apart.server(&witness);
    drop((production, others));
    let production = apart.agent("production", &server, &witness);
    assert_eq!(codes(&shop.in_repository(&["promote"], 3)), ["frozen"]);
    let unsent = &shop.ok(&["status"])["unsent"];
    assert_eq!((&unsent["number"], &unsent["server"]), (&json!(2), &json!(1)));
    let told = shop.home.run_in(shop.home.dir.path(), &["status"]);
    let told = String::from_utf8_lossy(&told.stdout);
    assert!(told.contains(&format!("status 2, which freezes {PLACE}; the server has 1:")), "{told}");

    // What the person has seen is carried to the server, and by hand.
    shop.ok(&["trust", "status", "--save", "status.json", "--witness", &witness.url]);
    shop.ok(&["trust", "send", "status.json"]);
    assert_eq!(shop.ok(&["status"])["unsent"], Value::Null);
    std::fs::remove_file(
        shop.home.dir.path().join(".config/countersign").join(&installation).join("trust.json"),
    )
    .unwrap();
    assert_eq!(shop.ok(&["trust", "status"])["statement"]["number"], json!(2));
    attacks(&witness, &installation, &kept);
    drop((production, server));
}

/// The key that asks is stolen: what a witness alone tells keeps the runners from its work.
#[test]
fn a_revocation_reaches_a_runner_while_the_server_is_down_and_holds_once_it_is_back() {
    let apart = Apart::new();
    let shop = &apart.shop;
    let witness = apart.witness();
    let server = apart.server(&witness);
    let mut runners = [1, 2].map(|number| apart.asking_runner(number, &server, &witness));
    let agents = ["dev", "staging"].map(|place| apart.agent(place, &server, &witness));
    shop.ok(&["run"]);
    shop.ok(&["trust", "status", "--witness", &witness.url]);
    let address = server.url.trim_start_matches("http://").to_owned();
    server.stop();
    let key = shop.home.program("ssh-keygen").args(["-lf", ".ssh/id_ed25519.pub"]).output().unwrap();
    let key = String::from_utf8(key.stdout).unwrap().split(' ').nth(1).unwrap().to_owned();
    shop.ok(&["trust", "status", "--yes", "--revoke", &key]);
    for runner in &mut runners {
        runner.says("status 2 came from the witness");
    }
    // The server has the older status, and lets the key ask.
    let server = Role::start(&shop.home, &["server", "--witness", &witness.url, "--listen", &address]);
    shop.write("src/next.rs", "");
    shop.commit("next");
    let refused = shop.in_repository(&["run"], 3);
    assert!(refused.to_string().contains("request-unsound"), "{refused}");
    drop((agents, server));
}

/// A change of what the witness keeps, and the answer to it.
type Change<'a> = (&'a str, u16, &'a dyn Fn(&mut Value));

/// What the witness keeps is taken again; each change of it is not, and changes nothing.
fn attacks(witness: &Role, installation: &str, kept: &[u8]) {
    let post = |body: &[u8]| asked(witness, "POST /status", body);
    assert_eq!(post(kept), (200, b"kept\n".to_vec()));
    let changes: [Change<'_>; 5] = [
        ("another version", 400, &|it| it["v"] = json!(2)),
        ("no roots", 400, &|it| it["roots"] = json!([])),
        ("signed by nobody", 422, &|it| {
            it["status"]["base"]["signatures"][0]["keyid"] = it["roots"][0]["signatures"][0]["keyid"].clone();
            it["status"]["base"]["signatures"][0]["sig"] = it["roots"][0]["signatures"][0]["sig"].clone();
        }),
        ("another root", 422, &|it| it["roots"][0] = it["status"]["base"].clone()),
        ("another payload", 400, &|it| it["status"]["base"]["payload"] = json!("e30=")),
    ];
    for (what, status, change) in changes {
        let mut changed: Value = serde_json::from_slice(kept).unwrap();
        change(&mut changed);
        let answer = post(changed.to_string().as_bytes());
        assert_eq!(answer.0, status, "{what}: {}", String::from_utf8_lossy(&answer.1));
        assert_eq!(asked(witness, &format!("GET /status/{installation}"), b"").1, kept, "{what}");
    }
}
