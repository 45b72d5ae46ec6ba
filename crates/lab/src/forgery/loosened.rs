//! Statuses by a single signer that lift what another signer has stopped: the number alone does not make them the newer ones.

use evidence::Digest;
use evidence::status::{Freeze, LEAP_MAX, Revocation, Status, StatusFile};

use super::row::{Forgery, forged};
use super::runs::{PIPELINE, RunForgery, asked};
use crate::parts::Parts;
use crate::readers::Reader::Verify;
use crate::world::{Lab, at, name};

const LOOSENS: &str = "status-loosens";

pub(super) fn rows() -> Vec<Forgery> {
    vec![
        after_a_freeze("a freeze that one signer lifts by a higher number", |lab, parts| {
            parts.status = tightened(lab, 4, |_| {});
        }),
        after_a_freeze("a freeze that one signer lifts by the same number", |lab, parts| {
            parts.status = tightened(lab, 3, |_| {});
        }),
        after_a_freeze("a freeze that a base before it lifts", |lab, parts| {
            parts.status = lab.signed_status(&Status { number: 2, ..lab.status() }, &[0, 1]);
            let base = Some(parts.status.base.payload_digest());
            let added = lab.signed_status(&Status { number: 4, base, ..lab.status() }, &[1]);
            parts.status.tightening = Some(added.base);
        }),
        forged("a status by hand that lifts what the shown one stops", LOOSENS, |lab, parts| {
            parts.status = tightened(lab, 3, |status| status.barred = vec![Digest::of(b"another")]);
        })
        .agent_saw(|lab, memory| memory.status = Some(tightened(lab, 4, |_| {})))
        .people_saw(|lab, seen| seen.newer = vec![tightened(lab, 4, |_| {})])
        .unknown_to(&[Verify]),
        forged("a status whose number leaves none for those after it", "status-unsound", |lab, parts| {
            parts.status = tightened(lab, 2 + LEAP_MAX, |_| {});
        }),
    ]
}

/// A row about a place that a reader knows to be frozen, by one signer alone.
fn after_a_freeze(name: &'static str, pieces: fn(&Lab, &mut Parts)) -> Forgery {
    forged(name, LOOSENS, pieces)
        .agent_saw(|lab, memory| memory.status = Some(tightened(lab, 3, frozen)))
        .people_saw(|lab, seen| seen.newer = vec![tightened(lab, 3, frozen)])
        .unknown_to(&[Verify])
}

/// Rows about work on a runner.
pub(super) fn work() -> Vec<RunForgery> {
    vec![
        asked("work by a key whose revocation one signer lifts", LOOSENS, |lab, work| {
            work.seen.newer = vec![tightened(lab, 3, |status| revoked(lab, status))];
            work.order.status = tightened(lab, 4, |_| {});
        })
        .in_lab(|lab| lab.pipeline = PIPELINE),
    ]
}

/// A status of the second signer alone, on the first base.
fn tightened(lab: &Lab, number: u64, change: impl Fn(&mut Status)) -> StatusFile {
    let base = lab.signed_status(&lab.status(), &[0, 1]).base;
    let mut status = Status { number, base: Some(base.payload_digest()), ..lab.status() };
    change(&mut status);
    StatusFile { base, tightening: Some(lab.signed_status(&status, &[1]).base) }
}

fn frozen(status: &mut Status) {
    status.frozen = vec![Freeze { project: name("shop"), service: None, environment: None }];
}

fn revoked(lab: &Lab, status: &mut Status) {
    let key = lab.ada.sign_in.key.fingerprint().to_owned();
    status.revoked = vec![Revocation { key, invalid_since: at(-7_200) }];
}
