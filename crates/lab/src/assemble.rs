//! The server owner's part of an installation: provenance, entries, proofs and a checkpoint, assembled from the parts.
//!
//! Invariant: everything here is as consistent as the ledger's and the provenance key allow, so that no forgery is refused
//! only because it was made carelessly.

use std::collections::{BTreeMap, BTreeSet};

use domain::release::Proposed;
use domain::{Event, RULES};
use evidence::bundle::{Ancestor, Bundle, Checks, Earlier, Lanes, Logged};
use evidence::canonical;
use evidence::dsse::{Envelope, PAYLOAD_BYTES_MAX};
use evidence::entry::{Actor, Auth, Header, Payload};
use evidence::environment::Environment;
use evidence::provenance::provenance;
use evidence::receipt::Receipt;
use evidence::report::AgentReport;
use evidence::trust_root::TrustRoot;
use evidence::{Bytes, Digest};
use tlog::{Checkpoint, Hash, consistency_proof, inclusion_proof, leaf_hash};

use crate::documents;
use crate::head::Tree;
pub use crate::head::{CosignatureTime, Head};
use crate::parts::{Parts, read_documents};
use crate::world::{Lab, at, id, name};

/// Assembles a bundle; the leaves of its log are returned too, for further proofs.
#[must_use]
pub fn assemble(lab: &Lab, parts: &Parts) -> (Bundle, Vec<Hash>) {
    let receipts: Vec<_> = sorted(&parts.receipts).iter().filter_map(opened).collect();
    let summary = summary(lab, parts, &receipts);
    let mut bundle = Bundle {
        v: 1,
        installation: id(1),
        project: name("shop"),
        service: name("api"),
        environment: parts.environment.clone(),
        release: parts.release,
        manifest: Bytes(parts.manifest.clone()),
        plan: parts.plan.clone(),
        roots: parts.roots.clone(),
        status: parts.status.clone(),
        enrolments: sorted(&parts.enrolments),
        environments: parts.environments.clone(),
        requests: sorted(&parts.requests),
        source: parts.source.clone(),
        tree: parts.tree.clone(),
        configuration: Bytes(parts.configuration.clone()),
        windows: parts.windows.clone().map(Bytes),
        receipts: sorted(&parts.receipts),
        provenance: summary,
        reports: sorted(&parts.reports),
        approvals: sorted(&parts.approvals),
        lanes: Lanes {
            statements: sorted(&parts.statements),
            observations: sorted(&parts.observations),
            checks: parts
                .checks
                .as_ref()
                .map(|checks| Checks { report: checks.report.clone(), receipts: sorted(&checks.receipts) }),
            ..documents::lanes(&parts.documents, &read_documents(parts))
        },
        policy: parts.policy.clone(),
        logged: Vec::new(),
        ancestors: Vec::new(),
        earlier: Vec::new(),
        checkpoint: String::new(),
    };
    let mut leaves = parts.head.past.clone();
    let entries = entries(&bundle, parts);
    leaves.extend(entries.iter().map(|(header, _)| leaf_hash(header)));
    let tree = Tree(&leaves);
    for ((header, facts), index) in entries.into_iter().zip(parts.head.past.len() as u64..) {
        let Ok(proof) = inclusion_proof(&tree, index, leaves.len() as u64);
        bundle.logged.push(Logged {
            index,
            header: Bytes(header),
            salt: Bytes(facts.salt.to_vec()),
            facts: Bytes(facts.bytes),
            proof: bytes(&proof),
        });
    }
    for size in seen_sizes(&bundle) {
        if size < leaves.len() as u64 {
            bundle
                .ancestors
                .push(Ancestor { size, proof: proof_between(&leaves, size, leaves.len() as u64) });
        }
    }
    for (held, cosigned) in &parts.head.earlier {
        let size = parts.head.past.len() + held;
        bundle.earlier.push(Earlier {
            checkpoint: parts.head.note(lab, &leaves[..size], cosigned).to_string(),
            proof: proof_between(&leaves, size as u64, leaves.len() as u64),
        });
    }
    bundle.checkpoint = parts.head.note(lab, &leaves, &parts.head.cosigned).to_string();
    leaves.extend(&parts.head.kept_back);
    (bundle, leaves)
}

/// The provenance of these receipts, in this order.
#[must_use]
pub fn summary(lab: &Lab, parts: &Parts, receipts: &[(Digest, Receipt)]) -> Envelope {
    let artifact = Digest::of(&parts.manifest);
    let mut summary = provenance(&parts.plan.artifact, &artifact, receipts).unwrap();
    lab.provenance.sign(&mut summary).unwrap();
    summary
}

/// A consistency proof between two sizes of a log.
#[must_use]
pub fn proof_between(leaves: &[Hash], old: u64, new: u64) -> Vec<Bytes> {
    let Ok(proof) = consistency_proof(&Tree(leaves), old, new);
    bytes(&proof)
}

