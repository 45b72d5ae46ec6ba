//! Examples with every optional field that came later, and the rules of these fields. Readers of the first programs refuse
//! them; bytes without such fields are as they were.
#![allow(clippy::indexing_slicing, reason = "test code")]

use evidence::credentials::{ForgeAccount, OpenPgp, Passkey, PasskeyAlgorithm};
use evidence::dsse::Envelope;
use evidence::enrolment::{Enrolment, Grant, Purpose};
use evidence::environment::{Class, Environment};
use evidence::machine::MachineSigner;
use evidence::receipt::{Forge, ForgeAnswer, Receipt, VerifiedRef};
use evidence::report::AgentReport;
use evidence::request::{Advance, Request};
use evidence::run_order::{Occurrence, RunOrder, TriggerOrder};
use evidence::trust_root::{Machine, TrustRoot};
use evidence::{Bytes, Digest, canonical, enrolment, environment, receipt, report, request, trust_root};

use super::support::{self, Person, enrolment_of, name};
use super::{check, page, people, signed, team};

fn seal(byte: u8) -> evidence::seal::SealKey {
    let bytes = serde_json::to_value(Bytes(vec![byte; 32])).unwrap();
    format!("x25519:{}", bytes.as_str().unwrap()).parse().unwrap()
}

/// The nth fenced block of a page.
pub(super) fn block(format: &str, block: usize) -> Vec<u8> {
    let text = std::fs::read_to_string(page(format)).unwrap();
    let part = text.split("```").nth(2 * block + 1).unwrap();
    part.split_once('\n').unwrap().1.trim_end().as_bytes().to_vec()
}

/// A root with every optional field.
fn root() -> TrustRoot {
    let mut root = team();
    root.authority = Some(Digest::of(b"certificate of the authority"));
    root.rp_id = Some("countersign.example.com".parse().unwrap());
    root.protected = ["refs/heads/main", "refs/heads/release/*"].map(|text| text.parse().unwrap()).to_vec();
    for (runner, (pool, byte)) in root.runners.iter_mut().zip([("fork", 1), ("deploy", 2)]) {
        runner.pool = Some(pool.parse().unwrap());
        runner.seal = Some(seal(byte));
    }
    root
}

#[test]
fn trust_root_example() {
    let root = root();
    let envelope =
        Envelope::decode(&signed(root.envelope().unwrap(), trust_root::NAMESPACE, &people())).unwrap();
    check("trust-root", 2, envelope.payload(trust_root::PAYLOAD_TYPE).unwrap());
    assert_eq!(TrustRoot::open(&envelope).unwrap(), root);
    let mut unsorted = root.clone();
    unsorted.protected.reverse();
    let error = unsorted.envelope().unwrap_err().to_string();
    assert_eq!(error, "trust root: `protected` is not sorted, names a ref twice, or has more than 64 refs");
    let mut twice = root;
    twice.runners[1].seal = twice.runners[0].seal;
    let error = twice.envelope().unwrap_err().to_string();
    assert_eq!(error, "trust root: a runner's `seal` key stands twice");
    let plain = Machine::new(name("a"), twice.provenance, twice.server.clone());
    assert_eq!(serde_json::to_value(&plain).unwrap().as_object().unwrap().len(), 3, "absent when empty");
}

fn passkey(seed: u8) -> Passkey {
    let key = *MachineSigner::from_seed([seed; 32]).unwrap().public();
    Passkey {
        credential: Bytes(vec![seed; 16]),
        algorithm: PasskeyAlgorithm::EdDsa,
        key: Bytes(key.as_bytes().to_vec()),
        purposes: vec![Purpose::Approve],
    }
}

