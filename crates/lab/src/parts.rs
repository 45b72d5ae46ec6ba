//! The parts of a release's evidence, before the server assembles them. A forgery changes parts.

use std::collections::{BTreeMap, BTreeSet};

use domain::build::{nonce, seed};
use domain::release::Proposed;
use evidence::approval::{Approval, Decision, Signed};
use evidence::bundle::Checks;
use evidence::check::Check;
use evidence::dsse::Envelope;
use evidence::evidence_manifest::EvidenceManifest;
use evidence::oci::{self, LayerEntry, LayerFile};
use evidence::pipeline::{self, Pipeline};
use evidence::plan::{Destination, Plan};
use evidence::policy_files::PolicyFiles;
use evidence::receipt::{Ending, Forge, Output, Receipt, SandboxLevel, Work};
use evidence::release_check::ReleaseCheck;
use evidence::release_file::{self, ReleaseFile};
use evidence::report::{AgentReport, ReleaseOutcome, Running};
use evidence::request::Request;
use evidence::serving::RunChoice;
use evidence::source_pack::SourcePack;
use evidence::statements::Statement;
use evidence::status::StatusFile;
use evidence::tree_list::TreeList;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{CommitId, Digest, Name, Place};
use serde_json::json;

use crate::commits::{CommitContent, commit};
use crate::documents::{self, LabDocument};
pub use crate::files::{
    PIPELINE, PIPELINE_APART, PIPELINE_BOTH, PIPELINE_COMMITTED, PIPELINE_EARLIER, PIPELINE_IMAGE,
    PIPELINE_MORE, PIPELINE_REPORTS, PIPELINE_SCANNERS, PIPELINE_SCANS, RELEASE, RELEASE_CHECKS,
    RELEASE_ROLLED, RELEASE_SECRETS,
};
use crate::head::Head;
use crate::world::{Lab, at, configuration, id, name, runner_name};

/// The parts.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The place's environment.
    pub environment: Name,
    /// Number of the release.
    pub release: u64,
    /// The running artifact in the ledger's proposal, and the commit after which the range begins.
    pub replaces: (Option<Digest>, CommitId),
    /// Trust roots.
    pub roots: Vec<Envelope>,
    /// The status.
    pub status: StatusFile,
    /// Enrolments.
    pub enrolments: Vec<Envelope>,
    /// Environment statements; those of earlier environments come first.
    pub environments: Vec<Envelope>,
    /// Requests.
    pub requests: Vec<Envelope>,
    /// The source.
    pub source: SourcePack,
    /// Its files.
    pub tree: TreeList,
    /// The configuration.
    pub configuration: Vec<u8>,
    /// The windows, if the statement names some.
    pub windows: Option<Vec<u8>>,
    /// The policy.
    pub policy: PolicyFiles,
    /// Documents of the reports that steps leave, by the path of the report.
    pub documents: BTreeMap<String, LabDocument>,
    /// Statements of people about findings.
    pub statements: Vec<Envelope>,
    /// Receipts.
    pub receipts: Vec<Envelope>,
    /// The artifact's manifest.
    pub manifest: Vec<u8>,
    /// The plan.
    pub plan: Plan,
    /// Agent reports.
    pub reports: Vec<Envelope>,
    /// Observations of staging's agent.
    pub observations: Vec<Envelope>,
    /// Checks of the release in staging.
    pub checks: Option<Checks>,
    /// Approvals and rejections.
    pub approvals: Vec<Envelope>,
    /// Changes the ledger's proposal to an unusual one.
    pub proposal: fn(&mut Proposed),
    /// Digests that additional entries of the ledger name.
    pub strays: Vec<Digest>,
    /// The ledger as the server shows it.
    pub head: Head,
}

impl Lab {
    /// The commit that runs already.
    #[must_use]
    pub fn base(&self) -> CommitId {
        Self::new(0).written("the first", &[]).0.commit
    }

    /// A commit by Ada.
    #[must_use]
    pub fn written(&self, message: &str, parents: &[CommitId]) -> (SourcePack, TreeList) {
        let email = self.ada.email();
        let signer = Some(&self.ada.commits);
        commit(&self.files(), &CommitContent { parents, email: &email, message, signer })
    }

