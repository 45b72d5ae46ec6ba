//! Requests over TLS by somebody who has a machine's key, or its certificate, or neither: each is a mutation of one that is
//! answered.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use ::evidence::claim::Claim;
use ::evidence::machine::MachineSigner;
use ::evidence::pin::Pin;
use ::evidence::{Id, Moment};
use tls::{Identity, TransportKey};

use super::hosts::{Hosts, PLACES, Role};
use super::raw_tls::{CERTIFY, Listener, Machine, answer, now, scrambled, wanted};

/// An installation whose server listens for other machines; its machines are only keys.
pub struct Reached {
    pub hosts: Hosts,
    pub pin: Pin,
    pub server: Role,
    pub listener: Listener,
}

impl Reached {
    pub fn new() -> Self {
        let (hosts, pin) = Hosts::founded();
        let server = Role::start(&hosts.server, &["server", "--tls", "127.0.0.1:0"]);
        let pin: Pin = pin.parse().unwrap();
        let listener = Listener::new(&server.addresses[0], pin.installation);
        Self { hosts, pin, server, listener }
    }

    pub fn runners(&self) -> [Machine; 2] {
        let [first, second] = &self.hosts.builds;
        [Machine::of(first, "runner", "runner-1"), Machine::of(second, "runner", "runner-2")]
    }

    pub fn agent(&self) -> Machine {
        Machine::of(&self.hosts.agents[2], PLACES[2], "agent-1")
    }
}

const WORK: &str = "GET /api/v1/work/runner";
const WORK_NOW: &str = "GET /api/v1/work/runner?now=true";
const DAY: Duration = Duration::from_hours(24);

fn earlier(by: Duration) -> Moment {
    Moment::from_millis(now().millis() - u64::try_from(by.as_millis()).unwrap()).unwrap()
}

/// A change of a claim, and the words with which it is refused.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Claim), &'a str);

#[test]
fn attack_a_claim_counts_beside_its_own_certificate_and_as_it_was_made() {
    let reached = Reached::new();
    let (listener, [one, two], agent) = (&reached.listener, reached.runners(), reached.agent());
    let [first, second, third] = [&one, &two, &agent].map(|machine| listener.certified(machine));
    let asks = |shown: Option<&Identity>, claim: &str| listener.once(shown, WORK_NOW, claim, b"");
    let honest = listener.claim(&one, WORK, None, |_| {});
    assert_eq!(asks(Some(&first), &honest), (200, "[]".to_owned()));
    let refused = |what: &str, (status, said): (u16, String), reason: &str| {
        assert!(status == 401 && said.contains(reason), "{what}: {status} {said}");
    };
    refused("no certificate", asks(None, &honest), "this connection showed none");
    refused("another runner's", asks(Some(&second), &honest), "showed the certificate of");
    refused("an agent's", asks(Some(&third), &honest), "showed the certificate of");
    refused("no claim", asks(Some(&first), ""), "claim is missing");
    refused("a damaged claim", asks(Some(&first), &scrambled(&honest)), "claim is missing");
    // The claim of one runner, signed by the other one, beside the certificate of either.
    let forged = listener.claim(&Machine { name: "runner-1", ..two.clone() }, WORK, None, |_| {});
    refused("another key", asks(Some(&first), &forged), "is not signed by");
    refused("another key and certificate", asks(Some(&second), &forged), "showed the certificate of");
    let stranger = *MachineSigner::from_seed([9; 32]).unwrap().public();
    // Replayed elsewhere, or with a clock that jumps by a day or by an hour.
    let changes: [Change<'_>; 7] = [
        (
            "another operation",
            &|claim| claim.operation = "GET /api/v1/work/agent/a/b/c".into(),
            "another operation",
        ),
        ("another server, or one that ended", &|claim| claim.server = Some(stranger), "another server"),
        ("no server", &|claim| claim.server = None, "another server"),
        (
            "another installation",
            &|claim| claim.installation = Id::from_random([7; 16]),
            "showed the certificate of",
        ),
        ("a clock a day behind", &|claim| claim.issued = earlier(DAY), "it has expired: check the clock"),
        (
            "a clock a day ahead",
            &|claim| claim.issued = now().later_by(DAY),
            "from the future: check the clock",
        ),
        (
            "a clock ten minutes behind",
            &|claim| claim.issued = earlier(Duration::from_mins(10)),
            "check the clock",
        ),
    ];
    for (what, change, reason) in changes {
        refused(what, asks(Some(&first), &listener.claim(&one, WORK, None, change)), reason);
    }
    // The server was started again: what was signed for the process before counts nowhere.
    let Reached { hosts, pin, server, listener } = reached;
    server.stop();
    let server = Role::start(&hosts.server, &["server", "--tls", &listener.at]);
    refused("a claim of before", listener.once(Some(&first), WORK_NOW, &honest, b""), "another server");
    let listener = Listener::new(&server.addresses[0], pin.installation);
    let honest = listener.claim(&one, WORK, None, |_| {});
    assert_eq!(listener.once(Some(&first), WORK_NOW, &honest, b"").0, 200, "the certificate still counts");
}

