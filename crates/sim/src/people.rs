//! People as nodes: Ada commits, asks for runs and cancels some of them; Bob approves what he has verified and promotes it;
//! Carol freezes and lifts freezes; Mallory tries forbidden things.
//!
//! People verify as `countersign approve` does: with the judge, against the numbers that they have seen themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use evidence::approval::{Approval, Decision, Signed};
use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::request::{self, Request};
use evidence::status::{self, Freeze, Status, StatusFile};
use evidence::{Bytes, CommitId, Digest, Id, Moment};
use judge::{Anchors, PinnedCheckpoint, VerificationContext, check, judge_checked};
use lab::{Lab, Person};
use serde_json::{Value, json};
use tlog::Checkpoint;
use wire::Submission;

use crate::build::{Repository, source_of};
use crate::installation::place;
use crate::machine::{self, between, happens};
use crate::net::{Connection, Content, Message, Outbox, PeerReply, PeerRequest};
use crate::truth::Truth;

/// A person at a node. A node that crashes forgets open requests, but not signatures and seen numbers.
#[derive(Debug)]
pub struct PersonNode {
    who: usize,
    line: Connection,
    /// Time of the person's next regular action.
    next: u64,
    seen: Checkpoint,
    last_commit: CommitId,
    history: BTreeMap<String, Bytes>,
    approved: Option<(u64, Digest)>,
    /// The place that was looked at last, and the pending release of staging at that time.
    looks_at: usize,
    stands: Option<u64>,
    /// The sent request, for the next action once it is recorded.
    sent: Option<RequestKind>,
    /// The nonce of that request.
    nonce: Option<Id>,
    /// Whether the officers only lift freezes from now on.
    calm: bool,
    /// Whether the last run was submitted and not refused.
    last: bool,
}

/// The kind of a sent request.
#[derive(Clone, Debug)]
enum RequestKind {
    Run,
    Cancellation,
    Approval(u64),
    Promotion,
    Rollback,
    Status,
    Forgery,
}

/// The surroundings of a person.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// All keys.
    pub lab: &'a Lab,
    /// The repository that commits are added to.
    pub repository: &'a mut Repository,
    /// The checks of the simulation.
    pub truth: &'a mut Truth,
}

impl PersonNode {
    /// A person's node.
    #[must_use]
    pub fn new(who: usize, lab: &Lab, seen: &Checkpoint) -> Self {
        Self {
            who,
            line: Connection::default(),
            next: 0,
            seen: seen.clone(),
            last_commit: lab.base(),
            history: lab.written("the first", &[]).0.commits,
            approved: None,
            looks_at: 1,
            stands: None,
            sent: None,
            nonce: None,
            calm: false,
            last: false,
        }
    }

    /// The newest commit that this person made.
    #[must_use]
    pub const fn last_commit(&self) -> &CommitId {
        &self.last_commit
    }

    /// Forgets open requests, as a machine does that is turned off.
    pub fn crash(&mut self) {
        self.line = Connection::default();
        self.sent = None;
    }

    /// From now on nothing is cancelled or frozen any more, and one last commit is made.
    pub fn calm(&mut self) {
        self.calm = true;
        self.next = 0;
    }

    /// Does the next action, or repeats a request.
    pub fn tick(&mut self, surroundings: &mut Surroundings<'_>, out: &mut Outbox) {
        let now = machine::now().millis();
        if self.line.is_busy() {
            self.line.again(now, out);
            return;
        }
        if now < self.next {
            return;
        }
        let minute = 60_000;
        match self.who {
            0 => {
                // The last run is submitted until it is recorded, because a request expires while the server is away.
                self.next = now + if self.calm { 6 } else { between(15, 50) } * minute;
                if !self.last {
                    self.last = self.calm;
                    self.run(surroundings, out);
                }
            }
            1 => {
                self.next = now + between(1, 3) * minute;
                self.looks_at = usize::from(happens(800));
                let look = PeerRequest::Look(place(self.looks_at), self.seen.clone());
                self.line.ask(now, 0, look, out);
            }
            2 => {
                self.next = now + between(20, 40) * minute;
                self.line.ask(now, 0, PeerRequest::Status, out);
            }
            _ => {
                self.next = now + between(30, 90) * minute;
                self.forge(surroundings, out);
            }
        }
    }

    /// Handles a reply.
    pub fn take(&mut self, message: &Message, surroundings: &mut Surroundings<'_>, out: &mut Outbox) {
        let Content::PeerReply(told) = &message.content else { return };
        if self.line.answered(message.call).is_none() {
            return;
        }
        match (told, self.sent.take()) {
            (PeerReply::Accepted(entry), Some(sent)) => {
                surroundings.truth.acknowledged(*entry);
                self.follow(sent, surroundings, out);
            }
            (PeerReply::Evidence(bytes, _, _), None) if self.looks_at == 0 => {
                self.ask_again(bytes, surroundings, out)
            }
            (PeerReply::Evidence(bytes, proof, _), None) => self.review(bytes, proof, surroundings, out),
            (PeerReply::Status(file), None) => self.set_status(file, surroundings, out),
            (PeerReply::Refused(_) | PeerReply::Failed(_), Some(RequestKind::Run)) => self.last = false,
            (PeerReply::Nothing(Some((from, to, release))), None) if !self.calm && happens(30) => {
                let arguments =
                    json!({ "place": place(1), "from": from, "to": to, "release": release, "ends": true });
                self.send(Draft::of("rollback", arguments), RequestKind::Rollback, surroundings, out);
            }
            _ => {}
        }
    }

