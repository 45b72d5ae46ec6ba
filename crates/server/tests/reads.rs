//! Reads as their callers see them: a read is answered once its lines are on disk, refused ones too, and the lines of all
//! reads of one commit share an entry for each project.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Event;
use domain::identity::{Enrol, Enrolled, Rooted, SetRoot};
use domain::secret::{Put, Reading, ReadingDecision, SecretPut, Show};
use domain::{Command, PersonId};
use evidence::enrolment::Grant;
use evidence::entry::{Actor, Auth, Entry, Header};
use evidence::records::LINES_BYTES_MAX;
use evidence::trust_root::Mode;
use evidence::{Digest, Id, Moment};
use judge::lines_of;
use ledger::{Ledger, Reader};
use server::{Answer, CommandSource, Intake, IntakeError, Job, World, Writer};
use tlog::{NoteSigner, SignatureKind};

fn alice() -> PersonId {
    Id::from_random([7; 16]).into()
}

fn job(command: Command) -> Job {
    let origin = CommandSource {
        actor: Actor::System,
        auth: Auth::Statement,
        action: "found".parse().unwrap(),
        idempotency: None,
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

fn put(secret: &str) -> Command {
    let put = SecretPut {
        secret: secret.parse().unwrap(),
        number: 1,
        value: Digest::of(secret.as_bytes()),
        person: alice(),
        expires: None,
        rotate_days: None,
        honey: false,
    };
    Command::PutSecret(Box::new(Put { put }))
}

/// A ledger in which Alice owns two secrets of two projects.
fn founding() -> Vec<Job> {
    let expires = Moment::from_millis(250_000_000_000_000).unwrap();
    let root = Rooted {
        installation: Id::from_random([1; 16]),
        version: 1,
        digest: Digest::of(b"root"),
        envelope: Digest::of(b"envelope"),
        mode: Mode::Solo,
        expires,
    };
    let owner = Grant { role: "secret-owner".parse().unwrap(), project: None, environment: None };
    let enrolment = Enrolled {
        person: alice(),
        subject: Digest::of(b"subject"),
        keys: Vec::new(),
        grants: vec![owner],
        expires,
        digest: Digest::of(b"enrolment"),
        root: 1,
    };
    let set = SetRoot { root, runners: [].into(), issued: Moment::default() };
    let enrol = Enrol { enrolment, issued: Moment::default() };
    [Command::SetRoot(set), Command::Enrol(enrol), put("shop/token"), put("bank/token")].map(job).into()
}

fn ledger(dir: &Path) -> Ledger {
    let signer = NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap();
    Ledger::create(dir, signer).unwrap()
}

fn show(secret: &str, reason: &str) -> Reading {
    Reading::Show(Box::new(shown(secret, reason)))
}

fn shown(secret: &str, reason: &str) -> Show {
    Show {
        person: alice(),
        secret: secret.parse().unwrap(),
        number: None,
        reason: reason.to_owned(),
        is_open: true,
    }
}

/// The entries with lines: their projects and the numbers of their lines.
fn records(dir: &Path) -> Vec<(Option<String>, usize)> {
    let reader = Reader::open(dir).unwrap();
    let size = reader.head().unwrap().frontier.size();
    let mut entries: Vec<Entry> = Vec::new();
    while (entries.len() as u64) < size {
        entries.extend(reader.entries(entries.len() as u64, size).unwrap());
    }
    let lines = |entry: Entry| {
        let header = Header::decode(&entry.header).unwrap();
        let Event::Recorded(facts) = Event::read(&header.kind, &entry.facts).unwrap() else { return None };
        let lines = lines_of(&header, &facts, &entry).unwrap();
        Some((header.project.map(|project| project.to_string()), lines.iter().len()))
    };
    entries.into_iter().filter_map(lines).collect()
}

fn is_lent(decision: &Result<ReadingDecision, IntakeError>) -> bool {
    decision.as_ref().unwrap().lent.is_ok()
}

#[test]
fn the_lines_of_one_commit_share_an_entry_for_each_project_after_its_commands() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), ledger(dir.path()), World::default()).unwrap();
    let readings =
        [show("shop/token", "a"), show("bank/token", "b"), show("shop/none", "c"), show("shop/token", "d")];
    let readings: Vec<_> = readings.iter().collect();
    let (answers, read) = writer.take_with(founding().iter(), &readings);
    let accepted: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(accepted.last(), Some(&Answer::Accepted { entry: 3, size: 6 }));
    assert_eq!(read.iter().map(is_lent).collect::<Vec<_>>(), [true, true, false, true], "after the commands");
    // A read by a person is two lines: the read and its alert. The refused one is a line, too.
    let of = |project: &str, lines| (Some(project.to_owned()), lines);
    assert_eq!(records(dir.path()), [of("bank", 2), of("shop", 5)]);
    let state = writer.durable().read().unwrap().clone();
    assert_eq!((state.entries, state.misfits), (6, 0));
}

