//! The reasons of a gate that would be left after a person's approval, and the step that comes next.
//!
//! Input: evidence, and the person with the roles that the server lists. Output: the reasons that would be left.
//! Invariant: this advice is given before the signature and decides nothing: the gate judges again.

use std::collections::BTreeSet;

use evidence::Name;
use evidence::approval::Decision;
use judge::{Checked, Vote};
use policy::Reason;
use review::next_step::{left, next};
use review::results::Results;
use wire::PersonView;

use crate::dossier::Dossier;
use crate::error::Error;
use crate::profile::Profile;

/// The reasons of a gate after an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foresight {
    /// Reasons that would be left. The promotion is not among them, because it comes last.
    pub left: Vec<Reason>,
    /// The next step of this person.
    pub next: String,
}

impl Foresight {
    /// Judges evidence as if the person had approved it.
    ///
    /// # Errors
    /// `Error` when the evidence does not hold.
    pub fn of(
        dossier: &Dossier,
        profile: &Profile,
        people: &[PersonView],
        results: &Results,
    ) -> Result<Self, Error> {
        let mut checked = dossier.check()?;
        let vote = vote(&checked, profile, people);
        checked.approvals.votes.retain(|other| other.subject != vote.subject);
        checked.approvals.votes.push(vote);
        let left = left(&judge::judge_checked(&checked));
        let next = next(&checked.place, &left, results);
        Ok(Self { left, next })
    }

    /// The reasons in lines, each after a line break.
    #[must_use]
    pub fn text(&self) -> String {
        if self.left.is_empty() {
            return "\nafter your approval: nothing but the promotion is missing".to_owned();
        }
        let mut codes: Vec<(&str, usize)> = Vec::new();
        for reason in &self.left {
            match codes.iter_mut().find(|(code, _)| *code == reason.code) {
                Some((_, count)) => *count += 1,
                None => codes.push((&reason.code, 1)),
            }
        }
        let codes: Vec<_> = codes.iter().map(|(code, count)| counted(code, *count)).collect();
        format!("\nafter your approval the gate still does not let it pass: {}", codes.join(", "))
    }
}

fn counted(code: &str, count: usize) -> String {
    let code = shown::brief(code, CODE_CHARS);
    if count == 1 { code } else { format!("{code} ({})", shown::many(count, "time")) }
}

/// The vote that an approval of the person would be.
fn vote(checked: &Checked<'_>, profile: &Profile, people: &[PersonView]) -> Vote {
    let person = profile.person.id();
    let place = &checked.place;
    // Evidence holds an enrolment only of people whom it names, so roles come from the server's list.
    let known = people.iter().find(|view| view.person == profile.person);
    let grants = known.iter().flat_map(|view| &view.grants).filter(|grant| {
        grant.project.as_ref().is_none_or(|name| *name == place.project)
            && grant.environment.as_ref().is_none_or(|name| *name == place.environment)
    });
    let roles: BTreeSet<Name> = grants.map(|grant| grant.role.clone()).collect();
    let subject = checked.people.enrolled.by_id(person).map(|person| person.subject.clone());
    let subject = subject.unwrap_or_else(|| person.to_string());
    let void = match checked.is_barred(&subject) {
        true => vec!["the person is behind the change, or asked for it".to_owned()],
        false => Vec::new(),
    };
    Vote {
        decision: Decision::Approve,
        name: known.and_then(|view| view.name.clone()).unwrap_or_default(),
        subject,
        roles,
        hardware: false,
        reason: String::new(),
        ticket: None,
        via: "command-line".to_owned(),
        rebuilt: false,
        seen_size: None,
        void,
    }
}

const CODE_CHARS: usize = 60;