    fn follow(&mut self, sent: RequestKind, surroundings: &mut Surroundings<'_>, out: &mut Outbox) {
        match sent {
            RequestKind::Approval(release) => self.promote(1, release, surroundings, out),
            RequestKind::Forgery => surroundings.truth.broken("a forgery was accepted"),
            // She cancels the run, whether or not runners have begun it.
            RequestKind::Run if !self.calm && happens(100) => {
                let arguments = json!({ "run": self.nonce, "commit": self.last_commit });
                self.send(Draft::of("cancel", arguments), RequestKind::Cancellation, surroundings, out);
            }
            RequestKind::Run
            | RequestKind::Cancellation
            | RequestKind::Promotion
            | RequestKind::Rollback
            | RequestKind::Status => {}
        }
    }

    fn run(&mut self, surroundings: &mut Surroundings<'_>, out: &mut Outbox) {
        let message = format!("change {}", Id::from_random(machine::bytes()));
        let (mut pack, list) = surroundings.lab.written(&message, std::slice::from_ref(&self.last_commit));
        self.last_commit = pack.commit.clone();
        let source = source_of(surroundings.lab, &pack, list);
        // A range of several commits needs all of them in the pack.
        self.history.append(&mut pack.commits);
        pack.commits.clone_from(&self.history);
        surroundings.repository.insert(pack.commit.clone(), source.into());
        surroundings.truth.committed(pack.commit.clone());
        let arguments = json!({ "project": "shop", "commit": pack.commit });
        let attachments = vec![pack.encode().unwrap()];
        let draft = Draft { attachments, ..Draft::of("run", arguments) };
        self.send(draft, RequestKind::Run, surroundings, out);
    }

    /// Verifies the pending release of production, and approves it if only approvals are missing.
    fn review(
        &mut self,
        bytes: &[u8],
        proof: &[Bytes],
        surroundings: &mut Surroundings<'_>,
        out: &mut Outbox,
    ) {
        let Ok(bundle) = Bundle::decode(bytes) else { return };
        let lab = surroundings.lab;
        let anchors = Anchors { version: 1, digest: lab.root().digest().unwrap(), rehearsal: false };
        let seen = VerificationContext {
            now: Some(machine::now()),
            root: 1,
            status: 1,
            statement: 1,
            ledger: Some(PinnedCheckpoint {
                checkpoint: self.seen.clone(),
                proof: proof.to_vec(),
                may_be_older: false,
            }),
            ..VerificationContext::default()
        };
        let checked = match check(&bundle, &anchors, &seen) {
            Ok(checked) => checked,
            Err(reasons) => {
                surroundings.truth.unsound(reasons.against.iter().map(|reason| reason.code.clone()));
                return;
            }
        };
        self.seen = checked.ledger.proven.checkpoint.clone();
        if self.approved == Some((bundle.release, bundle.artifact())) {
            // The approval is recorded already, and the release is still pending.
            self.promote(1, bundle.release, surroundings, out);
            return;
        }
        let judgement = judge_checked(&checked);
        let codes = judgement.codes();
        if !codes.iter().all(|code| ["approvals-missing", "not-promoted"].contains(&code.as_str())) {
            surroundings.truth.unsound(codes.into_iter().map(|code| format!("gate: {code}")));
            return;
        }
        let signed = Signed {
            decision: Decision::Approve,
            artifact: bundle.artifact(),
            plan: checked.plan.digest,
            said: Approval {
                installation: bundle.installation,
                person: lab.bob.id,
                project: bundle.project.clone(),
                service: bundle.service.clone(),
                environment: bundle.environment.clone(),
                release: bundle.release,
                replaces: checked.ledger.proven.proposals.first().and_then(|proposal| proposal.replaces),
                evidence: checked.approvals.evidence,
                policy: checked.trust.environment.policy,
                root: checked.trust.root.version,
                checkpoint: checked.ledger.proven.checkpoint.to_string(),
                reason: "verified".into(),
                ticket: None,
                not_before: earlier(),
                expires: machine::now().later_by(Duration::from_hours(24 * 7)),
                nonce: Id::from_random(machine::bytes()),
                via: "command-line".into(),
                rebuild: None,
            },
        };
        let envelope = lab.approval(&signed, &lab.bob.approve);
        surroundings.truth.approved(bundle.release, bundle.artifact(), checked.plan.digest);
        self.approved = Some((bundle.release, bundle.artifact()));
        let sent = RequestKind::Approval(bundle.release);
        let arguments = json!({ "statement": envelope.payload_digest() });
        let draft = Draft { statements: vec![envelope], ..Draft::of("approve", arguments) };
        self.send(draft, sent, surroundings, out);
    }

