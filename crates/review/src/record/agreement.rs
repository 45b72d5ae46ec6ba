//! Whether the facts of an entry say what signed evidence says.
//!
//! Invariant: a holder of the ledger's key can enter any facts beside an envelope that somebody signed for something else, so facts
//! about people and runners count only where the envelope says the same. Other kinds are of what the server itself did.

use domain::{Event, PersonId};
use evidence::receipt::Receipt;
use judge::Checked;

/// Whether checked evidence says the same.
pub fn agrees(event: &Event, checked: &Checked<'_>) -> bool {
    let (people, asked) = (&checked.people.enrolled, &checked.people.asked);
    let is = |person: PersonId, subject: &str| {
        people.by_id(person.id()).is_some_and(|person| person.subject == subject)
    };
    match event {
        Event::Taken(taken) => {
            let commit = checked.source.pack.commit();
            let signer = commit.and_then(|commit| people.signer(commit, &checked.ledger.records.pack));
            is(taken.requester, &asked.requester)
                && signer.is_some_and(|signer| is(taken.signer, &signer.subject))
        }
        Event::Given(given) => {
            let mut votes = checked.approvals.votes.iter();
            votes.any(|vote| vote.decision == given.decision && is(given.person, &vote.subject))
        }
        Event::Promoted(promoted) => {
            asked.promoter.as_ref().is_some_and(|subject| is(promoted.person, subject))
        }
        Event::Reported(reported) => {
            let same = |receipt: &Receipt| {
                receipt.work == reported.work
                    && receipt.runner == reported.runner
                    && receipt.passed() == reported.passed
            };
            let all = checked.build.receipts.iter().chain(&checked.lanes.checks.receipts);
            all.map(|(_, receipt)| receipt).any(same)
        }
        _ => true,
    }
}