#[test]
fn attack_certificates_that_somebody_else_asks_for() {
    let reached = Reached::new();
    let (listener, [one, two]) = (&reached.listener, reached.runners());
    let key = TransportKey::draw().unwrap();
    let (body, other) = (wanted(&key), wanted(&TransportKey::draw().unwrap()));
    let asks = |claim: &str, body: &[u8]| listener.once(None, CERTIFY, claim, body);
    let honest = listener.claim(&one, CERTIFY, Some(&body), |_| {});
    assert_eq!(asks(&honest, &body).0, 200);
    // Sent again, it brings a certificate of the same key, which is of use to nobody else.
    assert_eq!(asks(&honest, &body).0, 200);
    let named = |name, of: &Machine| {
        listener.claim(&Machine { name, signer: of.signer.clone() }, CERTIFY, Some(&body), |_| {})
    };
    let stranger = Machine { name: "runner-1", signer: MachineSigner::from_seed([9; 32]).unwrap() };
    let changed = |change: &dyn Fn(&mut Claim)| listener.claim(&one, CERTIFY, Some(&body), change);
    for (what, claim, body, status, reason) in [
        ("the key of another machine", &honest, &other, 401, "made for another body"),
        ("another name", &named("runner-2", &one), &body, 401, "is not signed by"),
        ("a name that nobody has", &named("runner-9", &two), &body, 401, "names `runner-9`"),
        ("the server's name", &named("server", &one), &body, 401, "names `server`"),
        ("a stranger's key", &named("runner-1", &stranger), &body, 401, "is not signed by"),
        ("no claim", &String::new(), &body, 401, "claim is missing"),
        (
            "a claim for work",
            &listener.claim(&one, WORK, Some(&body), |_| {}),
            &body,
            401,
            "another operation",
        ),
        ("a claim of no body", &listener.claim(&one, CERTIFY, None, |_| {}), &body, 401, "another body"),
        (
            "a clock a day behind",
            &changed(&|claim| claim.issued = earlier(DAY)),
            &body,
            401,
            "check the clock",
        ),
        (
            "a clock a day ahead",
            &changed(&|claim| claim.issued = now().later_by(DAY)),
            &body,
            401,
            "check the clock",
        ),
    ] {
        let (got, said) = asks(claim, body);
        assert!(got == status && said.contains(reason), "{what}: {got} {said}");
    }
    // Other keys than those of P-256, and points off the curve.
    for bad in [&b"{}"[..], br#"{"key":""}"#, br#"{"key":"AAAA"}"#, br#"{"key":"x","role":"server"}"#] {
        let (status, said) = asks(&listener.claim(&one, CERTIFY, Some(bad), |_| {}), bad);
        assert_eq!(status, 400, "{said}");
    }
}

