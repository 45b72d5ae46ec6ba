//! Proves every part of a bundle, beginning with the trust root, before anything relies on it.
//!
//! Invariant: evidence that is forged, contradictory, unlisted or unproven fails the check. Evidence that is authentic
//! but against the release (frozen, expired, not promoted) is kept as a reason, so that people see all reasons at
//! once. Neither case is ever a pass.

use std::collections::BTreeSet;

use evidence::Place;
use evidence::bundle::Bundle;
use evidence::configuration::Configuration;
use evidence::dsse::Envelope;
use evidence::environment::Environment;
use evidence::evidence_manifest::EvidenceManifest;
use evidence::git::Commit;
use evidence::plan::{Destination, Plan};
use evidence::provenance::provenance;
use evidence::release_file::{self, ReleaseFile};
use evidence::report::Running;
use evidence::source_pack::{self, Range};
use evidence::status::Status;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{CommitId, Digest, Moment};
use policy::{Gate, Read};

use crate::approvals::{self, Vote};
use crate::bounds::{self, Difference};
use crate::context::{Anchors, VerificationContext};
use crate::continuity;
use crate::input_reads::{UnusablePolicy, compile, reads_input};
use crate::lanes::checks::{self, CheckProof, Known};
use crate::lanes::{self, DocumentProof, Grounds, ProvenStatement};
use crate::people::{ChangeAuthors, People};
use crate::proofs::{self, Proven};
use crate::reasons::{FORKED, NEW_BUNDLE, RENEW_ROOT, Reasons, broken, one_reason};
use crate::receipts::{self, BuildProof};
use crate::records::{Records, Revoked};
use crate::reports::{self, Before, Reported};
use crate::requests::{self, RunRequests};
use crate::roots;

/// A bundle whose every part was proven.
#[derive(Debug)]
pub struct Checked<'a> {
    /// The bundle.
    pub bundle: &'a Bundle,
    /// The place.
    pub place: Place,
    /// The newest trust root.
    pub root: TrustRoot,
    /// All trust roots, from version 1 on.
    pub roots: Vec<TrustRoot>,
    /// Digest of the newest trust root.
    pub root_digest: Digest,
    /// The status in force.
    pub status: Status,
    /// The time of the judgement.
    pub now: Moment,
    /// The environment statement.
    pub environment: Environment,
    /// The people.
    pub people: People,
    /// Facts that the ledger proves.
    pub proven: Proven,
    /// Digests that must be recorded in the ledger.
    pub records: Records,
    /// Facts that the receipts prove.
    pub build: BuildProof,
    /// The policy, compiled; or the reason why it cannot be.
    pub gate: Result<Gate, UnusablePolicy>,
    /// Facts that checks of the release in the environment before prove.
    pub checks: CheckProof,
    /// Facts that the reports of steps prove.
    pub documents: DocumentProof,
    /// Statements of people about findings.
    pub statements: Vec<ProvenStatement>,
    /// The source.
    pub source: source_pack::VerifiedPack,
    /// Commits of the range.
    pub range: BTreeSet<CommitId>,
    /// Commit after which the range begins.
    pub base: CommitId,
    /// Change authors of the range.
    pub authors: ChangeAuthors,
    /// People's requests.
    pub asked: RunRequests,
    /// Approvals and rejections.
    pub votes: Vec<Vote>,
    /// Report of the environment that comes before, if there is one.
    pub before: Option<Before>,
    /// Ledger sizes that agents have seen, as their reports say.
    pub reported_sizes: BTreeSet<u64>,
    /// Digest of the evidence manifest.
    pub evidence: Digest,
    /// Digest of the plan.
    pub plan: Digest,
    /// Differences between the plan and the bounds of the place; absent without bounds.
    pub differences: Option<BTreeSet<Difference>>,
    /// Authentic evidence against the release.
    pub reasons: Reasons,
}

