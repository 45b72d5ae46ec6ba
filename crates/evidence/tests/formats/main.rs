//! Every format has a page in `docs/formats`. Its example is compared byte for byte with the output of this code for
//! fixed keys, and then read back, so the bytes cannot change unnoticed. `UPDATE_FORMATS=1` rewrites the examples.
#![expect(clippy::unwrap_used, reason = "test code")]

mod documents;
mod founding;
mod grants;
mod machines;
mod observations;
mod optional;
mod plans;
mod previews;
mod records;
mod release;
mod renewed;
mod rollouts;
mod statements;
#[path = "../support/mod.rs"]
mod support;
mod windows;

use std::path::{Path, PathBuf};

use evidence::advance_order::AdvanceOrder;
use evidence::approval::{Approval, Decision, Signed};
use evidence::bundle::{Logged, hashes};
use evidence::claim::{Claim, ClaimedOperation};
use evidence::configuration::{Bounds, Configuration};
use evidence::dsse::Envelope;
use evidence::enrolment::Enrolment;
use evidence::entry::{Actor, Auth, Entry, Header, Payload};
use evidence::environment::Environment;
use evidence::evidence_manifest::EvidenceManifest;
use evidence::git::{self, ObjectKind};
use evidence::introduction::{self, Answer, Introduction, Stated};
use evidence::machine::MachineSigner;
use evidence::pin::{EnvironmentPin, Pin, PinError};
use evidence::plan::{Destination, Plan};
use evidence::policy_files::PolicyFiles;
use evidence::provenance::provenance;
use evidence::receipt::{Output, Receipt};
use evidence::relayed_status::RelayedStatus;
use evidence::release_file::ReleaseFile;
use evidence::report::{AgentReport, ReleaseOutcome, Running};
use evidence::request::Request;
use evidence::rollback_order::RollbackOrder;
use evidence::run_order::RunOrder;
use evidence::source_pack::{Range, SourcePack};
use evidence::statement::Statement;
use evidence::status::{Freeze, Status, StatusFile};
use evidence::tree_list::{FileMode, TreeFile, TreeList};
use evidence::trust_root::{Machine, Mode, TrustRoot};
use evidence::verifier_state::VerifierState;
use evidence::{
    Bytes, Digest, approval, canonical, enrolment, environment, receipt, request, statement, status,
    trust_root,
};
use support::{NOW, Person, enrolment_of, id, name, place, root, status_base};

fn page(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats").join(format!("{format}.md"))
}

/// Compares the nth fenced block of a page with these bytes.
fn check(format: &str, block: usize, bytes: &[u8]) {
    let path = page(format);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut parts: Vec<String> = text.split("```").map(str::to_owned).collect();
    let part = parts.get_mut(2 * block + 1).unwrap_or_else(|| unreachable!("{format} has no block {block}"));
    let (kind, found) = part.split_once('\n').unwrap();
    let expected = String::from_utf8(bytes.to_vec()).unwrap();
    if found.trim_end() != expected.trim_end() && std::env::var_os("UPDATE_FORMATS").is_some() {
        *part = format!("{kind}\n{}\n", expected.trim_end());
        std::fs::write(&path, parts.join("```")).unwrap();
        return;
    }
    assert_eq!(found.trim_end(), expected.trim_end(), "docs/formats/{format}.md, block {block}");
}

fn people() -> [Person; 2] {
    [Person::new("alice", 1), Person::new("bob", 2)]
}

fn team() -> TrustRoot {
    let [alice, bob] = people();
    root(Mode::Rehearsal, &[&alice, &bob], 2)
}

fn signed(mut envelope: Envelope, namespace: &str, by: &[Person]) -> Vec<u8> {
    by.iter().for_each(|person| person.sign(&mut envelope, namespace));
    envelope.encode().unwrap()
}

