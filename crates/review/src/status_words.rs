//! The changes of a status, in sentences; a pure function.
//!
//! Invariant: every field that differs from the status before has its sentence, whether an item was added or removed.

use evidence::Moment;
use evidence::status::{Revocation, Status};

/// Sentences for the differences between a status and the one before it; for the whole status if it is the first.
#[must_use]
pub fn sentences(before: Option<&Status>, new: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    let old = before.map(|old| old.frozen.as_slice()).unwrap_or_default();
    changes(old, &new.frozen, &mut lines, |freeze, is_new| match is_new {
        true => format!(
            "this status freezes {freeze}: nothing is released there; a rollback still works, and approvals stay as they are"
        ),
        false => {
            format!("this status lifts the freeze of {freeze}: releases held there proceed automatically")
        }
    });
    let old = before.map(|old| old.revoked.as_slice()).unwrap_or_default();
    changes(old, &new.revoked, &mut lines, revoked);
    let old = before.map(|old| old.withdrawn.as_slice()).unwrap_or_default();
    changes(old, &new.withdrawn, &mut lines, |digest, is_new| match is_new {
        true => format!(
            "this status withdraws {digest}: if it is an enrolment, its person has no rights any more; if it is a statement, it \
             does not count any more"
        ),
        false => format!("this status lets {digest} count again, an enrolment or a statement"),
    });
    let old = before.map(|old| old.barred.as_slice()).unwrap_or_default();
    changes(old, &new.barred, &mut lines, |digest, is_new| match is_new {
        true => format!("this status bars {digest} from running anywhere"),
        false => format!("this status lets {digest} run again"),
    });
    if before.is_none_or(|old| old.minimum_root != new.minimum_root) {
        lines.push(format!("trust roots below version {} do not count", new.minimum_root));
    }
    if let Some(old) = before.filter(|old| old.installation != new.installation) {
        lines.push(format!(
            "this status is of installation {}, not of {}",
            new.installation, old.installation
        ));
    }
    let rests = new.base.map(|base| format!(" beside the base {base}")).unwrap_or_default();
    lines.push(format!("this status was made at {} and is valid{rests} until {}", new.issued, new.expires));
    if let Some(old) = before {
        lines.push(format!("everything else stays as in status {}", old.number));
    }
    lines
}

fn revoked(Revocation { key, invalid_since }: &Revocation, is_new: bool) -> String {
    match (is_new, *invalid_since == Moment::default()) {
        (true, true) => format!("this status revokes key {key}, for everything that it ever signed"),
        (true, false) => {
            format!(
                "this status revokes key {key}, for everything that was first seen from {invalid_since} on"
            )
        }
        (false, true) => format!("key {key} is not revoked any more for everything that it ever signed"),
        (false, false) => {
            format!(
                "key {key} is not revoked any more for everything that was first seen from {invalid_since} on"
            )
        }
    }
}

/// A sentence for each item that was added, and for each that was removed.
fn changes<T: PartialEq>(old: &[T], new: &[T], lines: &mut Vec<String>, words: impl Fn(&T, bool) -> String) {
    lines.extend(new.iter().filter(|thing| !old.contains(thing)).map(|thing| words(thing, true)));
    lines.extend(old.iter().filter(|thing| !new.contains(thing)).map(|thing| words(thing, false)));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use evidence::status::{Freeze, Revocation, Status};
    use evidence::{Digest, Id, Moment};

    use super::sentences;

    #[test]
    fn whatever_differs_is_said_both_ways() {
        let at = |day: u64| Moment::from_millis(day * 86_400_000).unwrap();
        let empty = Status {
            v: 1,
            installation: Id::from_random([1; 16]),
            number: 4,
            base: None,
            issued: at(1),
            expires: at(31),
            minimum_root: 1,
            revoked: Vec::new(),
            withdrawn: Vec::new(),
            barred: Vec::new(),
            frozen: Vec::new(),
        };
        let full = Status {
            number: 5,
            minimum_root: 2,
            revoked: vec![
                Revocation { key: "SHA256:a".into(), invalid_since: Moment::default() },
                Revocation { key: "SHA256:b".into(), invalid_since: at(9) },
            ],
            withdrawn: vec![Digest::of(b"enrolment")],
            barred: vec![Digest::of(b"artifact")],
            frozen: vec![Freeze { project: "shop".parse().unwrap(), service: None, environment: None }],
            ..empty.clone()
        };
        let begins = |lines: Vec<String>, expected: &[&str]| {
            assert_eq!(lines.len(), expected.len(), "{lines:#?}");
            for (line, words) in lines.iter().zip(expected) {
                assert!(line.starts_with(words), "`{line}` does not begin with `{words}`");
            }
        };
        let stops = [
            "this status freezes shop: nothing is released there; a rollback still works",
            "this status revokes key SHA256:a, for everything that it ever signed",
            "this status revokes key SHA256:b, for everything that was first seen from 1970-01-10",
            "this status withdraws sha256:",
            "this status bars sha256:",
            "trust roots below version 2 do not count",
            "this status was made at 1970-01-02T00:00:00.000Z and is valid until 1970-02-01",
        ];
        begins(sentences(None, &full), &stops);
        begins(
            sentences(Some(&empty), &full),
            &[&stops[..], &["everything else stays as in status 4"]].concat(),
        );
        let lets_go = [
            "this status lifts the freeze of shop",
            "key SHA256:a is not revoked",
            "key SHA256:b is not revoked",
            "this status lets sha256:",
            "this status lets sha256:",
            "trust roots below version 1 do not count",
            "this status was made at",
            "everything else stays as in status 5",
        ];
        begins(sentences(Some(&full), &empty), &lets_go);
        begins(sentences(Some(&full), &full), &["this status was made at", "everything else stays"]);
    }
}
