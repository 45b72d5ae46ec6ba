//! Proves every part of a bundle, beginning with the trust root, before anything relies on it.
//!
//! Invariant: evidence that is forged, contradictory, unlisted or unproven fails the check. Evidence that is authentic
//! but against the release (frozen, expired, not promoted) is kept as a reason, so that people see all reasons at
//! once. Neither case is ever a pass. The order of the parts decides which fault of several is named: it stays.

use std::collections::BTreeSet;

use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::evidence_manifest::EvidenceManifest;
use evidence::git::RefName;
use evidence::statements::{Lifted, Statement};
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{CommitId, Digest};
use policy::{AllReads, Gate};

use crate::approvals;
use crate::bars;
use crate::checked::{ApprovalProof, Checked};
use crate::context::{Anchors, Bar, VerificationContext};
use crate::derived;
use crate::input_reads::{UnusablePolicy, compile, reads_input};
use crate::lanes::checks::{self, CheckProof, Known};
use crate::lanes::observations::{self, ObservationGrounds};
use crate::lanes::parity;
use crate::lanes::{self, DocumentProof, LanesProof};
use crate::ledger::{self, LedgerProof};
use crate::overrides;
use crate::people::People;
use crate::proofs;
use crate::reasons::{NEW_BUNDLE, Reasons, broken, one_reason};
use crate::receipts::{self, BuildProof};
use crate::records::{Records, Revoked};
use crate::reports::{self, Reported};
use crate::requests::{self, PeopleProof, RunRequests};
use crate::roots;
use crate::secrets;
use crate::serving;
use crate::soak;
use crate::source::{self, SourceProof};
use crate::trust::{self, TrustProof};
use crate::unapplied;
use crate::windows::{self, WindowsProof};

/// Checks a bundle against a pinned root and the judge's own knowledge.
///
/// # Errors
/// `Reasons` when a part cannot be proven. The rest of the release is not judged then.
pub fn check<'a>(
    bundle: &'a Bundle,
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<Checked<'a>, Reasons> {
    check_by(bundle, compile(&bundle.policy), anchors, seen)
}

