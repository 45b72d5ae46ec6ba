//! The part of a record that checked evidence proves.
//!
//! Invariant: every value comes from verified bytes, or from the judgement of them.

use std::collections::{BTreeMap, BTreeSet};

use domain::Event;
use evidence::approval::Decision;
use evidence::bundle::Logged;
use evidence::entry::{Header, Payload, SALT_BYTES};
use evidence::receipt::Ending;
use evidence::{Digest, Name};
use judge::{Checked, Judgement};
use wire::{ReleaseKind, ReleaseView};

use super::agreement::agrees;
use super::model::{Barrier, Components, Gates, Known, Proof, Record, RuleRecord, Source, Step, What, Why};
use super::steps::{Named, words};
use crate::explain::Explained;

/// Evidence of a release, or of the one that a rollback brought back.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    pub view: &'a ReleaseView,
    pub bundle: Option<Digest>,
    pub checked: &'a Checked<'a>,
    pub judgement: &'a Judgement,
}

/// Adds everything that the evidence proves.
pub fn add(record: &mut Record, evidence: Evidence<'_>, by: Named<'_>) {
    let Evidence { view, bundle, checked, judgement } = evidence;
    let is_rollback = view.kind == ReleaseKind::Rollback;
    people(record, checked, is_rollback);
    record.what = what(checked, is_rollback);
    record.from = source(view, checked);
    record.with = checked.lanes.documents.all.components.as_ref().map(|document| Components {
        count: document.components.len(),
        list: document.components.keys().cloned().collect(),
    });
    record.gates = Some(gates(checked, judgement));
    record.proof = Some(proof(view, bundle, checked));
    let own = std::mem::take(&mut record.why);
    record.why = reasons(checked);
    record.why.extend(own.into_iter().filter(|why| is_rollback && why.act == "rollback"));
    steps(record, checked, by);
}

/// The name of an enrolled person, by the subject.
fn name(checked: &Checked<'_>, subject: &str) -> String {
    let found = checked.people.enrolled.all().find(|person| person.subject == subject);
    found.map_or_else(|| subject.to_owned(), |person| person.name.clone())
}

fn people(record: &mut Record, checked: &Checked<'_>, is_rollback: bool) {
    let pack = &checked.source.pack;
    let commits = pack.commits.iter().filter(|(id, _)| checked.source.range.contains(id) || **id == pack.id);
    let who = &mut record.who;
    who.authors = commits.map(|(_, commit)| commit.author.name.clone()).collect();
    let signer =
        pack.commit().and_then(|commit| checked.people.enrolled.signer(commit, &checked.ledger.records.pack));
    who.signer = signer.map(|person| person.name.clone());
    who.requester = Some(name(checked, &checked.people.asked.requester));
    let counts = checked.approvals.votes.iter().filter(|vote| vote.void.is_empty());
    let approved = counts.filter(|vote| vote.decision == Decision::Approve);
    who.approvers = approved.map(|vote| vote.name.clone()).collect();
    // The promotion of the release that a rollback brought back is no act about the rollback.
    let promoter = checked.people.asked.promoter.as_ref().filter(|_| !is_rollback);
    who.promoter = promoter.map(|subject| name(checked, subject));
}

fn what(checked: &Checked<'_>, is_rollback: bool) -> What {
    let bundle = checked.bundle;
    let subject = checked.source.pack.commit().and_then(|commit| commit.message.lines().next());
    let proposal = checked.ledger.proven.proposals.first();
    What {
        commit: bundle.source.commit.clone(),
        subject: subject.map(|subject| subject.trim().to_owned()),
        base: Some(checked.source.base.clone()),
        commits: Some(checked.source.range.len()),
        artifact: bundle.artifact(),
        configuration: Some(Digest::of(&bundle.configuration.0)),
        plan: Some(checked.plan.digest),
        replaces: proposal.and_then(|proposal| proposal.replaces).filter(|_| !is_rollback),
    }
}

fn source(view: &ReleaseView, checked: &Checked<'_>) -> Source {
    let receipts = checked.build.receipts.iter().map(|(_, receipt)| receipt);
    let network = receipts.clone().flat_map(|receipt| &receipt.network);
    Source {
        project: view.place.project.clone(),
        run: view.run,
        pipeline: receipts.clone().next().map(|receipt| receipt.pipeline),
        runners: checked.build.runners.clone(),
        receipts: checked.build.receipts.len(),
        network: network.map(|reached| format!("{}:{}", reached.host, reached.port)).collect(),
    }
}

/// Reasons that people signed: votes, and statements that the policy reads.
fn reasons(checked: &Checked<'_>) -> Vec<Why> {
    let vote = |vote: &judge::Vote| Why {
        act: if vote.decision == Decision::Approve { "approve" } else { "reject" }.to_owned(),
        person: vote.name.clone(),
        reason: vote.reason.clone(),
        ticket: vote.ticket.clone(),
        until: None,
        counts: vote.void.is_empty(),
    };
    let statements = checked.lanes.statements.iter().map(stated);
    statements.chain(checked.approvals.votes.iter().map(vote)).collect()
}

