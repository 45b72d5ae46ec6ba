//! Reads of a secret: claims of a runner, each decided under a grant and durably recorded before its answer, in one process over
//! the real writer and ledger. The floor is the same lines appended without any decision.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::build::{Run, StepPlan};
use domain::identity::{Enrol, Enrolled, EnrolledKey, Rooted, SetRoot};
use domain::record::Recorded;
use domain::secret::{Lend, LendingStatement, Put, Reading, SecretPut};
use domain::source::{RecordSource, Signature};
use domain::statement::{Stated, SubmitStatement};
use domain::{Command, Event, PersonId, RULES, RunId};
use evidence::enrolment::{Grant, Purpose};
use evidence::entry::{Actor, Auth, Entry, Header, Payload};
use evidence::pool::Pool;
use evidence::records::{Body, Line, Lines, SecretUsed};
use evidence::secret_name::SecretName;
use evidence::statements::{Body as Content, Borrower, GrantedSecret, Scope, SecretGrant, Statement};
use evidence::trust_root::Mode;
use evidence::{Digest, Id, Moment, Name};
use ledger::Ledger;
use server::{CommandSource, Intake, Job};
use tlog::{NoteSigner, SignatureKind};

/// Reads by many callers at once.
pub fn reads() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (intake, thread) = Intake::start(dir.path(), Ledger::create(dir.path(), signer()).unwrap()).unwrap();
    let lend = runtime.block_on(found(&intake));
    for callers in [1, 64, 512] {
        let each = if callers == 1 { 200 } else { READS / callers };
        let begun = Instant::now();
        let mut spans = runtime.block_on(ask(&intake, &lend, callers, each));
        let took = begun.elapsed();
        spans.sort();
        let at = |part: f64| spans[((spans.len() - 1) as f64 * part) as usize];
        let rate = spans.len() as f64 / took.as_secs_f64();
        let (lines, commits) = floor();
        println!(
            "{:44} {:>10.0}/s {:>12}   p50 {:.2?}, p99 {:.2?}; target 20,000/s, p99 5 ms; floor {lines:.0} lines/s in batches of {LINES}; one line alone, durable: p50 {:.2?}, p99 {:.2?}",
            format!("secret read, durable, {callers} callers"),
            rate,
            "-",
            at(0.5),
            at(0.99),
            commits[commits.len() / 2],
            commits[commits.len() * 99 / 100],
        );
    }
    drop(intake);
    thread.join().unwrap();
}

