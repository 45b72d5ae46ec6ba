//! Overrides: whether people lift a rule about time for a release.
//!
//! Invariant: outside solo mode two people have to say exactly the same, about this release and this plan. Each statement is
//! proven, in force and by a release manager who is not behind the change, or it does not count. Freezes are never lifted.

use std::collections::BTreeSet;

use evidence::statements::{Body, Lifted};
use evidence::trust_root::Mode;

use crate::checked::Checked;
use crate::lanes::{ProvenStatement, counting};

/// Whether people lift this rule for the release.
pub fn lifts(statements: &[ProvenStatement], rule: Lifted, checked: &Checked<'_>) -> bool {
    let needed = if checked.trust.root.mode == Mode::Solo { 1 } else { PEOPLE_MIN };
    let (release, plan) = (checked.bundle.release, &checked.plan.digest);
    let mut said: Vec<(&Body, BTreeSet<&str>)> = Vec::new();
    for proven in counting(statements) {
        let body = &proven.statement.body;
        if !body.lifts(rule, release, plan) {
            continue;
        }
        match said.iter_mut().find(|(known, _)| *known == body) {
            Some((_, people)) => drop(people.insert(&proven.subject)),
            None => said.push((body, BTreeSet::from([proven.subject.as_str()]))),
        }
    }
    said.iter().any(|(_, people)| people.len() >= needed)
}

/// Number of people who have to say the same outside solo mode.
pub const PEOPLE_MIN: usize = 2;