/// Entries for everything that the evidence needs, and for the proposal.
fn entries(bundle: &Bundle, parts: &Parts) -> Vec<(Vec<u8>, Payload)> {
    let (replaces, base) = parts.replaces.clone();
    let mut proposed = Proposed {
        place: bundle.place(),
        release: parts.release,
        artifact: bundle.artifact(),
        commit: parts.source.commit.clone(),
        run: id(80).into(),
        plan: parts.plan.digest().unwrap(),
        provenance: bundle.provenance.payload_digest(),
        statement: 1,
        replaces,
        base,
    };
    (parts.proposal)(&mut proposed);
    let proposed = Event::Proposed(proposed);
    let own = |envelope: &Envelope| Digest::of(&envelope.encode().unwrap());
    let envelopes = bundle
        .receipts
        .iter()
        .chain(&bundle.requests)
        .chain(&bundle.approvals)
        .chain(&bundle.lanes.statements)
        .chain(&bundle.lanes.observations);
    let checks = bundle.lanes.checks.iter().flat_map(|checks| &checks.receipts);
    let mut named: Vec<Digest> = envelopes.chain(checks).map(own).collect();
    if let Some(soaked) = soaked(bundle) {
        named.insert(0, own(soaked));
    }
    named.push(Digest::of(&parts.source.encode().unwrap()));
    named.extend(&parts.strays);
    let nothing = Payload::new("facts", &BTreeMap::<String, String>::new(), [1; 16]).unwrap();
    let mut entries: Vec<_> =
        named.into_iter().map(|digest| entry("build.reported", nothing.clone(), digest)).collect();
    let plan = parts.plan.digest().unwrap();
    entries.push(entry(proposed.kind(), proposed.facts([2; 16]).unwrap(), plan));
    entries
}

/// The report of the environment before, if the statement asks for a soak time.
fn soaked(bundle: &Bundle) -> Option<&Envelope> {
    let statement = Environment::read(bundle.environments.last()?).ok()?;
    let before = statement.after.filter(|_| statement.soak_ms.is_some())?;
    let is_before =
        |report: &&Envelope| AgentReport::read(report).is_ok_and(|report| report.environment == before);
    bundle.reports.iter().find(is_before)
}

/// One entry.
#[must_use]
pub fn entry(kind: &str, facts: Payload, names: Digest) -> (Vec<u8>, Payload) {
    let header = Header {
        v: 1,
        kind: kind.to_owned(),
        rules: RULES,
        time: at(-60),
        project: Some(name("shop")),
        subject: None,
        actor: Actor::System,
        auth: Auth::None,
        cause: None,
        idempotency: None,
        facts: facts.commitment(),
        particulars: None,
        blobs: vec![names],
    };
    (header.encode().unwrap(), facts)
}

fn seen_sizes(bundle: &Bundle) -> BTreeSet<u64> {
    let votes = bundle.approvals.iter().filter_map(|envelope| {
        let signed = evidence::approval::Signed::read(envelope).ok()?;
        signed.said.checkpoint.parse::<Checkpoint>().ok().map(|seen| seen.size)
    });
    let statements = bundle.lanes.statements.iter().filter_map(|envelope| {
        let statement = evidence::statements::Statement::read(envelope).ok()?;
        statement.checkpoint.parse::<Checkpoint>().ok().map(|seen| seen.size)
    });
    let reports = bundle.reports.iter().filter_map(|envelope| {
        let report = AgentReport::read(envelope).ok()?;
        report.checkpoint_root.map(|_| report.checkpoint)
    });
    let observations = bundle.lanes.observations.iter().filter_map(|envelope| {
        let observation = evidence::observations::Observation::read(envelope).ok()?;
        observation.checkpoint_root.map(|_| observation.checkpoint)
    });
    let roots: Vec<_> = bundle.roots.iter().filter_map(|root| TrustRoot::read(root).ok()).collect();
    let ends = judge::ends(&roots).into_iter().map(|end| end.size);
    votes.chain(statements).chain(reports).chain(observations).chain(ends).filter(|size| *size > 0).collect()
}

/// A receipt as recorded, with any signer.
#[must_use]
pub fn opened(envelope: &Envelope) -> Option<(Digest, Receipt)> {
    let payload = envelope.payload(evidence::receipt::PAYLOAD_TYPE).ok()?;
    let receipt = canonical::decode("receipt", payload, PAYLOAD_BYTES_MAX).ok()?;
    Some((envelope.payload_digest(), receipt))
}

fn sorted(envelopes: &[Envelope]) -> Vec<Envelope> {
    let mut envelopes = envelopes.to_vec();
    envelopes.sort_by_key(Envelope::payload_digest);
    envelopes
}

fn bytes(hashes: &[Hash]) -> Vec<Bytes> {
    hashes.iter().map(|hash| Bytes(hash.as_bytes().to_vec())).collect()
}
