//! Checks of the release in the environment before: receipts of runners, and the agent's report that they rest on.
//!
//! Invariant: each receipt is of a runner that the root names, about exactly the release, artifact and commit that the
//! agent of that environment says it runs, and of a check that the commit declares for that environment. Of each declared
//! check there is a receipt of each runner that the root has for checks, or the release has a reason against it. So a
//! receipt that somebody withholds is missed, whichever runner it is of.

use std::collections::{BTreeMap, BTreeSet};

use evidence::bundle::{Bundle, Checks};
use evidence::check::Check;
use evidence::document::Producer;
use evidence::environment::Environment;
use evidence::receipt::{Ending, Receipt, Work};
use evidence::release_check::ReleaseCheck;
use evidence::release_file::{self, ReleaseFile};
use evidence::report::{AgentReport, ReleaseOutcome};
use evidence::serving::checkers;
use evidence::trust_root::{Machine, TrustRoot};
use evidence::{Digest, Name};

use crate::lanes::proven::ProvenReport;
use crate::reasons::{Flaw, Reasons};
use crate::receipts::BuildProof;
use crate::records::{Records, Revoked};
use crate::reports::Before;
use crate::serving::NOT_SERVING;

/// Facts that checks prove.
#[derive(Clone, Debug, Default)]
pub struct CheckProof {
    /// Digest of the payload of the agent's report that the checked release runs.
    pub report: Option<Digest>,
    /// Receipts with the digests of their payloads, sorted.
    pub receipts: Vec<(Digest, Receipt)>,
    /// Checks that ran, by name, with how each runner's ended.
    pub ran: BTreeMap<Name, BTreeMap<Name, (Ending, bool)>>,
    /// Checks that runners gave up, by name, with these runners.
    pub gave_up: BTreeMap<Name, BTreeSet<Name>>,
    /// Their reports, by check and path.
    pub reports: Vec<ProvenReport>,
}

/// Everything that the judge trusts or knows before it looks at checks.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The newest trust root.
    pub root: &'a TrustRoot,
    /// Records of the bundle.
    pub records: &'a Records,
    /// Revoked keys.
    pub revoked: &'a Revoked,
    /// Facts that the build's receipts prove.
    pub build: &'a BuildProof,
    /// Runners that the request for the run leaves out.
    pub without: &'a BTreeSet<Name>,
}

/// Proves the checks of the release in the environment before.
pub fn prove(
    bundle: &Bundle,
    before: Option<(&Environment, &Before)>,
    known: Known<'_>,
    reasons: &mut Reasons,
) -> Result<CheckProof, Flaw> {
    let carried = bundle.lanes.checks.as_ref();
    let Some((environment, before)) = before else {
        let stray = || Flaw::new("check-stray", "checks are carried, but no environment comes before");
        return carried.map_or_else(|| Ok(CheckProof::default()), |_| Err(stray()));
    };
    let declared = declared(bundle, environment)?;
    let mut proof = CheckProof::default();
    if let Some(checks) = carried {
        let report = report(bundle, checks, environment, before)?;
        proof.report = Some(checks.report.payload_digest());
        proof.receipts = open(checks, known)?;
        for (_, receipt) in &proof.receipts {
            let check = check_is_of_release(bundle, receipt, environment, &report, known.build)?;
            let described = declared.get(&check.name).ok_or_else(|| {
                let what =
                    format!("`{}` is declared for no release to `{}`", check.name, environment.environment);
                Flaw::new("check-stray", what)
            })?;
            if receipt.gave_up() {
                let by = proof.gave_up.entry(check.name.clone()).or_default();
                by.insert(receipt.runner.clone());
            } else {
                check_declared(bundle, receipt, check, described)?;
                let by = proof.ran.entry(check.name.clone()).or_default();
                by.insert(receipt.runner.clone(), (receipt.exit, receipt.passed()));
            }
        }
        proof.reports = ProvenReport::of(proof.receipts.iter().map(|(_, receipt)| receipt));
    }
    if before.runs_it {
        for name in declared.keys() {
            demand_all_runners(name, &proof, environment, known, reasons);
        }
    }
    Ok(proof)
}

/// Checks that every runner has answered about a check, and that those on the host of an agent have run it. Others cannot
/// reach the service.
fn demand_all_runners(
    check: &Name,
    proof: &CheckProof,
    environment: &Environment,
    known: Known<'_>,
    reasons: &mut Reasons,
) {
    let at = &environment.environment;
    let ran = proof.ran.get(check);
    if ran.is_none() {
        let what = format!("check `{check}` of the release to `{at}` has not run");
        return reasons.against("check-missing", what, AGAIN);
    }
    let reaches =
        |runner: &Machine| environment.agents.iter().any(|agent| agent.place.is_on_host_of(&runner.place));
    let gave_up = proof.gave_up.get(check);
    let lacking = checkers(known.root, known.without).filter_map(|runner| {
        let has_run = ran.is_some_and(|by| by.contains_key(&runner.name));
        let has_given_up = gave_up.is_some_and(|by| by.contains(&runner.name));
        match (has_run, has_given_up) {
            (true, _) => None,
            (false, true) => reaches(runner).then(|| format!("{} gave it up", runner.name)),
            (false, false) => Some(format!("there is no receipt of {}", runner.name)),
        }
    });
    let lacking: Vec<_> = lacking.collect();
    if !lacking.is_empty() {
        let what = format!("check `{check}` of the release to `{at}`: {}", lacking.join(", "));
        reasons.against("check-missing", what, AGAIN);
    }
}