#[test]
fn trust_root_example() {
    let bytes = signed(team().envelope().unwrap(), trust_root::NAMESPACE, &people());
    let envelope = Envelope::decode(&bytes).unwrap();
    check("trust-root", 0, envelope.payload(trust_root::PAYLOAD_TYPE).unwrap());
    check("trust-root", 1, &bytes);
    assert_eq!(TrustRoot::open(&envelope).unwrap(), team());
}

#[test]
fn enrolment_example() {
    let [alice, bob] = people();
    let statement = enrolment_of(&alice, 11, 12);
    let bytes = signed(statement.envelope().unwrap(), enrolment::NAMESPACE, &[bob]);
    let envelope = Envelope::decode(&bytes).unwrap();
    check("enrolment", 0, envelope.payload(enrolment::PAYLOAD_TYPE).unwrap());
    check("enrolment", 1, &bytes);
    assert_eq!(Enrolment::open(&envelope, &team()).unwrap(), statement);
}

#[test]
fn status_example() {
    let [alice, bob] = people();
    let base = status_base();
    let base_bytes = signed(base.envelope().unwrap(), status::NAMESPACE, &[alice, bob]);
    let base_envelope = Envelope::decode(&base_bytes).unwrap();
    let tightening = Status {
        number: 2,
        base: Some(base_envelope.payload_digest()),
        frozen: vec![Freeze { project: name("shop"), service: None, environment: Some(name("production")) }],
        ..base
    };
    let [alice, _] = people();
    let bytes = signed(tightening.envelope().unwrap(), status::NAMESPACE, &[alice]);
    let file = StatusFile { base: base_envelope, tightening: Some(Envelope::decode(&bytes).unwrap()) };
    check("status", 0, file.tightening.as_ref().unwrap().payload(status::PAYLOAD_TYPE).unwrap());
    check("status", 1, &file.encode().unwrap());
    assert_eq!(
        StatusFile::decode(&file.encode().unwrap()).unwrap().open(&team()).unwrap().status,
        tightening
    );
}

#[test]
fn relayed_status_example() {
    let status = signed(status_base().envelope().unwrap(), status::NAMESPACE, &people());
    let status = StatusFile { base: Envelope::decode(&status).unwrap(), tightening: None };
    let first = signed(team().envelope().unwrap(), trust_root::NAMESPACE, &people());
    let relayed = RelayedStatus::new(status, vec![Envelope::decode(&first).unwrap()]);
    let bytes = relayed.encode().unwrap();
    check("relayed-status", 0, &bytes);
    assert_eq!(RelayedStatus::decode(&bytes).unwrap(), relayed);
    assert_eq!(relayed.roots_from(&team().digest().unwrap()).len(), 1);
    let newer = RelayedStatus { v: 2, ..relayed.clone() }.encode().unwrap();
    let said = RelayedStatus::decode(&newer).unwrap_err().to_string();
    assert!(said.contains("`v` is not 1, the version that this program knows"), "{said}");
    let bare = RelayedStatus { roots: Vec::new(), ..relayed }.encode().unwrap();
    assert!(RelayedStatus::decode(&bare).unwrap_err().to_string().contains("it has 1 to 1024 roots"));
}

#[test]
fn environment_example() {
    let statement = support::environment();
    let bytes = signed(statement.envelope().unwrap(), environment::NAMESPACE, &people());
    let envelope = Envelope::decode(&bytes).unwrap();
    check("environment", 0, envelope.payload(environment::PAYLOAD_TYPE).unwrap());
    check("environment", 1, &bytes);
    assert_eq!(Environment::open(&envelope, &team()).unwrap(), statement);
    let [alice, _] = people();
    let alone = signed(statement.envelope().unwrap(), environment::NAMESPACE, &[alice]);
    assert!(Environment::open(&Envelope::decode(&alone).unwrap(), &team()).is_err(), "one of two is too few");
}

