//! The writer as its callers see it: keys count once within a batch and across batches, and an answered command is on
//! disk.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::atomic::{AtomicU64, Ordering};

use domain::identity::{Enrol, Enrolled, Rooted, SetRoot};
use domain::{Command, Reason};
use evidence::entry::{Actor, Auth};
use evidence::request::Request;
use evidence::trust_root::Mode;
use evidence::{Digest, Id, Moment};
use ledger::{Ledger, Reader};
use serde_json::json;
use server::{Answer, CommandSource, Gatekeeper, Intake, IntakeError, Job, Readers, World, Writer};
use tlog::{NoteSigner, SignatureKind};

fn job(key: &[u8], command: Command) -> Job {
    let origin = CommandSource {
        actor: Actor::Person(Id::from_random([7; 16])),
        auth: Auth::SignedRequest,
        action: "set-root".parse().unwrap(),
        idempotency: Some(Digest::of(key)),
        project: None,
    };
    Job {
        command,
        origin,
        particulars: None,
        blobs: Vec::new(),
        bodies: Vec::new(),
        span: tracing::Span::none(),
    }
}

fn set_root(version: u32) -> Command {
    let root = Rooted {
        installation: Id::from_random([1; 16]),
        version,
        digest: Digest::of(b"root"),
        envelope: Digest::of(b"envelope"),
        mode: Mode::Solo,
        expires: Moment::from_millis(250_000_000_000_000).unwrap(),
    };
    Command::SetRoot(SetRoot { root, runners: [].into(), issued: Moment::default() })
}

fn enrol() -> Command {
    let enrolment = Enrolled {
        person: Id::from_random([7; 16]).into(),
        subject: Digest::of(b"subject"),
        keys: Vec::new(),
        grants: Vec::new(),
        expires: Moment::from_millis(20_000_000_000).unwrap(),
        digest: Digest::of(b"enrolment"),
        root: 1,
    };
    Command::Enrol(Enrol { enrolment, issued: Moment::default() })
}

#[tokio::test]
async fn a_key_counts_once_even_within_one_batch() {
    let dir = tempfile::tempdir().unwrap();
    let signer = NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap();
    let ledger = Ledger::create(dir.path(), signer).unwrap();
    let (intake, thread) = Intake::start(dir.path(), ledger).unwrap();
    // All are sent together: if two share a batch, another command under the same key is never "accepted".
    let refuse = Command::Refuse(Reason::new("x", "y", "z").into());
    let (first, again, other) = tokio::join!(
        intake.submit(job(b"key", set_root(1))),
        intake.submit(job(b"key", set_root(1))),
        intake.submit(job(b"key", refuse.clone())),
    );
    assert_eq!(first.unwrap(), Answer::Accepted { entry: 0, size: 1 });
    assert_eq!((again.unwrap(), other.unwrap()), (Answer::Repeated(0), Answer::Repeated(0)));
    let (refused, repeated) =
        tokio::join!(intake.submit(job(b"two", refuse.clone())), intake.submit(job(b"two", refuse)));
    assert!(matches!(refused.unwrap(), Answer::Refused { entry: Some(1), .. }));
    assert_eq!(repeated.unwrap(), Answer::Repeated(1));
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.head().unwrap().frontier.size(), 2);
    assert_eq!((intake.state().entries, intake.state().misfits), (2, 0));
    drop(intake);
    thread.join().unwrap();
}

/// Others can then read the command in the ledger, and send it again.
#[tokio::test]
async fn attack_a_request_that_is_recorded_is_known_as_that() {
    let dir = tempfile::tempdir().unwrap();
    let signer = NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap();
    let ledger = Ledger::create(dir.path(), signer).unwrap();
    let (intake, thread) = Intake::start(dir.path(), ledger).unwrap();
    let gatekeeper = Gatekeeper::open(Readers::new(dir.path())).unwrap();
    let lab = lab::Lab::default();
    let [request, refused, other] =
        [1, 2, 3].map(|nonce| lab.request(&lab.ada, "set-root", json!({}), nonce).0);
    let sent = |request: &Request, command| {
        let mut job = job(b"", command);
        job.origin.idempotency = Some(request.idempotency());
        intake.submit(job)
    };
    assert!(!gatekeeper.is_recorded(&request).unwrap());
    sent(&request, set_root(1)).await.unwrap();
    sent(&refused, Command::Refuse(Reason::new("x", "y", "z").into())).await.unwrap();
    assert!(gatekeeper.is_recorded(&request).unwrap() && gatekeeper.is_recorded(&refused).unwrap());
    assert!(!gatekeeper.is_recorded(&other).unwrap());
    drop(intake);
    thread.join().unwrap();
}