/// The checks that the commit declares for releases to an environment.
fn declared(bundle: &Bundle, environment: &Environment) -> Result<BTreeMap<Name, Check>, Flaw> {
    let file = bundle.source.files.get(release_file::PATH);
    let file = file.map(|bytes| ReleaseFile::parse(&bytes.0)).transpose();
    let file = file.map_err(|error| Flaw::new("check-differs", error.to_string()))?;
    let service = file.and_then(|mut file| file.services.remove(&bundle.service));
    let checks = service.map(|service| service.checks).unwrap_or_default();
    Ok(checks.into_iter().filter(|(_, check)| check.is_for(&environment.environment)).collect())
}

/// Opens the agent's report that the checked release runs. It is the last report, unless the agent has refused or
/// returned from a later release since; then the last report says that this very release still runs, not only its artifact.
fn report(
    bundle: &Bundle,
    checks: &Checks,
    environment: &Environment,
    before: &Before,
) -> Result<AgentReport, Flaw> {
    let wrong = |what: String| Flaw::new("check-report-unsound", what);
    let report = AgentReport::open(&checks.report, environment).map_err(|error| wrong(error.to_string()))?;
    let commit = report.running.as_ref().map(|running| &running.commit);
    let runs = report.outcome == ReleaseOutcome::Running
        && report.artifact == bundle.artifact()
        && commit == Some(&bundle.source.commit);
    let last = before.report.as_ref();
    let is_newest = last.is_some_and(|last| {
        let is_left = matches!(last.outcome, ReleaseOutcome::Refused | ReleaseOutcome::Returned);
        *last == report || is_left && last.running.as_ref().is_some_and(|running| running.is_by(&report))
    });
    if !runs || !is_newest {
        let what =
            format!("release {} does not run this artifact in `{}`", report.release, before.environment);
        return Err(wrong(what));
    }
    Ok(report)
}

fn open(checks: &Checks, known: Known<'_>) -> Result<Vec<(Digest, Receipt)>, Flaw> {
    let mut receipts: Vec<(Digest, Receipt)> = Vec::new();
    for (envelope, record) in checks.receipts.iter().zip(&known.records.checks) {
        let digest = envelope.payload_digest();
        if receipts.last().is_some_and(|(last, _)| *last >= digest) {
            return Err(Flaw::new(
                "checks-unsorted",
                "receipts of checks are not sorted, or one stands twice",
            ));
        }
        let receipt = Receipt::open(envelope, known.root)
            .map_err(|error| Flaw::new("check-unsound", error.to_string()))?;
        if !known.revoked.counts_signer(envelope, record) {
            return Err(Flaw::new("runner-revoked", format!("the key of {} is revoked", receipt.runner)));
        }
        // Those that the request leaves out may have checked an earlier release of the artifact.
        if !checkers(known.root, &BTreeSet::new()).any(|runner| runner.name == receipt.runner) {
            let what = format!("the trust root does not name {} for checks of releases", receipt.runner);
            return Err(Flaw::new(NOT_SERVING, what));
        }
        let same =
            |(_, other): &&(Digest, Receipt)| other.work == receipt.work && other.runner == receipt.runner;
        if receipts.iter().find(same).is_some() {
            let what = format!("{} reported {} twice", receipt.runner, receipt.work.label());
            return Err(Flaw::new("check-twice", what));
        }
        receipts.push((digest, receipt));
    }
    Ok(receipts)
}

/// Checks that a receipt is about a check of this release in the environment before.
fn check_is_of_release<'a>(
    bundle: &Bundle,
    receipt: &'a Receipt,
    environment: &Environment,
    report: &AgentReport,
    build: &BuildProof,
) -> Result<&'a ReleaseCheck, Flaw> {
    let differs = |what: &str| {
        Flaw::new("check-differs", format!("a check by {} is of another {what}", receipt.runner))
    };
    let Work::Check(check) = &receipt.work else { return Err(differs("kind of work")) };
    let pipeline = build.receipts.first().map(|(_, receipt)| receipt.pipeline);
    for (holds, what) in [
        (check.place == environment.place(), "place"),
        (check.release == report.release, "release"),
        (check.artifact == bundle.artifact(), "artifact"),
        (receipt.commit == bundle.source.commit, "commit"),
        (Some(receipt.pipeline) == pipeline, "pipeline"),
    ] {
        if !holds {
            return Err(differs(what));
        }
    }
    Ok(check)
}

/// Checks that a check ran in the tree of the commit, and that its reports are those that the commit declares.
fn check_declared(
    bundle: &Bundle,
    receipt: &Receipt,
    check: &ReleaseCheck,
    described: &Check,
) -> Result<(), Flaw> {
    let differs = |what: &str| {
        let what = format!("check `{}` by {} has other {what} than the commit", check.name, receipt.runner);
        Flaw::new("check-differs", what)
    };
    let tree = bundle.tree.digest().map_err(|error| Flaw::new("tree-unsound", error.to_string()))?;
    if receipt.tree != tree {
        return Err(differs("files"));
    }
    if receipt.report_exits != described.report_exits {
        return Err(differs("exit codes"));
    }
    if receipt.reports.is_empty() && !receipt.passed() {
        // It failed, or a report could not be read.
        return Ok(());
    }
    let stated: BTreeSet<_> = receipt.reports.iter().map(|(path, report)| (path, &report.format)).collect();
    let declared: BTreeSet<_> = described.reports.iter().map(|report| (&report.path, &report.kind)).collect();
    let producer = described.producer(&check.place.service, &check.name);
    let producer = producer.map_err(|error| Flaw::new("check-differs", error.to_string()))?;
    let by_it = receipt.reports.values().all(|report| report.producer == Producer::Step(producer));
    if stated == declared && by_it { Ok(()) } else { Err(differs("reports")) }
}

const AGAIN: &str = "see `countersign status`; `countersign run --again` releases the commit there and checks it again; \
                     a runner that is gone for good has to be removed from the trust root first";
