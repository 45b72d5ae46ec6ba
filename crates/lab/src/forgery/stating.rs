//! How rows make a statement: by Bob, who holds every role that a kind asks for, or by somebody else.

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::enrolment::Enrolment;
use evidence::statements::{Body, NAMESPACE, Scope, Statement};

use crate::parts::{Parts, SEEN};
use crate::people::{Pair, Person};
use crate::world::{Lab, at, id, name};

/// Makes the release that a statement is about, and an honest statement by Bob.
pub(super) type Made = fn(&Lab, &mut Parts) -> Statement;

/// Bob's statement with a change, which he approves.
pub(super) fn stated(lab: &Lab, parts: &mut Parts, made: Made, change: impl Fn(&mut Statement)) {
    let mut statement = made(lab, parts);
    change(&mut statement);
    state(lab, parts, &statement, &lab.bob.approve);
}

/// The statement of a person, signed by a key.
pub(super) fn by(lab: &Lab, parts: &mut Parts, made: Made, person: &Person, key: &Pair) {
    let statement = Statement { person: person.id, ..made(lab, parts) };
    state(lab, parts, &statement, key);
}

pub(super) fn state(lab: &Lab, parts: &mut Parts, statement: &Statement, key: &Pair) {
    let mut envelope = statement.envelope().unwrap();
    key.sign(&mut envelope, NAMESPACE);
    // Statements of other kinds stay, for instance the grant of a secret beside its version.
    let of_kind =
        |known: &Envelope| Statement::read(known).is_ok_and(|known| known.kind() == statement.kind());
    parts.statements.retain(|known| !of_kind(known));
    parts.statements.push(envelope);
    lab.approve(parts);
}

/// A statement by Bob, who holds every role that a kind asks for.
pub(super) fn statement(lab: &Lab, parts: &mut Parts, subject: Digest, body: Body) -> Statement {
    enrolled(lab, parts, &[&lab.ada.enrolment(&["developer"]), &lab.bob.enrolment(ROLES)]);
    Statement {
        installation: id(1),
        person: lab.bob.id,
        scope: Scope {
            project: name("shop"),
            service: Some(name("api")),
            environment: Some(parts.environment.clone()),
        },
        subjects: vec![subject],
        not_before: at(-120),
        expires: at(DAY),
        root: 1,
        checkpoint: parts.head.seen(SEEN).to_string(),
        reason: "the input is not ours".into(),
        nonce: id(95),
        via: "command-line".into(),
        body,
    }
}

pub(super) fn enrolled(lab: &Lab, parts: &mut Parts, people: &[&Enrolment]) {
    parts.enrolments = people.iter().map(|person| lab.signed_enrolment(person)).collect();
}

/// Validity of a statement, in seconds.
pub(super) const DAY: i64 = 86_400;
pub(super) const ROLES: &[&str] = &["release-manager", "secret-owner", "security"];