/// The time of each read.
async fn ask(intake: &Intake, lend: &Lend, callers: usize, each: usize) -> Vec<Duration> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (intake, lend) = (intake.clone(), lend.clone());
        tasks.spawn(async move {
            let mut spans = Vec::with_capacity(each);
            for _ in 0..each {
                let begun = Instant::now();
                let decision = intake.read(Reading::Lend(Box::new(lend.clone()))).await.unwrap();
                spans.push(begun.elapsed());
                assert!(decision.lent.is_ok(), "{:?}", decision.lent);
            }
            spans
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// Lines a second that the ledger appends durably without a decision, and the time that it takes for one line alone.
fn floor() -> (f64, Vec<Duration>) {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(dir.path(), signer()).unwrap();
    let used = SecretUsed {
        secret: secret(),
        number: Some(1),
        who: Actor::Machine(name("runner-1")),
        run: Some(id(50)),
        step: Some(name("publish")),
        place: None,
        release: None,
        allowed: true,
        reasons: [].into(),
        reason: None,
        from: None,
    };
    let lines = (0..LINES).map(|_| Line { salt: id(3), body: Body::from(used.clone()) }).collect();
    let entries: Vec<_> = Lines::split(lines).unwrap().iter().map(entry).collect();
    let begun = Instant::now();
    let mut size = 0;
    for _ in 0..50 {
        ledger.begin(size).unwrap().append(&entries).unwrap();
        size += entries.len() as u64;
    }
    let rate = (50 * LINES) as f64 / begun.elapsed().as_secs_f64();
    let one = [entries[0].clone()];
    let mut commits = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        ledger.begin(size).unwrap().append(&one).unwrap();
        commits.push(begun.elapsed());
        size += 1;
    }
    commits.sort();
    (rate, commits)
}

fn entry(lines: &Lines) -> Entry {
    let event = Event::Recorded(Recorded::of(lines).unwrap());
    let facts = event.facts([1; 16]).unwrap();
    let particulars = Payload::new("particulars", lines, [2; 16]).unwrap();
    let header = Header {
        v: 1,
        kind: event.kind().into(),
        rules: RULES,
        time: Moment::default(),
        project: Some(name("shop")),
        subject: None,
        actor: Actor::System,
        auth: Auth::None,
        cause: None,
        idempotency: None,
        facts: facts.commitment(),
        particulars: Some(particulars.commitment()),
        blobs: Vec::new(),
    };
    Entry { header: header.encode().unwrap(), facts, particulars: Some(particulars) }
}

/// An owner, a secret, a run whose step `publish` is due, and a grant; the claim that they allow.
async fn found(intake: &Intake) -> Lend {
    let statement = granted();
    let digest = Digest::of(b"grant");
    let stated = Stated {
        statement: digest,
        kind: statement.kind(),
        person: owner(),
        scope: statement.scope.clone(),
        not_before: statement.not_before,
        expires: statement.expires,
        envelope: Digest::of(b"envelope"),
        secret: None,
    };
    let put = SecretPut {
        secret: secret(),
        number: 1,
        value: Digest::of(b"sealed"),
        person: owner(),
        expires: None,
        rotate_days: None,
        honey: false,
    };
    let state = SubmitStatement { stated, key: KEY.into() };
    for command in [
        Command::SetRoot(root()),
        Command::Enrol(Enrol { enrolment: enrolled(), issued: Moment::default() }),
        Command::PutSecret(Box::new(Put { put })),
        Command::SubmitStatement(Box::new(state)),
        Command::Run(Box::new(run())),
    ] {
        let answer = intake.submit(job(command)).await.unwrap();
        assert!(answer.is_first(), "{answer:?}");
    }
    let runner = name("runner-1");
    let nonce = intake.state().build.outstanding(&runner).next().unwrap().nonce;
    Lend {
        runner,
        nonce,
        work: Some((RunId::from(id(50)), name("publish"))),
        names: [secret()].into(),
        named: [secret()].into(),
        at_ref: Some("refs/heads/main".parse().unwrap()),
        pool: Pool::Protected,
        grants: vec![LendingStatement { digest, key: KEY.into(), statement: Arc::new(statement) }],
        first: [].into(),
        is_open: true,
    }
}

fn granted() -> Statement {
    let grant = SecretGrant {
        secret: GrantedSecret::Build(secret()),
        to: Borrower::Step(name("publish")),
        refs: ["refs/heads/main".parse().unwrap()].into(),
        pools: [Pool::Protected].into(),
        network: [].into(),
        hours: None,
        from: None,
    };
    Statement {
        installation: id(1),
        person: owner().id(),
        scope: Scope { project: name("shop"), service: None, environment: None },
        subjects: vec![grant.secret.subject()],
        not_before: Moment::default(),
        expires: Moment::LAST,
        root: 1,
        checkpoint: String::new(),
        reason: "a benchmark".into(),
        nonce: id(4),
        via: "command-line".into(),
        body: Content::Grant(grant),
    }
}

fn root() -> SetRoot {
    let root = Rooted {
        installation: id(1),
        version: 1,
        digest: Digest::of(b"root"),
        envelope: Digest::of(b"root envelope"),
        mode: Mode::Solo,
        expires: Moment::LAST,
    };
    SetRoot { root, runners: [name("runner-1")].into(), issued: Moment::default() }
}

fn enrolled() -> Enrolled {
    let grant = |role| Grant { role: name(role), project: None, environment: None };
    let purposes = vec![Purpose::SignIn, Purpose::Approve, Purpose::Commit];
    Enrolled {
        person: owner(),
        subject: Digest::of(b"subject"),
        keys: vec![EnrolledKey { fingerprint: KEY.into(), purposes }],
        grants: ["secret-owner", "developer"].map(grant).to_vec(),
        expires: Moment::LAST,
        digest: Digest::of(b"enrolment"),
        root: 1,
    }
}

fn run() -> Run {
    let plan = StepPlan { needs: [].into(), approval: None, apart: true };
    Run {
        take: RecordSource {
            run: id(50).into(),
            project: name("shop"),
            commit: "ab".repeat(20).parse().unwrap(),
            signature: Signature::By(KEY.into()),
            requester: owner(),
            pack: Digest::of(b"pack"),
            request: Digest::of(b"request"),
        },
        pipeline: Digest::of(b"pipeline"),
        steps: [(name("publish"), plan)].into(),
        artifacts: [].into(),
        services: [].into(),
        checks: [].into(),
        runners: vec![name("runner-1")],
        pool: Some(Pool::Protected),
        checkers: None,
        seed: id(7),
        preview: None,
        again: Some(false),
    }
}

fn job(command: Command) -> Job {
    let origin = CommandSource {
        actor: Actor::System,
        auth: Auth::Statement,
        action: name("found"),
        idempotency: None,
        project: None,
    };
    let span = tracing::Span::none();
    Job { command, origin, particulars: None, blobs: Vec::new(), bodies: Vec::new(), span }
}

fn signer() -> NoteSigner {
    NoteSigner::from_seed("countersign/bench", SignatureKind::Ed25519, &[1; 32]).unwrap()
}

fn secret() -> SecretName {
    "shop/registry/token".parse().unwrap()
}

fn owner() -> PersonId {
    id(7).into()
}

fn id(n: u8) -> Id {
    Id::from_random([n; 16])
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

const KEY: &str = "SHA256:key";
/// Reads of all callers together.
const READS: usize = 51_200;
/// Lines of one commit of the floor.
const LINES: usize = 500;
