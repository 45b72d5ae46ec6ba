//! Statuses that this program cannot read: those that a status signer signed hold, and no others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod support;

use evidence::dsse::{Envelope, Signature};
use evidence::status::{NAMESPACE, PAYLOAD_TYPE, Status, StatusFile};
use evidence::trust_root::{Mode, TrustRoot};
use evidence::unread_status::UnreadStatus;
use evidence::{canonical, enrolment};
use serde_json::{Value, json};
use support::{Person, id, root, status_base};

fn people() -> [Person; 2] {
    [Person::new("alice", 1), Person::new("bob", 2)]
}

fn team() -> TrustRoot {
    let [alice, bob] = people();
    root(Mode::Rehearsal, &[&alice, &bob], 2)
}

fn signed(payload: &Value, by: &[Person]) -> Envelope {
    let mut envelope = Envelope::new(PAYLOAD_TYPE, canonical::encode("status", payload).unwrap());
    by.iter().for_each(|person| person.sign(&mut envelope, NAMESPACE));
    envelope
}

/// Status 5, changed by a newer program.
fn newer(change: impl FnOnce(&mut Value)) -> Value {
    let mut payload = json!(Status { number: 5, ..status_base() });
    change(&mut payload);
    payload
}

fn base(payload: &Value) -> StatusFile {
    StatusFile { base: signed(payload, &people()), tightening: None }
}

fn unread(file: &StatusFile) -> Option<UnreadStatus> {
    // It also survives the way into a file and back.
    let again = StatusFile::decode(&file.encode().unwrap()).unwrap();
    assert_eq!(again.unread(&team()), file.unread(&team()));
    file.unread(&team())
}

type Change = fn(&mut Value);

const UNREADABLE: [(&str, Change); 6] = [
    ("a newer version", |status| status["v"] = json!(2)),
    ("an unknown field", |status| status["calm"] = json!(true)),
    ("an unsorted list", |status| {
        let [a, b] = [1_u8, 2].map(|n| evidence::Digest::of(&[n]));
        status["barred"] = json!([a.max(b), a.min(b)]);
    }),
    ("a list of another kind", |status| status["frozen"] = json!({ "shop": "all" })),
    ("an end beyond the longest validity", |status| status["expires"] = json!("2029-12-21T02:41:44.000Z")),
    ("a missing list", |status| drop(status.as_object_mut().unwrap().remove("revoked"))),
];

#[test]
fn what_can_be_read_is_not_unread() {
    assert_eq!(unread(&base(&newer(|_| {}))), None);
    let mut file = base(&newer(|_| {}));
    file.tightening = Some(signed(
        &newer(|status| {
            status["number"] = json!(6);
            status["base"] = json!(file.base.payload_digest());
        }),
        &people()[..1],
    ));
    assert!(file.open(&team()).is_ok());
    assert_eq!(unread(&file), None);
}

#[test]
fn attack_a_status_of_a_newer_program_is_not_overlooked() {
    for (name, change) in UNREADABLE {
        let file = base(&newer(change));
        assert!(file.open(&team()).is_err(), "{name}");
        let found = unread(&file).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(found.number, Some(5), "{name}");
        assert!(found.outranks(5) && !found.outranks(6), "{name}");
        // One signer may stop things, and a signature by a stranger beside hers takes nothing away.
        let [alice, _] = people();
        let mut alone = signed(&newer(change), &[alice]);
        assert!(unread(&StatusFile { base: alone.clone(), tightening: None }).is_some(), "{name}");
        Person::new("mallory", 9).sign(&mut alone, NAMESPACE);
        assert!(unread(&StatusFile { base: alone, tightening: None }).is_some(), "{name}");
    }
}

