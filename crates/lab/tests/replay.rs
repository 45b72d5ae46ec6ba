//! Refusals that the owner of a server can record in a person's name: replay takes a refusal as recorded only if the ledger
//! cannot contain its reasons, and counts it separately.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::build::{Ended, RunOutcome};
use domain::identity::{Enrolled, Rooted};
use domain::{Event, RULES, Refused, State, decide, next, quota};
use evidence::claim::{Claim, giving_up};
use evidence::dsse::Envelope;
use evidence::entry::{Actor, Auth, Entry, Header, Payload};
use evidence::receipt::Work;
use evidence::request::Request;
use evidence::{Digest, Moment};
use judge::{Replay, Replayed, Sent, Store, Unavailable, admit, prepare};
use lab::{Lab, Person, at, id, name};
use serde_json::{Value, json};

/// A ledger in memory.
#[derive(Default)]
struct Ledger {
    entries: Vec<Entry>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    state: State,
    /// By how many numbers its rules are older than today's.
    older: u32,
}

/// Data that is recorded beside the first event of a decision.
#[derive(Clone)]
struct Attachment {
    actor: Actor,
    auth: Auth,
    idempotency: Option<Digest>,
    particulars: Option<Value>,
    blobs: Vec<Digest>,
}

impl Attachment {
    fn of(actor: Actor, auth: Auth, particulars: Option<Value>) -> Self {
        Self { actor, auth, idempotency: None, particulars, blobs: Vec::new() }
    }

    fn asked(request: &Request, particulars: Value) -> Self {
        let idempotency = Some(request.idempotency());
        let actor = Actor::Person(request.person);
        Self { idempotency, ..Self::of(actor, Auth::SignedRequest, Some(particulars)) }
    }
}

impl Store for Ledger {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable> {
        self.blobs.get(digest).cloned().ok_or_else(|| Unavailable(format!("blob {digest} is missing")))
    }

    fn entry(&self, number: u64) -> Result<Entry, Unavailable> {
        let entry = usize::try_from(number).ok().and_then(|at| self.entries.get(at).cloned());
        entry.ok_or_else(|| Unavailable(format!("entry {number} is missing")))
    }
}

impl Ledger {
    /// Root 1, and Ada with Bob enrolled.
    fn founded(lab: &Lab) -> Self {
        let mut ledger = Self::default();
        ledger.found(lab);
        ledger
    }

    fn found(&mut self, lab: &Lab) {
        let root = lab.root();
        let bytes = lab.signed_root(&root, &[0, 1]).encode().unwrap();
        let envelope = Digest::of(&bytes);
        self.blobs.insert(envelope, bytes);
        let founding = |particulars| Attachment::of(Actor::System, Auth::Statement, particulars);
        self.push(&Event::Rooted(Rooted::of(&root, envelope).unwrap()), &founding(None), None);
        for (person, role) in [(&lab.ada, "developer"), (&lab.bob, "release-manager")] {
            let enrolment = person.enrolment(&[role]);
            let facts = Enrolled::of(&enrolment, 1).unwrap();
            let particulars = json!({ "statements": [lab.signed_enrolment(&enrolment)] });
            self.push(&Event::Enrolled(facts), &founding(Some(particulars)), None);
        }
    }

    fn push(&mut self, event: &Event, beside: &Attachment, cause: Option<u64>) {
        let facts = event.facts([1; 16]).unwrap();
        let payload = |value| Payload::new("particulars", value, [2; 16]).unwrap();
        let particulars = beside.particulars.as_ref().map(payload);
        let blobs: BTreeSet<_> = event.blobs().into_iter().chain(beside.blobs.iter().copied()).collect();
        let header = Header {
            v: 1,
            kind: event.kind().to_owned(),
            rules: RULES - self.older,
            time: recorded(),
            project: None,
            subject: event.subject(),
            actor: beside.actor.clone(),
            auth: beside.auth,
            cause,
            idempotency: beside.idempotency,
            facts: facts.commitment(),
            particulars: particulars.as_ref().map(Payload::commitment),
            blobs: blobs.into_iter().collect(),
        };
        self.entries.push(Entry { header: header.encode().unwrap(), facts, particulars });
        self.state.apply(event, recorded());
    }