#[test]
fn request_example() {
    let [alice, _] = people();
    let statement = support::request();
    let bytes = signed(statement.envelope().unwrap(), request::NAMESPACE, &[alice]);
    let envelope = Envelope::decode(&bytes).unwrap();
    check("request", 0, envelope.payload(request::PAYLOAD_TYPE).unwrap());
    check("request", 1, &bytes);
    let [alice, _] = people();
    let now = NOW.parse().unwrap();
    assert_eq!(
        Request::read(&envelope).unwrap().verify(&envelope, id(1), &[&alice.key], now).unwrap(),
        &alice.key
    );
}

#[test]
fn entry_example() {
    let facts = Payload::new("facts", &serde_json::json!({ "person": id(31), "root": 1 }), [1; 16]).unwrap();
    let particulars = Payload::new("particulars", &serde_json::json!({ "name": "Alice" }), [2; 16]).unwrap();
    let header = Header {
        v: 1,
        kind: "identity.enrolled".into(),
        rules: 1,
        time: NOW.parse().unwrap(),
        project: Some(name("shop")),
        subject: Some(id(31)),
        actor: Actor::Person(id(32)),
        auth: Auth::SignedRequest,
        cause: None,
        idempotency: Some(Digest::of(b"key")),
        facts: facts.commitment(),
        particulars: Some(particulars.commitment()),
        blobs: vec![Digest::of(b"blob")],
    };
    check("entry", 0, &header.encode().unwrap());
    check("entry", 1, &facts.bytes);
    let mut entry = Entry { header: header.encode().unwrap(), facts, particulars: Some(particulars) };
    assert_eq!(entry.check().unwrap(), header);
    entry.facts.salt = [9; 16];
    assert!(entry.check().is_err());
    let doubled = Header { blobs: vec![Digest::of(b"blob"), Digest::of(b"blob")], ..header.clone() };
    assert!(doubled.encode().is_err());
    let newer = String::from_utf8(header.encode().unwrap()).unwrap().replace("\"v\":1", "\"v\":2");
    assert!(Header::decode(newer.as_bytes()).unwrap_err().to_string().contains("newer"));
}

#[test]
fn pin_example() {
    let pin = pin_of_bob();
    check("pin", 0, pin.to_string().as_bytes());
    assert_eq!(pin.to_string().parse::<Pin>().unwrap(), pin);
    let far = reached(&pin);
    check("pin", 1, far.to_string().as_bytes());
    assert_eq!(far.to_string().parse::<Pin>().unwrap(), far);
    assert_eq!(far.clone().reached_at(Vec::new(), None).unwrap(), pin, "without both it is of version 1");
    for bad in ["", "cs1.", "cs2.e30", "cs1.e30", "cs1.e30="] {
        assert!(bad.parse::<Pin>().is_err(), "{bad}");
    }
    assert_eq!("cs3.e30".parse::<Pin>(), Err(PinError::Version(3)), "a newer pin is refused as newer");
}

fn pin_of_bob() -> Pin {
    Pin {
        v: 1,
        installation: id(1),
        root_version: 1,
        root: team().digest().unwrap(),
        status: 2,
        environments: vec![EnvironmentPin {
            project: name("shop"),
            service: name("api"),
            environment: name("production"),
            number: 1,
            release: 4,
        }],
        checkpoint: "countersign/0101\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".into(),
        addresses: Vec::new(),
        authority: None,
    }
}

fn reached(pin: &Pin) -> Pin {
    let addresses = vec!["https://countersign.example.com".to_owned(), "https://192.0.2.7:8443".to_owned()];
    pin.clone().reached_at(addresses, Some(Digest::of(b"certificate"))).unwrap()
}

