//! The statement lane: people's signed statements about a release, whether each counts for this release, and what it settles.
//!
//! Invariant: a statement that is unsigned, twice there, out of scope or about nothing in the evidence fails the whole
//! check. An authentic statement that is void (ended, withdrawn, by a revoked key, or by a person who may not make it
//! here) counts for nothing, and everything else stands: so a server that withholds or adds one can only make a
//! verdict stricter.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::Bundle;
use evidence::document::findings::Finding;
use evidence::document::{Document as _, FindingsDocument, TestsDocument};
use evidence::dsse::Envelope;
use evidence::enrolment::Purpose;
use evidence::plan::Plan;
use evidence::statements::{Matter, Statement};
use evidence::trust_root::Mode;
use evidence::{Bytes, Digest, Name};
use tlog::Checkpoint;

use crate::grounds::Grounds;
use crate::lanes::DocumentProof;
use crate::people::roles;
use crate::proofs::is_ancestor;
use crate::reasons::Flaw;

/// A statement in a bundle.
#[derive(Clone, Debug)]
pub struct ProvenStatement {
    /// The statement.
    pub statement: Statement,
    /// Subject of the person who signed.
    pub subject: String,
    /// Display name of that person.
    pub name: String,
    /// Size of the checkpoint that the person saw, if it can be read.
    pub seen_size: Option<u64>,
    /// Reasons why the statement does not count; empty if it does.
    pub void: Vec<String>,
}

/// Proves the statements of a bundle.
pub fn prove_statements(on: &Grounds<'_>) -> Result<Vec<ProvenStatement>, Flaw> {
    let envelopes = &on.bundle.lanes.statements;
    if !envelopes.is_sorted_by(|a, b| a.payload_digest() < b.payload_digest()) {
        return Err(unsound("statements are not sorted, or one stands twice"));
    }
    let matter = matter(on.bundle, on.documents);
    let all = envelopes.iter().zip(&on.ledger.records.statements);
    all.map(|(envelope, record)| proven(on, &matter, envelope, record)).collect()
}

/// Everything in a bundle that a statement may be about, with these documents.
fn matter<'a>(bundle: &'a Bundle, documents: &'a DocumentProof) -> Matter<'a> {
    let failing = documents.joined().filter_map(|all| all.tests.as_ref()).flat_map(TestsDocument::failing);
    Matter {
        artifact: bundle.artifact(),
        findings: documents.joined().filter_map(|all| all.findings.as_ref()).collect(),
        tests: documents.stated_tests(),
        failing: failing.collect(),
        secrets: secrets(&bundle.plan),
    }
}

/// Retains the statements that are about something in these documents, or elsewhere in the bundle.
pub fn retain_concerning(statements: &mut Vec<ProvenStatement>, bundle: &Bundle, documents: &DocumentProof) {
    let matter = matter(bundle, documents);
    statements.retain(|proven| proven.statement.concerns(&matter));
}

/// The statement that settles a finding; of several the one that ends last.
#[must_use]
pub fn settling_finding<'a>(
    statements: &'a [ProvenStatement],
    id: &Digest,
    finding: &Finding,
) -> Option<&'a ProvenStatement> {
    let settling = counting(statements).filter(|proven| proven.statement.settles(id, finding));
    settling.max_by_key(|proven| proven.statement.expires)
}

/// Why the statement about a finding does not settle it: the finding became worse. `None` if another one settles it.
#[must_use]
pub fn outgrown(statements: &[ProvenStatement], id: &Digest, finding: &Finding) -> Option<String> {
    if settling_finding(statements, id, finding).is_some() {
        return None;
    }
    let outgrown =
        counting(statements).filter_map(|proven| Some((proven, proven.statement.outgrown(id, finding)?)));
    let (proven, why) = outgrown.max_by_key(|(proven, _)| proven.statement.expires)?;
    Some(format!("its {} {why}", proven.statement.kind().as_str()))
}

/// The statement that settles the failure of a test: in each report in which it failed there is one, and of these the one that
/// ends first.
#[must_use]
pub fn settling_test<'a>(
    proof: &DocumentProof,
    statements: &'a [ProvenStatement],
    test: &Digest,
) -> Option<&'a ProvenStatement> {
    // Few tests have a statement, and the reports are many.
    if !counting(statements).any(|proven| proven.statement.subjects.contains(test)) {
        return None;
    }
    let settled = proof.failing_in(test).into_iter().map(|report| {
        let settling = counting(statements).filter(|proven| proven.statement.settles_test(test, &report));
        settling.max_by_key(|proven| proven.statement.expires)
    });
    let settled: Option<Vec<_>> = settled.collect();
    settled?.into_iter().min_by_key(|proven| proven.statement.expires)
}

