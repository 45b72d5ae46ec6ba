//! The example of lines of records, the tree over them, and what their form refuses.

use evidence::document::findings::Severity;
use evidence::entry::{Actor, PAYLOAD_BYTES_MAX};
use evidence::records::{
    Alert, AlertAnswer, AlertCause, AlertNews, AlertSort, AnswerSort, Body, LINES_BYTES_MAX, Line, Lines,
    PlaceAlert, RecordError, RecordKind, SecretUsed,
};
use evidence::{Digest, Id, Moment, canonical};
use tlog::{Hash, leaf_hash, verify_inclusion};

use super::check;
use super::support::{id, name};

fn used() -> SecretUsed {
    SecretUsed {
        secret: "shop/registry/token".parse().unwrap(),
        number: Some(3),
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

fn refused() -> SecretUsed {
    SecretUsed {
        number: None,
        allowed: false,
        reasons: [name("secret-outside-hours"), name("secret-pool")].into(),
        ..used()
    }
}

fn alert() -> Alert {
    let SecretUsed { secret, who, run, step, .. } = refused();
    Alert { sort: AlertSort::OutsideHours, secret, number: None, who, run, step, place: None }
}

fn of_place() -> PlaceAlert {
    let place = "shop/api/production".parse().unwrap();
    let finding = Digest::of(b"finding");
    PlaceAlert {
        alert: PlaceAlert::identity(AlertCause::Advisory, &place, &finding.to_string()).unwrap(),
        news: AlertNews::Opened,
        cause: AlertCause::Advisory,
        place,
        release: Some(4),
        artifact: Digest::of(b"artifact"),
        finding: Some(finding),
        subject: "RUSTSEC-2026-0007".to_owned(),
        aliases: ["CVE-2026-7".to_owned()].into(),
        component: Some("pkg:cargo/serde@1.0.0".to_owned()),
        severity: Severity::Critical,
        exploited: false,
        what: "Memory is read after it was freed".to_owned(),
        fixed: Some("1.0.1".to_owned()),
        owner: Some("@shop/payments".to_owned()),
        champion: None,
        due: Moment::from_millis(1_796_600_000_000).unwrap(),
        snapshot: Some(Moment::from_millis(1_796_000_000_000).unwrap()),
    }
}

fn answer() -> AlertAnswer {
    let PlaceAlert { alert, place, subject, .. } = of_place();
    let who = Actor::Person(id(7));
    let reason = "the fix is on its way".to_owned();
    AlertAnswer { alert, answer: AnswerSort::Acknowledged, place, subject, who, reason }
}

fn line(salt: u8, body: impl Into<Body>) -> Line {
    Line { salt: id(salt), body: body.into() }
}

fn lines() -> Lines {
    let all =
        vec![line(1, used()), line(2, refused()), line(3, alert()), line(4, of_place()), line(5, answer())];
    let mut split = Lines::split(all).unwrap();
    assert_eq!(split.len(), 1);
    split.remove(0)
}

#[test]
fn record_example() {
    let bytes = canonical::encode("lines", &lines()).unwrap();
    check("record", 0, &bytes);
    assert_eq!(Lines::decode(&bytes).unwrap(), lines());
    assert_eq!(lines().kinds().into_iter().collect::<Vec<_>>(), RecordKind::ALL);
    let root = lines().root().unwrap();
    check("record", 1, root.to_string().as_bytes());
    let summaries: Vec<_> = lines().iter().map(|line| line.body.summary()).collect();
    assert_eq!(
        summaries,
        [
            "shop/registry/token version 3 was lent",
            "shop/registry/token was refused: secret-outside-hours, secret-pool",
            "shop/registry/token was asked for outside the hours of its grant",
            "RUSTSEC-2026-0007 in pkg:cargo/serde@1.0.0 is an open problem now (critical)",
            "the alert about RUSTSEC-2026-0007 was acknowledged",
        ]
    );
}

/// Each line is provable without the others, and no other line is in its place.
#[test]
fn each_line_is_proven_by_its_path() {
    for count in [1_u8, 2, 3, 5, 8, 13] {
        let all: Vec<_> = (0..count).map(|salt| line(salt, used())).collect();
        let lines = Lines::split(all).unwrap().remove(0);
        let root = Hash::from_bytes(*lines.root().unwrap().as_bytes());
        for (index, line) in lines.iter().enumerate() {
            let leaf = leaf_hash(&line.encode().unwrap());
            let path = lines.proof(index).unwrap().unwrap();
            let verify = |leaf: &Hash, index: usize| {
                verify_inclusion(leaf, index as u64, u64::from(count), &path, &root)
            };
            assert_eq!(verify(&leaf, index), Ok(()));
            assert!(verify(&leaf_hash(b"another"), index).is_err());
            assert!(count == 1 || verify(&leaf, (index + 1) % usize::from(count)).is_err());
        }
        assert_eq!(lines.proof(usize::from(count)).unwrap(), None);
    }
}

#[test]
fn attack_a_changed_missing_or_moved_line_has_another_root() {
    let root = lines().root().unwrap();
    let again = |change: &dyn Fn(&mut Vec<Line>)| {
        let mut all: Vec<Line> = lines().iter().cloned().collect();
        change(&mut all);
        Lines::split(all).unwrap().remove(0).root().unwrap()
    };
    assert_eq!(again(&|_| ()), root);
    assert_ne!(again(&|all| all.swap(0, 1)), root, "moved");
    assert_ne!(again(&|all| drop(all.pop())), root, "missing");
    assert_ne!(again(&|all| all.push(line(9, used()))), root, "added");
    assert_ne!(again(&|all| all[0].salt = id(8)), root, "another salt");
    assert_ne!(again(&|all| all[0] = line(1, SecretUsed { number: Some(4), ..used() })), root, "changed");
}

#[test]
fn attack_lines_that_break_a_rule_are_refused() {
    let rule = |used: SecretUsed| Lines::split(vec![line(1, used)]).map(drop).unwrap_err().to_string();
    for (broken, text) in [
        (
            SecretUsed { allowed: false, ..used() },
            "lines: an allowed read has no reasons against it, a refused one has at least one",
        ),
        (
            SecretUsed { reasons: [name("x")].into(), ..used() },
            "lines: an allowed read has no reasons against it, a refused one has at least one",
        ),
        (
            SecretUsed { number: None, ..used() },
            "lines: an allowed read names the version that was lent, or the store that has it",
        ),
        (SecretUsed { step: None, ..used() }, "lines: a run and its step are named together"),
        (SecretUsed { release: Some(1), ..used() }, "lines: a release is named with its place"),
        (SecretUsed { reason: Some(String::new()), ..used() }, "lines: a person's reason has 1 to 500 bytes"),
        (
            SecretUsed { reason: Some("x".repeat(501)), ..used() },
            "lines: a person's reason has 1 to 500 bytes",
        ),
        (
            SecretUsed {
                reasons: (0..33).map(|n| name(&format!("r{n}"))).collect(),
                allowed: false,
                ..used()
            },
            "lines: it has more than 32 reasons",
        ),
    ] {
        assert_eq!(rule(broken), text);
    }
    let broken = Lines::split(vec![line(1, Alert { run: None, ..alert() })]);
    assert_eq!(broken.unwrap_err().to_string(), "lines: a run and its step are named together");
    assert_eq!(Lines::split(Vec::new()).unwrap(), []);
    let text = String::from_utf8(canonical::encode("lines", &lines()).unwrap()).unwrap();
    let decode = |text: String| Lines::decode(text.as_bytes());
    for (from, to) in [
        (r#""kind":"alert""#, r#""kind":"rumour""#),
        (r#""kind":"alert""#, r#""kind":"secret-used""#),
        (r#""allowed":true,"#, ""),
        (r#""allowed":true"#, r#""allowed":false"#),
        (r#""body":{"#, r#""body":{"more":1,"#),
        (r#""number":3"#, r#""number":-3"#),
        ("shop/registry/token", "shop/../token"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        assert!(decode(changed).is_err(), "{to}");
    }
    let newer = decode(text.replace(r#""v":1"#, r#""v":2"#)).unwrap_err().to_string();
    assert_eq!(newer, "lines: version 2 is newer than this program knows (1)");
    let none = decode(r#"{"lines":[],"v":1}"#.into());
    assert!(matches!(none, Err(RecordError::Rule("there are no lines"))));
}

#[test]
fn lines_are_split_over_as_few_entries_as_hold_them() {
    let numbered = |n: u128| Line { salt: Id::from_random(n.to_be_bytes()), body: refused().into() };
    let all: Vec<_> = (0..1_000).map(numbered).collect();
    let split = Lines::split(all.clone()).unwrap();
    let bytes: Vec<_> = split.iter().map(|lines| canonical::encode("lines", lines).unwrap().len()).collect();
    assert!(bytes.iter().all(|bytes| *bytes <= PAYLOAD_BYTES_MAX - 1024), "{bytes:?}");
    assert!(bytes.iter().rev().skip(1).all(|bytes| *bytes > LINES_BYTES_MAX - 1024), "{bytes:?}");
    let joined: Vec<Line> = split.iter().flat_map(|lines| lines.iter().cloned()).collect();
    assert_eq!(joined, all);
}