/// One pin has one spelling, so each of these is refused where a pin is read.
#[test]
fn attack_pins_of_another_spelling() {
    let pin = reached(&pin_of_bob());
    let address = |text: &str| vec![text.to_owned()];
    for (what, wrong) in [
        ("no authority", Pin { authority: None, ..pin.clone() }),
        ("no address", Pin { addresses: Vec::new(), ..pin.clone() }),
        (
            "an address twice",
            Pin { addresses: [pin.addresses.clone(), pin.addresses.clone()].concat(), ..pin.clone() },
        ),
        (
            "nine addresses",
            Pin { addresses: (0..9).map(|n| format!("https://h{n}")).collect(), ..pin.clone() },
        ),
        ("a path", Pin { addresses: address("https://a/b"), ..pin.clone() }),
        ("a password", Pin { addresses: address("https://a:b@c"), ..pin.clone() }),
        ("plain HTTP to another machine", Pin { addresses: address("http://192.0.2.7:8080"), ..pin.clone() }),
        ("the older version", Pin { v: 1, ..pin.clone() }),
        ("a newer version", Pin { v: 3, ..pin.clone() }),
        (
            "a version for addresses without any",
            Pin { v: 2, addresses: Vec::new(), authority: None, ..pin.clone() },
        ),
        ("a damaged checkpoint", Pin { checkpoint: String::new(), ..pin.clone() }),
    ] {
        assert!(wrong.to_string().parse::<Pin>().is_err(), "{what}");
    }
    let renamed = pin.to_string().replacen("cs2.", "cs1.", 1);
    assert!(renamed.parse::<Pin>().is_err(), "its prefix says another version than it contains");
    // Loopback needs no authority: nothing leaves the machine.
    let near = Pin { addresses: address("http://127.0.0.1:8080"), authority: None, ..pin };
    assert_eq!(near.to_string().parse::<Pin>().unwrap(), near);
}

#[test]
fn verifier_state_example() {
    let status = signed(status_base().envelope().unwrap(), status::NAMESPACE, &people());
    let pin = Pin {
        v: 1,
        installation: id(1),
        root_version: 1,
        root: team().digest().unwrap(),
        status: 1,
        environments: Vec::new(),
        checkpoint: "countersign/0101\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".into(),
        addresses: Vec::new(),
        authority: None,
    };
    let base = Envelope::decode(&status).unwrap();
    let state = VerifierState { v: 1, pin, status: StatusFile { base, tightening: None } };
    check("verifier-state", 0, &state.encode().unwrap());
    assert_eq!(VerifierState::decode(&state.encode().unwrap()).unwrap(), state);
    let newer = String::from_utf8(state.encode().unwrap()).unwrap().replace("\"v\":1}", "\"v\":2}");
    assert!(VerifierState::decode(newer.as_bytes()).is_err());
}

#[test]
fn tree_list_example() {
    let file = |path: &str, mode, bytes: &[u8]| TreeFile {
        path: path.into(),
        mode,
        size: bytes.len() as u64,
        sha256: Digest::of(bytes),
    };
    let files = vec![
        file("src/main.rs", FileMode::Plain, b"fn main() {}\n"),
        file("run", FileMode::Executable, b"#!/bin/sh\n"),
        file("latest", FileMode::Link, b"run"),
    ];
    let list = TreeList::new(files).unwrap();
    check("tree-list", 0, &list.encode().unwrap());
    assert_eq!(TreeList::decode(&list.encode().unwrap()).unwrap(), list);
}

#[test]
fn receipt_example() {
    let signer = MachineSigner::from_seed([24; 32]).unwrap();
    let output = Output::file;
    let receipt = support::receipt();
    let envelope = receipt.sign(&signer).unwrap();
    check("receipt", 0, envelope.payload(receipt::PAYLOAD_TYPE).unwrap());
    check("receipt", 1, &envelope.encode().unwrap());
    assert_eq!(Receipt::open(&envelope, &team()).unwrap(), receipt);
    let other = Receipt { runner: name("runner-2"), ..receipt.clone() };
    let forged = other.sign(&signer).unwrap();
    assert!(Receipt::open(&forged, &team()).is_err(), "one runner cannot sign as another");
    let unknown = Receipt { runner: name("runner-9"), ..receipt.clone() };
    assert!(Receipt::open(&unknown.sign(&signer).unwrap(), &team()).is_err());
    let mut twice = envelope.clone();
    MachineSigner::from_seed([25; 32]).unwrap().sign(&mut twice).unwrap();
    assert!(Receipt::open(&twice, &team()).is_err(), "a second signature is a stray one");
    let escaped = Receipt { outputs: [("../x".to_owned(), output(b"", false))].into(), ..receipt };
    assert!(escaped.sign(&signer).is_err());
}

