//! Bars: a release that failed its judgement at a place comes again without a lift that counts, or goes back to.

use evidence::Digest;
use evidence::statements::{Body, Lift, Statement};

use super::row::{Forgery, forged};
use super::stating::{ROLES, by, enrolled, stated, statement};
use crate::observed::barred;
use crate::parts::Parts;
use crate::readers::Reader::{Approve, State, Verify};
use crate::readers::before;
use crate::world::Lab;

/// Code of a release that is barred.
pub(super) const BARRED: &str = "barred-here";

pub(super) fn rows() -> Vec<Forgery> {
    let agent_alone = |row: Forgery| row.unknown_to(&[Approve, Verify, State]);
    vec![
        agent_alone(forged("a release that failed its judgement here, without a lift", BARRED, |_, _| {}))
            .in_lab(with_bar),
        agent_alone(forged("a lift of another bar", BARRED, |lab, parts| {
            stated(lab, parts, lift, |it| it.subjects = vec![barred(lab, 4).1.observation]);
        }))
        .in_lab(with_bar),
        agent_alone(forged("a lift by the author of the change", BARRED, |lab, parts| {
            by(lab, parts, lift, &lab.ada, &lab.ada.approve);
            let ada = lab.ada.enrolment(&["developer", "release-manager"]);
            enrolled(lab, parts, &[&ada, &lab.bob.enrolment(ROLES)]);
        }))
        .in_lab(with_bar),
        agent_alone(forged("a return to a release that failed its judgement here", BARRED, |_, _| {}))
            .with_order(|_, _| {})
            .agent_saw(|lab, memory| memory.bar(before(), barred(lab, 5).1)),
    ]
}

/// Release 5 of the same artifact failed in production.
pub(super) fn with_bar(lab: &mut Lab) {
    lab.barred = Some(5);
}

/// Bob lifts the bar.
pub(super) fn lift(lab: &Lab, parts: &mut Parts) -> Statement {
    let (artifact, bar) = barred(lab, 5);
    statement(lab, parts, bar.observation, Body::Lift(Lift { artifact, release: bar.release }))
}

/// Makes a lift one of another artifact.
pub(super) fn of_another(statement: &mut Statement) {
    if let Body::Lift(lift) = &mut statement.body {
        lift.artifact = Digest::of(b"something else");
    }
}