/// An enrolment with every optional field.
fn enrolled() -> Enrolment {
    let [alice, _] = people();
    let role = name("release-manager");
    Enrolment {
        accounts: vec![ForgeAccount {
            forge: "forge.example.com".parse().unwrap(),
            id: "1001".parse().unwrap(),
        }],
        eligible: vec![Grant { role, project: Some(name("shop")), environment: None }],
        passkeys: vec![passkey(41)],
        openpgp: vec![OpenPgp { certificate: Bytes([[0xc6, 2].as_slice(), b"v6"].concat()) }],
        ..enrolment_of(&alice, 11, 12)
    }
}

#[test]
fn enrolment_example() {
    let [_, bob] = people();
    let statement = enrolled();
    let envelope = signed(statement.envelope().unwrap(), enrolment::NAMESPACE, &[bob]);
    let envelope = Envelope::decode(&envelope).unwrap();
    check("enrolment", 2, envelope.payload(enrolment::PAYLOAD_TYPE).unwrap());
    assert_eq!(Enrolment::open(&envelope, &team()).unwrap(), statement);
    assert_eq!(statement.unapplied(), ["eligible"]);
    // A passkey for both purposes is as much one key for two as an SSH key is.
    let [_, bob] = people();
    let both = Passkey { purposes: vec![Purpose::SignIn, Purpose::Approve], ..passkey(41) };
    let both = Enrolment { passkeys: vec![both], ..statement };
    let envelope = Envelope::decode(&signed(both.envelope().unwrap(), enrolment::NAMESPACE, &[bob])).unwrap();
    let error = Enrolment::open(&envelope, &team()).unwrap_err().to_string();
    assert_eq!(error, "enrolment: outside solo mode sign-in and approval need different keys");
}

#[test]
fn an_enrolment_keeps_the_rules_of_its_later_fields() {
    let fault = |change: &dyn Fn(&mut Enrolment)| {
        let mut statement = enrolled();
        change(&mut statement);
        statement.envelope().unwrap_err().to_string()
    };
    let account = |n: usize| ForgeAccount {
        forge: "forge.example.com".parse().unwrap(),
        id: format!("{n:03}").parse().unwrap(),
    };
    let shown = [
        fault(&|it| it.accounts = (0..17).map(account).collect()),
        fault(&|it| it.accounts = vec![account(2), account(1)]),
        fault(&|it| it.eligible = vec![it.grants[0].clone(); 2]),
        fault(&|it| it.passkeys = (1..10).map(passkey).collect()),
        fault(&|it| it.passkeys[0].credential = Bytes(vec![0; 1024])),
        fault(&|it| it.passkeys[0].purposes = vec![Purpose::Commit]),
        fault(&|it| it.passkeys[0].purposes.clear()),
        fault(&|it| it.passkeys[0].key = Bytes(vec![1; 31])),
        fault(&|it| it.passkeys[0].algorithm = PasskeyAlgorithm::Es256),
        fault(&|it| it.passkeys[0].algorithm = PasskeyAlgorithm::Rs256),
        fault(&|it| it.passkeys.push(Passkey { credential: Bytes(vec![99]), ..passkey(41) })),
        fault(&|it| it.openpgp.push(it.openpgp[0].clone())),
        fault(&|it| it.openpgp[0].certificate = Bytes(b"-----BEGIN PGP PUBLIC KEY BLOCK-----".to_vec())),
        fault(&|it| it.openpgp[0].certificate.0.resize(8193, 0)),
    ];
    let expected = [
        "enrolment: `accounts` are not sorted, one stands twice, or there are more than 16",
        "enrolment: `accounts` are not sorted, one stands twice, or there are more than 16",
        "enrolment: `eligible` are not sorted, one stands twice, or there are more than 64",
        "enrolment: `passkeys` are not sorted, one stands twice, or there are more than 8",
        "enrolment: a passkey has no valid id, key or purposes",
        "enrolment: a passkey has no valid id, key or purposes",
        "enrolment: a passkey has no valid id, key or purposes",
        "enrolment: a passkey has no valid id, key or purposes",
        "enrolment: a passkey has no valid id, key or purposes",
        "enrolment: a passkey has no valid id, key or purposes",
        "enrolment: a passkey's id or key stands twice",
        "enrolment: `openpgp` are not sorted, one stands twice, or there are more than 4",
        "enrolment: an OpenPGP certificate is unsound or too long",
        "enrolment: an OpenPGP certificate is unsound or too long",
    ];
    assert_eq!(shown, expected);
    // Points of P-256 have one spelling, and an account's id is text without blanks.
    let point = Passkey { algorithm: PasskeyAlgorithm::Es256, key: Bytes(P256.to_vec()), ..passkey(41) };
    assert!(point.is_sound());
    let squeezed = Bytes([&[3], &P256[1..33]].concat());
    assert!(!Passkey { key: squeezed, ..point }.is_sound());
    for bad in ["", "a b", "é", &"1".repeat(101)] {
        assert!(bad.parse::<evidence::credentials::AccountId>().is_err(), "{bad}");
    }
}

