//! Windows: a server that lies about the times in which releases may begin, or about what time it is.

use evidence::Digest;
use evidence::windows::{Interval, Windows};

use super::row::{Forgery, forged, patched};
use crate::parts::Parts;
use crate::readers::Reader::{Approve, State, Verify};
use crate::world::{Lab, at};

pub(super) fn rows() -> Vec<Forgery> {
    [lies(), times()].concat()
}

/// A server that shows other windows than the statement names.
fn lies() -> Vec<Forgery> {
    vec![
        forged("a release outside its windows", "window-closed", |lab, parts| {
            with(lab, parts, &[(-7_200, -3_600), (3_600, 7_200)]);
        }),
        forged("a release after the last of its windows", "window-closed", |lab, parts| {
            with(lab, parts, &[(-7_200, -3_600)]);
        }),
        forged("other windows than those of the statement", "windows-differ", |lab, parts| {
            with(lab, parts, &[(3_600, 7_200)]);
            parts.windows = Some(windows(&[(-3_600, 3_600)]).encode().unwrap());
        }),
        forged("a release without the windows that its statement names", "windows-differ", |lab, parts| {
            with(lab, parts, &[(3_600, 7_200)]);
            parts.windows = None;
        }),
        patched("windows that nobody named", "windows-differ", |_, bundle| {
            bundle.windows = Some(evidence::Bytes(windows(&[(-3_600, 3_600)]).encode().unwrap()));
        }),
        forged("windows that cannot be read", "windows-unsound", |lab, parts| {
            with(lab, parts, &[(-3_600, 3_600)]);
            names(lab, parts, b"always".to_vec());
        }),
    ]
}

/// A server that waits with what it shows, or an agent whose clock is wrong.
fn times() -> Vec<Forgery> {
    let agents_alone = |row: Forgery| row.unknown_to(&[Approve, Verify, State]);
    vec![
        agents_alone(
            forged("evidence from inside a window, shown after it", "window-closed", |lab, parts| {
                with(lab, parts, &[(-3_600, 120)]);
            })
            .judged_after(180),
        ),
        agents_alone(
            forged("a release at a time that nobody can tell", "window-unsure", |lab, parts| {
                with(lab, parts, &[(-3_600, 3_600)]);
            })
            .judged_after(280),
        ),
    ]
}

/// Windows that are open in these intervals of seconds from now.
#[must_use]
pub fn windows(open: &[(i64, i64)]) -> Windows {
    Windows {
        v: 1,
        from: at(-86_400),
        until: at(30 * 86_400),
        open: open.iter().map(|(start, end)| Interval { start: at(*start), end: at(*end) }).collect(),
        sources: Vec::new(),
        compiled_by: "the lab".into(),
    }
}

/// Has production's statement name windows.
pub fn with(lab: &Lab, parts: &mut Parts, open: &[(i64, i64)]) {
    names(lab, parts, windows(open).encode().unwrap());
}

/// Has production's statement name these bytes as its windows.
pub fn names(lab: &Lab, parts: &mut Parts, bytes: Vec<u8>) {
    let mut statement = lab.environment("production", &parts.replaces.1);
    statement.windows = Some(Digest::of(&bytes));
    parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    parts.windows = Some(bytes);
    lab.approve(parts);
}
