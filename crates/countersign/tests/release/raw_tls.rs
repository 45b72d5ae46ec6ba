//! A machine's requests over TLS, made piece by piece, so that each piece can be another one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use ::evidence::claim::Claim;
use ::evidence::introduction::{self, Introduction};
use ::evidence::machine::{MachineKey, MachineSigner};
use ::evidence::pin::Pin;
use ::evidence::{Digest, Id, Moment};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::{clock, key_files, pinned_root::PinnedRoot};
use rustls::{ClientConnection, StreamOwned};
use serde_json::json;
use tls::{Chain, Identity, TransportKey, Trust};
use wire::{CertificateAnswer, Client, ClientError, Credential, IntroductionAnswer};

use crate::support::Home;

/// The listener of a server for other machines.
pub struct Listener {
    /// Host and port.
    pub at: String,
    pub installation: Id,
    /// Key of the answers of this process.
    pub key: MachineKey,
}

/// A machine that can be told to lie.
#[derive(Clone)]
pub struct Machine {
    pub name: &'static str,
    pub signer: MachineSigner,
}

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

impl Machine {
    /// The machine of a directory.
    pub fn of(home: &Home, dir: &str, name: &'static str) -> Self {
        Self { name, signer: key_files::read(&home.dir.path().join(dir).join("key.pem")).unwrap() }
    }
}

impl Listener {
    pub fn new(url: &str, installation: Id) -> Self {
        let at = url.trim_start_matches("https://").to_owned();
        let unknown = MachineSigner::from_seed([1; 32]).unwrap();
        let mut listener = Self { at, installation, key: *unknown.public() };
        let (status, body) = listener.once(None, "GET /api/v1/introduction", "", b"");
        assert_eq!(status, 200, "{body}");
        let said: IntroductionAnswer = serde_json::from_str(&body).unwrap();
        let payload = said.introduction.payload(introduction::PAYLOAD_TYPE).unwrap();
        listener.key = serde_json::from_slice::<Introduction>(payload).unwrap().key;
        listener
    }

    /// A connection that shows this certificate.
    pub fn connect(&self, shown: Option<&Identity>) -> Stream {
        self.connect_as(shown, "127.0.0.1")
    }

    /// The same, with another name in the handshake.
    pub fn connect_as(&self, shown: Option<&Identity>, name: &str) -> Stream {
        let config = Arc::new(tls::client_config(&Trust::Unverified, shown).unwrap());
        let name = name.to_owned().try_into().unwrap();
        StreamOwned::new(ClientConnection::new(config, name).unwrap(), TcpStream::connect(&self.at).unwrap())
    }

    /// The text of a request.
    pub fn request(&self, line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let (at, length) = (&self.at, body.len());
        let length =
            if line.starts_with("GET") { String::new() } else { format!("Content-Length: {length}\r\n") };
        let head = format!("{line} HTTP/1.1\r\nHost: {at}\r\n{headers}{length}\r\n");
        [head.as_bytes(), body].concat()
    }

    /// One request on a connection that ends with it.
    pub fn once(&self, shown: Option<&Identity>, line: &str, headers: &str, body: &[u8]) -> (u16, String) {
        let mut stream = self.connect(shown);
        stream.write_all(&self.request(line, headers, body)).unwrap();
        answer(&mut stream)
    }

    /// A claim of a machine for an operation, changed before it is signed, as a header.
    pub fn claim(
        &self,
        of: &Machine,
        operation: &str,
        body: Option<&[u8]>,
        change: impl FnOnce(&mut Claim),
    ) -> String {
        let mut claim = Claim {
            v: 1,
            installation: self.installation,
            machine: of.name.parse().unwrap(),
            operation: operation.to_owned(),
            issued: now(),
            server: Some(self.key),
            body: body.map(Digest::of),
        };
        change(&mut claim);
        let signed = Credential::Claim(claim.sign(&of.signer).unwrap());
        format!("Authorization: {}\r\n", signed.header().unwrap())
    }

    /// The certificate that a machine gets, with its key.
    pub fn certified(&self, of: &Machine) -> Identity {
        let key = TransportKey::draw().unwrap();
        let body = wanted(&key);
        let (status, said) = self.once(None, CERTIFY, &self.claim(of, CERTIFY, Some(&body), |_| {}), &body);
        assert_eq!(status, 200, "{said}");
        let issued: CertificateAnswer = serde_json::from_str(&said).unwrap();
        Identity::new(&key, Chain::from_pem(&issued.chain).unwrap()).unwrap()
    }
}

/// The body of a request for a certificate.
pub fn wanted(key: &TransportKey) -> Vec<u8> {
    json!({ "key": key.public().unwrap().to_base64() }).to_string().into_bytes()
}

pub fn now() -> Moment {
    clock::moment()
}

/// Status and body of the next answer; status 0 without an answer.
pub fn answer(stream: &mut Stream) -> (u16, String) {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => return (0, String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
    let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), String::from_utf8_lossy(&body).into_owned())
}

/// What our own client gets that asks for a machine's work by this pin.
pub fn asked(pin: &Pin, of: &Machine, dir: &Path) -> Result<usize, ClientError> {
    asked_at(pin, of, dir, now)
}

/// The same with another clock.
pub fn asked_at(pin: &Pin, of: &Machine, dir: &Path, now: fn() -> Moment) -> Result<usize, ClientError> {
    let machine = wire::Machine {
        installation: pin.installation,
        name: of.name.parse().unwrap(),
        signer: of.signer.clone(),
        now,
    };
    let anchor = PinnedRoot::of(pin, pin.root_version, dir).unwrap();
    let client = Client::over_tls(&pin.addresses, pin.installation, pin.authority).unwrap();
    let client = client.with_machine(machine, Box::new(anchor));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.runner_work(false, &[])).map(|work| work.len())
}

/// A header with words in place of a claim.
pub fn scrambled(header: &str) -> String {
    header.replace(
        "Authorization: Countersign ",
        &format!("Authorization: Countersign {}", STANDARD.encode("x")),
    )
}

pub const CERTIFY: &str = "POST /api/v1/certificates";