    /// Ada's run of the honest commit, and everything that follows from it.
    fn run(&mut self, lab: &Lab) {
        let parts = lab.honest();
        let envelope = &parts.requests[0];
        let request = Request::read(envelope).unwrap();
        let attachments = [parts.source.encode().unwrap()];
        let sent = Sent { request: &request, envelope, statements: &[], attachments: &attachments };
        let admitted = admit(&self.state, &lab.root(), &*self, &sent).unwrap();
        self.blobs.extend(admitted.blobs.iter().map(|bytes| (Digest::of(bytes), bytes.clone())));
        let blobs = admitted.blobs.iter().map(|bytes| Digest::of(bytes)).collect();
        let mut beside = Attachment { blobs, ..Attachment::asked(&request, json!({ "request": envelope })) };
        let events = decide(&self.state, &admitted.command, recorded()).unwrap();
        let mut queue: VecDeque<_> = events.into_iter().map(|event| (event, None)).collect();
        while let Some((event, cause)) = queue.pop_front() {
            let number = self.entries.len() as u64;
            let follows = Attachment::of(Actor::System, Auth::None, None);
            self.push(&event, if cause.is_some() { &follows } else { &beside }, cause);
            (beside.idempotency, beside.particulars, beside.blobs) = (None, None, Vec::new());
            for command in next(&self.state, &event) {
                let events = decide(&self.state, &command, recorded()).unwrap();
                queue.extend(events.into_iter().map(|event| (event, Some(number))));
            }
        }
    }