    /// All parts of a release to production that passes.
    #[must_use]
    pub fn honest(&self) -> Parts {
        let base = self.base();
        let (source, tree) = self.written("a change", std::slice::from_ref(&base));
        let (run, run_envelope) =
            self.request(&self.ada, "run", json!({ "project": "shop", "commit": source.commit }), 70);
        let built = built();
        let manifest = built.manifest.clone();
        let artifact = Digest::of(&manifest);
        let mut parts = Parts {
            environment: name("production"),
            release: 7,
            replaces: (Some(old_artifact()), base.clone()),
            roots: vec![self.signed_root(&self.root(), &[0, 1])],
            status: self.signed_status(&self.status(), &[0, 1]),
            enrolments: vec![
                self.signed_enrolment(&self.ada.enrolment(&["developer"])),
                self.signed_enrolment(&self.bob.enrolment(&["release-manager"])),
            ],
            environments: ["staging", "production"]
                .map(|at| self.signed_environment(&self.environment(at, &base), &[0, 1]))
                .to_vec(),
            requests: vec![run_envelope],
            plan: plan("production", &source),
            configuration: configuration().encode().unwrap(),
            windows: None,
            policy: self.policy.clone(),
            documents: documents::harmless(),
            statements: Vec::new(),
            receipts: Vec::new(),
            manifest,
            reports: vec![
                self.report(&report("staging", 3, artifact, &source.commit), &self.staging),
                self.report(&report("production", 6, old_artifact(), &base), &self.production),
            ],
            observations: Vec::new(),
            checks: None,
            approvals: Vec::new(),
            proposal: |_| {},
            strays: Vec::new(),
            head: Head::honest(self),
            source,
            tree,
        };
        parts.requests.push(self.promotion(&parts, 7));
        parts.receipts = self.receipts(&parts, run.idempotency(), |_| {});
        parts.checks = self.checks(&parts, |_| {});
        self.approve(&mut parts);
        parts
    }

    /// Bob approves the shown release.
    pub fn approve(&self, parts: &mut Parts) {
        parts.approvals = vec![self.approval(&yes(parts, self.bob.id), &self.bob.approve)];
    }

    /// The run that Ada asked for.
    #[must_use]
    pub fn run(&self, parts: &Parts) -> Request {
        let commit = json!({ "project": "shop", "commit": parts.source.commit });
        self.request(&self.ada, "run", commit, 70).0
    }

    /// The files of every commit here.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (pipeline::PATH.to_owned(), self.pipeline.to_owned()),
            (release_file::PATH.to_owned(), self.release.to_owned()),
        ])
    }

    /// Bob promotes a release.
    #[must_use]
    pub fn promotion(&self, parts: &Parts, release: u64) -> Envelope {
        let place = format!("shop/api/{}", parts.environment);
        let artifact = Digest::of(&parts.manifest);
        let arguments = json!({ "place": place, "release": release, "artifact": artifact });
        self.request(&self.bob, "promote", arguments, 71).1
    }

    /// Receipts of both runners for a run, each changed by `change` before it is signed. One of them did what is held apart.
    #[must_use]
    pub fn receipts(&self, parts: &Parts, run: Digest, change: impl Fn(&mut Receipt)) -> Vec<Envelope> {
        let built = built();
        let works = [Work::Step(name("build")), Work::Step(name("test")), Work::Artifact(name("api"))];
        let mut receipts = Vec::new();
        let (pipeline, leading) = (pipeline_of(parts), self.leading());
        let apart = pipeline.held_apart();
        let is_apart = |work: &&Work| matches!(work, Work::Step(step) if apart.contains(step));
        for (n, signer) in self.runners.iter().enumerate() {
            for work in works.iter().filter(|work| n == leading || !is_apart(work)) {
                let mut receipt = receipt(parts, n, work, &built);
                receipt.nonce = nonce(seed(run), work, &runner_name(n));
                change(&mut receipt);
                receipts.push(receipt.sign(signer).unwrap());
            }
        }
        receipts
    }

    /// Number of the runner that does what is held apart.
    #[must_use]
    pub fn leading(&self) -> usize {
        let (root, choice) = (self.root(), RunChoice { nonce: id(70), at_ref: None, without: [].into() });
        (0..self.runners.len()).find(|n| choice.leads(&root, &runner_name(*n))).unwrap_or_default()
    }
}

