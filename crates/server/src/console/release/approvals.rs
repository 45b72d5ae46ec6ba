//! The votes on a release, each with whether it counts, and the people who may still approve.

use std::collections::BTreeMap;

use evidence::approval::Decision;
use judge::Vote;
use review::approvers::APPROVER;
use web::model::{self, Approval, Approvals};

use super::seen::Seen;
use crate::console::pending::{approve, votes};
use crate::console::reading::time;
use crate::console::recorded::with_ticket;
use crate::console::words::{badge, person};
use crate::http::problem::Failure;
use crate::views::moments::{self, Consent, ConsentKind};

/// The votes on a release.
///
/// # Errors
/// `Failure` if the views cannot be read.
pub fn of(seen: &Seen<'_>) -> Result<Approvals, Failure> {
    let Some(proven) = seen.proven() else { return recorded(seen) };
    let left = seen.judged.as_ref().map(|judged| judged.left()).unwrap_or_default();
    let missing = left.iter().find(|reason| reason.code == "approvals-missing");
    let may = if seen.is_pending { proven.may_approve.clone() } else { None };
    Ok(Approvals {
        needed: missing.and_then(votes).map(|(given, needed)| format!("{given} of {needed}")),
        votes: proven.votes.iter().map(|vote| approval(seen, vote)).collect(),
        command: missing.filter(|_| seen.is_pending).map(|_| approve(&seen.view.place, Some(proven))),
        may,
    })
}

fn approval(seen: &Seen<'_>, vote: &Vote) -> Approval {
    let role = vote.roles.iter().find(|role| role.as_str() == APPROVER).or_else(|| vote.roles.first());
    let role = role.map(|role| format!(" ({role})")).unwrap_or_default();
    let (state, word) = match (vote.decision, vote.void.first()) {
        (_, Some(why)) => (model::State::Quiet, format!("does not count: {why}")),
        (Decision::Approve, None) => (model::State::Pass, "counts".to_owned()),
        (Decision::Reject, None) => (model::State::Stop, "rejects".to_owned()),
    };
    let given = seen.state.approval.of(&seen.view.place, seen.view.release.unwrap_or_default());
    let of_person = given
        .map(|given| &given.facts)
        .find(|given| given.decision == vote.decision && person(seen.at.shared, given.person) == vote.name);
    Approval {
        person: format!("{}{role}", vote.name),
        badge: badge(state, word),
        reason: with_ticket(&vote.reason, vote.ticket.as_deref()),
        until: of_person.map(|given| time(given.expires)),
    }
}

/// The recorded votes of a release without evidence, the last one of each person.
fn recorded(seen: &Seen<'_>) -> Result<Approvals, Failure> {
    let (place, number) = (&seen.view.place, seen.view.release.unwrap_or_default());
    let found = seen.at.shared.views.ask(|rows| moments::consents(rows, place, number));
    let votes = found.map_err(Failure::failed)?.into_iter();
    let votes = votes.filter(|consent| consent.kind != ConsentKind::Promoted);
    let last: BTreeMap<_, _> = votes.map(|Consent { person, kind }| (person, kind)).collect();
    let approval = |(of, kind)| {
        let (state, word) = match kind {
            ConsentKind::Rejected => (model::State::Stop, "rejected"),
            ConsentKind::Approved | ConsentKind::Promoted => (model::State::Quiet, "approved"),
        };
        Approval {
            person: person(seen.at.shared, of),
            badge: badge(state, word),
            reason: String::new(),
            until: None,
        }
    };
    Ok(Approvals { needed: None, votes: last.into_iter().map(approval).collect(), may: None, command: None })
}
