//! Work that a server sends to a runner: only work that people asked for is done, and numbers never go down.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evidence::receipt::{Ending, Receipt, Work};
use evidence::relayed_status::RelayedStatus;
use evidence::release_check::ReleaseCheck;
use evidence::status::{Revocation, Status, StatusFile};
use evidence::tree_list::FileMode;
use lab::forgery::runs::{self, WorkOffer};
use lab::{Lab, name};
use runner::{
    Answers, Bench, CompletedWork, IsWanted, Isolation, Keep, Leases, Log, Offered, Origins, Source,
    SourceFile, Sources, Toolchain, Trust,
};
use sandbox::{Exit, Input, Level, Outputs, SandboxError, Spec, StepOutcome};

/// Counts the executed steps; each step leaves the same output.
struct Counted {
    ran: Arc<AtomicUsize>,
    left: tempfile::TempDir,
}

impl Isolation for Counted {
    fn run(
        &self,
        _: &Spec,
        _: &[Input<'_>],
        _: Log<'_>,
        _: IsWanted<'_>,
    ) -> Result<StepOutcome, SandboxError> {
        self.ran.fetch_add(1, Ordering::Relaxed);
        Ok(StepOutcome {
            exit: Exit::Code(0),
            level: Level { user: "range".into(), landlock: 6, memory: "watched".into() },
            outputs: Outputs::of_dir(self.left.path()).unwrap(),
            log_truncated: false,
            reached: Vec::new(),
            refused: Vec::new(),
        })
    }
}

/// A flaky step: its first run fails, each later one passes, and each one prints and leaves other bytes.
struct Flaky(Counted);

impl Isolation for Flaky {
    fn run(
        &self,
        spec: &Spec,
        inputs: &[Input<'_>],
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<StepOutcome, SandboxError> {
        let number = self.0.ran.load(Ordering::Relaxed);
        std::fs::write(self.0.left.path().join("out/api"), format!("program {number}")).unwrap();
        log(sandbox::Stream::Out, format!("run {number}\n").as_bytes());
        let outcome = self.0.run(spec, inputs, log, wanted)?;
        Ok(StepOutcome { exit: Exit::Code(i32::from(number == 0)), ..outcome })
    }
}

/// An empty directory of outputs.
fn left() -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    std::fs::create_dir(left.path().join("out")).unwrap();
    left
}

fn bench(lab: &Lab, dir: &Path, ran: &Arc<AtomicUsize>) -> Bench {
    let base = lab.base();
    let (pack, list) = lab.written("a change", std::slice::from_ref(&base));
    let file =
        |(path, text): (String, String)| SourceFile { path, mode: FileMode::Plain, bytes: text.into_bytes() };
    let object = pack.commits.values().next().unwrap().0.clone();
    let source = Source {
        id: pack.commit.clone(),
        commit: evidence::git::Commit::parse(&object).unwrap(),
        object,
        list,
        files: lab.files().into_iter().map(file).collect(),
    };
    let left = left();
    std::fs::write(left.path().join("out/api"), "a program").unwrap();
    let sources = Sources::default();
    sources.add(Arc::new(source));
    Bench {
        installation: lab::id(1),
        runner: name("runner-1"),
        root: 1,
        signer: lab.runners.first().unwrap().clone(),
        toolchain: Toolchain::of(Vec::new(), BTreeMap::new()).unwrap(),
        keep: Keep::open(dir, 1 << 20).unwrap(),
        answers: Answers::open(&dir.join("answers"), 1 << 20).unwrap(),
        isolation: Box::new(Counted { ran: Arc::clone(ran), left }),
        leases: Leases::of(dir),
        trust: Trust::open(dir, &lab.pin()).unwrap(),
        now: || lab::at(0),
        sources,
        origins: Origins::open(dir, true),
        stores: runner::StoreLogins::of(dir),
    }
}

/// A repository with only the commit object: a read of its tree finds nothing.
fn commit_without_tree(lab: &Lab) -> (tempfile::TempDir, evidence::CommitId) {
    let dir = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(dir.path()).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null());
        git.spawn().unwrap()
    };
    assert!(git(&["init", "-q"]).wait().unwrap().success());
    let (pack, _) = lab.written("a change", &[lab.base()]);
    let mut writing = git(&["hash-object", "-t", "commit", "-w", "--stdin", "--literally"]);
    let object = &pack.commits.values().next().unwrap().0;
    writing.stdin.take().unwrap().write_all(object).unwrap();
    assert!(writing.wait().unwrap().success());
    (dir, pack.commit)
}