/// An environment statement with every optional field.
fn placed() -> Environment {
    let mut statement = Environment {
        class: Some(Class::Production),
        windows: Some(Digest::of(b"windows")),
        soak_ms: Some(3 * 3_600_000),
        region: Some(name("eu-central-1")),
        packs: vec![name("pci-dss"), name("sox-itgc")],
        template: Some(Digest::of(b"template")),
        ..support::environment()
    };
    statement.agents[0].seal = Some(seal(3));
    statement
}

#[test]
fn environment_example() {
    let statement = placed();
    let envelope = signed(statement.envelope().unwrap(), environment::NAMESPACE, &people());
    let envelope = Envelope::decode(&envelope).unwrap();
    check("environment", 2, envelope.payload(environment::PAYLOAD_TYPE).unwrap());
    assert_eq!(Environment::open(&envelope, &team()).unwrap(), statement);
    assert_eq!(statement.unapplied(), ["packs", "template"]);
    assert!(support::environment().unapplied().is_empty());
}

#[test]
fn attack_production_whose_releases_go_ahead_by_themselves() {
    let fault = |change: &dyn Fn(&mut Environment)| {
        let mut statement = placed();
        assert!(statement.envelope().is_ok(), "unmutated");
        change(&mut statement);
        // A signer's program that leaves the rule out makes bytes that every reader refuses.
        let bytes = canonical::encode("environment statement", &statement).unwrap();
        let read = Environment::read(&Envelope::new(environment::PAYLOAD_TYPE, bytes)).unwrap_err();
        assert_eq!(read.to_string(), statement.envelope().unwrap_err().to_string());
        read.to_string()
    };
    let shown = [
        fault(&|it| it.automatic = true),
        fault(&|it| it.packs.reverse()),
        fault(&|it| it.packs = (0..33).map(|n| name(&format!("pack-{n:02}"))).collect()),
        fault(&|it| it.agents[0].pool = Some(evidence::pool::Pool::Deploy)),
        fault(&|it| {
            let key = *MachineSigner::from_seed([77; 32]).unwrap().public();
            it.agents.push(Machine { name: name("agent-2"), key, ..it.agents[0].clone() });
        }),
    ];
    let expected = [
        "environment statement: `class` is `production` and `automatic` is true: there a person asks for each release",
        "environment statement: `packs` are not sorted, one stands twice, or there are more than 32",
        "environment statement: `packs` are not sorted, one stands twice, or there are more than 32",
        "environment statement: an agent has a `pool`; pools are of runners",
        "environment statement: an agent's `seal` key stands twice",
    ];
    assert_eq!(shown, expected);
    let mut staging = placed();
    (staging.class, staging.automatic) = (Some(Class::Staging), true);
    assert!(staging.envelope().is_ok());
}