/// The same, for the question to this policy, which reads what it names. It is that of the bundle, unless a release comes back.
pub(crate) fn check_by<'a>(
    bundle: &'a Bundle,
    gate: Result<Gate, UnusablePolicy>,
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<Checked<'a>, Reasons> {
    let (root, all_roots) = roots::of(bundle, anchors, seen)?;
    let mut reasons = Reasons::default();
    let proven = proofs::prove(bundle, &root)?;
    ledger::continues(bundle, &all_roots, &proven, seen)?;
    let fresh = seen.fresh.as_ref().map(|fresh| proofs::fresh_time(fresh, &proven.checkpoint, &root));
    let witnessed = fresh.transpose()?.map_or(proven.quorum_time, |fresh| fresh.max(proven.quorum_time));
    // The later of the judge's clock and the quorum time.
    let now = seen.now.map_or(witnessed, |now| now.max(witnessed));
    let status = roots::newest_status(&bundle.status, &root, seen)?;
    let (environment, earlier) = trust::environments(bundle, &root, seen)?;
    let windows = WindowsProof { windows: windows::of(bundle, &environment)?, witnessed, clock: seen.clock };
    trust::in_force((bundle, &environment), &root, &status, now, &mut reasons);
    let records = Records::of(bundle, &environment)?;
    let revoked = Revoked::new(&status, now, &proven.named).with_former(&root.runners, now, &proven.named);
    let people = People::open(&bundle.enrolments, &root, &status, revoked.clone(), now)
        .map_err(|flaw| one_reason(flaw.code, flaw.what, "have the registrars enrol them again"))?;
    let pack =
        bundle.source.check().map_err(|error| one_reason("source-unsound", error.to_string(), NEW_BUNDLE))?;
    let build = receipts::prove(bundle, &root, &records, &revoked).map_err(broken)?;
    let read = reads(&gate, bundle, root.mode, &mut reasons)?;
    let plan = derived::plan(bundle, &environment)?;
    derived::provenance(bundle, &root, &build)?;
    let reported = reports::open(bundle, &environment, earlier.as_ref(), &proven, &mut reasons)?;
    let Reported { before, own, sizes } = reported;
    let without = requests::left_out(bundle);
    let known = Known { root: &root, records: &records, revoked: &revoked, build: &build, without: &without };
    let at = earlier.as_ref().zip(before.as_ref());
    let checks = checks::prove(bundle, at, known, &mut reasons).map_err(broken)?;
    let environments: Vec<_> = std::iter::once(&environment).chain(&earlier).collect();
    let receipts: Vec<_> =
        build.receipts.iter().chain(&checks.receipts).map(|(_, receipt)| receipt).collect();
    unapplied::tell(&environments, &people, &receipts, &mut reasons);
    let here = (&environment, &plan.configuration);
    let on = ObservationGrounds { here, records: &records, revoked: &revoked, proven: &proven, now };
    let observed = observations::prove(bundle, at, on, read.observations, &mut reasons).map_err(broken)?;
    let parity = parity::prove(bundle, before.as_ref(), read.parity).map_err(broken)?;
    let documents =
        lanes::prove(bundle, &build, &checks, &root, read.reports, now, &mut reasons).map_err(broken)?;
    let base = source::base(bundle, &environment, own, seen, &proven, plan.digest, &mut reasons)?;
    let range = source::range(&pack, &base, &mut reasons);
    let commits = range.iter().chain([&pack.id]).filter_map(|id| Some((id, pack.commits.get(id)?)));
    let authors = people.authors(commits, &records.pack);
    let mut asked = requests::open(bundle, &environment, &people, &records, &build.pipeline, &mut reasons)?;
    if root.mode != Mode::Solo {
        requests::exclude_change_authors(&mut asked.agreed, &authors, &asked.requester);
    }
    requests::nodes(build.pipeline.steps.iter(), &asked.agreed, &mut reasons);
    same_run(&build, &asked)?;
    asked.pool = serving::check(&asked, &build.runners, build.apart.as_ref(), &all_roots, anchors.version)?;
    source::signer(&pack, &people, &records, &mut reasons);
    let evidence = manifest(bundle, &range, &build, &checks, &documents)?;
    let root_digest = digest(&root)?;
    let checked = Checked {
        bundle,
        place: bundle.place(),
        now,
        trust: TrustProof { root, roots: all_roots, root_digest, status, environment },
        ledger: LedgerProof { proven, records, reported_sizes: &sizes | &observed.sizes },
        people: PeopleProof { enrolled: people, authors, asked },
        source: SourceProof { pack, range, base },
        build,
        plan,
        before,
        lanes: LanesProof { checks, documents, observed, parity, statements: Vec::new() },
        approvals: ApprovalProof { evidence, votes: Vec::new() },
        windows,
        gate,
        reasons,
    };
    finished(checked, &seen.bars)
}

fn digest(root: &TrustRoot) -> Result<Digest, Reasons> {
    root.digest().map_err(|error| one_reason("root-unsound", error.to_string(), NEW_BUNDLE))
}

/// Adds what people signed about the rest, and checks that the ledger has all of it.
fn finished<'a>(mut checked: Checked<'a>, barred: &[Bar]) -> Result<Checked<'a>, Reasons> {
    let statements = lanes::prove_statements(&checked.grounds()).map_err(broken)?;
    let votes = approvals::open(&checked.grounds(), checked.approvals.evidence, checked.plan.digest)?;
    if checked.trust.root.mode != Mode::Solo {
        source::unknown_people(&checked.people.authors, &mut checked.reasons);
    }
    let seen = votes.iter().filter_map(|vote| vote.seen_size).chain(lanes::sizes(&statements));
    checked.ledger.lists(checked.bundle, &checked.trust.roots, checked.plan.digest, seen)?;
    let environment = &checked.trust.environment;
    let now = checked.now;
    secrets::check(&checked.bundle.plan, environment, &statements, now, &mut checked.reasons);
    let lifts = |what| overrides::lifts(&statements, what, &checked);
    let is_lifted = lifts(Lifted::Windows);
    let soaks = soak::of(&checked).filter(|_| !lifts(Lifted::Soak));
    checked.windows.tell(&checked.place, is_lifted, &mut checked.reasons);
    soak::tell(soaks, &mut checked.reasons);
    bars::check(checked.bundle.artifact(), barred, &statements, &mut checked.reasons);
    checked.lanes.statements = statements;
    checked.approvals.votes = votes;
    Ok(checked)
}