/// The reason that a person signed in a statement.
#[must_use]
pub fn stated(proven: &judge::ProvenStatement) -> Why {
    Why {
        act: proven.statement.kind().as_str().to_owned(),
        person: proven.name.clone(),
        reason: proven.statement.reason.clone(),
        ticket: None,
        until: Some(proven.statement.expires),
        counts: proven.void.is_empty(),
    }
}

fn gates(checked: &Checked<'_>, judgement: &Judgement) -> Gates {
    let explained = Explained::of(checked, judgement);
    let codes = |reasons: &[crate::explain::ReasonShown]| -> Vec<String> {
        let once: BTreeSet<_> = reasons.iter().map(|reason| reason.code.clone()).collect();
        once.into_iter().collect()
    };
    Gates {
        outcome: judgement.outcome,
        policy: explained.policy,
        statement: checked.trust.environment.number,
        moment: checked.now,
        besides: codes(&explained.besides),
        unclear: codes(&explained.unclear),
        complete: explained.complete,
        rules: explained
            .rules
            .into_iter()
            .map(|rule| RuleRecord { code: rule.code, verdict: rule.verdict })
            .collect(),
        checks: judgement.checks.clone(),
        barriers: barriers(checked),
    }
}

/// Approval nodes of the run, the environment before, and its checks.
fn barriers(checked: &Checked<'_>) -> Vec<Barrier> {
    let node = |(node, people): (&Name, &BTreeSet<String>)| Barrier {
        kind: "approval-node".to_owned(),
        name: node.clone(),
        passed: true,
        by: people.iter().map(|subject| name(checked, subject)).collect(),
    };
    let before = checked.before.as_ref().map(|before| Barrier {
        kind: "environment".to_owned(),
        name: before.environment.clone(),
        passed: before.runs_it,
        by: before.report.iter().map(|report| report.agent.to_string()).collect(),
    });
    let check = |(check, ran): (&Name, &BTreeMap<Name, (Ending, bool)>)| Barrier {
        kind: "check".to_owned(),
        name: check.clone(),
        passed: ran.values().all(|(_, passed)| *passed),
        by: ran.keys().map(ToString::to_string).collect(),
    };
    let nodes = checked.people.asked.agreed.iter().map(node);
    nodes.chain(before).chain(checked.lanes.checks.ran.iter().map(check)).collect()
}

fn proof(view: &ReleaseView, bundle: Option<Digest>, checked: &Checked<'_>) -> Proof {
    let (proven, place, number) = (&checked.ledger.proven, &view.place, checked.bundle.release);
    let file = format!("{}-{}-{number}.bundle", place.service, place.environment);
    Proof {
        bundle,
        release: number,
        origin: proven.checkpoint.origin.clone(),
        entries: proven.checkpoint.size,
        root_hash: Digest::from_bytes(*proven.checkpoint.root.as_bytes()),
        witnesses: proven.witnesses,
        same_machine: proven.same_machine,
        witnessed: proven.quorum_time,
        trust_root: checked.trust.root.version,
        trust_root_digest: checked.trust.root_digest,
        status: checked.trust.status.number,
        verify: match bundle {
            Some(_) => {
                format!("countersign evidence {place} {number} --out {file} && countersign verify {file}")
            }
            None => format!("countersign approve {place} --show"),
        },
    }
}

/// Adds the entries of the evidence; an entry that the server told of as well is proven then.
fn steps(record: &mut Record, checked: &Checked<'_>, by: Named<'_>) {
    let proven = checked.bundle.logged.iter().filter_map(|logged| step(logged, checked, by));
    for step in proven {
        match record.steps.iter_mut().find(|told| told.entry == step.entry) {
            Some(told) => *told = step,
            None => record.steps.push(step),
        }
    }
}

/// An entry of the evidence; the check has proven that it is in the ledger. Its sentence is proven as well only if it says what signed
/// evidence says: the ledger's key alone can enter any facts.
fn step(logged: &Logged, checked: &Checked<'_>, by: Named<'_>) -> Option<Step> {
    let header = Header::decode(&logged.header.0).ok()?;
    let facts = Payload { salt: [0; SALT_BYTES], bytes: logged.facts.0.clone() };
    // The judge reads only the proposal's facts: another entry counts by what it names.
    let event = Event::read(&header.kind, &facts).ok();
    let agrees = event.as_ref().is_none_or(|event| agrees(event, checked));
    let (title, detail) =
        event.map_or_else(|| (header.kind.clone(), String::new()), |event| words(&event, by));
    Some(Step {
        entry: logged.index,
        time: header.time,
        kind: header.kind,
        title,
        detail,
        known: if agrees { Known::Proven } else { Known::Told },
    })
}