impl Lab {
    /// The checks of the release in staging by both runners, each changed by `change` before it is signed; `None` if none
    /// is declared.
    #[must_use]
    pub fn checks(&self, parts: &Parts, change: impl Fn(&mut Receipt)) -> Option<Checks> {
        let place = Place { project: name("shop"), service: name("api"), environment: name("staging") };
        let declared = declared_checks(self.release);
        let report = parts.reports.first().filter(|_| !declared.is_empty())?.clone();
        let said = AgentReport::read(&report).ok()?;
        let (built, run) = (built(), self.run(parts).idempotency());
        let mut receipts = Vec::new();
        for (check, described) in declared.iter().filter(|(_, check)| check.is_for(&place.environment)) {
            for (n, signer) in self.runners.iter().enumerate() {
                let (release, artifact) = (said.release, said.artifact);
                let place = place.clone();
                let work = Work::Check(ReleaseCheck { place, release, artifact, name: check.clone() });
                let mut receipt = receipt(parts, n, &work, &built);
                let producer = described.producer(&name("api"), check).unwrap();
                receipt.reports = documents::of_step(&described.step(), producer, &parts.documents);
                receipt.report_exits.clone_from(&described.report_exits);
                receipt.nonce = nonce(seed(run), &work, &runner_name(n));
                change(&mut receipt);
                receipts.push(receipt.sign(signer).unwrap());
            }
        }
        Some(Checks { report, receipts })
    }
}

/// The checks of the service in a release file.
fn declared_checks(release: &str) -> BTreeMap<Name, Check> {
    let mut file = ReleaseFile::parse(release.as_bytes()).unwrap();
    file.services.remove(&name("api")).map(|service| service.checks).unwrap_or_default()
}

/// The approval of a person who was shown these parts.
#[must_use]
pub fn yes(parts: &Parts, person: evidence::Id) -> Signed {
    Signed {
        decision: Decision::Approve,
        artifact: Digest::of(&parts.manifest),
        plan: parts.plan.digest().unwrap(),
        said: Approval {
            installation: id(1),
            person,
            project: name("shop"),
            service: name("api"),
            environment: parts.environment.clone(),
            release: parts.release,
            replaces: parts.replaces.0,
            evidence: evidence_digest(parts),
            policy: parts.policy.digest().unwrap(),
            root: 1,
            checkpoint: parts.head.seen(SEEN).to_string(),
            reason: "looks right".into(),
            ticket: None,
            not_before: at(-120),
            expires: at(60 * 86_400),
            nonce: id(90),
            via: "command-line".into(),
            rebuild: None,
        },
    }
}

/// A rejection of the same release.
#[must_use]
pub fn no(parts: &Parts, person: evidence::Id) -> Signed {
    Signed { decision: Decision::Reject, ..yes(parts, person) }
}

/// A report that a release runs.
#[must_use]
pub fn report(environment: &str, release: u64, artifact: Digest, commit: &CommitId) -> AgentReport {
    AgentReport {
        v: 1,
        installation: id(1),
        project: name("shop"),
        service: name("api"),
        environment: name(environment),
        agent: name("agent"),
        release,
        artifact,
        plan: Digest::of(b"an earlier plan"),
        outcome: ReleaseOutcome::Running,
        running: Some(Running::of(artifact, commit.clone())),
        reasons: Vec::new(),
        detail: String::new(),
        root: 1,
        status: 1,
        statement: 1,
        checkpoint: 0,
        checkpoint_root: None,
        highest: None,
        time: at(-300),
        sequence: None,
        previous: None,
        by_hand: None,
    }
}

/// The plan for an environment.
#[must_use]
pub fn plan(environment: &str, source: &SourcePack) -> Plan {
    let to = Destination {
        installation: id(1),
        project: &name("shop"),
        service: &name("api"),
        environment: &name(environment),
        commit: &source.commit,
    };
    let file = &source.files.get(release_file::PATH).unwrap().0;
    Plan::derive(&to, &ReleaseFile::parse(file).unwrap(), &configuration()).unwrap()
}

/// The artifact that runs already.
#[must_use]
pub fn old_artifact() -> Digest {
    Digest::of(b"the artifact before")
}

/// The evidence manifest of these pieces, as an approver's machine computes it.
#[must_use]
pub fn evidence_digest(parts: &Parts) -> Digest {
    let digests = |envelopes: &[Envelope]| envelopes.iter().map(Envelope::payload_digest).collect::<Vec<_>>();
    let commits = vec![parts.source.commit.clone()];
    let documents = read_documents(parts).into_iter().collect();
    let (mut receipts, mut reports) = (digests(&parts.receipts), digests(&parts.reports));
    if let Some(checks) = &parts.checks {
        receipts.extend(checks.receipts.iter().map(Envelope::payload_digest));
        reports.push(checks.report.payload_digest());
    }
    let manifest = EvidenceManifest::new(commits, receipts, reports, documents)
        .with_statements(digests(&seen_by_approvers(parts)));
    manifest.digest().unwrap()
}