/// A command that does not fit an entry does not affect the commands that came with it.
#[test]
fn what_does_not_fit_an_entry_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let signer = NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap();
    let ledger = Ledger::create(dir.path(), signer).unwrap();
    let mut writer = Writer::open(dir.path(), ledger, World::default()).unwrap();
    let refused = |key: &[u8], text: String| job(key, Command::Refuse(Reason::new("x", text, "z").into()));
    let large = Job { particulars: Some(json!({ "request": "x".repeat(70_000) })), ..job(b"2", set_root(2)) };
    let jobs = [job(b"1", set_root(1)), large, refused(b"3", "y".repeat(100_000)), refused(b"4", "w".into())];
    let mut answers = writer.take(jobs.iter()).into_iter();
    assert_eq!(answers.next().unwrap().unwrap(), Answer::Accepted { entry: 0, size: 3 });
    assert!(matches!(answers.next().unwrap(), Err(IntakeError::Unfit(_))));
    for entry in [1, 2] {
        let Ok(Answer::Refused { entry: recorded, refusal }) = answers.next().unwrap() else { panic!() };
        assert_eq!(recorded, Some(entry));
        assert!(refusal.reasons().all(|reason| reason.what.chars().count() <= 501));
    }
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.head().unwrap().frontier.size(), 3);
    assert_eq!(reader.by_idempotency(&Digest::of(b"2")).unwrap(), None, "it may be sent again, smaller");
}

/// Milliseconds of the clock in `attack_a_storm_of_refusals_is_counted`.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// Beyond its quota a person's refusals are counted: one entry for a minute, recorded after it, and replayed.
#[test]
fn attack_a_storm_of_refusals_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("quotas.json"), r#"{ "refusals-per-minute": 3 }"#).unwrap();
    let signer = NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap();
    let ledger = Ledger::create(dir.path(), signer).unwrap();
    let world =
        World { now: || Moment::from_millis(CLOCK.load(Ordering::Relaxed)).unwrap(), ..World::default() };
    let mut writer = Writer::open(dir.path(), ledger, world).unwrap();
    let size = || Reader::open(dir.path()).unwrap().head().unwrap().frontier.size();
    let founding = [job(b"root", set_root(1)), job(b"enrol", enrol())];
    assert!(writer.take(founding.iter()).iter().all(|answer| matches!(answer, Ok(Answer::Accepted { .. }))));
    let stranger =
        CommandSource { actor: Actor::Person(Id::from_random([8; 16])), ..job(b"", set_root(1)).origin };
    for n in 0..200_u8 {
        let refuse = job(&[n], Command::Refuse(Reason::new("x", "y", "z").into()));
        let answer = writer.take([refuse].iter()).remove(0).unwrap();
        assert!(matches!(answer, Answer::Refused { entry, .. } if entry.is_some() == (n < 3)), "{n}");
        // Refusals of a person who is no longer enrolled are not counted: replay accepts no entry of a stranger.
        let Job { command, .. } = job(b"", Command::Refuse(Reason::new("x", "y", "z").into()));
        let idempotency = Some(Digest::of(&[8, n]));
        let refuse = Job { origin: CommandSource { idempotency, ..stranger.clone() }, ..job(b"", command) };
        assert!(matches!(writer.take([refuse].iter()).remove(0), Ok(Answer::Refused { .. })));
    }
    assert_eq!(size(), 8);
    assert!(writer.has_counted());
    CLOCK.store(60_000, Ordering::Relaxed);
    assert!(writer.take(std::iter::empty()).is_empty());
    assert!(!writer.has_counted());
    assert_eq!(size(), 9);
    let reader = Reader::open(dir.path()).unwrap();
    let entry = reader.entries(8, 9).unwrap().remove(0);
    let facts = entry.facts.decode::<serde_json::Value>("facts").unwrap();
    assert_eq!((&facts["more"], &facts["reasons"]), (&json!(197), &json!(["quota-refusals"])));
    let readers = Readers::new(dir.path());
    let blobs = ledger::Blobs::read_only(&dir.path().join(ledger::BLOBS));
    let store = server::LedgerStore::new(&readers, &blobs);
    let replay = server::replay(&reader, &store, |_| {}).unwrap();
    // The eight entries before it hold no signed request, because this test has no edge.
    assert_eq!((replay.recorded, replay.others.len(), replay.state().misfits), (1, 8, 0));
}

/// The record of a refused request has the digests of its bodies, and names no blob.
#[test]
fn attack_a_refused_request_keeps_digests_and_no_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let signer = NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap();
    let ledger = Ledger::create(dir.path(), signer).unwrap();
    let mut writer = Writer::open(dir.path(), ledger, World::default()).unwrap();
    let pack = Digest::of(b"a source pack");
    let large = Job {
        particulars: Some(json!({ "request": {}, "statements": ["x".repeat(30_000)] })),
        blobs: vec![pack],
        bodies: vec![pack],
        ..job(b"1", Command::Refuse(Reason::new("x", "y", "z").into()))
    };
    let small =
        Job { bodies: Vec::new(), particulars: Some(json!({ "statements": ["y"] })), ..large.clone() };
    let small = Job { origin: job(b"2", set_root(1)).origin, ..small };
    let answers = writer.take([large, small].iter());
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Answer::Refused { entry: Some(_), .. }))));
    let entries = Reader::open(dir.path()).unwrap().entries(0, 2).unwrap();
    let found: Vec<_> = entries
        .iter()
        .map(|entry| {
            let header = evidence::entry::Header::decode(&entry.header).unwrap();
            let particulars =
                entry.particulars.as_ref().unwrap().decode::<serde_json::Value>("particulars").unwrap();
            (header.blobs, particulars["left-out"].clone(), particulars["statements"].clone())
        })
        .collect();
    assert_eq!(found[0], (vec![], json!([pack.to_string()]), json!(null)));
    assert_eq!(found[1], (vec![pack], json!(null), json!(["y"])));
}