#[test]
fn attack_a_machine_that_was_removed_is_refused_on_its_open_connections() {
    let reached = Reached::new();
    let (listener, hosts, [one, two]) = (&reached.listener, &reached.hosts, reached.runners());
    let agent = reached.agent();
    let place = format!("/api/v1/work/agent/shop/ledger-api/{}", PLACES[2]);
    let (agents, runners) = (format!("GET {place}"), WORK.to_owned());
    let mut open = Vec::new();
    for (machine, operation) in [(&one, &runners), (&agent, &agents), (&two, &runners)] {
        let certificate = listener.certified(machine);
        let claim = || listener.claim(machine, operation, None, |_| {});
        let [mut idle, mut waiting] = [(); 2].map(|()| listener.connect(Some(&certificate)));
        // This connection has been answered once: a runner need not wait.
        if machine.name != "agent-1" {
            idle.write_all(&listener.request(WORK_NOW, &claim(), b"")).unwrap();
            assert_eq!(answer(&mut idle).0, 200);
        }
        waiting.write_all(&listener.request(operation, &claim(), b"")).unwrap();
        waiting.flush().unwrap();
        open.push((machine, operation, idle, waiting));
    }
    // People name another agent, and one runner less.
    let other = MachineSigner::from_seed([9; 32]).unwrap();
    let line = format!("agent-9={}@prod.example", other.public());
    hosts.both_sign(&["trust", "environment", &format!("shop/ledger-api/{}", PLACES[2]), "--agent", &line]);
    hosts.both_sign(&["trust", "root", "--remove-runner", "runner-1"]);
    let honest = open.pop().unwrap();
    for (machine, operation, mut idle, mut waiting) in open {
        let refused = |(status, said): (u16, String), what: &str| {
            assert!(
                status == 401 && (said.contains("name") || said.contains("is not signed by")),
                "{what} of {}: {status} {said}",
                machine.name
            );
        };
        refused(answer(&mut waiting), "a request that waits");
        let claim = listener.claim(machine, operation, None, |_| {});
        idle.write_all(&listener.request(operation, &claim, b"")).unwrap();
        refused(answer(&mut idle), "a request on an open connection");
        // Its certificate is valid for most of a day, and is renewed by nobody.
        let body = wanted(&TransportKey::draw().unwrap());
        let claim = listener.claim(machine, CERTIFY, Some(&body), |_| {});
        refused(listener.once(None, CERTIFY, &claim, &body), "a renewal");
    }
    let (machine, _, mut idle, _) = honest;
    idle.write_all(&listener.request(WORK_NOW, &listener.claim(machine, WORK, None, |_| {}), b"")).unwrap();
    assert_eq!(answer(&mut idle).0, 200, "the other runner's work goes on");
}

#[test]
fn attack_hosts_names_and_protocols_that_do_not_belong_to_the_listener() {
    let reached = Reached::new();
    let (listener, at) = (&reached.listener, reached.listener.at.as_str());
    let asks = |name: &str, head: &str| {
        let mut stream = listener.connect_as(None, name);
        stream.write_all(format!("GET /healthz HTTP/1.1\r\n{head}\r\n").as_bytes()).unwrap();
        answer(&mut stream).0
    };
    let host = format!("Host: {at}\r\n");
    assert_eq!(asks("127.0.0.1", &host), 200);
    // The name in the handshake (RFC 6066, 3) leads nowhere else: there is one certificate, and one host.
    assert_eq!(asks("server.example", &host), 200);
    for head in [
        "Host: server.example\r\n".to_owned(),
        "Host: localhost\r\n".to_owned(),
        format!("Host: {at}.evil.example\r\n"),
        format!("{host}Host: server.example\r\n"),
        format!("Host: server.example\r\n{host}"),
        "X-Forwarded-Host: x\r\n".to_owned(),
    ] {
        assert_eq!(asks("127.0.0.1", &head), 400, "{head}");
    }
    // Everybody's rights on the server's own machine do not hold here (CWE-290).
    let (status, said) =
        listener.once(None, "GET /api/v1/installation", "X-Forwarded-For: 127.0.0.1\r\n", b"");
    assert_eq!(status, 401, "{said}");
    // TLS to the plain listener: its bytes are no request.
    let plain = Listener { at: reached.server.url.trim_start_matches("http://").to_owned(), ..*listener };
    let mut stream = plain.connect(None);
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap_err();
    // Plain HTTP to this listener.
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(format!("GET /healthz HTTP/1.1\r\n{host}\r\n").as_bytes()).unwrap();
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said));
    assert!(!said.windows(4).any(|bytes| bytes == b"HTTP"), "{}", String::from_utf8_lossy(&said));
}