/// Checks that every receipt belongs to the requested run, and that its runner found the commit on the ref that the request
/// names. The receipts' nonces follow from the request.
fn same_run(build: &BuildProof, asked: &RunRequests) -> Result<(), Reasons> {
    // Checks may be of an earlier run with the same artifact: place, release and the agent's report bind them.
    for (_, receipt) in &build.receipts {
        if receipt.nonce != domain::build::nonce(asked.seed, &receipt.work, &receipt.runner) {
            let what = format!("a receipt of {} is of another run", receipt.runner);
            return Err(one_reason("receipt-of-another-run", what, NEW_BUNDLE));
        }
        let verified = receipt.verified_ref.as_ref().map(|verified| &verified.name);
        if verified != asked.choice.at_ref.as_ref() {
            let said = |name: Option<&RefName>| name.map_or("no ref".to_owned(), ToString::to_string);
            let (found, named) = (said(verified), said(asked.choice.at_ref.as_ref()));
            let what = format!(
                "a receipt of {} says that the commit was found on {found}; the request for the run names {named}",
                receipt.runner
            );
            return Err(one_reason("ref-unverified", what, NEW_BUNDLE));
        }
    }
    Ok(())
}

/// Everything that the policy reads. One that cannot be compiled reads nothing, and decides nothing either.
fn reads(
    gate: &Result<Gate, UnusablePolicy>,
    bundle: &Bundle,
    mode: Mode,
    reasons: &mut Reasons,
) -> Result<AllReads, Reasons> {
    let Ok(gate) = gate else { return Ok(AllReads::default()) };
    let input = reads_input(mode, &bundle.place())
        .map_err(|error| one_reason("input-unsound", error.to_string(), NEW_BUNDLE))?;
    Ok(gate.all_reads(&input).unwrap_or_else(|error| {
        reasons.unclear(UNDECIDED, error.to_string(), MEND_POLICY);
        AllReads::default()
    }))
}

fn manifest(
    bundle: &Bundle,
    range: &BTreeSet<CommitId>,
    build: &BuildProof,
    checks: &CheckProof,
    documents: &DocumentProof,
) -> Result<Digest, Reasons> {
    let reports = bundle.reports.iter().map(Envelope::payload_digest).chain(checks.report).collect();
    let receipts = build.receipts.iter().chain(&checks.receipts).map(|(digest, _)| *digest).collect();
    let documents = documents.all_documents().into_iter().collect();
    // Statements that an approver has not seen change the manifest, so that they void the approval. A version of a secret does
    // not: the plan, which is approved, names the secret and its lowest number, so a rotation leaves approvals as they are.
    // Nor does an override, which changes when a release begins and nothing else about it.
    let stays = |statement: Statement| statement.secret().is_some() || statement.kind().lifts();
    let stays = |envelope: &&Envelope| Statement::read(envelope).is_ok_and(stays);
    let seen = bundle.lanes.statements.iter().filter(|envelope| !stays(envelope));
    let statements = seen.map(Envelope::payload_digest).collect();
    let manifest = EvidenceManifest::new(range.iter().cloned().collect(), receipts, reports, documents)
        .with_statements(statements);
    manifest.digest().map_err(|error| one_reason("evidence-unsound", error.to_string(), NEW_BUNDLE))
}

/// Code of a policy that could not decide.
pub const UNDECIDED: &str = "policy-undecided";
pub const MEND_POLICY: &str = "mend the policy; `countersign policy test` helps";