/// A read whose line would break a rule is refused alone.
#[test]
fn attack_a_read_without_a_sound_line_is_not_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), ledger(dir.path()), World::default()).unwrap();
    let (without, with) = (show("shop/token", ""), show("shop/token", "the registry asks"));
    let (_, read) = writer.take_with(founding().iter(), &[&without, &with]);
    let Err(IntakeError::Unfit(text)) = read.first().unwrap() else { panic!("{read:?}") };
    assert_eq!(text, "lines: a person's reason has 1 to 500 bytes");
    assert!(is_lent(read.get(1).unwrap()));
    assert_eq!(records(dir.path()), [(Some("shop".to_owned()), 2)]);
}

/// Milliseconds of the clock in `attack_a_storm_of_refused_reads`.
static MINUTES: AtomicU64 = AtomicU64::new(1_000_000_000);

/// A person without any right in a project could fill its record, and so hide the line that matters among others.
#[test]
fn attack_a_storm_of_refused_reads() {
    let dir = tempfile::tempdir().unwrap();
    let now = || Moment::from_millis(MINUTES.load(Ordering::SeqCst)).unwrap();
    let world = World { now, ..World::default() };
    let mut writer = Writer::open(dir.path(), ledger(dir.path()), world).unwrap();
    writer.take(founding().iter());
    let stranger = Id::from_random([8; 16]).into();
    let by_stranger = Reading::Show(Box::new(Show { person: stranger, ..shown("shop/token", "x") }));
    let storm: Vec<_> = std::iter::repeat_n(&by_stranger, 1_000).collect();
    let (_, read) = writer.take_with(std::iter::empty(), &storm);
    let (decided, too_many): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
    assert!(decided.iter().all(|decision| !is_lent(decision)));
    assert!(too_many.iter().all(|read| matches!(read, Err(IntakeError::RefusedReads(_)))));
    let lines = || records(dir.path()).iter().map(|(_, lines)| lines).sum::<usize>();
    assert!(decided.len() < 100 && lines() == decided.len(), "{} lines", lines());
    // Others are answered meanwhile, and so is the sender a minute later.
    let own = show("shop/token", "the registry asks");
    assert!(writer.take_with(std::iter::empty(), &[&own, &own]).1.iter().all(is_lent));
    assert!(writer.take_with(std::iter::empty(), &[&by_stranger]).1.iter().all(Result::is_err));
    MINUTES.fetch_add(60_000, Ordering::SeqCst);
    assert!(writer.take_with(std::iter::empty(), &[&by_stranger]).1.iter().all(Result::is_ok));
}

/// Milliseconds of the clock in `attack_a_read_that_cannot_be_recorded_is_not_answered`.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// Without a durable line nothing is read. A clock that was set back stops the writer, so it hands out nothing either.
#[test]
fn attack_a_read_that_cannot_be_recorded_is_not_answered() {
    let dir = tempfile::tempdir().unwrap();
    let now = || Moment::from_millis(CLOCK.load(Ordering::SeqCst)).unwrap();
    let world = World { now, ..World::default() };
    let mut writer = Writer::open(dir.path(), ledger(dir.path()), world).unwrap();
    CLOCK.store(1_000_000_000, Ordering::SeqCst);
    writer.take(founding().iter());
    let reading = show("shop/token", "a");
    let mut read_at = |millis| {
        CLOCK.store(millis, Ordering::SeqCst);
        writer.take_with(std::iter::empty(), &[&reading]).1
    };
    let read = read_at(999_000_000);
    assert!(matches!(read.first(), Some(Err(IntakeError::Append(_)))), "{read:?}");
    assert_eq!(records(dir.path()), []);
    assert!(read_at(1_000_000_001).iter().all(is_lent), "once the clock is right again");
    assert_eq!(records(dir.path()).len(), 1);
}

#[test]
fn lines_that_do_not_fit_one_entry_make_several() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path(), ledger(dir.path()), World::default()).unwrap();
    let readings: Vec<_> = (0..400).map(|_| show("shop/token", &"x".repeat(400))).collect();
    let (_, read) = writer.take_with(founding().iter(), &readings.iter().collect::<Vec<_>>());
    assert!(read.iter().all(is_lent));
    let records = records(dir.path());
    let lines: usize = records.iter().map(|(_, lines)| lines).sum();
    let fewest = 400 * 600 / LINES_BYTES_MAX;
    assert_eq!(lines, 800);
    assert!(records.len() > fewest && records.len() < 3 * fewest, "{records:?}");
}

#[tokio::test]
async fn a_caller_has_the_answer_when_the_lines_are_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (intake, thread) = Intake::start(dir.path(), ledger(dir.path())).unwrap();
    for job in founding() {
        intake.submit(job).await.unwrap();
    }
    let (one, two) = tokio::join!(intake.read(show("shop/token", "a")), intake.read(show("shop/none", "b")));
    assert!(one.unwrap().lent.is_ok() && two.unwrap().lent.is_err());
    let lines: usize = records(dir.path()).iter().map(|(_, lines)| lines).sum();
    assert_eq!(lines, 3, "both are on disk now, the refused one too");
    drop(intake);
    thread.join().unwrap();
}
