//! Fixed keys and statements for tests: everything is deterministic, so that the examples in
//! `docs/formats` can be compared byte for byte.
#![expect(clippy::unwrap_used, reason = "test code")]
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::dsse::{Envelope, Signature};
use evidence::enrolment::{EnrolledKey, Enrolment, Grant, Purpose};
use evidence::environment::Environment;
use evidence::machine::MachineSigner;
use evidence::receipt::{Ending, Forge, Output, Reached, Receipt, SandboxLevel, Work};
use evidence::request::Request;
use evidence::ssh::SshKey;
use evidence::status::Status;
use evidence::trust_root::{Holder, LedgerKey, Machine, Mode, Quorum, Site, TrustRoot, Witness, Witnesses};
use evidence::{Digest, Id, Moment, Name};
use ssh_encoding::Encode as _;
use ssh_key::private::{Ed25519Keypair, PrivateKey};
use ssh_key::{Algorithm, HashAlg, SshSig};
use tlog::{CosignatureKey, NoteSigner, SignatureKind};

pub const NOW: &str = "2026-11-21T02:41:44.000Z";

pub struct Person {
    pub subject: String,
    pub key: SshKey,
    pub private: PrivateKey,
}

impl Person {
    pub fn new(label: &str, seed: u8) -> Self {
        let private = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
        let key = private.public_key().to_openssh().unwrap().parse().unwrap();
        Self { subject: format!("test:{label}"), key, private }
    }

    pub fn blob(&self, namespace: &str, message: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        self.private.sign(namespace, HashAlg::Sha512, message).unwrap().encode(&mut blob).unwrap();
        blob
    }

    pub fn sign(&self, envelope: &mut Envelope, namespace: &str) {
        let sig = self.blob(namespace, &envelope.pae());
        envelope.add(Signature { keyid: self.key.fingerprint().to_owned(), sig });
    }
}

pub fn blob_of_pem(pem: &str) -> Vec<u8> {
    let inner: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(inner).unwrap()
}

/// A signature of an `sk-ssh-ed25519` key with chosen flags
/// (<https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.u2f>).
pub fn hardware_signature(seed: u8, flags: u8, namespace: &str, message: &[u8]) -> (SshKey, Vec<u8>) {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    let mut wire = Vec::new();
    "sk-ssh-ed25519@openssh.com".encode(&mut wire).unwrap();
    pair.public.0.as_slice().encode(&mut wire).unwrap();
    "ssh:".encode(&mut wire).unwrap();
    let line = format!("sk-ssh-ed25519@openssh.com {}", STANDARD.encode(&wire));
    let public = ssh_key::PublicKey::from_openssh(&line).unwrap();
    let to_sign = SshSig::signed_data(namespace, HashAlg::Sha512, message).unwrap();
    let mut tail = vec![flags];
    tail.extend_from_slice(&7_u32.to_be_bytes());
    let hashed = [Digest::of(b"ssh:").as_bytes().as_slice(), &tail, Digest::of(&to_sign).as_bytes()].concat();
    let key = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let bytes = [key.sign(&hashed).as_ref(), &tail].concat();
    let signature = ssh_key::Signature::new(Algorithm::SkEd25519, bytes).unwrap();
    let sshsig = SshSig::new(public.key_data().clone(), namespace, HashAlg::Sha512, signature).unwrap();
    let mut blob = Vec::new();
    sshsig.encode(&mut blob).unwrap();
    (line.parse().unwrap(), blob)
}

