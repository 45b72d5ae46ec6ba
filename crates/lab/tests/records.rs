//! Lines of records in a ledger: replay finds each one that was changed, removed, added or moved since, and counts none as a
//! decision.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeMap;

use domain::record::Recorded;
use domain::{Event, RULES};
use evidence::Digest;
use evidence::entry::{Actor, Auth, Entry, Header, Payload};
use evidence::records::{Alert, AlertSort, Body, Line, Lines, SecretUsed};
use judge::{Replay, Replayed, Store, Unavailable, prepare};
use lab::{at, id, name};

/// A ledger without blobs.
struct Ledger(Vec<Entry>);

impl Store for Ledger {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Unavailable> {
        Err(Unavailable(format!("blob {digest} is missing")))
    }

    fn entry(&self, number: u64) -> Result<Entry, Unavailable> {
        let entry = usize::try_from(number).ok().and_then(|at| self.0.get(at).cloned());
        entry.ok_or_else(|| Unavailable(format!("entry {number} is missing")))
    }
}

fn used(number: u32) -> SecretUsed {
    SecretUsed {
        secret: "shop/registry/token".parse().unwrap(),
        number: Some(number),
        who: Actor::Machine(name("runner-1")),
        run: Some(id(50)),
        step: Some(name("publish")),
        place: None,
        release: None,
        allowed: true,
        reasons: [].into(),
        reason: None,
        from: None,
    }
}

fn lines(bodies: Vec<Body>) -> Vec<Line> {
    (1..).zip(bodies).map(|(salt, body)| Line { salt: id(salt), body }).collect()
}

fn honest() -> Vec<Line> {
    let SecretUsed { secret, who, run, step, number, .. } = used(1);
    let alert = Alert { sort: AlertSort::FirstUse, secret, number, who, run, step, place: None };
    lines(vec![used(1).into(), alert.into(), used(2).into()])
}

fn header(facts: &Payload, particulars: Option<&Payload>) -> Header {
    Header {
        v: 1,
        kind: "record.made".into(),
        rules: RULES,
        time: at(0),
        project: Some(name("shop")),
        subject: None,
        actor: Actor::System,
        auth: Auth::None,
        cause: None,
        idempotency: None,
        facts: facts.commitment(),
        particulars: particulars.map(Payload::commitment),
        blobs: Vec::new(),
    }
}

/// The particulars of one entry; none for no line.
fn in_one(lines: &[Line]) -> Option<Lines> {
    let all: Vec<Line> = lines.into();
    Lines::split(all).unwrap().into_iter().next()
}

fn facts(lines: &[Line]) -> Recorded {
    Recorded::of(&in_one(lines).unwrap()).unwrap()
}

/// An entry whose facts are of some lines, and whose particulars are others, each with a commitment that fits.
fn entry(facts: Recorded, stored: &[Line], change: impl FnOnce(&mut Header)) -> Entry {
    let facts = Event::Recorded(facts).facts([1; 16]).unwrap();
    let particulars = in_one(stored).map(|lines| Payload::new("particulars", &lines, [2; 16]).unwrap());
    let mut header = header(&facts, particulars.as_ref());
    change(&mut header);
    Entry { header: header.encode().unwrap(), facts, particulars }
}

/// What replay finds in a ledger of one entry: the text, if it differs.
fn found(entry: Entry) -> Option<String> {
    let ledger = Ledger(vec![entry]);
    let mut replay = Replay::new(&ledger);
    replay.take(&prepare(0, ledger.0[0].clone()).unwrap()).unwrap();
    replay.finish();
    assert_eq!((replay.decisions, replay.agree, replay.recorded), (0, 0, 0), "lines are no decision");
    assert_eq!((replay.state().entries, replay.state().misfits), (1, 0));
    let [] = replay.others[..] else {
        let [other] = &replay.others[..] else { unreachable!("one entry has one difference") };
        assert_eq!((other.entry, other.outcome), (0, Replayed::Differs));
        return Some(other.what.clone());
    };
    None
}