/// Bodies and heads without an end or a measure, over TLS, of somebody who has shown nothing (CWE-400, CWE-770).
#[test]
fn attack_requests_without_measure_over_tls() {
    let reached = Reached::new();
    let (listener, [one, _]) = (&reached.listener, reached.runners());
    let host = format!("Host: {}\r\n", listener.at);
    let body = wanted(&TransportKey::draw().unwrap());
    let claim = listener.claim(&one, CERTIFY, Some(&body), |_| {});
    let post = format!("{CERTIFY} HTTP/1.1\r\n{host}{claim}");
    let asks = |request: &[u8]| {
        let mut stream = listener.connect(None);
        // A connection that is refused early may be closed before all bytes were sent.
        drop(stream.write_all(request));
        answer(&mut stream)
    };
    let chunks = format!("{:x}\r\n{}\r\n", body.len(), String::from_utf8_lossy(&body));
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
    let (status, said) = asks(format!("{chunked}{chunks}0\r\n\r\n").as_bytes());
    assert_eq!(status, 200, "{said}");
    let endless = format!("{chunked}{}", "10000\r\n".to_owned() + &"x".repeat(0x10000) + "\r\n").into_bytes();
    let endless =
        [endless, format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(300).into_bytes()].concat();
    let anybodys = |encoding: &str| {
        format!(
            "POST /api/v1/receipts HTTP/1.1\r\n{host}Content-Type: application/json\r\n{encoding}\r\n\r\n"
        )
    };
    let many: String = (0..200).map(|number| format!("X-{number}: a\r\n")).collect();
    for (what, request, status) in [
        ("a body that never ends", endless, 413),
        ("the same of nobody", anybodys("Transfer-Encoding: chunked").into_bytes(), 401),
        ("a large body of nobody", anybodys("Content-Length: 4000000").into_bytes(), 401),
        ("a body larger than any", anybodys("Content-Length: 99999999999").into_bytes(), 413),
        (
            "a length beyond any number",
            anybodys(&format!("Content-Length: {}", "9".repeat(40))).into_bytes(),
            400,
        ),
        ("many headers", format!("GET /healthz HTTP/1.1\r\n{host}{many}\r\n").into_bytes(), 431),
        (
            "a long header",
            format!("GET /healthz HTTP/1.1\r\n{host}X: {}\r\n\r\n", "a".repeat(300_000)).into_bytes(),
            431,
        ),
        ("a long line", format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(300_000)).into_bytes(), 414),
        ("a damaged head", b"GET /healthz HTTP/1.1\r\nHost\r\n\r\n".to_vec(), 400),
    ] {
        let (got, said) = asks(&request);
        // What was not read when a connection is closed can end it before its answer arrives.
        // Of a line without end the server says either, by how much of it came at once.
        let is_line = what == "a long line" && got == 431;
        assert!(got == status || is_line || (got == 0 && request.len() > 100_000), "{what}: {got} {said}");
    }
    let (status, said) = asks(format!("{chunked}{chunks}0\r\n\r\n").as_bytes());
    assert_eq!(status, 200, "others are answered: {said}");
}
