//! The gate input: the JSON that a policy evaluates. Format: `docs/policy/input.md`.
//!
//! Invariant: the input is a pure function of proven facts and the time of the judgement. No part of it rests on the
//! server's word.

use std::collections::BTreeSet;

use evidence::approval::Decision;
use evidence::canonical::{self, CanonicalError};
use evidence::receipt::{Receipt, Work};
use serde_json::{Value, json};

use crate::approvals::Vote;
use crate::check::Checked;

/// Encodes the input as canonical JSON.
///
/// # Errors
/// `CanonicalError` when it cannot be encoded.
pub fn input(checked: &Checked<'_>) -> Result<Vec<u8>, CanonicalError> {
    let bundle = checked.bundle;
    let place = json!({
        "project": bundle.project,
        "service": bundle.service,
        "environment": bundle.environment,
        "automatic": checked.environment.automatic,
        "after": checked.environment.after,
    });
    let release = json!({
        "number": bundle.release,
        "artifact": bundle.artifact(),
        "plan": checked.plan,
        "evidence": checked.evidence,
        "commit": bundle.source.commit,
        "replaces": checked.proven.proposals.first().and_then(|proposal| proposal.replaces),
    });
    let value = json!({
        "v": 1,
        "installation": bundle.installation,
        "mode": checked.root.mode,
        "moment": checked.now,
        "place": place,
        "release": release,
        "source": source(checked),
        "build": build(checked),
        "people": people(checked),
        "approvals": votes(checked, Decision::Approve),
        "rejections": votes(checked, Decision::Reject),
        "before": checked.before.as_ref().map(|before| json!({
            "environment": before.environment,
            "runs_artifact": before.runs_it,
            "release": before.report.as_ref().map(|report| report.release),
        })),
        "status": {
            "number": checked.status.number,
            "expires": checked.status.expires,
        },
        "ledger": {
            "witnesses": checked.proven.witnesses,
            "quorum": checked.root.witnesses.quorum,
            "same_machine": checked.proven.same_machine,
        },
        "plan": bundle.plan,
    });
    canonical::encode("gate input", &value)
}

fn people(checked: &Checked<'_>) -> Value {
    let mut people = json!({
        "requester": checked.asked.requester,
        "promoter": checked.asked.promoter,
        "behind": checked.authors.subjects,
    });
    // The field is omitted when empty, because inputs from before the field existed must stay the same.
    let signed_off = &checked.authors.signed_off;
    if let Some(fields) = people.as_object_mut().filter(|_| !signed_off.is_empty()) {
        fields.insert("signed_off".into(), json!(signed_off));
    }
    people
}

fn source(checked: &Checked<'_>) -> Value {
    let signer =
        |commit| checked.people.signer(commit, &checked.records.pack).map(|person| person.subject.clone());
    let commits: Vec<_> = checked
        .range
        .iter()
        .filter_map(|id| checked.source.commits.get(id).map(|commit| (id, commit)))
        .map(|(id, commit)| json!({ "commit": id, "signer": signer(commit) }))
        .collect();
    json!({
        "commit": checked.source.id,
        "signer": checked.source.commit().and_then(signer),
        "base": checked.base,
        "range": commits,
        "files": checked.bundle.tree.files().len(),
    })
}

fn build(checked: &Checked<'_>) -> Value {
    let receipts: Vec<&Receipt> = checked.build.receipts.iter().map(|(_, receipt)| receipt).collect();
    let host = |name: &evidence::Name| {
        let runner = checked.root.runners.iter().find(|runner| runner.name == *name);
        runner.map(|runner| runner.place.host.clone())
    };
    let runners: Vec<_> =
        checked.build.runners.iter().map(|name| json!({ "name": name, "host": host(name) })).collect();
    let steps: Vec<_> = checked
        .build
        .pipeline
        .steps
        .iter()
        .map(|(name, step)| {
            let work = Work::Step(name.clone());
            let own: Vec<_> = receipts.iter().filter(|receipt| receipt.work == work).collect();
            let outputs: BTreeSet<_> = own.iter().map(|receipt| &receipt.outputs).collect();
            let hosts: BTreeSet<_> =
                own.iter().flat_map(|r| r.network.iter().map(|to| to.host.as_str())).collect();
            json!({
                "name": name,
                "kind": if step.approval.is_some() { "approval" } else { "run" },
                "receipts": own.len(),
                "equal_outputs": outputs.len() <= 1,
                "agreed": checked.asked.agreed.get(name).map_or(0, BTreeSet::len),
                "network": hosts,
            })
        })
        .collect();
    let sandboxes: BTreeSet<_> = receipts.iter().map(|receipt| receipt.sandbox.memory.as_str()).collect();
    json!({
        "pipeline": receipts.first().map(|receipt| receipt.pipeline),
        "runners": runners,
        "steps": steps,
        "sandboxes": sandboxes,
    })
}

fn votes(checked: &Checked<'_>, decision: Decision) -> Vec<Value> {
    let said = |vote: &Vote| {
        json!({
            "subject": vote.subject,
            "name": vote.name,
            "roles": vote.roles,
            "hardware": vote.hardware,
            "reason": vote.reason,
            "ticket": vote.ticket,
            "via": vote.via,
            "rebuilt": vote.rebuilt,
            "counts": vote.void.is_empty(),
            "void": vote.void,
        })
    };
    checked.votes.iter().filter(|vote| vote.decision == decision).map(said).collect()
}