pub fn id(n: u8) -> Id {
    Id::from_random([n; 16])
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn place() -> Site {
    Site { host: "build-1".into(), operator: "platform team".into() }
}

fn machine(label: &str, seed: u8) -> Machine {
    let key = *MachineSigner::from_seed([seed; 32]).unwrap().public();
    Machine::new(name(label), key, place())
}

pub fn root(mode: Mode, people: &[&Person], threshold: u32) -> TrustRoot {
    let holder = |person: &&Person| Holder { subject: person.subject.clone(), key: person.key.clone() };
    let quorum = Quorum { threshold, holders: people.iter().map(holder).collect() };
    let ledger = NoteSigner::from_seed("countersign/0101", SignatureKind::Ed25519, &[21; 32]).unwrap();
    let witness = CosignatureKey::from_seed("witness/0101", &[22; 32]).unwrap();
    TrustRoot {
        v: 1,
        installation: id(1),
        version: 1,
        issued: NOW.parse().unwrap(),
        expires: "2027-11-21T02:41:44.000Z".parse().unwrap(),
        mode,
        holders: quorum.clone(),
        registrars: Quorum { threshold: 1, ..quorum.clone() },
        policy: quorum.clone(),
        status: quorum,
        ledger: LedgerKey { vkey: ledger.verifier().to_string(), replaces: None },
        server: place(),
        provenance: machine("server", 23).key,
        runners: vec![machine("runner-1", 24), machine("runner-2", 25)],
        witnesses: Witnesses {
            quorum: 1,
            keys: vec![Witness { vkey: witness.verifier().to_string(), place: place() }],
        },
        authority: None,
        rp_id: None,
        protected: Vec::new(),
    }
}

pub fn enrolment_of(person: &Person, sign_in: u8, commit: u8) -> Enrolment {
    let key = |person: &Person, purpose| EnrolledKey { key: person.key.clone(), purposes: vec![purpose] };
    Enrolment {
        v: 1,
        installation: id(1),
        person: id(31),
        subject: person.subject.clone(),
        name: "Alice Example".into(),
        emails: vec!["alice@example.com".into()],
        keys: vec![
            key(person, Purpose::Approve),
            key(&Person::new("alice", sign_in), Purpose::SignIn),
            key(&Person::new("alice", commit), Purpose::Commit),
        ],
        grants: vec![
            Grant { role: name("developer"), project: None, environment: None },
            Grant {
                role: name("release-manager"),
                project: Some(name("shop")),
                environment: Some(name("production")),
            },
        ],
        issued: NOW.parse().unwrap(),
        expires: "2027-11-21T02:41:44.000Z".parse().unwrap(),
        accounts: Vec::new(),
        eligible: Vec::new(),
        passkeys: Vec::new(),
        openpgp: Vec::new(),
    }
}

pub fn status_base() -> Status {
    Status {
        v: 1,
        installation: id(1),
        number: 1,
        base: None,
        issued: NOW.parse().unwrap(),
        expires: "2026-12-21T02:41:44.000Z".parse().unwrap(),
        minimum_root: 1,
        revoked: Vec::new(),
        withdrawn: Vec::new(),
        barred: Vec::new(),
        frozen: Vec::new(),
    }
}

pub fn request() -> Request {
    let now: Moment = NOW.parse().unwrap();
    Request {
        v: 1,
        installation: id(1),
        person: id(31),
        issued: now,
        expires: now.later_by(std::time::Duration::from_mins(5)),
        nonce: id(41),
        action: name("enrol"),
        arguments: serde_json::json!({ "enrolment": Digest::of(b"statement") }),
    }
}

pub fn environment() -> Environment {
    let key = machine("runner-1", 24).key;
    Environment {
        v: 1,
        installation: id(1),
        project: name("shop"),
        service: name("api"),
        environment: name("production"),
        number: 1,
        issued: NOW.parse().unwrap(),
        policy: Digest::of(b"policy"),
        configuration: Digest::of(b"configuration"),
        agents: vec![Machine::new(name("agent-1"), key, place())],
        baseline: "a".repeat(40).parse().unwrap(),
        after: Some(name("staging")),
        automatic: false,
        class: None,
        windows: None,
        soak_ms: None,
        region: None,
        packs: Vec::new(),
        template: None,
        previews: None,
        preview: None,
    }
}

pub fn receipt() -> Receipt {
    let output = Output::file;
    let now = NOW.parse().unwrap();
    Receipt {
        v: 1,
        installation: id(1),
        runner: name("runner-1"),
        root: 1,
        nonce: id(51),
        project: name("shop"),
        commit: "a".repeat(40).parse().unwrap(),
        tree: Digest::of(b"tree"),
        pipeline: Digest::of(b"pipeline"),
        work: Work::Step(name("build")),
        inputs: [("deps/lib.a".to_owned(), output(b"lib", false))].into(),
        outputs: [("target/release/api".to_owned(), output(b"api", true))].into(),
        reports: [].into(),
        report_exits: [].into(),
        exit: Ending::Code(0),
        sandbox: SandboxLevel {
            user: "range".into(),
            landlock: 6,
            memory: "watched".into(),
            toolchain: Digest::of(b"toolchain"),
        },
        image: None,
        network: vec![Reached { host: "registry.example".into(), port: 443, sent: 10, received: 2000 }],
        log: Digest::of(b"log"),
        started: now,
        ended: now,
        forge: Forge::None,
        verified_ref: None,
    }
}
