//! Soak times that are cut short, and overrides that do not count.

use evidence::statements::{Body, Lifted, Override, Statement};
use evidence::status::{Freeze, Status};
use evidence::{Digest, dsse::Envelope};

use super::row::{Forgery, forged};
use super::stating::{ROLES, enrolled, statement};
use super::windows::with;
use crate::parts::Parts;
use crate::world::{Lab, at, id, name};

const CLOSED: &str = "window-closed";

pub(super) fn rows() -> Vec<Forgery> {
    [soaks(), alone(), others()].concat()
}

fn soaks() -> Vec<Forgery> {
    vec![
        forged("a release before the end of its soak time", "soaking", |lab, parts| {
            soaking(lab, parts, 3_600, Some(3_000));
        }),
        forged("a report whose age nobody witnessed", "soaking", |lab, parts| {
            soaking(lab, parts, 3_600, None);
        }),
        forged("a report that is older by the word of one witness", "earlier-unsound", |lab, parts| {
            soaking(lab, parts, 3_600, Some(7_200));
            parts.head.earlier[0].1.truncate(1);
        }),
        forged("a soak time from a report that is not on record", "not-on-record", |lab, parts| {
            soaking(lab, parts, 3_600, None);
        })
        .then(|_, bundle| drop(bundle.logged.remove(0))),
        forged(
            "an override of the windows alone, before the end of the soak time",
            "soaking",
            |lab, parts| {
                soaking(lab, parts, 3_600, Some(3_000));
                state(lab, parts, |_, _| ());
            },
        ),
    ]
}

fn alone() -> Vec<Forgery> {
    vec![
        forged("an override by one person", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, _| ());
            parts.statements.truncate(1);
        }),
        forged("an override by one person twice", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, _| ());
            parts.statements.truncate(1);
            let mut again = Statement::read(&parts.statements[0]).unwrap();
            again.nonce = id(99);
            parts.statements.push(signed(&again, &lab.bob));
        }),
        forged("overrides that do not say the same", CLOSED, |lab, parts| {
            lifted(lab, parts, |n, body| {
                if n == 1 {
                    body.lifts = vec![Lifted::Soak, Lifted::Windows];
                }
            });
        }),
        forged("an override of another release", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, body| body.release += 1);
        }),
        forged("an override of another plan", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, body| body.plan = Digest::of(b"another plan"));
        }),
        forged("an override of the soak time alone, outside the windows", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, body| body.lifts = vec![Lifted::Soak]);
        }),
    ]
}

fn others() -> Vec<Forgery> {
    vec![
        forged("an override by the author of the change", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, _| ());
            let mut own = Statement::read(&parts.statements[1]).unwrap();
            own.person = lab.ada.id;
            parts.statements[1] = signed(&own, &lab.ada);
            enrolled(
                lab,
                parts,
                &[&lab.ada.enrolment(&["developer", "release-manager"]), &lab.bob.enrolment(ROLES)],
            );
        }),
        forged("an override by a person without the role", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, _| ());
            let people = [
                lab.ada.enrolment(&["developer"]),
                lab.bob.enrolment(ROLES),
                lab.mallory.enrolment(&["developer"]),
            ];
            enrolled(lab, parts, &people.each_ref());
        }),
        forged("an override that has ended", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, _| ());
            for (n, person) in [&lab.bob, &lab.mallory].into_iter().enumerate() {
                let mut ended = Statement::read(&parts.statements[n]).unwrap();
                (ended.not_before, ended.expires) = (at(-4 * 3_600), at(-60));
                parts.statements[n] = signed(&ended, person);
            }
        }),
        forged("an override that the status withdraws", CLOSED, |lab, parts| {
            lifted(lab, parts, |_, _| ());
            let withdrawn = vec![parts.statements[1].payload_digest()];
            parts.status = lab.signed_status(&Status { withdrawn, ..lab.status() }, &[0, 1]);
        }),
        forged("an override of a freeze", "frozen", |lab, parts| {
            lifted(lab, parts, |_, _| ());
            let frozen = vec![Freeze { project: name("shop"), service: None, environment: None }];
            parts.status = lab.signed_status(&Status { frozen, ..lab.status() }, &[0, 1]);
        }),
        forged("an override at another place", "statement-stray", |lab, parts| {
            lifted(lab, parts, |_, _| ());
            let mut other = Statement::read(&parts.statements[1]).unwrap();
            other.scope.environment = Some(name("staging"));
            parts.statements[1] = signed(&other, &lab.mallory);
        }),
    ]
}

/// Has production ask for a soak time, and staging's report be witnessed so many seconds ago.
pub fn soaking(lab: &Lab, parts: &mut Parts, soak_seconds: u64, witnessed: Option<i64>) {
    let mut statement = lab.environment("production", &parts.replaces.1);
    statement.soak_ms = Some(soak_seconds * 1_000);
    parts.environments[1] = lab.signed_environment(&statement, &[0, 1]);
    parts.head.earlier = witnessed.map(|ago| (1, vec![(0, -ago), (1, -ago)])).into_iter().collect();
    lab.approve(parts);
}

/// A release outside its windows, and two people who lift them for it, each saying what the change makes of it.
pub fn lifted(lab: &Lab, parts: &mut Parts, change: fn(usize, &mut Override)) {
    with(lab, parts, &[(3_600, 7_200)]);
    state(lab, parts, change);
}

/// Two people lift the windows for a release. Approvals stay as they are.
fn state(lab: &Lab, parts: &mut Parts, change: fn(usize, &mut Override)) {
    let (artifact, plan) = (Digest::of(&parts.manifest), parts.plan.digest().unwrap());
    parts.statements.clear();
    for (n, person) in [&lab.bob, &lab.mallory].into_iter().enumerate() {
        let mut body = Override { release: parts.release, plan, lifts: vec![Lifted::Windows] };
        change(n, &mut body);
        let said = statement(lab, parts, artifact, Body::Override(body));
        let said = Statement { person: person.id, nonce: id(95 + n as u8), expires: at(3 * 3_600), ..said };
        parts.statements.push(signed(&said, person));
    }
    let people = [lab.ada.enrolment(&["developer"]), lab.bob.enrolment(ROLES), lab.mallory.enrolment(ROLES)];
    enrolled(lab, parts, &people.each_ref());
}

fn signed(statement: &Statement, by: &crate::people::Person) -> Envelope {
    let mut envelope = statement.envelope().unwrap();
    by.approve.sign(&mut envelope, evidence::statements::NAMESPACE);
    envelope
}