#[test]
fn receipt_example() {
    let commit: evidence::CommitId = "b".repeat(40).parse().unwrap();
    let signer = MachineSigner::from_seed([24; 32]).unwrap();
    let asked = ForgeAnswer {
        host: "forge.example.com".parse().unwrap(),
        pusher: Some("1001".parse().unwrap()),
        merger: Some("1002".parse().unwrap()),
    };
    let facts = Receipt {
        forge: Forge::Asked(asked),
        verified_ref: Some(VerifiedRef { name: "refs/heads/main".parse().unwrap(), tip: commit }),
        ..support::receipt()
    };
    let envelope = facts.sign(&signer).unwrap();
    check("receipt", 5, envelope.payload(receipt::PAYLOAD_TYPE).unwrap());
    assert_eq!(Receipt::open(&envelope, &team()).unwrap(), facts);
    // A ref adds something, pusher and merger take somebody out.
    assert_eq!(facts.unapplied(), ["forge"]);
    assert!(Receipt { forge: Forge::None, ..facts }.unapplied().is_empty());
}

#[test]
fn agent_report_example() {
    let signer = MachineSigner::from_seed([26; 32]).unwrap();
    let first = AgentReport {
        sequence: Some(1),
        ..canonical::decode("report", &block("agent-report", 0), 4096).unwrap()
    };
    let previous = first.sign(&signer).unwrap().payload_digest();
    let second = AgentReport { sequence: Some(2), previous: Some(previous), ..first.clone() };
    let envelope = second.sign(&signer).unwrap();
    check("agent-report", 2, envelope.payload(report::PAYLOAD_TYPE).unwrap());
    assert_eq!(AgentReport::read(&envelope).unwrap(), second);
    for (sequence, previous) in [
        (None, Some(previous)),
        (Some(0), None),
        (Some(0), Some(previous)),
        (Some(1), Some(previous)),
        (Some(2), None),
    ] {
        let error = AgentReport { sequence, previous, ..first.clone() }.sign(&signer).unwrap_err();
        let rule = "agent report: `sequence` starts at 1, and each later one names the `previous` statement";
        assert_eq!(error.to_string(), rule, "{sequence:?}");
    }
}

#[test]
fn run_order_example() {
    let [alice, bob] = people();
    let status = support::status_base().envelope().unwrap();
    let status = signed(status, evidence::status::NAMESPACE, &[alice, bob]);
    let [alice, _] = people();
    let statement = signed(support::request().envelope().unwrap(), request::NAMESPACE, &[alice]);
    let order = RunOrder {
        v: 1,
        roots: Vec::new(),
        status: evidence::status::StatusFile { base: Envelope::decode(&status).unwrap(), tightening: None },
        enrolments: Vec::new(),
        requests: Vec::new(),
        checks: Vec::new(),
        grants: Vec::new(),
        trigger: Some(TriggerOrder {
            statement: Envelope::decode(&statement).unwrap(),
            occurrence: Occurrence::Ref("refs/heads/main".parse().unwrap()),
        }),
    };
    let bytes = order.encode().unwrap();
    check("run-order", 1, &bytes);
    assert_eq!(RunOrder::decode(&bytes).unwrap(), order);
    assert_eq!(order.unapplied(), ["trigger"]);
    assert!(RunOrder { trigger: None, ..order }.unapplied().is_empty());
}

#[test]
fn advance_example() {
    let asked = Advance {
        place: "shop/api/production".parse().unwrap(),
        release: 4,
        plan: Digest::of(b"plan"),
        step: 2,
        order: None,
        reason: None,
    };
    let alice = Person::new("alice", 1);
    let statement = Request {
        action: name("advance"),
        arguments: serde_json::to_value(&asked).unwrap(),
        ..support::request()
    };
    let envelope = signed(statement.envelope().unwrap(), request::NAMESPACE, &[alice]);
    let envelope = Envelope::decode(&envelope).unwrap();
    check("request", 2, envelope.payload(request::PAYLOAD_TYPE).unwrap());
    let read: Advance = serde_json::from_value(Request::read(&envelope).unwrap().arguments).unwrap();
    assert_eq!(read, asked);
}

/// The generator of P-256 (<https://www.secg.org/sec2-v2.pdf>, 2.4.2).
const P256: [u8; 65] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
    0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
    0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];