/// What replay finds if the stored lines were changed while the facts stayed.
fn stored(change: impl FnOnce(&mut Vec<Line>)) -> Option<String> {
    let mut lines = honest();
    change(&mut lines);
    found(entry(facts(&honest()), &lines, |_| ()))
}

const OTHER: &str = "its lines are not those of the tree in its facts";

#[test]
fn attack_a_line_is_changed_removed_added_or_moved_within_its_entry() {
    assert_eq!(stored(|_| ()), None);
    type Row = (&'static str, fn(&mut Vec<Line>));
    let rows: [Row; 7] = [
        ("a changed one", |lines| lines[0].body = used(9).into()),
        ("one that was allowed and now was not", |lines| {
            let refused = SecretUsed { allowed: false, reasons: [name("secret-pool")].into(), ..used(1) };
            lines[0].body = refused.into();
        }),
        ("a removed one", |lines| drop(lines.remove(2))),
        ("a removed alert", |lines| drop(lines.remove(1))),
        ("an added one", |lines| lines.push(Line { salt: id(9), body: used(3).into() })),
        ("a moved one", |lines| lines.swap(0, 2)),
        ("another salt", |lines| lines[0].salt = id(8)),
    ];
    for (what, change) in rows {
        assert_eq!(stored(change).as_deref(), Some(OTHER), "{what}");
    }
}

#[test]
fn attack_the_lines_of_two_entries_are_exchanged() {
    let (one, two) = (lines(vec![used(1).into()]), lines(vec![used(2).into()]));
    assert_eq!(found(entry(facts(&one), &one, |_| ())), None);
    assert_eq!(found(entry(facts(&one), &two, |_| ())).as_deref(), Some(OTHER));
}

#[test]
fn attack_facts_state_another_count_root_or_kind() {
    let with = |change: &dyn Fn(&mut Recorded)| {
        let mut facts = facts(&honest());
        change(&mut facts);
        found(entry(facts, &honest(), |_| ()))
    };
    assert_eq!(with(&|_| ()), None);
    assert_eq!(with(&|facts| facts.lines = 2).as_deref(), Some(OTHER));
    assert_eq!(with(&|facts| facts.root = Digest::of(b"another")).as_deref(), Some(OTHER));
    assert_eq!(with(&|facts| facts.kinds.retain(|kind| kind.is_urgent())).as_deref(), Some(OTHER));
}

#[test]
fn attack_lines_lie_under_another_project_or_another_sender() {
    let with = |change: fn(&mut Header)| found(entry(facts(&honest()), &honest(), change));
    let project = "a line is of another project than the entry";
    assert_eq!(with(|header| header.project = Some(name("bank"))).as_deref(), Some(project));
    assert_eq!(with(|header| header.project = None).as_deref(), Some(project));
    let by = "the server alone records lines, without a cause";
    assert_eq!(with(|header| header.actor = Actor::Machine(name("runner-1"))).as_deref(), Some(by));
    assert_eq!(with(|header| header.auth = Auth::MachineKey).as_deref(), Some(by));
    assert_eq!(with(|header| header.cause = Some(0)).as_deref(), Some(by));
    assert_eq!(with(|header| header.idempotency = Some(Digest::of(b"key"))).as_deref(), Some(by));
    assert_eq!(with(|header| header.blobs = vec![Digest::of(b"blob")]).as_deref(), Some(by));
}

#[test]
fn attack_lines_are_missing_or_no_lines() {
    let mut erased = entry(facts(&honest()), &honest(), |_| ());
    erased.particulars = None;
    assert_eq!(found(erased).as_deref(), Some("its lines were erased"));
    let none = entry(facts(&honest()), &[], |_| ());
    assert_eq!(found(none).as_deref(), Some("its lines were erased"), "the header commits to none");
    let mut other = entry(facts(&honest()), &honest(), |_| ());
    let text = Payload::new("particulars", &BTreeMap::from([("lines", "none")]), [2; 16]).unwrap();
    other.header = header(&other.facts, Some(&text)).encode().unwrap();
    other.particulars = Some(text);
    assert!(found(other).is_some_and(|what| what.starts_with("lines: ")));
}