/// Receipts name links and empty directories beside files.
#[test]
fn receipt_with_links() {
    let signer = MachineSigner::from_seed([24; 32]).unwrap();
    let left = |outputs: &[(&str, Output)]| {
        let outputs = outputs.iter().map(|(path, output)| ((*path).to_owned(), output.clone())).collect();
        Receipt { outputs, ..support::receipt() }.sign(&signer)
    };
    let honest = [
        ("out/lib/libx.so", Output::link("libx.so.1")),
        ("out/lib/libx.so.1", Output::file(b"x", false)),
        ("out/spool", Output::directory()),
    ];
    let envelope = left(&honest).unwrap();
    let payload = String::from_utf8(envelope.payload(receipt::PAYLOAD_TYPE).unwrap().to_vec()).unwrap();
    let opened = Receipt::open(&envelope, &team()).unwrap();
    check("receipt", 2, &canonical::encode("outputs", &opened.outputs).unwrap());
    assert_eq!(payload.matches("\"kind\"").count(), 2, "a file is written as it always was");
    let odd = |change: fn(&mut Output)| {
        let mut output = Output::link("x");
        change(&mut output);
        output
    };
    for (what, outputs) in [
        ("a link that leads out", vec![("a", Output::link("../x"))]),
        ("a link to the host", vec![("a/b", Output::link("/etc/passwd"))]),
        ("a file below a link", vec![("a", Output::link("b")), ("a/x", output_of(b"x"))]),
        ("a file below a file", vec![("a", output_of(b"b")), ("a/x", output_of(b"x"))]),
        ("a target that is not its digest's", vec![("a", odd(|o| o.sha256 = Digest::of(b"y")))]),
        ("a target that is not its size", vec![("a", odd(|o| o.size = 2))]),
        ("a link that is run", vec![("a", odd(|o| o.executable = true))]),
        (
            "a directory with content",
            vec![("a", Output { kind: receipt::OutputKind::Directory, ..output_of(b"x") })],
        ),
    ] {
        assert!(left(&outputs).is_err(), "{what}");
    }
    assert!(left(&[("a", Output::directory()), ("a/x", output_of(b"x"))]).is_ok(), "another step made it");
}

fn output_of(bytes: &[u8]) -> Output {
    Output::file(bytes, false)
}

#[test]
fn every_page_is_checked() {
    let mut pages: Vec<_> = std::fs::read_dir(page("x").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    let checked = [
        "README",
        "advisories",
        "agent-report",
        "approval",
        "bundle",
        "claim",
        "configuration",
        "configuration-order",
        "document",
        "statement",
        "entry",
        "evidence-manifest",
        "plan",
        "policy",
        "provenance",
        "retreat-order",
        "return-order",
        "run-order",
        "secrets-order",
        "source-pack",
        "enrolment",
        "environment",
        "introduction",
        "pin",
        "advance-order",
        "receipt",
        "relayed-status",
        "request",
        "status",
        "tree-list",
        "trust-root",
        "verifier-state",
        // By `founding.rs` beside this file, and by the tests of the crate `tls`.
        "founding",
        "certificate",
        // By `observations.rs` and `windows.rs` beside this file.
        "observation",
        "windows",
        "preview",
        "previews-order",
        // By `records.rs` beside this file; the tests of the crate `vault` make the last two.
        "record",
        "key-ring",
        "sealed-value",
    ];
    let mut checked: Vec<_> = checked.iter().map(|page| (*page).to_owned()).collect();
    checked.sort();
    assert_eq!(pages, checked);
}