/// Checks a bundle against a pinned root and the judge's own knowledge.
///
/// # Errors
/// `Reasons` when a part cannot be proven. The rest of the release is not judged then.
pub fn check<'a>(
    bundle: &'a Bundle,
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<Checked<'a>, Reasons> {
    let (root, all_roots) = roots::of(bundle, anchors, seen)?;
    let mut reasons = Reasons::default();
    let proven = proofs::prove(bundle, &root)?;
    check_log_consistency(bundle, &all_roots, &proven, seen)?;
    // The later of the judge's clock and the quorum time.
    let now = seen.now.map_or(proven.quorum_time, |now| now.max(proven.quorum_time));
    let status = roots::newest_status(&bundle.status, &root, seen)?;
    let (environment, earlier) = environments(bundle, &root, seen)?;
    in_force(bundle, &root, &status, now, &mut reasons);
    let (records, revoked) = (Records::of(bundle)?, Revoked::new(&status, now, &proven.named));
    let people = People::open(&bundle.enrolments, &root, &status, revoked.clone(), now)
        .map_err(|flaw| one_reason(flaw.code, flaw.what, "have the registrars enrol them again"))?;
    let source =
        bundle.source.check().map_err(|error| one_reason("source-unsound", error.to_string(), NEW_BUNDLE))?;
    let build = receipts::prove(bundle, &root, &records, &revoked).map_err(broken)?;
    let gate = compile(&bundle.policy);
    let reads = reads(&gate, bundle, root.mode, &mut reasons)?;
    let (plan, differences) = plan(bundle, &environment)?;
    summary(bundle, &root, &build)?;
    let reported = reports::open(bundle, &environment, earlier.as_ref(), &proven, &mut reasons)?;
    let Reported { before, own, sizes } = reported;
    let known = Known { root: &root, records: &records, revoked: &revoked, build: &build };
    let checks = checks::prove(bundle, earlier.as_ref().zip(before.as_ref()), known, &mut reasons);
    let checks = checks.map_err(broken)?;
    let documents = lanes::prove(bundle, &build, &checks, reads, now, &mut reasons).map_err(broken)?;
    let base = base(bundle, &environment, own, seen, &proven, plan, &mut reasons)?;
    let range = range(&source, &base, &mut reasons);
    let commits = range.iter().chain([&source.id]).filter_map(|id| Some((id, source.commits.get(id)?)));
    let authors = people.authors(commits, &records.pack);
    let mut asked = requests::open(bundle, &environment, &people, &records, &build.pipeline, &mut reasons)?;
    if root.mode != Mode::Solo {
        requests::exclude_change_authors(&mut asked.agreed, &authors, &asked.requester);
    }
    requests::nodes(build.pipeline.steps.iter(), &asked.agreed, &mut reasons);
    same_run(&build, &asked)?;
    signer(&source, &people, &records, &mut reasons);
    let evidence = manifest(bundle, &range, &build, &checks, &documents)?;
    let place = bundle.place();
    let root_digest = digest(&root)?;
    finished(Checked {
        bundle,
        place,
        root,
        roots: all_roots,
        root_digest,
        status,
        now,
        environment,
        people,
        proven,
        records,
        build,
        gate,
        checks,
        documents,
        statements: Vec::new(),
        source,
        range,
        base,
        authors,
        asked,
        votes: Vec::new(),
        before,
        reported_sizes: sizes,
        evidence,
        plan,
        differences,
        reasons,
    })
}

fn digest(root: &TrustRoot) -> Result<Digest, Reasons> {
    root.digest().map_err(|error| one_reason("root-unsound", error.to_string(), NEW_BUNDLE))
}