#[test]
fn attack_an_unread_tightening_is_not_overlooked() {
    for (name, change) in UNREADABLE {
        let tightening = newer(|status| {
            status["number"] = json!(8);
            change(status);
        });
        let tightening = signed(&tightening, &people()[1..]);
        let file = StatusFile { base: signed(&newer(|_| {}), &people()), tightening: Some(tightening) };
        assert_eq!(unread(&file).map(|found| found.number), Some(Some(8)), "{name}");
        // The base alone can be read: whoever cuts the tightening off shows a lower number.
        assert!(StatusFile { tightening: None, ..file }.open(&team()).is_ok(), "{name}");
    }
}

#[test]
fn a_number_that_cannot_be_read_counts_as_the_highest() {
    for change in [
        (|status: &mut Value| status["number"] = json!("5")) as Change,
        |status| drop(status.as_object_mut().unwrap().remove("number")),
        |status| status["number"] = json!({ "major": 5 }),
    ] {
        let found = unread(&base(&newer(change))).unwrap();
        assert_eq!(found.number, None);
        assert!(found.outranks(u64::MAX));
    }
}

#[test]
fn attack_unread_bytes_that_nobody_signed_change_nothing() {
    let payload = newer(|status| status["v"] = json!(2));
    let honest = base(&payload);
    assert!(unread(&honest).is_some(), "unmutated");
    let with = |envelope: Envelope| StatusFile { base: envelope, tightening: None };
    let [alice, bob] = people();
    let mut elsewhere = payload.clone();
    elsewhere["installation"] = json!(id(2));
    // Another purpose, another type of payload, another key, and a signature over other bytes.
    let mut purpose = Envelope::new(PAYLOAD_TYPE, canonical::encode("status", &payload).unwrap());
    alice.sign(&mut purpose, enrolment::NAMESPACE);
    let mut kind = Envelope::new(enrolment::PAYLOAD_TYPE, canonical::encode("status", &payload).unwrap());
    alice.sign(&mut kind, NAMESPACE);
    let mut moved = Envelope::new(PAYLOAD_TYPE, canonical::encode("status", &elsewhere).unwrap());
    moved.add(honest.base.signatures()[0].clone());
    let mut claimed = Envelope::new(PAYLOAD_TYPE, canonical::encode("status", &payload).unwrap());
    let sig = Person::new("mallory", 9).blob(NAMESPACE, &claimed.pae());
    claimed.add(Signature { keyid: bob.key.fingerprint().to_owned(), sig });
    let forged = [
        ("of another installation", signed(&elsewhere, &people())),
        ("for another purpose", purpose),
        ("of another type", kind),
        ("of other bytes", moved),
        ("by somebody else", signed(&payload, &[Person::new("mallory", 9)])),
        ("by somebody else under a signer's name", claimed),
    ];
    for (name, envelope) in forged {
        assert_eq!(unread(&with(envelope)), None, "{name}");
    }
    // A registrar is no status signer.
    let mut root = team();
    root.status.holders.retain(|holder| holder.key == bob.key);
    assert_eq!(with(signed(&payload, &[alice])).unread(&root), None);
    assert!(with(signed(&payload, &[bob])).unread(&root).is_some());
}

#[test]
fn only_a_newer_one_replaces_what_is_noted() {
    let numbered = |number: u64| {
        base(&newer(|status| {
            status["v"] = json!(2);
            status["number"] = json!(number);
        }))
    };
    let hidden = base(&newer(|status| status["number"] = json!("5")));
    let root = team();
    let (five, six) = (numbered(5), numbered(6));
    assert!(five.is_unread_after(None, 4, &root));
    assert!(five.is_unread_after(None, 5, &root), "two statements with one number");
    assert!(!five.is_unread_after(None, 6, &root), "a newer one was read");
    assert!(six.is_unread_after(Some(&five), 4, &root));
    assert!(!five.is_unread_after(Some(&six), 4, &root));
    assert!(!five.is_unread_after(Some(&five), 4, &root));
    assert!(hidden.is_unread_after(Some(&six), 4, &root));
    assert!(!six.is_unread_after(Some(&hidden), 4, &root));
    assert!(!base(&newer(|_| {})).is_unread_after(None, 4, &root), "it can be read");
}
