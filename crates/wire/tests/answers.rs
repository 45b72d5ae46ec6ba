//! A client with an anchor accepts the server's answers, and no others.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use evidence::dsse::Envelope;
use evidence::introduction::{Answer, Introduction};
use evidence::machine::{MachineKey, MachineSigner};
use evidence::{Digest, Id, Moment};
use serde_json::json;
use wire::{ANSWER_HEADER, Anchor, AnchorError, Client, ClientError, Machine, NONCE_HEADER};

const INSTALLATION: Id = Id::from_random([1; 16]);

fn now() -> Moment {
    "2026-11-21T02:41:44.000Z".parse().unwrap()
}

fn key(seed: u8) -> MachineSigner {
    MachineSigner::from_seed([seed; 32]).unwrap()
}

/// A pin that leads to the ledger's key directly, and the version of the root that is stored beside it.
#[derive(Clone, Debug, Default)]
struct Pin(Arc<AtomicU32>);

impl Anchor for Pin {
    fn installation(&self) -> Id {
        INSTALLATION
    }

    fn ledger_key(&self, roots: &[Envelope], _: u32) -> Result<(MachineKey, u32), AnchorError> {
        assert!(roots.is_empty());
        Ok((*key(1).public(), 3))
    }

    fn keep_root(&self, root: u32) -> Result<(), AnchorError> {
        self.0.store(root, Ordering::Relaxed);
        Ok(())
    }

    fn now(&self) -> Moment {
        now()
    }

    fn nonce(&self) -> Result<Id, AnchorError> {
        Ok(Id::from_random([5; 16]))
    }
}

/// A process at a port, and its answer to the request after the introduction.
struct Somebody {
    /// Key of the introduction.
    introduced_by: MachineSigner,
    url: Option<&'static str>,
    /// Key of the answer's signature; `None` for an unsigned answer.
    signs: Option<MachineSigner>,
    nonce: Id,
    status: u16,
    signed_status: u16,
    signed_body: Option<&'static [u8]>,
}

impl Somebody {
    /// The genuine server, which has nothing that it is asked for.
    fn server() -> Self {
        let (signs, body) = (Some(key(2)), Some(NOTHING.as_bytes()));
        Self {
            introduced_by: key(1),
            url: None,
            signs,
            nonce: Id::from_random([5; 16]),
            status: 404,
            signed_status: 404,
            signed_body: body,
        }
    }

    /// Answers two requests, and returns their headers.
    fn answers(self) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let own = self.url.map_or_else(|| url.clone(), str::to_owned);
        let asked = std::thread::spawn(move || {
            let mut heads = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                if head.is_empty() {
                    return heads;
                }
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
                let is_first = line == "GET /api/v1/introduction";
                let body = if is_first { self.introduction(&own) } else { NOTHING.to_owned() };
                let (status, signed) = if is_first {
                    (
                        200,
                        Answer {
                            nonce: self.nonce,
                            asked: &line,
                            status: 200,
                            body: Some(Digest::of(body.as_bytes())),
                        },
                    )
                } else {
                    let digest = self.signed_body.map(Digest::of);
                    (
                        self.status,
                        Answer { nonce: self.nonce, asked: &line, status: self.signed_status, body: digest },
                    )
                };
                let header = self.signs.as_ref().map_or_else(String::new, |key| {
                    format!("{ANSWER_HEADER}: {}\r\n", signed.header(key).unwrap())
                });
                assert!(head.contains(NONCE_HEADER), "{head}");
                heads.push(head);
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nConnection: close\r\n{header}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
                drop(reader.read(&mut [0; 1]));
            }
        });
        (url, asked)
    }

    fn introduction(&self, url: &str) -> String {
        let introduction = Introduction {
            v: 1,
            installation: INSTALLATION,
            url: url.into(),
            key: *key(2).public(),
            issued: now(),
            expires: now().later_by(Duration::from_hours(1)),
        };
        let signed = introduction.sign(&self.introduced_by).unwrap();
        json!({ "roots": [], "introduction": signed, "challenge": "x" }).to_string()
    }
}

const NOTHING: &str =
    r#"{"type":"tag:countersign,2026:not-found","title":"none","status":404,"detail":"no such run"}"#;

/// A runner's result for an answer about a run, the requests that it sent, and the root that it stored then.
fn taken(somebody: Somebody) -> (ClientError, Vec<String>, u32) {
    let (url, asked) = somebody.answers();
    let machine =
        Machine { installation: INSTALLATION, name: "runner-1".parse().unwrap(), signer: key(3), now };
    let pin = Pin::default();
    let client = Client::new(&url).unwrap().with_machine(machine, Box::new(pin.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(client.run_order("00".repeat(16).parse().unwrap()));
    // A connection that nobody polls any more is closed by this alone, and the thread reads until it is closed.
    drop((client, runtime));
    // The thread ends when a peer says nothing.
    drop(std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap());
    (answer.unwrap_err(), asked.join().unwrap(), pin.0.load(Ordering::Relaxed))
}

#[test]
fn an_answer_that_the_server_signed_counts() {
    let (error, asked, kept) = taken(Somebody::server());
    assert_eq!(kept, 3);
    assert!(matches!(&error, ClientError::Problem(problem) if problem.status == 404), "{error}");
    assert!(!error.is_passing());
    assert_eq!(asked.len(), 2);
    assert!(!asked[0].to_ascii_lowercase().contains("authorization"), "first it shows who it is");
    assert!(asked[1].to_ascii_lowercase().contains("authorization: countersign "));
}

/// None of these may make a runner sign a failure, or give up its work.
#[test]
fn attack_answers_of_whoever_took_the_port_are_no_answers() {
    let server = Somebody::server;
    for (name, somebody, questions) in [
        ("unsigned", Somebody { signs: None, ..server() }, 1),
        ("another ledger's introduction", Somebody { introduced_by: key(9), ..server() }, 1),
        (
            "an introduction of a server elsewhere",
            Somebody { url: Some("http://127.0.0.1:1"), ..server() },
            1,
        ),
        ("the introduction without its key", Somebody { signs: Some(key(8)), ..server() }, 1),
        ("an answer to somebody else", Somebody { nonce: Id::from_random([6; 16]), ..server() }, 1),
        ("another status", Somebody { signed_status: 200, ..server() }, 2),
        ("another body", Somebody { signed_body: Some(b"x"), ..server() }, 2),
        ("a body that nobody vouched for", Somebody { signed_body: None, ..server() }, 2),
    ] {
        let (error, asked, kept) = taken(somebody);
        assert_eq!(kept, if questions == 2 { 3 } else { 0 }, "{name}: only the server's root is kept");
        assert!(matches!(error, ClientError::Unproven { .. }), "{name}: {error}");
        assert!(error.is_passing(), "{name}");
        assert_eq!(asked.len(), questions, "{name}");
        let shown = asked.iter().filter(|head| head.to_ascii_lowercase().contains("authorization")).count();
        assert_eq!(shown, questions - 1, "{name}: nothing is shown to whoever has not shown who it is");
    }
}