/// Adds what people signed about the rest, and checks that the ledger has all of it.
fn finished(mut checked: Checked<'_>) -> Result<Checked<'_>, Reasons> {
    checked.statements = lanes::prove_statements(&Grounds {
        bundle: checked.bundle,
        root: &checked.root,
        status: &checked.status,
        people: &checked.people,
        records: &checked.records,
        proven: &checked.proven,
        documents: &checked.documents,
        authors: &checked.authors,
        asked: &checked.asked,
        now: checked.now,
    })
    .map_err(broken)?;
    checked.votes = approvals::open(&checked)?;
    unknown_people(&mut checked);
    listed(&checked)?;
    Ok(checked)
}

/// Checks that the ledger continues every checkpoint seen before and contains the checkpoints at which, as holders
/// signed, older origins ended.
fn check_log_consistency(
    bundle: &Bundle,
    roots: &[TrustRoot],
    proven: &Proven,
    seen: &VerificationContext,
) -> Result<(), Reasons> {
    if let Some(kept) = &seen.ledger {
        continuity::continues(roots, kept, &proven.checkpoint)
            .map_err(|error| one_reason("ledger-forked", error.to_string(), FORKED))?;
    }
    for end in continuity::ends(roots) {
        if !proofs::was_head(bundle, proven, end.size, &end.root) {
            let what = format!("it does not hold the {} entries with which `{}` ended", end.size, end.origin);
            return Err(one_reason("ledger-forked", what, FORKED));
        }
    }
    Ok(())
}

/// Collects authentic facts against the release: expired, frozen, barred.
fn in_force(bundle: &Bundle, root: &TrustRoot, status: &Status, now: Moment, reasons: &mut Reasons) {
    if root.expires <= now {
        reasons.against("root-expired", format!("the trust root ended at {}", root.expires), RENEW_ROOT);
    }
    if status.expires <= now {
        let what = format!("status {} ended at {}", status.number, status.expires);
        reasons.against("status-expired", what, "renew it with `countersign trust status --renew`");
    }
    if status.freezes(&bundle.project, &bundle.service, &bundle.environment) {
        let what = format!("{}/{}/{} is frozen", bundle.project, bundle.service, bundle.environment);
        reasons.against("frozen", what, "wait, or have the status signers lift the freeze");
    }
    if status.barred.contains(&bundle.artifact()) {
        reasons.against("artifact-barred", "the artifact is barred everywhere", "build another one");
    }
}

/// Opens the environment statement of this place and the one directly before it.
fn environments(
    bundle: &Bundle,
    root: &TrustRoot,
    seen: &VerificationContext,
) -> Result<(Environment, Option<Environment>), Reasons> {
    let wrong = |what: String| one_reason("environment-unsound", what, NEW_BUNDLE);
    let mut opened = Vec::new();
    for envelope in &bundle.environments {
        let statement = Environment::open(envelope, root).map_err(|error| wrong(error.to_string()))?;
        if statement.project != bundle.project || statement.service != bundle.service {
            return Err(wrong("an environment statement is of another project or service".into()));
        }
        opened.push(statement);
    }
    let here = opened.pop().ok_or_else(|| wrong("there is no environment statement".into()))?;
    let before = opened.pop();
    if here.environment != bundle.environment || !opened.is_empty() {
        return Err(wrong("the environment statements are not those of this place".into()));
    }
    if here.after != before.as_ref().map(|before| before.environment.clone()) {
        return Err(wrong("the statement of the environment before is missing, or is another".into()));
    }
    if here.number < seen.statement {
        let what = format!("statement {} was seen before, this is {}", seen.statement, here.number);
        return Err(one_reason(
            "environment-rollback",
            what,
            "ask for the newest one; somebody withholds it",
        ));
    }
    let policy = bundle.policy.digest().map_err(|error| wrong(error.to_string()))?;
    if policy != here.policy {
        let what = "the policy is not the one that the environment statement names";
        return Err(one_reason("policy-differs", what, NEW_BUNDLE));
    }
    Ok((here, before))
}

/// Derives the plan again from the files of the commit and the configuration, and compares it with the bounds.
fn plan(
    bundle: &Bundle,
    environment: &Environment,
) -> Result<(Digest, Option<BTreeSet<Difference>>), Reasons> {
    let wrong = |what: String| one_reason("plan-differs", what, NEW_BUNDLE);
    if Digest::of(&bundle.configuration.0) != environment.configuration {
        let what = "the configuration is not the one that the environment statement names";
        return Err(one_reason("configuration-differs", what, NEW_BUNDLE));
    }
    let file = bundle.source.files.get(release_file::PATH);
    let file = file.ok_or_else(|| wrong("the source has no release file".into()))?;
    let file = ReleaseFile::parse(&file.0).map_err(|error| wrong(error.to_string()))?;
    let configuration =
        Configuration::decode(&bundle.configuration.0).map_err(|error| wrong(error.to_string()))?;
    let to = Destination {
        installation: bundle.installation,
        project: &bundle.project,
        service: &bundle.service,
        environment: &bundle.environment,
        commit: &bundle.source.commit,
    };
    let derived = Plan::derive(&to, &file, &configuration).map_err(|error| wrong(error.to_string()))?;
    if derived != bundle.plan {
        return Err(wrong("the plan is not what release file and configuration give".into()));
    }
    let differences = configuration.bounds.is_some().then(|| bounds::differences(&derived, &configuration));
    Ok((derived.digest().map_err(|error| wrong(error.to_string()))?, differences))
}

/// Checks that the provenance equals the one derived from the receipts and that the server's key signed it.
fn summary(bundle: &Bundle, root: &TrustRoot, build: &BuildProof) -> Result<(), Reasons> {
    let wrong = |what: String| one_reason("provenance-unsound", what, NEW_BUNDLE);
    let expected = provenance(&bundle.plan.artifact, &bundle.artifact(), &build.receipts)
        .map_err(|error| wrong(error.to_string()))?;
    if expected.payload_digest() != bundle.provenance.payload_digest() {
        return Err(wrong("the provenance is not what the receipts say".into()));
    }
    root.provenance.verify(&bundle.provenance).map_err(|error| wrong(error.to_string()))
}

/// The commit after which the range begins: the running commit in the agent's report, or the baseline. The proposal in
/// the ledger and the judge's own knowledge must agree with it.
fn base(
    bundle: &Bundle,
    environment: &Environment,
    own: Option<Running>,
    seen: &VerificationContext,
    proven: &Proven,
    plan: Digest,
    reasons: &mut Reasons,
) -> Result<CommitId, Reasons> {
    let base = own.as_ref().map_or_else(|| environment.baseline.clone(), |running| running.commit.clone());
    let [proposal] = proven.proposals.as_slice() else {
        let what = format!("the ledger proves {} proposals, one is needed", proven.proposals.len());
        return Err(one_reason("proposal-missing", what, NEW_BUNDLE));
    };
    let same = proposal.place == bundle.place()
        && proposal.release == bundle.release
        && proposal.artifact == bundle.artifact()
        && proposal.plan == plan
        && proposal.commit == bundle.source.commit;
    if !same {
        let what = "the ledger's proposal is of another release, artifact, plan or commit";
        return Err(one_reason("proposal-differs", what, NEW_BUNDLE));
    }
    if proposal.base != base || proposal.replaces != own.as_ref().map(|running| running.artifact) {
        let what = "something else runs there than when the release was proposed";
        reasons.against("base-differs", what, "wait for the new proposal, or run again");
    }
    if bundle.release <= seen.release {
        let what = format!("release {} is not above {}, which was seen before", bundle.release, seen.release);
        reasons.against("release-not-newer", what, "ask for the newest release; this one is old");
    }
    if seen.running.as_ref().is_some_and(|running| *running != own) {
        let what = "the evidence says that something else runs here than what does";
        reasons.against("running-differs", what, "send this agent's own last report");
    }
    Ok(base)
}

fn range(source: &source_pack::VerifiedPack, base: &CommitId, reasons: &mut Reasons) -> BTreeSet<CommitId> {
    match source.range(base) {
        Range::Complete(range) => range,
        Range::NoAncestor => {
            let what = format!("commit {base}, which runs there, is no ancestor of {}", source.id);
            reasons.unclear("range-no-ancestor", what, "run a commit that builds on it");
            BTreeSet::new()
        }
        Range::Shallow(id) => {
            let what = format!("history lacks commit {id}");
            reasons.unclear("range-shallow", what, SHALLOW);
            BTreeSet::new()
        }
    }
}

/// Checks that every receipt belongs to the requested run. The receipts' nonces follow from the request.
fn same_run(build: &BuildProof, asked: &RunRequests) -> Result<(), Reasons> {
    // Checks may be of an earlier run with the same artifact: place, release and the agent's report bind them.
    for (_, receipt) in &build.receipts {
        if receipt.nonce != domain::build::nonce(asked.seed, &receipt.work, &receipt.runner) {
            let what = format!("a receipt of {} is of another run", receipt.runner);
            return Err(one_reason("receipt-of-another-run", what, NEW_BUNDLE));
        }
    }
    Ok(())
}

/// Checks that a person who is enrolled for commits signed the commit itself.
fn signer(source: &source_pack::VerifiedPack, people: &People, records: &Records, reasons: &mut Reasons) {
    let commit: Option<&Commit> = source.commit();
    if commit.and_then(|commit| people.signer(commit, &records.pack)).is_none() {
        let what = format!("commit {} is not signed by anybody who is enrolled for that", source.id);
        reasons.against("commit-unsigned", what, "sign it with an enrolled key");
    }
}

/// Outside solo mode every author of the range must be known. Otherwise nobody could tell who may not approve.
fn unknown_people(checked: &mut Checked<'_>) {
    if checked.root.mode == Mode::Solo {
        return;
    }
    for email in &checked.authors.unknown {
        let what = format!("nobody is enrolled with address `{email}`, which commits of the range name");
        checked.reasons.unclear("identity-unmapped", what, "have a registrar enrol them with that address");
    }
    for (name, id) in &checked.authors.nameless {
        let what =
            format!("commit {id} names `{name}` without an address, and nobody is enrolled by such a name");
        checked.reasons.unclear("identity-unmapped", what, NAMELESS);
    }
}

/// The reports that the policy reads. A policy that cannot be compiled reads none, and decides nothing either.
fn reads(
    gate: &Result<Gate, UnusablePolicy>,
    bundle: &Bundle,
    mode: Mode,
    reasons: &mut Reasons,
) -> Result<BTreeSet<Read>, Reasons> {
    let Ok(gate) = gate else { return Ok(BTreeSet::new()) };
    let input = reads_input(mode, &bundle.place())
        .map_err(|error| one_reason("input-unsound", error.to_string(), NEW_BUNDLE))?;
    Ok(gate.reads(&input).unwrap_or_else(|error| {
        reasons.unclear("policy-undecided", error.to_string(), MEND_POLICY);
        BTreeSet::new()
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
    // Statements that an approver has not seen change the manifest, so that they void the approval.
    let statements = bundle.lanes.statements.iter().map(Envelope::payload_digest).collect();
    let manifest = EvidenceManifest::new(range.iter().cloned().collect(), receipts, reports, documents)
        .with_statements(statements);
    manifest.digest().map_err(|error| one_reason("evidence-unsound", error.to_string(), NEW_BUNDLE))
}

/// Checks that the ledger proves every part that must be recorded, and that the bundle proves no entry without need.
fn listed(checked: &Checked<'_>) -> Result<(), Reasons> {
    let mut needed = checked.records.all();
    needed.insert(checked.plan);
    if let Some(missing) = needed.iter().find(|digest| !checked.proven.named.contains_key(digest)) {
        let what = format!("no proven entry of the ledger names {missing}");
        return Err(one_reason("not-on-record", what, NEW_BUNDLE));
    }
    if checked.proven.entries.iter().any(|named| named.is_disjoint(&needed)) {
        return Err(one_reason("stray-entry", "an entry names nothing that is needed", NEW_BUNDLE));
    }
    let votes = checked.votes.iter().filter_map(|vote| vote.seen_size);
    let ends = continuity::ends(&checked.roots).into_iter().map(|end| end.size);
    let stated = lanes::sizes(&checked.statements);
    let seen: BTreeSet<u64> =
        votes.chain(stated).chain(checked.reported_sizes.iter().copied()).chain(ends).collect();
    let proven: Vec<u64> = checked.bundle.ancestors.iter().map(|ancestor| ancestor.size).collect();
    let earlier: Vec<u64> = seen.into_iter().filter(|size| *size < checked.proven.checkpoint.size).collect();
    if proven != earlier {
        return Err(one_reason("stray-ancestor", "proofs of checkpoints are not those needed", NEW_BUNDLE));
    }
    Ok(())
}

pub const MEND_POLICY: &str = "mend the policy; `countersign policy test` helps";
const NAMELESS: &str = "amend the commit, so that it names them with an address; if it is older, bring its change in as \
                        a new commit by `git merge --squash`";
const SHALLOW: &str = "run again from a full clone; if the clone is full, `run` has said that the range is too large: release \
                       a signed commit in between first, or bring the change in by `git merge --squash`";
