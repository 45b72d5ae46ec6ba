//! The gate input: the JSON that a policy evaluates. Format: `docs/policy/input.md`, which a test compares with it.
//!
//! Invariant: the input is a pure function of proven facts and the time of the judgement. No part of it rests on the
//! server's word. Replay compares digests of it: if the input of an older bundle changes, `domain::RULES` has to rise. A
//! field that is omitted when empty, such as `people.signed_off`, leaves the input of older bundles as it is.

use std::collections::{BTreeMap, BTreeSet};

use evidence::approval::Decision;
use evidence::canonical::{self, CanonicalError};
use evidence::git::RefName;
use evidence::pipeline::{Image, Step};
use evidence::plan::Plan;
use evidence::pool::Pool;
use evidence::receipt::{Ending, Receipt, Work};
use evidence::secret_name::SecretName;
use evidence::trust_root::Mode;
use evidence::{CommitId, Digest, Id, Moment, Name};
use serde::Serialize;
use serde_json::Value;

use crate::approvals::Vote;
use crate::bounds::Difference;
use crate::checked::Checked;
use crate::input_lanes::{
    self as lanes, CheckInput, ComponentInput, FindingInput, ObservationInput, ReportInput, StatementInput,
    TestsInput,
};
use crate::input_source::SourceInput;
use crate::lanes::parity::ParityProof;
use crate::owners::Owners;
use crate::reports::Before;

/// Encodes the input as canonical JSON.
///
/// # Errors
/// `CanonicalError` when it cannot be encoded.
pub fn input(checked: &Checked<'_>) -> Result<Vec<u8>, CanonicalError> {
    let input = GateInput::of(checked).map_err(|source| CanonicalError::Shape { what: WHAT, source })?;
    canonical::encode(WHAT, &input)
}

#[derive(Serialize)]
struct GateInput<'a> {
    v: u8,
    installation: Id,
    mode: Mode,
    moment: Moment,
    place: PlaceInput<'a>,
    release: ReleaseInput<'a>,
    source: SourceInput<'a>,
    build: BuildInput<'a>,
    people: PeopleInput<'a>,
    approvals: Vec<VoteInput<'a>>,
    rejections: Vec<VoteInput<'a>>,
    before: Option<BeforeInput<'a>>,
    status: StatusInput,
    ledger: LedgerInput,
    plan: &'a Plan,
    /// Omitted without classes of data, because inputs from before the field existed must stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceInput<'a>>,
    /// It is omitted without bounds, because inputs from before they existed must stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<ConfigurationInput<'a>>,
    /// The fields of reports are omitted without reports, because inputs from before they existed must stay the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reports: Vec<ReportInput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingInput<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<ComponentInput<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tests: Option<TestsInput<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statements: Vec<StatementInput<'a>>,
    /// Omitted without observations, because inputs from before they existed must stay the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observations: Vec<ObservationInput<'a>>,
    /// Omitted if nothing was compared, because inputs from before the field existed must stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    parity: Option<ParityInput<'a>>,
    /// Omitted without secrets of steps, because inputs from before the field existed must stay the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<SecretInput<'a>>,
    /// Documents of the other kinds, by the name of the kind.
    #[serde(flatten)]
    facts: BTreeMap<&'static str, Value>,
}

#[derive(Serialize)]
struct PlaceInput<'a> {
    project: &'a Name,
    service: &'a Name,
    environment: &'a Name,
    automatic: bool,
    after: Option<&'a Name>,
    /// Omitted when unknown, because inputs from before the field existed must stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Omitted without one, for the same reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a Name>,
}

/// The words of the release file about the service, apart from the plan.
#[derive(Serialize)]
struct ServiceInput<'a> {
    data: &'a BTreeSet<Name>,
}

#[derive(Serialize)]
struct ReleaseInput<'a> {
    number: u64,
    artifact: Digest,
    plan: Digest,
    evidence: Digest,
    commit: &'a CommitId,
    replaces: Option<Digest>,
}

#[derive(Serialize)]
struct BuildInput<'a> {
    pipeline: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<Pool>,
    /// Omitted without a ref, because inputs from before the field existed must stay the same.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    at_ref: Option<&'a RefName>,
    runners: Vec<RunnerInput<'a>>,
    steps: Vec<StepInput<'a>>,
    sandboxes: BTreeSet<&'a str>,
}

#[derive(Serialize)]
struct RunnerInput<'a> {
    name: &'a Name,
    host: Option<&'a str>,
}