    /// The outcome of replay for the last entry.
    fn last(&self) -> Comparison {
        let mut replay = Replay::new(self);
        let mut before = (0, 0, 0);
        for (number, entry) in (0..).zip(&self.entries) {
            before = (replay.agree, replay.recorded, replay.others.len());
            replay.take(&prepare(number, entry.clone()).unwrap()).unwrap();
        }
        assert_eq!((before.1, before.2), (0, 0), "all before agrees");
        match (replay.agree - before.0, replay.recorded - before.1, replay.others.len() - before.2) {
            (1, 0, 0) => Comparison::Agrees,
            (0, 1, 0) => Comparison::Recorded,
            (0, 0, 1) => Comparison::Differs,
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Agrees,
    Recorded,
    Differs,
}

fn recorded() -> Moment {
    at(-400)
}

fn arguments(action: &str) -> Value {
    let place = json!({ "project": "shop", "service": "api", "environment": "production" });
    let (digest, commit) = (Digest::of(b"bytes"), "ab".repeat(20));
    match action {
        "run" => json!({ "project": "shop", "commit": commit }),
        "cancel" => json!({ "run": id(9), "commit": commit }),
        "rollback" => json!({ "place": place, "from": digest, "to": digest }),
        "promote" => json!({ "place": place, "release": 1 }),
        "advance" => json!({ "place": place, "release": 1, "plan": digest, "step": 2 }),
        "secret-put" => json!({ "secret": "shop/token", "number": 1, "value": digest }),
        "secret-destroy" => json!({ "secret": "shop/token", "number": 1 }),
        _ => json!({ "statement": digest }),
    }
}

/// A refusal in a person's name, with a request signed by somebody's key and with digests of omitted bodies.
fn refused(action: &str, codes: &[&str], left_out: Option<Value>, named: &Person, by: &Person) -> Comparison {
    let lab = Lab::default();
    let mut ledger = Ledger::founded(&lab);
    let (request, envelope): (_, Envelope) = lab.request(by, action, arguments(action), 70);
    let mut particulars = json!({ "request": envelope });
    if let Some(left_out) = left_out {
        particulars.as_object_mut().unwrap().insert("left-out".into(), left_out);
    }
    let reasons = codes.iter().map(|code| (*code).to_owned()).collect();
    let facts = Refused { person: named.id.into(), action: name(action), reasons, more: None };
    ledger.push(&Event::Refused(facts), &Attachment::asked(&request, particulars), None);
    ledger.last()
}

#[test]
fn attack_a_false_refusal_in_a_persons_name_differs() {
    let Lab { ada, mallory, .. } = Lab::default();
    let digests = || Some(json!([Digest::of(b"a body")]));
    assert_eq!(refused("cancel", &["no-such-run"], None, &ada, &ada), Comparison::Agrees);
    for action in ["run", "set-environment"] {
        let code = "quota-bytes-of-project";
        assert_eq!(refused(action, &[code], None, &ada, &ada), Comparison::Recorded, "{action}");
        assert_eq!(
            refused(action, &["role-missing"], digests(), &ada, &ada),
            Comparison::Recorded,
            "{action}"
        );
    }
    assert_eq!(refused("run", &["quota-runs-of-person"], None, &ada, &ada), Comparison::Recorded);
    assert_eq!(refused("state", &["quota-statements-of-person"], None, &ada, &ada), Comparison::Recorded);
    let others =
        ["enrol", "set-root", "set-status", "agree", "cancel", "approve", "state", "promote", "rollback"];
    for action in others.into_iter().chain(["advance", "secret-put", "secret-destroy"]) {
        for code in ["quota-bytes-of-person", "quota-runs-of-project", "quota-refusals"] {
            assert_eq!(refused(action, &[code], None, &ada, &ada), Comparison::Differs, "{action}: {code}");
        }
        assert_eq!(refused(action, &["whatever"], digests(), &ada, &ada), Comparison::Differs, "{action}");
    }
    for (action, codes) in [
        ("run", ["quota-of-mine"].as_slice()),
        ("run", &["quota-runs-of-person", "role-missing"]),
        ("run", &["quota-refusals"]),
        ("run", &[]),
        ("set-environment", &["quota-runs-of-project"]),
        ("set-environment", &["quota-statements-of-place"]),
    ] {
        assert_eq!(refused(action, codes, None, &ada, &ada), Comparison::Differs, "{action}: {codes:?}");
    }
    for (what, left_out) in [("none", json!([])), ("no digests", json!(["x"])), ("no list", json!("x"))] {
        assert_eq!(refused("run", &["x"], Some(left_out), &ada, &ada), Comparison::Differs, "{what}");
    }
    for (named, by) in [(&mallory, &ada), (&ada, &mallory), (&mallory, &mallory)] {
        let found = refused("run", &["quota-runs-of-person"], None, named, by);
        assert_eq!(found, Comparison::Differs, "{} by {}", named.label, by.label);
    }
}

#[test]
fn attack_a_count_of_refusals_says_nothing_else() {
    let lab = Lab::default();
    let found = |change: fn(&mut Refused)| {
        let mut ledger = Ledger::founded(&lab);
        let mut facts = quota::counted(lab.ada.id.into(), name(quota::COUNT), 197);
        change(&mut facts);
        ledger.push(&Event::Refused(facts), &Attachment::of(Actor::System, Auth::None, None), None);
        ledger.last()
    };
    assert_eq!(found(|_| {}), Comparison::Recorded);
    for (what, change) in [
        ("a stranger", (|facts| facts.person = id(77).into()) as fn(&mut Refused)),
        ("an action", |facts| facts.action = name("approve")),
        ("another code", |facts| facts.reasons = vec!["role-missing".into()]),
        ("one more code", |facts| facts.reasons.push("role-missing".into())),
        ("no code", |facts| facts.reasons.clear()),
        ("none", |facts| facts.more = Some(0)),
        ("no count", |facts| facts.more = None),
    ] {
        assert_eq!(found(change), Comparison::Differs, "{what}");
    }
}

/// A run counts as lost by its runner's own signature, or by the server's word.
#[test]
fn attack_nobody_says_in_a_runners_name_that_it_gave_up() {
    let lab = Lab::default();
    let runner = |n: u8| name(&format!("runner-{n}"));
    let nonce = |ledger: &Ledger| {
        let first = runner(1);
        let due = ledger.state.build.outstanding(&first).next().unwrap();
        (due.run, due.work.clone(), due.nonce)
    };
    let found = |actor: Actor, claim: fn(&mut Claim), by: usize, change: fn(&mut Option<Value>)| {
        let mut ledger = Ledger::founded(&lab);
        ledger.run(&lab);
        let (run, work, nonce) = nonce(&ledger);
        let operation = giving_up(nonce);
        let mut signed = Claim {
            v: 1,
            installation: id(1),
            machine: runner(1),
            operation,
            issued: recorded(),
            server: None,
            body: None,
        };
        claim(&mut signed);
        let mut particulars = Some(json!({ "claim": signed.sign(&lab.runners[by]).unwrap() }));
        change(&mut particulars);
        let auth = if actor == Actor::System { Auth::None } else { Auth::MachineKey };
        let ended = Ended { run, outcome: RunOutcome::Lost, because: Some(work) };
        ledger.push(&Event::Ended(ended), &Attachment::of(actor, auth, particulars), None);
        ledger.last()
    };
    let first = || Actor::Machine(runner(1));
    assert_eq!(found(first(), |_| {}, 0, |_| {}), Comparison::Agrees);
    // Older programs recorded it in this form, and so does the server after a silence.
    assert_eq!(found(first(), |_| {}, 0, |it| *it = None), Comparison::Recorded);
    assert_eq!(found(Actor::System, |_| {}, 0, |it| *it = None), Comparison::Recorded);
    type Row = (&'static str, Actor, fn(&mut Claim), usize);
    let rows: [Row; 5] = [
        ("another runner's key", first(), |_| {}, 1),
        ("another runner", Actor::Machine(runner(2)), |_| {}, 0),
        ("another runner's claim", first(), |claim| claim.machine = name("runner-2"), 1),
        ("another piece of work", first(), |claim| claim.operation = giving_up(id(9)), 0),
        ("another installation", first(), |claim| claim.installation = id(2), 0),
    ];
    for (what, actor, claim, by) in rows {
        assert_eq!(found(actor, claim, by, |_| {}), Comparison::Differs, "{what}");
    }
    assert_eq!(found(first(), |_| {}, 0, |it| *it = Some(json!({}))), Comparison::Differs, "no claim");
    let mut ledger = Ledger::founded(&lab);
    ledger.run(&lab);
    let because = Some(Work::Step(name("deploy")));
    let ended = Ended { run: nonce(&ledger).0, outcome: RunOutcome::Lost, because };
    ledger.push(&Event::Ended(ended), &Attachment::of(first(), Auth::MachineKey, None), None);
    assert_eq!(ledger.last(), Comparison::Differs, "work that is not due");
}

/// Once `RULES` has risen, a ledger by older ones goes on as they said, not as today's would have it.
#[test]
fn what_older_rules_decided_does_not_differ() {
    let lab = Lab::default();
    let mut ledger = Ledger { older: 1, ..Ledger::default() };
    ledger.found(&lab);
    ledger.run(&lab);
    let all = ledger.entries.len();
    // Older rules made no work due by themselves.
    ledger.entries.truncate(all - 1);
    let mut replay = Replay::new(&ledger);
    for (number, entry) in (0..).zip(&ledger.entries) {
        replay.take(&prepare(number, entry.clone()).unwrap()).unwrap();
    }
    replay.finish();
    let others: Vec<_> = replay.others.iter().map(|compared| compared.outcome).collect();
    assert_eq!(others, vec![Replayed::OtherRules(RULES - 1); all - 1]);
    assert_eq!((replay.agree, replay.decisions), (0, all as u64 - 1));
}