    /// A release in staging proceeds automatically; if it is seen there twice, it is promoted again.
    fn ask_again(&mut self, bytes: &[u8], surroundings: &mut Surroundings<'_>, out: &mut Outbox) {
        let Ok(bundle) = Bundle::decode(bytes) else { return };
        if self.stands.replace(bundle.release) == Some(bundle.release) {
            self.promote(0, bundle.release, surroundings, out);
        }
    }

    fn promote(&mut self, at: usize, release: u64, surroundings: &mut Surroundings<'_>, out: &mut Outbox) {
        let arguments = json!({ "place": place(at), "release": release });
        self.send(Draft::of("promote", arguments), RequestKind::Promotion, surroundings, out);
    }

    /// One officer freezes production at intervals, two lift the freeze.
    fn set_status(&mut self, file: &StatusFile, surroundings: &mut Surroundings<'_>, out: &mut Outbox) {
        let lab = surroundings.lab;
        let now = &file.open(&lab.root()).unwrap().status;
        let freeze = now.frozen.is_empty();
        if freeze && (self.calm || happens(700)) {
            return;
        }
        let frozen =
            Freeze { project: lab::name("shop"), service: None, environment: Some(lab::name("production")) };
        let next = Status {
            number: now.number + 1,
            base: freeze.then(|| file.base.payload_digest()),
            issued: machine::now(),
            expires: if freeze { now.expires } else { machine::now().later_by(Duration::from_hours(240)) },
            frozen: freeze.then_some(frozen).into_iter().collect(),
            ..now.clone()
        };
        let mut envelope = next.envelope().unwrap();
        lab.officers[0].approve.sign(&mut envelope, status::NAMESPACE);
        let file = if freeze {
            StatusFile { base: file.base.clone(), tightening: Some(envelope.clone()) }
        } else {
            lab.officers[1].approve.sign(&mut envelope, status::NAMESPACE);
            StatusFile { base: envelope.clone(), tightening: None }
        };
        let mut arguments = json!({ "statement": file.base.payload_digest() });
        let mut statements = vec![file.base.clone()];
        if let Some(tightening) = &file.tightening {
            arguments["tightening"] = json!(tightening.payload_digest());
            statements.push(tightening.clone());
        }
        let draft = Draft { statements, ..Draft::of("set-status", arguments) };
        self.send(draft, RequestKind::Status, surroundings, out);
    }

    /// Mallory signs a request in Ada's name, and an approval in Bob's.
    fn forge(&mut self, surroundings: &mut Surroundings<'_>, out: &mut Outbox) {
        let lab = surroundings.lab;
        let arguments = json!({ "place": place(1), "release": between(1, 9) });
        let victim = if happens(500) { &lab.ada } else { &lab.bob };
        let submission = submission(victim, &lab.mallory, Draft::of("promote", arguments));
        self.sent = Some(RequestKind::Forgery);
        self.line.ask(machine::now().millis(), 0, PeerRequest::Submit(Box::new(submission)), out);
    }

    fn send(&mut self, draft: Draft, sent: RequestKind, surroundings: &Surroundings<'_>, out: &mut Outbox) {
        let person = [
            &surroundings.lab.ada,
            &surroundings.lab.bob,
            &surroundings.lab.officers[0],
            &surroundings.lab.mallory,
        ][self.who];
        let submission = submission(person, person, draft);
        self.nonce = Request::read(&submission.request).ok().map(|request| request.nonce);
        self.sent = Some(sent);
        self.line.ask(machine::now().millis(), 0, PeerRequest::Submit(Box::new(submission)), out);
    }
}

/// A request before it is signed.
#[derive(Debug)]
pub struct Draft {
    /// Its action.
    pub action: &'static str,
    /// The arguments of the action.
    pub arguments: Value,
    /// Statements that the arguments name.
    pub statements: Vec<Envelope>,
    /// Attachments that the arguments name.
    pub attachments: Vec<Vec<u8>>,
}

impl Draft {
    /// A request without statements and attachments.
    pub const fn of(action: &'static str, arguments: Value) -> Self {
        Self { action, arguments, statements: Vec::new(), attachments: Vec::new() }
    }
}

/// A request in a person's name, signed by any key.
pub fn submission(person: &Person, signer: &Person, draft: Draft) -> Submission {
    let request = Request {
        v: 1,
        installation: lab::id(1),
        person: person.id,
        issued: machine::now(),
        expires: machine::now().later_by(Duration::from_mins(5)),
        nonce: Id::from_random(machine::bytes()),
        action: lab::name(draft.action),
        arguments: draft.arguments,
    };
    let mut envelope = request.envelope().unwrap();
    signer.sign_in.sign(&mut envelope, request::NAMESPACE);
    Submission {
        request: envelope,
        statements: draft.statements,
        attachments: draft.attachments.into_iter().map(Bytes).collect(),
        repository: None,
        upload: None,
    }
}

/// A time a little before now, so that the statement counts on a machine whose clock is behind.
fn earlier() -> Moment {
    Moment::from_millis(machine::now().millis() - 120_000).unwrap()
}
