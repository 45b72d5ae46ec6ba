//! Decisions about identities.
//!
//! Invariant: the server has verified each statement's signatures against the root whose version the command names. If
//! another root came into force since then, the command is refused and the sender has to send it again.

use std::collections::BTreeSet;

use evidence::request::CLOCK_SKEW_MAX;
use evidence::{Moment, Name};

use super::event::{Enrolled, Rooted, StatusSet};
use super::state::State;
use crate::event::Event;
use crate::refusal::{Reason, Refusal};

/// Bring a trust root into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetRoot {
    /// Facts of the root. Its signatures were verified against the previous root.
    pub root: Rooted,
    /// Runners that the root names.
    pub runners: BTreeSet<Name>,
    /// Time at which it was made.
    pub issued: Moment,
}

/// Enrol a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrol {
    /// Facts of the enrolment. Its signatures were verified against the root that the facts name.
    pub enrolment: Enrolled,
    /// Time at which it was made.
    pub issued: Moment,
}

/// Bring a status statement into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetStatus {
    /// Facts of the status. Its signatures were verified against the root that the facts name.
    pub status: StatusSet,
    /// Time at which it was made.
    pub issued: Moment,
}

/// Decides whether a root comes into force.
///
/// # Errors
/// `Refusal` with every reason.
pub fn set_root(state: &State, command: &SetRoot, moment: Moment) -> Result<Vec<Event>, Refusal> {
    let root = &command.root;
    let mut reasons = Vec::new();
    let expected = state.root.as_ref().map_or(1, |old| old.version.saturating_add(1));
    if root.version != expected {
        let what = format!("root version {} does not follow the one in force", root.version);
        reasons.push(Reason::new("root-out-of-order", what, format!("send version {expected} first")));
    }
    if state.root.as_ref().is_some_and(|old| old.installation != root.installation) {
        let what = "the root is of another installation";
        reasons.push(Reason::new("other-installation", what, "send it to the server that it names"));
    }
    let minimum = state.status.as_ref().map_or(1, |status| status.minimum_root);
    if root.version < minimum {
        let what = format!("the status in force asks for root version {minimum} or later");
        reasons.push(Reason::new("root-too-old", what, "send the newest root"));
    }
    reasons.extend(validity("root", command.issued, root.expires, moment));
    conclude(reasons, || Event::Rooted(root.clone()))
}

/// Decides whether a person is enrolled.
///
/// # Errors
/// `Refusal` with every reason.
pub fn enrol(state: &State, command: &Enrol, moment: Moment) -> Result<Vec<Event>, Refusal> {
    let new = &command.enrolment;
    let mut reasons: Vec<_> = under_root(state, new.root).into_iter().collect();
    if state.people.get(&new.person).is_some_and(|old| old.subject != new.subject) {
        let what = format!("person {} is or was somebody else", new.person);
        reasons.push(Reason::new("person-taken", what, "draw a new id for the person"));
    }
    for (id, person) in state.people(moment) {
        if id == new.person && person.subject == new.subject {
            let what = format!("person {id} is already enrolled");
            reasons.push(Reason::new("person-taken", what, WITHDRAW));
        }
        if person.subject == new.subject {
            let what = format!("this subject is already enrolled as person {id}");
            reasons.push(Reason::new("subject-taken", what, WITHDRAW));
        }
        for key in &new.keys {
            if person.keys.iter().any(|old| old.fingerprint == key.fingerprint) {
                let what = format!("key {} is already enrolled for person {id}", key.fingerprint);
                reasons.push(Reason::new("key-taken", what, "give each person keys of their own"));
            }
        }
    }
    for key in new.keys.iter().filter(|key| state.is_revoked(&key.fingerprint, moment)) {
        let what = format!("key {} is revoked", key.fingerprint);
        reasons.push(Reason::new("key-revoked", what, "enrol a new key"));
    }
    if state.status.as_ref().is_some_and(|status| status.withdrawn.contains(&new.digest)) {
        let what = "this very enrolment was withdrawn";
        reasons.push(Reason::new("enrolment-withdrawn", what, "have the registrars sign a new one"));
    }
    reasons.extend(validity("enrolment", command.issued, new.expires, moment));
    conclude(reasons, || Event::Enrolled(new.clone()))
}

/// Decides whether a status comes into force.
///
/// # Errors
/// `Refusal` with every reason.
pub fn set_status(state: &State, command: &SetStatus, moment: Moment) -> Result<Vec<Event>, Refusal> {
    let new = &command.status;
    let mut reasons: Vec<_> = under_root(state, new.root).into_iter().collect();
    if let Some(old) = state.status.as_ref().filter(|old| old.number >= new.number) {
        let what = format!("status number {} is not above {}, the one in force", new.number, old.number);
        reasons.push(Reason::new("status-not-newer", what, "amend the status in force and sign again"));
    }
    let installation = state.root.as_ref().map(|root| root.installation);
    if let (Some(installation), Some(old)) = (installation, &state.status)
        && new.number > old.number
        && !new.opened(installation).follows(&old.opened(installation))
    {
        let what = "it tightens an old base, or drops something that is stopped now";
        let remedy = "tighten the status in force, or have the threshold sign a new base";
        reasons.push(Reason::new("status-loosens", what, remedy));
    }
    let version = state.root.as_ref().map_or(0, |root| root.version);
    if new.minimum_root > version {
        let what = format!("it asks for root version {}, but {version} is in force", new.minimum_root);
        reasons.push(Reason::new("root-too-old", what, "send the newer root first"));
    }
    reasons.extend(validity("status", command.issued, new.expires, moment));
    conclude(reasons, || Event::StatusSet(new.clone()))
}

fn under_root(state: &State, version: u32) -> Option<Reason> {
    let current = state.root.as_ref().map(|root| root.version);
    if current == Some(version) {
        return None;
    }
    let what = match current {
        None => "no trust root is in force".to_owned(),
        Some(current) => format!("signatures were checked against root {version}, but {current} is in force"),
    };
    Some(Reason::new("root-changed", what, "send it again"))
}

fn validity(what: &str, issued: Moment, expires: Moment, moment: Moment) -> Option<Reason> {
    if expires <= moment {
        let text = format!("the {what} ended at {expires}");
        return Some(Reason::new("expired", text, "sign a new one"));
    }
    (issued > moment.later_by(CLOCK_SKEW_MAX)).then(|| {
        let text = format!("the {what} was made at {issued}, which is still to come");
        Reason::new("from-the-future", text, "check the clock of the machine that made it")
    })
}

fn conclude(reasons: Vec<Reason>, event: impl FnOnce() -> Event) -> Result<Vec<Event>, Refusal> {
    Refusal::of(reasons).map_or_else(|| Ok(vec![event()]), Err)
}

const WITHDRAW: &str = "withdraw the old enrolment with `countersign trust status --withdraw` first";
