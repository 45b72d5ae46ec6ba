//! People's signatures compared with OpenSSH, the presence flag of hardware keys, the succession of trust roots,
//! enrolments and status: what must be accepted and what must be refused.
#![expect(clippy::unwrap_used, reason = "test code")]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::dsse::{Envelope, Signature};
use evidence::enrolment::{EnrolledKey, Enrolment, Purpose};
use evidence::request::Request;
use evidence::ssh::{SshKey, SshSigError, signers};
use evidence::status::{Freeze, Revocation, Status, StatusFile};
use evidence::trust_root::{Mode, TrustRoot};
use evidence::vouched::Vouched;
use evidence::{Digest, Moment, enrolment, status, trust_root};
use support::{NOW, Person, enrolment_of, id, name, root, status_base};
use tlog::{NoteVerifier, SignatureKind};

fn now() -> Moment {
    NOW.parse().unwrap()
}

fn openssh_signature(kind: &[&str], namespace: &str, message: &[u8]) -> (SshKey, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    let made =
        Command::new("ssh-keygen").args(["-q", "-N", "", "-C", "", "-f"]).arg(&file).args(kind).status();
    assert!(made.unwrap().success());
    let data = dir.path().join("data");
    std::fs::write(&data, message).unwrap();
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(&file).arg(&data).stderr(Stdio::null());
    assert!(sign.status().unwrap().success());
    let pem = std::fs::read_to_string(dir.path().join("data.sig")).unwrap();
    let key = std::fs::read_to_string(dir.path().join("key.pub")).unwrap().parse().unwrap();
    (key, support::blob_of_pem(&pem))
}

#[test]
fn openssh_signs_and_we_verify() {
    for kind in [
        ["-t", "ed25519"].as_slice(),
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "rsa", "-b", "3072"],
    ] {
        let (key, blob) = openssh_signature(kind, "countersign-x@v1", b"message");
        assert_eq!(key.verify("countersign-x@v1", b"message", &blob), Ok(()), "{kind:?}");
        assert!(matches!(key.verify("countersign-x@v1", b"massage", &blob), Err(SshSigError::Wrong(_))));
        let namespace = key.verify("countersign-y@v1", b"message", &blob);
        assert!(matches!(namespace, Err(SshSigError::Namespace { .. })), "{namespace:?}");
        let (other, _) = openssh_signature(&["-t", "ed25519"], "n", b"m");
        assert!(matches!(other.verify("countersign-x@v1", b"message", &blob), Err(SshSigError::Key(_))));
        for cut in [0, 1, 6, blob.len() / 2, blob.len() - 1] {
            let cut = blob.get(..cut).unwrap();
            assert!(key.verify("countersign-x@v1", b"message", cut).is_err());
        }
        let longer = [blob.as_slice(), &[0]].concat();
        assert!(matches!(key.verify("countersign-x@v1", b"message", &longer), Err(SshSigError::Blob(_))));
    }
}

#[test]
fn every_flipped_bit_of_a_signature_fails() {
    let alice = Person::new("alice", 1);
    let blob = alice.blob("countersign-x@v1", b"message");
    assert_eq!(alice.key.verify("countersign-x@v1", b"message", &blob), Ok(()));
    for at in 0..blob.len() {
        let mut bytes = blob.clone();
        *bytes.get_mut(at).unwrap() ^= 1;
        assert!(alice.key.verify("countersign-x@v1", b"message", &bytes).is_err(), "byte {at}");
    }
}

#[test]
fn weak_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-N", "", "-C", "", "-t", "rsa", "-b", "2048", "-f"]).arg(&file);
    assert!(make.status().unwrap().success());
    let line = std::fs::read_to_string(dir.path().join("key.pub")).unwrap();
    let refused = line.parse::<SshKey>().unwrap_err().to_string();
    assert!(refused.contains("at least 3072 are needed"), "{refused}");
    assert!("ssh-ed25519 AAAA".parse::<SshKey>().is_err());
}

#[test]
fn a_hardware_key_counts_only_with_its_holders_presence() {
    let (key, present) = support::hardware_signature(3, 1, "countersign-x@v1", b"message");
    assert!(key.is_hardware());
    assert_eq!(key.verify("countersign-x@v1", b"message", &present), Ok(()));
    let (key, absent) = support::hardware_signature(3, 0, "countersign-x@v1", b"message");
    let refused = key.verify("countersign-x@v1", b"message", &absent);
    assert!(matches!(refused, Err(SshSigError::Presence(_))), "{refused:?}");
}