/// Statements that the manifest names: it does not name versions of secrets.
fn seen_by_approvers(parts: &Parts) -> Vec<Envelope> {
    let is_seen = |envelope: &&Envelope| {
        Statement::read(envelope)
            .is_ok_and(|statement| statement.secret().is_none() && !statement.kind().lifts())
    };
    parts.statements.iter().filter(is_seen).cloned().collect()
}

/// Digests of the documents that the policy reads, as the server finds them.
#[must_use]
pub fn read_documents(parts: &Parts) -> BTreeSet<Digest> {
    let place = Place { project: name("shop"), service: name("api"), environment: parts.environment.clone() };
    let root = parts.roots.last().and_then(|root| TrustRoot::read(root).ok());
    let mode = root.map_or(Mode::Team, |root| root.mode);
    let of_checks = parts.checks.as_ref().map(|checks| documents::receipts(&checks.receipts));
    let receipts = documents::receipts(&parts.receipts);
    judge::needed_documents(&parts.policy, mode, &place, &receipts, &of_checks.unwrap_or_default())
}

/// The pipeline of the source; the usual one in place of one that no reader accepts.
#[must_use]
pub fn pipeline_of(parts: &Parts) -> Pipeline {
    let read = Pipeline::parse(&parts.source.files.get(pipeline::PATH).unwrap().0);
    read.unwrap_or_else(|_| Pipeline::parse(PIPELINE.as_bytes()).unwrap())
}

/// The results of the build.
#[derive(Clone, Debug)]
pub struct BuiltArtifact {
    /// The program.
    pub program: Output,
    /// The layer.
    pub layer: Vec<u8>,
    /// The manifest.
    pub manifest: Vec<u8>,
}

/// Builds the artifact.
#[must_use]
pub fn built() -> BuiltArtifact {
    let bytes = b"#!/bin/sh\nexec serve\n".to_vec();
    let program = output(&bytes, true);
    let files =
        BTreeMap::from([("bin/api".to_owned(), LayerEntry::File(LayerFile { bytes, executable: true }))]);
    let layer = oci::layer(&files, 1_790_000_000).unwrap();
    let manifest = oci::manifest("application/vnd.countersign.artifact", &layer, BTreeMap::new()).unwrap();
    BuiltArtifact { program, layer, manifest }
}

/// An output with these bytes.
#[must_use]
pub fn output(bytes: &[u8], executable: bool) -> Output {
    Output::file(bytes, executable)
}

fn receipt(parts: &Parts, runner: usize, work: &Work, built: &BuiltArtifact) -> Receipt {
    let program = |path: &str| BTreeMap::from([(path.to_owned(), built.program.clone())]);
    let (inputs, outputs) = match work {
        Work::Step(step) if step.as_str() == "build" => (BTreeMap::new(), program("out/api")),
        Work::Step(_) => (program("out/api"), BTreeMap::new()),
        Work::Check(_) => (BTreeMap::new(), BTreeMap::new()),
        Work::Artifact(_) => {
            let put = |path: &str, bytes: &[u8]| (path.to_owned(), output(bytes, false));
            let outputs = [put("manifest.json", &built.manifest), put("layer.tar", &built.layer)];
            (program("bin/api"), outputs.into())
        }
    };
    let file = parts.source.files.get(pipeline::PATH).unwrap();
    Receipt {
        v: 1,
        installation: id(1),
        runner: runner_name(runner),
        root: 1,
        nonce: id(0),
        project: name("shop"),
        commit: parts.source.commit.clone(),
        tree: parts.tree.digest().unwrap(),
        pipeline: Pipeline::digest(&file.0),
        work: work.clone(),
        inputs,
        outputs,
        reports: documents::references(&pipeline_of(parts), &parts.documents, work),
        report_exits: documents::exits(&pipeline_of(parts), work),
        exit: Ending::Code(0),
        sandbox: SandboxLevel {
            user: "range".into(),
            landlock: 6,
            memory: "watched".into(),
            toolchain: Digest::of(b"toolchain"),
        },
        image: documents::image(&pipeline_of(parts), work),
        network: Vec::new(),
        log: Digest::of(b"log"),
        started: at(-500),
        ended: at(-400),
        forge: Forge::None,
        verified_ref: None,
    }
}

/// Size of the ledger that approvers saw.
pub const SEEN: u64 = 12;