/// The statements that count.
pub fn counting(statements: &[ProvenStatement]) -> impl Iterator<Item = &ProvenStatement> {
    statements.iter().filter(|proven| proven.void.is_empty())
}

/// Statements among these that are about a release, as the server collects them. `tests` are all documents of tests that
/// runners state.
pub fn statements_that_apply(
    artifact: Digest,
    documents: &BTreeMap<Digest, Bytes>,
    tests: BTreeSet<Digest>,
    plan: &Plan,
    statements: impl IntoIterator<Item = Envelope>,
) -> Vec<Envelope> {
    let read = documents.values().filter_map(|bytes| FindingsDocument::decode(&bytes.0).ok());
    let found: Vec<_> = read.collect();
    let read = documents.values().filter_map(|bytes| TestsDocument::decode(&bytes.0).ok());
    let failing = read.flat_map(|document| document.failing()).collect();
    let secrets = secrets(plan);
    let matter = Matter { artifact, findings: found.iter().collect(), tests, failing, secrets };
    let applies =
        |envelope: &Envelope| Statement::read(envelope).is_ok_and(|statement| statement.concerns(&matter));
    statements.into_iter().filter(applies).collect()
}

/// The secrets of a plan, each with the service that gets it.
fn secrets(plan: &Plan) -> BTreeSet<(&Name, &Name)> {
    plan.needs().into_keys().map(|secret| (&plan.service, secret)).collect()
}

fn proven(
    on: &Grounds<'_>,
    matter: &Matter<'_>,
    envelope: &Envelope,
    record: &Digest,
) -> Result<ProvenStatement, Flaw> {
    let statement = Statement::read(envelope).map_err(|error| unsound(error.to_string()))?;
    if statement.installation != on.bundle.installation {
        return Err(unsound("a statement is of another installation"));
    }
    let person = on.people.enrolled.by_id(statement.person);
    let person = person.ok_or_else(|| unsound(format!("person {} is not enrolled", statement.person)))?;
    let keys: Vec<_> = person.keys_for(Purpose::Approve).collect();
    let key = statement.verify(envelope, &keys).map_err(|error| unsound(error.to_string()))?;
    if statement.misstates(matter) {
        let what = "names another rule or component than its finding has";
        return Err(unsound(format!("a {} by {} {what}", statement.kind().as_str(), person.name)));
    }
    let place = on.bundle.place();
    if !statement.scope.covers(&place) || !statement.concerns(matter) {
        let what = format!("a {} by {} is about nothing here", statement.kind().as_str(), person.name);
        return Err(Flaw::new("statement-stray", what));
    }
    let mut void = void(on, &statement, envelope.payload_digest());
    if !on.people.enrolled.keys(person, Purpose::Approve, record).contains(&key) {
        void.push(format!("key {} is revoked", key.fingerprint()));
    }
    let rules = statement.kind().rules();
    let held = roles(person, &place.project, Some(&place.environment));
    if !held.iter().any(|role| rules.roles.contains(&role.as_str())) {
        void.push(format!("the person is not {} here", rules.roles.join(" or ")));
    }
    let own = on.people.is_behind(&person.subject);
    if rules.bars_authors && on.trust.root.mode != Mode::Solo && own {
        void.push("the person is behind the change, or asked for it".into());
    }
    Ok(ProvenStatement {
        subject: person.subject.clone(),
        name: person.name.clone(),
        seen_size: statement.checkpoint.parse::<Checkpoint>().ok().map(|checkpoint| checkpoint.size),
        statement,
        void,
    })
}

/// Reasons against a statement, apart from its signer.
fn void(on: &Grounds<'_>, statement: &Statement, digest: Digest) -> Vec<String> {
    let mut void = Vec::new();
    if !statement.is_in_force(on.now) {
        void.push(format!("it counts from {} until {}", statement.not_before, statement.expires));
    }
    if on.trust.status.withdrawn.contains(&digest) {
        void.push("it was withdrawn".into());
    }
    if statement.root > on.trust.root.version {
        void.push("it names a trust root that is still to come".into());
    }
    if !is_ancestor(on.bundle, &on.ledger.proven, &statement.checkpoint) {
        void.push("the checkpoint that was seen is not of this ledger".into());
    }
    void
}

fn unsound(what: impl Into<String>) -> Flaw {
    Flaw::new("statement-unsound", what)
}

/// Ledger sizes that the signers saw.
pub fn sizes(statements: &[ProvenStatement]) -> BTreeSet<u64> {
    statements.iter().filter_map(|proven| proven.seen_size).collect()
}