#[test]
fn a_stray_signature_spoils_an_envelope() {
    let (alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let mut envelope = Envelope::new("text", b"x".to_vec());
    alice.sign(&mut envelope, "n");
    assert_eq!(signers(&envelope, "n", &[&alice.key]).unwrap(), [&alice.key]);
    bob.sign(&mut envelope, "n");
    assert!(matches!(signers(&envelope, "n", &[&alice.key]), Err(SshSigError::Unknown(_))));
    envelope.add(Signature { keyid: bob.key.fingerprint().into(), sig: alice.blob("n", &envelope.pae()) });
    assert!(matches!(signers(&envelope, "n", &[&alice.key, &bob.key]), Err(SshSigError::Key(_))));
}

#[test]
fn roots_walk_step_by_step() {
    let people = [Person::new("alice", 1), Person::new("bob", 2), Person::new("carol", 3)];
    let [alice, bob, carol] = &people;
    let first = root(Mode::Rehearsal, &[alice, bob], 2);
    let mut envelope = first.envelope().unwrap();
    alice.sign(&mut envelope, trust_root::NAMESPACE);
    assert!(TrustRoot::open(&envelope).unwrap_err().to_string().contains("1 of 2"));
    bob.sign(&mut envelope, trust_root::NAMESPACE);
    assert_eq!(TrustRoot::open(&envelope).unwrap(), first);

    let mut second = root(Mode::Rehearsal, &[bob, carol], 2);
    second.version = 2;
    let signed = |root: &TrustRoot, by: &[&Person]| {
        let mut envelope = root.envelope().unwrap();
        by.iter().for_each(|person| person.sign(&mut envelope, trust_root::NAMESPACE));
        envelope
    };
    assert_eq!(first.next(&signed(&second, &[alice, bob, carol])).unwrap(), second);
    let only_new = first.next(&signed(&second, &[bob, carol])).unwrap_err();
    assert_eq!(only_new.to_string(), "trust root version 2: 1 of 2 root holders named by version 1 signed");
    let only_old = first.next(&signed(&second, &[alice, bob])).unwrap_err();
    assert_eq!(only_old.to_string(), "trust root version 2: 1 of 2 root holders named by version 2 signed");
    second.version = 3;
    assert!(first.next(&signed(&second, &[alice, bob, carol])).is_err(), "a version was skipped");
    second.version = 2;
    second.installation = id(9);
    assert!(first.next(&signed(&second, &[alice, bob, carol])).is_err(), "another installation");
}

#[test]
fn two_keys_of_one_person_are_one_person() {
    let (alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let again = Person { subject: alice.subject.clone(), ..Person::new("alice", 7) };
    let root = root(Mode::Rehearsal, &[&alice, &again, &bob], 2);
    let mut envelope = root.envelope().unwrap();
    alice.sign(&mut envelope, trust_root::NAMESPACE);
    again.sign(&mut envelope, trust_root::NAMESPACE);
    assert!(TrustRoot::open(&envelope).is_err());
}

#[test]
fn roots_that_break_a_rule_are_refused() {
    let (alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let good = root(Mode::Rehearsal, &[&alice, &bob], 2);
    type Damage = fn(&mut TrustRoot);
    let broken: [(&str, Damage); 13] = [
        ("`v` is not 1", |root| root.v = 2),
        ("starts at 1", |root| root.version = 0),
        ("not after", |root| root.expires = root.issued),
        ("two years", |root| root.expires = root.issued.later_by(Duration::from_hours(24 * 800))),
        ("threshold of at least 2", |root| root.policy.threshold = 1),
        ("larger than its number", |root| root.holders.threshold = 3),
        ("over half", |root| root.witnesses.quorum = 0),
        ("at least one runner", |root| root.runners.clear()),
        ("not an Ed25519 verifier key", |root| root.ledger.vkey = "x".into()),
        ("name or key stands twice", |root| root.runners[1].key = root.runners[0].key),
        ("serves two of", |root| root.provenance = root.runners[0].key),
        ("serves two of", |root| {
            let witness: NoteVerifier = root.witnesses.keys[0].vkey.parse().unwrap();
            let ledger = NoteVerifier::new("countersign/0101", SignatureKind::Ed25519, *witness.public());
            root.ledger.vkey = ledger.unwrap().to_string();
        }),
        ("serves two of", |root| {
            let ledger: NoteVerifier = root.ledger.vkey.parse().unwrap();
            root.runners[1].key = STANDARD.encode(ledger.public()).parse().unwrap();
        }),
    ];
    for (expected, damage) in broken {
        let mut root = good.clone();
        damage(&mut root);
        let refused = root.envelope().unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
}

#[test]
fn nobody_enrols_themselves_except_alone() {
    let (alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let mut team = root(Mode::Rehearsal, &[&alice, &bob], 2);
    team.registrars.threshold = 1;
    let statement = enrolment_of(&alice, 11, 12);
    let mut own = statement.envelope().unwrap();
    alice.sign(&mut own, enrolment::NAMESPACE);
    assert!(Enrolment::open(&own, &team).unwrap_err().to_string().contains("0 of 1"));
    bob.sign(&mut own, enrolment::NAMESPACE);
    assert_eq!(Enrolment::open(&own, &team).unwrap(), statement);

    let mut one_key = enrolment_of(&alice, 11, 12);
    one_key.keys = vec![EnrolledKey {
        key: alice.key.clone(),
        purposes: vec![Purpose::SignIn, Purpose::Approve, Purpose::Commit],
    }];
    let mut envelope = one_key.envelope().unwrap();
    bob.sign(&mut envelope, enrolment::NAMESPACE);
    assert!(Enrolment::open(&envelope, &team).unwrap_err().to_string().contains("different keys"));
    let solo = root(Mode::Solo, &[&alice], 1);
    let mut envelope = one_key.envelope().unwrap();
    alice.sign(&mut envelope, enrolment::NAMESPACE);
    assert_eq!(Enrolment::open(&envelope, &solo).unwrap(), one_key);
}

fn tighten(base: &Status, digest: Digest) -> Status {
    Status { number: base.number + 1, base: Some(digest), ..base.clone() }
}

#[test]
fn one_person_may_tighten_and_nobody_alone_may_loosen() {
    let (alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let team = root(Mode::Rehearsal, &[&alice, &bob], 2);
    let mut base = status_base();
    base.barred = vec![Digest::of(b"bad")];
    let mut envelope = base.envelope().unwrap();
    alice.sign(&mut envelope, status::NAMESPACE);
    let alone = StatusFile { base: envelope.clone(), tightening: None };
    assert!(alone.open(&team).unwrap_err().to_string().contains("1 of 2"));
    bob.sign(&mut envelope, status::NAMESPACE);
    let open = |statement: &Status, by: &Person| {
        let mut tightening = statement.envelope().unwrap();
        by.sign(&mut tightening, status::NAMESPACE);
        let file = StatusFile { base: envelope.clone(), tightening: Some(tightening) };
        let read = StatusFile::decode(&file.encode().unwrap()).unwrap();
        assert_eq!(read, file);
        read.open(&team).map(|opened| opened.status).map_err(|error| error.to_string())
    };
    let mut frozen = tighten(&base, envelope.payload_digest());
    frozen.frozen = vec![Freeze { project: name("shop"), service: None, environment: None }];
    frozen.revoked = vec![Revocation { key: bob.key.fingerprint().into(), invalid_since: now() }];
    let opened = open(&frozen, &alice).unwrap();
    assert!(opened.freezes(&name("shop"), &name("api"), &name("production")));
    assert!(!opened.freezes(&name("other"), &name("api"), &name("production")));
    let refused = |change: fn(&mut Status), expected: &str| {
        let mut statement = frozen.clone();
        change(&mut statement);
        let error = open(&statement, &alice).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    };
    refused(|status| status.barred.clear(), "loosens");
    refused(|status| status.expires = status.expires.later_by(Duration::from_millis(1)), "ends later");
    refused(|status| status.number -= 1, "not above");
    refused(|status| status.base = Some(Digest::of(b"other")), "another base");
    refused(|status| status.base = None, "another base");
    assert!(open(&frozen, &Person::new("mallory", 66)).is_err());
}

#[test]
fn a_request_counts_for_one_person_one_place_and_ten_minutes() {
    let alice = Person::new("alice", 1);
    let request = support::request();
    let mut envelope = request.envelope().unwrap();
    alice.sign(&mut envelope, evidence::request::NAMESPACE);
    let read = Request::read(&envelope).unwrap();
    let verify = |installation, keys: &[&SshKey], moment| {
        read.verify(&envelope, installation, keys, moment).map_err(|error| error.to_string()).map(drop)
    };
    assert_eq!(verify(id(1), &[&alice.key], now()), Ok(()));
    assert!(verify(id(2), &[&alice.key], now()).unwrap_err().contains("another installation"));
    assert!(verify(id(1), &[], now()).unwrap_err().contains("not among those"));
    let late = now().later_by(Duration::from_mins(5));
    assert!(verify(id(1), &[&alice.key], late).unwrap_err().contains("expired"));
    let early = Moment::from_millis(now().millis() - 121_000).unwrap();
    assert!(verify(id(1), &[&alice.key], early).unwrap_err().contains("future"));
    let long = Request { expires: now().later_by(Duration::from_mins(11)), ..request };
    assert!(long.envelope().unwrap_err().to_string().contains("10 minutes"));
}

/// Verified signatures of one envelope do not carry over to the same payload under other signatures or other keys.
#[test]
fn vouched_signatures_are_those_of_one_envelope() {
    let (alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let by = |person: &Person| {
        let mut envelope = Envelope::new("t", b"payload".to_vec());
        person.sign(&mut envelope, "n");
        envelope
    };
    let vouched = Vouched::of(&by(&alice), "n").unwrap();
    assert_eq!(vouched.signers(&by(&alice), "n", &[&bob.key, &alice.key]), Some(vec![&alice.key]));
    assert_eq!(vouched.signers(&by(&alice), "n", &[&bob.key]), None, "not allowed");
    assert_eq!(vouched.signers(&by(&bob), "n", &[&alice.key]), None, "another signature");
    assert_eq!(vouched.signers(&by(&alice), "other", &[&alice.key]), None, "another purpose");
    assert!(Vouched::of(&by(&alice), "other").is_none(), "signed for another purpose");
}
