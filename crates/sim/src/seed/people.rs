//! Statements that people sign: approvals of releases that they have verified, waivers, tags, and statements of status.

use std::time::Duration;

use evidence::approval::{Approval, Decision, Signed};
use evidence::bundle::Bundle;
use evidence::document::findings::Severity;
use evidence::dsse::Envelope;
use evidence::statements::{self, Body, Scope, Statement, Waiver};
use evidence::status::{self, Freeze, Status, StatusFile};
use evidence::{Digest, Id, Moment};
use judge::{Anchors, Checked, VerificationContext, check};
use lab::Person;
use serde_json::json;
use wire::Submission;

use super::estate::{Estate, STATUS_VALID};
use crate::machine;
use crate::people::{Draft, submission};

/// A request without statements, signed by a person.
pub fn request(person: &Person, action: &'static str, arguments: serde_json::Value) -> Submission {
    submission(person, person, Draft::of(action, arguments))
}

/// A request that brings one statement.
fn bring(person: &Person, action: &'static str, envelope: Envelope) -> Submission {
    let arguments = json!({ "statement": envelope.payload_digest() });
    submission(person, person, Draft { statements: vec![envelope], ..Draft::of(action, arguments) })
}

/// Checks a bundle as `countersign approve` does, from the root of the estate.
pub fn checked<'a>(estate: &Estate, bundle: &'a Bundle) -> Checked<'a> {
    let anchors = Anchors { version: 1, digest: estate.root().digest().unwrap(), rehearsal: false };
    let seen = VerificationContext {
        now: Some(machine::now()),
        root: 1,
        status: 1,
        statement: 1,
        ..VerificationContext::default()
    };
    check(bundle, &anchors, &seen).map_err(|reasons| reasons.against).unwrap()
}

/// A vote on the release of a bundle.
pub fn vote(checked: &Checked<'_>, person: &Person, decision: Decision, reason: &str) -> Submission {
    let bundle = checked.bundle;
    let signed = Signed {
        decision,
        artifact: bundle.artifact(),
        plan: checked.plan.digest,
        said: Approval {
            installation: bundle.installation,
            person: person.id,
            project: bundle.project.clone(),
            service: bundle.service.clone(),
            environment: bundle.environment.clone(),
            release: bundle.release,
            replaces: checked.ledger.proven.proposals.first().and_then(|proposal| proposal.replaces),
            evidence: checked.approvals.evidence,
            policy: checked.trust.environment.policy,
            root: checked.trust.root.version,
            checkpoint: checked.ledger.proven.checkpoint.to_string(),
            reason: reason.to_owned(),
            ticket: Some(format!("CHG-{}", 1000 + bundle.release)),
            not_before: a_little_before(),
            expires: machine::now().later_by(Duration::from_hours(24 * 14)),
            nonce: Id::from_random(machine::bytes()),
            via: "command-line".into(),
            rebuild: None,
        },
    };
    let mut envelope = signed.envelope().unwrap();
    person.approve.sign(&mut envelope, signed.decision.namespace());
    bring(person, "approve", envelope)
}

/// A waiver of the release's critical finding; `None` if it has no such finding.
pub fn waiver(checked: &Checked<'_>, person: &Person, days: u64) -> Option<Submission> {
    let documents = checked.lanes.documents.joined();
    let mut all = documents.filter_map(|all| all.findings.as_ref()).flat_map(|document| &document.findings);
    let (id, finding) = all.find(|(_, finding)| finding.severity == Severity::Critical)?;
    let body = Body::Waiver(Waiver::of(finding));
    Some(statement(checked, person, vec![*id], days, "the page is reached by operators alone", body))
}

/// A statement about the artifact of a bundle or about a finding.
pub fn statement(
    checked: &Checked<'_>,
    person: &Person,
    subjects: Vec<Digest>,
    days: u64,
    reason: &str,
    body: Body,
) -> Submission {
    let place = checked.place.clone();
    let statement = Statement {
        installation: checked.bundle.installation,
        person: person.id,
        scope: Scope {
            project: place.project,
            service: Some(place.service),
            environment: Some(place.environment),
        },
        subjects,
        not_before: a_little_before(),
        expires: machine::now().later_by(Duration::from_hours(24 * days)),
        root: 1,
        checkpoint: checked.ledger.proven.checkpoint.to_string(),
        reason: reason.to_owned(),
        nonce: Id::from_random(machine::bytes()),
        via: "command-line".into(),
        body,
    };
    let mut envelope = statement.envelope().unwrap();
    person.approve.sign(&mut envelope, statements::NAMESPACE);
    bring(person, "state", envelope)
}

/// The next status, with these freezes. Two officers sign it; it replaces the one in force.
pub fn status(estate: &Estate, number: u64, frozen: Vec<Freeze>) -> Submission {
    let next = Status {
        number,
        issued: machine::now(),
        expires: machine::now().later_by(STATUS_VALID),
        frozen,
        ..lab::Lab::new(0).status()
    };
    let base = estate.by_officers(next.envelope().unwrap(), status::NAMESPACE, &[0, 1]);
    bring(&estate.people[0].keys, "set-status", base)
}

/// The same by one officer alone, who may only make it stricter.
pub fn tightening(estate: &Estate, file: &StatusFile, number: u64, frozen: Vec<Freeze>) -> Submission {
    let base = Status::read(&file.base).unwrap();
    let next =
        Status { number, base: Some(file.base.payload_digest()), issued: machine::now(), frozen, ..base };
    let envelope = estate.by_officers(next.envelope().unwrap(), status::NAMESPACE, &[2]);
    let arguments =
        json!({ "statement": file.base.payload_digest(), "tightening": envelope.payload_digest() });
    let statements = vec![file.base.clone(), envelope];
    let officer = &estate.people[2].keys;
    submission(officer, officer, Draft { statements, ..Draft::of("set-status", arguments) })
}

fn a_little_before() -> Moment {
    Moment::from_millis(machine::now().millis() - 120_000).unwrap()
}