/// A repository is opened only for a run that people asked for, and a tree is read only below a commit that counts.
#[test]
fn attack_nothing_is_fetched_before_it_is_trusted() {
    let lab = runs::in_team();
    let (repository, commit) = commit_without_tree(&lab);
    let tried = |asked: &WorkOffer, repository: &str| {
        let dir = tempfile::tempdir().unwrap();
        let bench = Bench { sources: Sources::default(), ..bench(&lab, dir.path(), &Arc::default()) };
        let done = bench
            .work(
                &asked.due,
                &asked.order,
                &Offered { repository: Some(repository), ..Offered::default() },
                &|_, _| {},
                &|| true,
            )
            .unwrap();
        ending(&done).1
    };
    let path = repository.path().to_str().unwrap();
    let honest = build(lab.asked());
    assert_eq!(honest.due.commit, commit);
    let log = tried(&honest, path);
    assert!(log.contains("is not in the repository"), "the tree is read, and is missing: {log}");
    let revoked = runs::all().into_iter().find(|row| row.name == "a commit signed by a revoked key").unwrap();
    let revoked = build(revoked.forged());
    assert_eq!(revoked.due.commit, commit);
    let log = tried(&revoked, path);
    assert!(log.contains("commit-unsigned"), "the commit alone decides: {log}");
    let mut unasked = build(lab.asked());
    unasked.order.requests.clear();
    let log = tried(&unasked, "/dev/null/no-repository");
    assert!(log.contains("request-unsound"), "no repository is opened: {log}");
}

fn ending(done: &CompletedWork) -> (Ending, String) {
    let payload = done.receipt.payload(evidence::receipt::PAYLOAD_TYPE).unwrap();
    let facts: Receipt = evidence::canonical::decode("receipt", payload, payload.len()).unwrap();
    (facts.exit, String::from_utf8(done.blobs.first().unwrap().clone()).unwrap())
}

fn build(asked: WorkOffer) -> WorkOffer {
    let mut asked = asked.with(Work::Step(name("build")));
    asked.due.needs.clear();
    asked
}