#[derive(Serialize)]
struct StepInput<'a> {
    name: &'a Name,
    kind: &'static str,
    receipts: usize,
    equal_outputs: bool,
    agreed: usize,
    network: BTreeSet<&'a str>,
    /// Omitted when 0, because inputs from before the field existed must stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    /// Omitted without an image, for the same reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Digest>,
}

/// A secret that a step asks for.
#[derive(Serialize)]
struct SecretInput<'a> {
    step: &'a Name,
    #[serde(rename = "as")]
    own: Name,
    secret: SecretName,
    /// Omitted without a variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<&'a str>,
}

#[derive(Serialize)]
struct PeopleInput<'a> {
    requester: &'a str,
    promoter: Option<&'a str>,
    behind: &'a BTreeSet<String>,
    /// The field is omitted when empty, because inputs from before the field existed must stay the same.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    signed_off: &'a BTreeSet<String>,
}

#[derive(Serialize)]
struct VoteInput<'a> {
    subject: &'a str,
    name: &'a str,
    roles: &'a BTreeSet<Name>,
    hardware: bool,
    reason: &'a str,
    ticket: Option<&'a str>,
    via: &'a str,
    rebuilt: bool,
    counts: bool,
    void: &'a [String],
}

#[derive(Serialize)]
struct BeforeInput<'a> {
    environment: &'a Name,
    runs_artifact: bool,
    release: Option<u64>,
    /// The fields of checks are omitted without checks, for the same reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<CheckInput<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingInput<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tests: Option<TestsInput<'a>>,
    /// Documents of the other kinds, by the name of the kind.
    #[serde(flatten)]
    facts: BTreeMap<&'static str, Value>,
}

/// How what runs in the environment before differs from the release.
#[derive(Serialize)]
struct ParityInput<'a> {
    environment: &'a Name,
    differences: &'a BTreeSet<String>,
}

const fn parity(proof: &ParityProof) -> ParityInput<'_> {
    ParityInput { environment: &proof.environment, differences: &proof.differences }
}

#[derive(Serialize)]
struct ConfigurationInput<'a> {
    differences: &'a BTreeSet<Difference>,
}

#[derive(Serialize)]
struct StatusInput {
    number: u64,
    expires: Moment,
}

#[derive(Serialize)]
struct LedgerInput {
    witnesses: usize,
    quorum: u32,
    same_machine: bool,
}

impl<'a> GateInput<'a> {
    fn of(checked: &'a Checked<'_>) -> Result<Self, serde_json::Error> {
        let owners = Owners::of(checked.bundle, &checked.place.service);
        Ok(Self {
            v: 1,
            installation: checked.bundle.installation,
            mode: checked.trust.root.mode,
            moment: checked.now,
            place: PlaceInput {
                project: &checked.place.project,
                service: &checked.place.service,
                environment: &checked.place.environment,
                automatic: checked.trust.environment.automatic,
                after: checked.trust.environment.after.as_ref(),
                owner: owners.service().map(str::to_owned),
                region: checked.trust.environment.region.as_ref(),
            },
            release: ReleaseInput {
                number: checked.bundle.release,
                artifact: checked.bundle.artifact(),
                plan: checked.plan.digest,
                evidence: checked.approvals.evidence,
                commit: &checked.bundle.source.commit,
                replaces: checked.ledger.proven.proposals.first().and_then(|proposal| proposal.replaces),
            },
            source: SourceInput::of(checked),
            build: build(checked),
            people: PeopleInput {
                requester: &checked.people.asked.requester,
                promoter: checked.people.asked.promoter.as_deref(),
                behind: &checked.people.authors.subjects,
                signed_off: &checked.people.authors.signed_off,
            },
            approvals: votes(checked, Decision::Approve),
            rejections: votes(checked, Decision::Reject),
            before: checked.before.as_ref().map(|it| before(checked, it, &owners)).transpose()?,
            status: StatusInput {
                number: checked.trust.status.number,
                expires: checked.trust.status.expires,
            },
            ledger: LedgerInput {
                witnesses: checked.ledger.proven.witnesses,
                quorum: checked.trust.root.witnesses.quorum,
                same_machine: checked.ledger.proven.same_machine,
            },
            plan: &checked.bundle.plan,
            service: Some(ServiceInput { data: &checked.plan.data }).filter(|it| !it.data.is_empty()),
            configuration: checked
                .plan
                .differences
                .as_ref()
                .map(|differences| ConfigurationInput { differences }),
            reports: lanes::reports(&checked.lanes.documents, checked.now),
            findings: lanes::findings(
                &checked.lanes.documents,
                &checked.lanes.statements,
                &owners,
                checked.now,
            ),
            components: lanes::components(&checked.lanes.documents),
            tests: lanes::tests(&checked.lanes.documents, &checked.lanes.statements),
            statements: lanes::statements(&checked.lanes.statements),
            observations: lanes::observations(&checked.lanes.observed, checked.now),
            parity: checked.lanes.parity.as_ref().map(parity),
            secrets: secrets(checked),
            facts: checked.lanes.documents.all.facts()?,
        })
    }
}

fn build<'a>(checked: &'a Checked<'_>) -> BuildInput<'a> {
    let receipts: Vec<&Receipt> = checked.build.receipts.iter().map(|(_, receipt)| receipt).collect();
    let host = |name: &Name| {
        let runner = checked.trust.root.runners.iter().find(|runner| runner.name == *name);
        runner.map(|runner| runner.place.host.as_str())
    };
    let counting = checked.trust.root.counting_runners(&checked.build.runners);
    let runners = counting.into_iter().map(|name| RunnerInput { name, host: host(name) });
    let steps = checked.build.pipeline.steps.iter().map(|(name, step)| {
        let work = Work::Step(name.clone());
        let own: Vec<_> = receipts.iter().filter(|receipt| receipt.work == work).collect();
        let outputs: BTreeSet<_> = own.iter().map(|receipt| &receipt.outputs).collect();
        StepInput {
            name,
            kind: step.kind(),
            receipts: own.len(),
            equal_outputs: outputs.len() <= 1,
            agreed: checked.people.asked.agreed.get(name).map_or(0, BTreeSet::len),
            network: own.iter().flat_map(|r| r.network.iter().map(|to| to.host.as_str())).collect(),
            exit: own.iter().filter_map(|receipt| exit(receipt)).max(),
            image: checked.build.pipeline.image_of(step).map(Image::digest),
        }
    });
    BuildInput {
        pipeline: receipts.first().map(|receipt| receipt.pipeline),
        pool: checked.people.asked.pool,
        at_ref: checked.people.asked.choice.at_ref.as_ref(),
        runners: runners.collect(),
        steps: steps.collect(),
        sandboxes: receipts.iter().map(|receipt| receipt.sandbox.memory.as_str()).collect(),
    }
}

fn secrets<'a>(checked: &'a Checked<'_>) -> Vec<SecretInput<'a>> {
    let of_step = |(step, described): (&'a Name, &'a Step)| {
        described.secrets_in(&checked.place.project).into_iter().map(move |(own, secret)| SecretInput {
            step,
            env: described.secrets.get(&own).and_then(|asked| asked.env.as_deref()),
            own,
            secret,
        })
    };
    checked.build.pipeline.steps.iter().flat_map(of_step).collect()
}

/// The exit code of a step that passed with another code than 0.
fn exit(receipt: &Receipt) -> Option<i32> {
    match receipt.exit {
        Ending::Code(code) if code != 0 => Some(code),
        _ => None,
    }
}

fn votes<'a>(checked: &'a Checked<'_>, decision: Decision) -> Vec<VoteInput<'a>> {
    let votes = checked.approvals.votes.iter().filter(|vote| vote.decision == decision);
    let written = |vote: &'a Vote| VoteInput {
        subject: &vote.subject,
        name: &vote.name,
        roles: &vote.roles,
        hardware: vote.hardware,
        reason: &vote.reason,
        ticket: vote.ticket.as_deref(),
        via: &vote.via,
        rebuilt: vote.rebuilt,
        counts: vote.void.is_empty(),
        void: &vote.void,
    };
    votes.map(written).collect()
}

fn before<'a>(
    checked: &'a Checked<'_>,
    before: &'a Before,
    owners: &Owners,
) -> Result<BeforeInput<'a>, serde_json::Error> {
    let documents = checked.lanes.documents.before.as_deref();
    Ok(BeforeInput {
        environment: &before.environment,
        runs_artifact: before.runs_it,
        release: before.report.as_ref().map(|report| report.release),
        checks: lanes::checks(&checked.lanes.checks, checked.now),
        findings: documents
            .and_then(|proof| lanes::findings(proof, &checked.lanes.statements, owners, checked.now)),
        tests: documents.and_then(|proof| lanes::tests(proof, &checked.lanes.statements)),
        facts: documents.map(|proof| proof.all.facts()).transpose()?.unwrap_or_default(),
    })
}

const WHAT: &str = "gate input";