#[test]
fn what_nobody_asked_for_is_not_run_and_its_receipt_says_why() {
    let lab = runs::in_team();
    let dir = tempfile::tempdir().unwrap();
    let ran = Arc::default();
    let bench = bench(&lab, dir.path(), &ran);
    let mut asked = build(lab.asked());
    let work = |asked: &WorkOffer| {
        bench.work(&asked.due, &asked.order, &Offered::default(), &|_, _| {}, &|| true).unwrap()
    };
    let honest = asked.order.requests.clone();
    asked.order.requests.clear();
    let (exit, log) = ending(&work(&asked));
    assert_eq!((exit, ran.load(Ordering::Relaxed)), (Ending::GaveUp, 0), "{log}");
    assert!(log.contains("no authorised person asked this runner for the work: request-unsound"), "{log}");
    asked.order.requests = honest;
    assert_eq!(ending(&work(&asked)).0, Ending::Code(0));
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[test]
fn what_a_runner_has_seen_stays_seen_over_a_restart() {
    let lab = runs::in_team();
    let dir = tempfile::tempdir().unwrap();
    let ran = Arc::default();
    let mut asked = build(lab.asked());
    let older = asked.order.clone();
    let mut newer = lab.status();
    newer.number = 2;
    newer.expires = lab::at(3_600);
    asked.order.status = lab.signed_status(&newer, &[0, 1]);
    let first = bench(&lab, dir.path(), &ran);
    assert_eq!(
        ending(&first.work(&asked.due, &asked.order, &Offered::default(), &|_, _| {}, &|| true).unwrap()).0,
        Ending::Code(0)
    );
    drop(first);
    // Another step: about the first one the runner has answered.
    let asked = asked.with(Work::Step(name("test")));
    let later = || {
        let second = Bench { now: || lab::at(7_200), ..bench(&lab, dir.path(), &ran) };
        ending(&second.work(&asked.due, &older, &Offered::default(), &|_, _| {}, &|| true).unwrap())
    };
    let (exit, log) = later();
    assert_eq!(exit, Ending::GaveUp);
    assert!(log.contains("status-expired: status 2"), "{log}");
    // Older programs kept the numbers alone.
    std::fs::write(dir.path().join("seen.json"), r#"{"v":1,"root":1,"status":2}"#).unwrap();
    let (exit, log) = later();
    assert_eq!(exit, Ending::GaveUp);
    assert!(log.contains("status-rollback"), "{log}");
    std::fs::write(dir.path().join("seen.json"), "{").unwrap();
    let damaged = Trust::open(dir.path(), &lab.pin()).unwrap_err();
    assert!(damaged.to_string().contains("join anew"), "{damaged}");
}

/// The server's owner asks again until a flaky step passes: there is one run and one receipt for each order.
#[test]
fn attack_a_step_that_was_done_is_not_done_again_for_another_answer() {
    let lab = runs::in_team();
    let dir = tempfile::tempdir().unwrap();
    let ran: Arc<AtomicUsize> = Arc::default();
    let flaky = |limit| Bench {
        isolation: Box::new(Flaky(Counted { ran: Arc::clone(&ran), left: left() })),
        answers: Answers::open(&dir.path().join("answers"), limit).unwrap(),
        ..bench(&lab, dir.path(), &ran)
    };
    let work = |runner: &Bench, asked: &WorkOffer| {
        runner.work(&asked.due, &asked.order, &Offered::default(), &|_, _| {}, &|| true)
    };
    let asked = build(lab.asked());
    let mut wrong = asked.clone();
    wrong.order.requests.clear();
    let runner = flaky(1 << 20);
    let (exit, log) = ending(&work(&runner, &wrong).unwrap());
    assert_eq!(
        (exit, ran.load(Ordering::Relaxed)),
        (Ending::GaveUp, 0),
        "a wrong order decides nothing: {log}"
    );
    let first = work(&runner, &asked).unwrap();
    assert_eq!((ending(&first), ran.load(Ordering::Relaxed)), ((Ending::Code(1), "run 0\n".into()), 1));
    let mut other_inputs = asked.clone();
    other_inputs.due.needs = BTreeMap::from([(name("build"), first.receipt.payload_digest())]);
    for restarted in [runner, flaky(1 << 20)] {
        for again in [&asked, &wrong, &other_inputs] {
            let again = work(&restarted, again).unwrap();
            assert_eq!((&again.receipt, &again.blobs), (&first.receipt, &first.blobs));
        }
        let instead = restarted.give_up(&asked.due, "the server did not accept it", &|_, _| {}).unwrap();
        assert_eq!(instead.receipt, first.receipt);
    }
    assert_eq!(ran.load(Ordering::Relaxed), 1, "one run");
    // Without room for the answer, the runner does not do the work of so old an order any more.
    let (exit, log) = ending(&work(&flaky(1), &asked).unwrap());
    assert_eq!((exit, ran.load(Ordering::Relaxed)), (Ending::GaveUp, 1), "{log}");
    assert!(log.contains("has removed its answers about runs that were asked for until"), "{log}");
}

/// A runner that ended in the middle of a step has answered nothing, so the step is done again, once.
#[test]
fn a_step_that_was_cut_short_is_done_again() {
    struct Torn;
    impl Isolation for Torn {
        fn run(
            &self,
            _: &Spec,
            _: &[Input<'_>],
            _: Log<'_>,
            _: IsWanted<'_>,
        ) -> Result<StepOutcome, SandboxError> {
            panic!("the runner's process ends here");
        }
    }
    let lab = runs::in_team();
    let dir = tempfile::tempdir().unwrap();
    let ran: Arc<AtomicUsize> = Arc::default();
    let asked = build(lab.asked());
    let work =
        |runner: &Bench| runner.work(&asked.due, &asked.order, &Offered::default(), &|_, _| {}, &|| true);
    let torn = Bench { isolation: Box::new(Torn), ..bench(&lab, dir.path(), &ran) };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&torn))).unwrap_err();
    let runner = bench(&lab, dir.path(), &ran);
    let first = work(&runner).unwrap();
    assert_eq!((ending(&first).0, work(&runner).unwrap().receipt), (Ending::Code(0), first.receipt));
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

/// A server that dislikes an answer gets the same one again: after a restart, with another order, or without any.
#[test]
fn attack_a_check_that_was_done_is_not_done_again_for_another_answer() {
    let lab = lab::forgery::checking::with_checks();
    let dir = tempfile::tempdir().unwrap();
    let ran = Arc::default();
    let mut asked = lab.asked_to_check();
    asked.due.needs.clear();
    let runner = bench(&lab, dir.path(), &ran);
    let work = |runner: &Bench, asked: &WorkOffer| {
        runner.work(&asked.due, &asked.order, &Offered::default(), &|_, _| {}, &|| true)
    };
    // Nothing has begun, so a wrong order alone decides nothing.
    let mut wrong = asked.clone();
    wrong.order.checks.clear();
    let (exit, log) = ending(&work(&runner, &wrong).unwrap());
    assert_eq!((exit, ran.load(Ordering::Relaxed)), (Ending::GaveUp, 0), "{log}");
    let first = work(&runner, &asked).unwrap();
    assert_eq!(
        (ending(&first).0, ran.load(Ordering::Relaxed)),
        (Ending::Code(253), 1),
        "{}",
        ending(&first).1
    );
    drop(runner);
    let runner = bench(&lab, dir.path(), &ran);
    for again in [&asked, &wrong] {
        let again = work(&runner, again).unwrap();
        assert_eq!((&again.receipt, &again.blobs), (&first.receipt, &first.blobs));
    }
    let instead = runner.give_up(&asked.due, "the server did not accept it", &|_, _| {}).unwrap();
    assert_eq!(instead.receipt, first.receipt);
    let Work::Check(check) = asked.due.work.clone() else { panic!("it is no check") };
    let of = |release| asked.clone().with(Work::Check(ReleaseCheck { release, ..check.clone() }));
    assert!(
        work(&runner, &of(2)).unwrap_err().to_string().contains("has checked release 3"),
        "no receipt at all"
    );
    assert_eq!(ending(&work(&runner, &of(4)).unwrap()).0, Ending::GaveUp, "no agent says that it runs");
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

/// A status of a newer program stops the runner, over a restart and when the server shows the older one again. A newer one
/// that can be read lets it go on.
#[test]
fn attack_an_older_status_after_one_that_the_runner_cannot_read() {
    let lab = runs::in_team();
    let dir = tempfile::tempdir().unwrap();
    let ran = Arc::default();
    let mut asked = build(lab.asked());
    let work = |asked: &WorkOffer| {
        let bench = bench(&lab, dir.path(), &ran);
        ending(&bench.work(&asked.due, &asked.order, &Offered::default(), &|_, _| {}, &|| true).unwrap())
    };
    // Bytes that no status signer signed are an unsound order, and are forgotten.
    let honest = asked.order.status.clone();
    asked.order.status = lab.unread_status(5, &[]);
    assert!(work(&asked).1.contains("status-unsound"));
    let seen = dir.path().join("seen.json");
    assert!(!seen.exists());
    asked.order.status = lab.unread_status(5, &[1]);
    let (exit, log) = work(&asked);
    assert_eq!((exit, ran.load(Ordering::Relaxed)), (Ending::GaveUp, 0), "{log}");
    assert!(log.contains("status-unreadable") && log.contains("upgrade this program"), "{log}");
    assert!(std::fs::read_to_string(&seen).unwrap().contains("unread"));
    asked.order.status = honest;
    assert!(work(&asked).1.contains("status-unreadable"));
    let mut newer = lab.status();
    for (number, runs) in [(5, 0), (6, 1)] {
        newer.number = number;
        asked.order.status = lab.signed_status(&newer, &[0, 1]);
        work(&asked);
        assert_eq!(ran.load(Ordering::Relaxed), runs, "status {number}");
    }
}

/// A status that only a witness tells holds, over a restart and although the server shows the older one: a revoked key asks for nothing,
/// and an expired status lets nothing be done.
#[test]
fn attack_an_older_status_after_a_newer_one_of_a_witness() {
    let lab = runs::in_team();
    let (dir, ran) = (tempfile::tempdir().unwrap(), Arc::default());
    let asked = build(lab.asked());
    let work = |asked: &WorkOffer| {
        let bench = bench(&lab, dir.path(), &ran);
        ending(&bench.work(&asked.due, &asked.order, &Offered::default(), &|_, _| {}, &|| true).unwrap())
    };
    let root = lab.signed_root(&lab.root(), &[0, 1]);
    let take = |file: StatusFile| {
        bench(&lab, dir.path(), &ran).trust.take(&RelayedStatus::new(file, vec![root.clone()]))
    };
    let signed = |number, change: &dyn Fn(&mut Status), officers: &[usize]| {
        let mut status = Status { number, ..lab.status() };
        change(&mut status);
        lab.signed_status(&status, officers)
    };
    let revokes = |status: &mut Status| {
        let key = lab.ada.sign_in.key.fingerprint().to_owned();
        status.revoked = vec![Revocation { key, invalid_since: lab::at(-10) }];
    };
    let expires = |status: &mut Status| status.expires = lab::at(-1);
    take(signed(2, &revokes, &[])).unwrap_err();
    assert!(!dir.path().join("seen.json").exists(), "what nobody signed is forgotten");
    assert_eq!(take(signed(2, &revokes, &[0, 1])).unwrap(), Some(2));
    assert_eq!(take(signed(2, &revokes, &[0, 1])).unwrap(), None);
    assert_eq!(take(signed(1, &|_| {}, &[0, 1])).unwrap(), None, "the witness is behind");
    let (exit, log) = work(&asked);
    assert_eq!((exit, ran.load(Ordering::Relaxed)), (Ending::GaveUp, 0), "{log}");
    assert!(log.contains("request-unsound"), "{log}");
    assert_eq!(take(signed(3, &expires, &[0, 1])).unwrap(), Some(3));
    let (exit, log) = work(&asked);
    assert_eq!((exit, ran.load(Ordering::Relaxed)), (Ending::GaveUp, 0), "{log}");
    assert!(log.contains("status-expired"), "{log}");
    // One that cannot be read stops everything, until a newer one can be read.
    assert_eq!(take(lab.unread_status(4, &[0])).unwrap(), Some(4));
    assert!(work(&asked).1.contains("status-unreadable"));
    assert_eq!(take(signed(5, &|_| {}, &[0, 1])).unwrap(), Some(5));
    assert_eq!((work(&asked).0, ran.load(Ordering::Relaxed)), (Ending::Code(0), 1));
}

/// A single signer may add to a status, and may not lift what another one has added, whichever way that one came.
#[test]
fn attack_a_revocation_that_one_signer_lifts() {
    let lab = runs::in_team();
    let base = lab.signed_status(&lab.status(), &[0, 1]).base;
    let tightened = |number, officer, keys: &[&str]| {
        let revoked = |key: &&str| Revocation { key: (*key).to_owned(), invalid_since: lab::at(-10) };
        let revoked = keys.iter().map(revoked).collect();
        let status = Status { number, base: Some(base.payload_digest()), revoked, ..lab.status() };
        StatusFile { base: base.clone(), tightening: Some(lab.signed_status(&status, &[officer]).base) }
    };
    let asked = lab.asked();
    let stranger = lab.mallory.sign_in.key.fingerprint().to_owned();
    let dir = tempfile::tempdir().unwrap();
    // Each time as after a restart.
    let under = |status: StatusFile| {
        let order = evidence::run_order::RunOrder { status, ..asked.order.clone() };
        let trust = Trust::open(dir.path(), &lab.pin()).unwrap();
        trust
            .open_run(&order, &asked.due, &asked.runner, lab::at(0))
            .map(drop)
            .map_err(|error| error.to_string())
    };
    under(tightened(2, 0, &[&stranger])).unwrap();
    for number in [2, 3] {
        let refused = under(tightened(number, 1, &[])).unwrap_err();
        assert!(refused.contains("status-loosens"), "{refused}");
    }
    under(tightened(3, 1, &[&stranger])).unwrap();
    let lifted = Status { number: 4, ..lab.status() };
    under(lab.signed_status(&lifted, &[0, 1])).unwrap();
}
