//! One due piece of work: a step in the sandbox, or the assembly of an artifact. Each ends with a signed receipt, whether
//! it passed or not.
//!
//! Invariant: the work is the one that the plan names, and people have asked for it. If it cannot be done at all, the
//! receipt says `gave-up`, with the reason in its log, so that nobody waits for it without end. A step or check that has begun
//! has one receipt: a second question gets the same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use domain::build::Due;
use evidence::canonical;
use evidence::dsse::PAYLOAD_BYTES_MAX;
use evidence::machine::MachineSigner;
use evidence::pipeline::{PATH, Pipeline};
use evidence::receipt::{Ending, Forge, Output, Receipt, SandboxLevel, VerifiedRef, Work};
use evidence::release_file;
use evidence::rules;
use evidence::run_order::RunOrder;
use evidence::tree_list::TreeList;
use evidence::{Digest, Id, Moment, Name};
use judge::{OpenedRun, Reasons};
use wire::BLOB_BYTES_MAX;

use crate::answers::Answers;
use crate::artifact::assemble;
use crate::budget::{Budget, TIME_MAX};
use crate::holder::{HeldStep, StepRole, revoke};
use crate::host::{Host, Identity, IsWanted, Isolation, Log};
use crate::keep::Keep;
use crate::leases::Leases;
use crate::lent::{self, Claimant, LentError, OUTSIDE_HOURS};
use crate::origins::{Offered, Origins, ProjectCommit};
use crate::outputs::RetainedOutputs;
use crate::repository::Repository;
use crate::source::{Head, Source};
use crate::sources::{Sources, SourcesError};
use crate::step::{check, execute};
use crate::store_logins::{StoreBearer, StoreLogins, StorePurpose};
use crate::stored_answer::CompletedWork;
use crate::toolchain::Toolchain;
use crate::trust::{Trust, TrustError};
use crate::work_error::WorkError;
use crate::workspace::merge;

/// State that all pieces of work share.
pub struct Bench {
    /// The installation.
    pub installation: Id,
    /// Name of the runner in the trust root.
    pub runner: Name,
    /// Version of the trust root that the runner has pinned.
    pub root: u32,
    /// The receipt key.
    pub signer: MachineSigner,
    /// Toolchains that steps can see.
    pub toolchain: Toolchain,
    /// Results of earlier work.
    pub keep: Keep,
    /// Answers about steps and checks.
    pub answers: Answers,
    /// The isolation of steps.
    pub isolation: Box<dyn Isolation>,
    /// Leases of roles that were made for steps.
    pub leases: Leases,
    /// The checks that authorised people asked for the work.
    pub trust: Trust,
    /// The clock.
    pub now: fn() -> Moment,
    /// Sources that steps share.
    pub sources: Sources,
    /// Where sources come from.
    pub origins: Origins,
    /// The operator's stores of secrets.
    pub stores: StoreLogins,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("runner", &self.runner).finish_non_exhaustive()
    }
}

impl Bench {
    /// Executes due work.
    ///
    /// # Errors
    /// `WorkError` when not even a receipt can be made.
    pub fn work(
        &self,
        due: &Due,
        order: &RunOrder,
        offered: &Offered<'_>,
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<CompletedWork, WorkError> {
        if let Some(done) = self.answered(due)? {
            return Ok(done);
        }
        let mut begun = None;
        let done = match self.attempt(due, order, (offered, log, wanted), &mut begun) {
            Ok(done) => done,
            Err(error) => self.give_up(due, &error.to_string(), log)?,
        };
        // Only work that began could have seen something; what the server asked wrongly may be asked again.
        if let Some(asked) = begun {
            self.answers.put(due, asked, &done, &self.keep)?;
        }
        Ok(done)
    }

    /// The answer that this runner gave about a step or check before. Nothing replaces it.
    ///
    /// # Errors
    /// `WorkError` if it cannot be read.
    pub fn answered(&self, due: &Due) -> Result<Option<CompletedWork>, WorkError> {
        Ok(self.answers.of(due, &self.keep)?)
    }

    /// Does the work. As soon as a step or check begins, `begun` says when somebody asked for its run.
    fn attempt(
        &self,
        due: &Due,
        order: &RunOrder,
        (offered, log, wanted): (&Offered<'_>, Log<'_>, IsWanted<'_>),
        begun: &mut Option<Moment>,
    ) -> Result<CompletedWork, WorkError> {
        // No byte of the repository is read before it is clear that people asked for that.
        let opened = self.trust.open_run(order, due, &self.runner, (self.now)())?;
        let asked = opened.asked();
        self.answers.would_know(&due.work, asked)?;
        let verified = self.verified(due, &opened, wanted)?;
        let source = self.source(due, &opened, offered, wanted)?;
        opened.signed(&source.commit).map_err(TrustError::Refused)?;
        let file = source.file(PATH).ok_or(WorkError::NoPipeline)?;
        if Pipeline::digest(file) != due.pipeline {
            return Err(WorkError::OtherPipeline);
        }
        let pipeline = Pipeline::parse(file)?;
        if let Some(problem) = rules::of_pipeline(&pipeline).into_iter().next() {
            return Err(WorkError::Rule(problem));
        }
        let target = match &due.work {
            Work::Check(check) => {
                let target = opened.target(order, source.file(release_file::PATH));
                Some((check, target.map_err(TrustError::Refused)?))
            }
            Work::Step(_) | Work::Artifact(_) => None,
        };
        let found = verified.as_ref().map(|verified| &verified.name);
        let lent = opened.lent(&pipeline, found, (self.now)()).map_err(|reasons| {
            self.tells_of(due, &pipeline, &reasons, offered);
            TrustError::NotLent(reasons)
        })?;
        opened.agreed(&source.commit, &pipeline).map_err(TrustError::Refused)?;
        let outputs = self.keep.outputs_of_steps(&due.needs)?;
        let tree = source.list.encode()?;
        if let Work::Artifact(name) = &due.work {
            let verified_ref = verified;
            return self.artifact(
                Receipt { verified_ref, ..self.blank(due) },
                name,
                &source,
                (&pipeline, &outputs),
                tree,
            );
        }
        let identity = Identity {
            installation: self.installation,
            runner: self.runner.clone(),
            root: self.root,
            signer: &self.signer,
            project: due.project.clone(),
            nonce: due.nonce,
            verified_ref: verified,
            lent,
        };
        let held = self.held(due, &pipeline, &identity, offered)?;
        let isolation = match &held {
            Some(held) => held as &dyn Isolation,
            None => self.isolation.as_ref(),
        };
        let host = Host { toolchain: &self.toolchain, isolation, now: &self.now, log, wanted };
        let given = merge(&outputs)?;
        *begun = Some(asked);
        let done = match (&due.work, target) {
            (Work::Step(step), _) => execute(&identity, &source, step, &given, &host)?,
            (_, Some((wanted, target))) => check(&identity, &source, wanted, &target, &host)?,
            (_, None) => return Err(WorkError::NoArtifact),
        };
        if matches!(due.work, Work::Step(_)) {
            self.keep.put(&done.receipt, &done.outputs)?;
        }
        let blobs = [done.log, tree].into_iter().chain(done.reports).collect();
        Ok(CompletedWork { receipt: done.receipt, blobs })
    }

    /// Revokes roles of databases that no step uses any more.
    pub fn revoke_left(&self) {
        let within = self.isolation.as_ref();
        self.leases.look(&|leases| revoke(leases, within), (self.now)());
    }

    /// Revokes all roles of databases, since this process ends.
    pub fn revoke_all(&self) {
        let within = self.isolation.as_ref();
        self.leases.close(&|leases| revoke(leases, within));
    }

    /// Has the server record a read that is refused for nothing but the hours of a grant.
    fn tells_of(&self, due: &Due, pipeline: &Pipeline, reasons: &Reasons, offered: &Offered<'_>) {
        let (Work::Step(name), true) = (&due.work, reasons.are_only(OUTSIDE_HOURS)) else { return };
        let (Some(step), Some(lend)) = (pipeline.steps.get(name), offered.lend) else { return };
        lent::ask_in_vain(&step.secrets_in(&due.project), self.isolation.as_ref(), lend);
    }

    /// The isolation of a step with secrets, which are claimed now. `None` for other work.
    fn held<'a>(
        &'a self,
        due: &Due,
        pipeline: &'a Pipeline,
        identity: &'a Identity<'_>,
        offered: &Offered<'_>,
    ) -> Result<Option<HeldStep<'a>>, LentError> {
        let (lent, Work::Step(name)) = (&identity.lent, &due.work) else { return Ok(None) };
        let Some(step) = pipeline.steps.get(name).filter(|_| !lent.secrets.is_empty()) else {
            return Ok(None);
        };
        let at_ref = identity.verified_ref.as_ref().map(|verified| verified.name.to_string());
        let (nonce, project, step_name) = (due.nonce, due.project.clone(), name.clone());
        let purpose = StorePurpose { nonce, project, step: step_name, at_ref };
        let logins = self.stores.step(self.store_bearer(), purpose);
        let role = step.database.as_ref().map(|database| StepRole::of(database, &self.leases, self.now));
        let claimant =
            Claimant { installation: self.installation, nonce, lent, step, role: role.transpose()? };
        lent::hold(claimant, (self.isolation.as_ref(), logins), offered.lend).map(Some)
    }

    fn store_bearer(&self) -> StoreBearer {
        let (installation, runner) = (self.installation, self.runner.clone());
        StoreBearer { installation, runner, signer: self.signer.clone(), now: self.now }
    }

    /// Revokes leases of stores that steps left which do not run any more; the result has new faults.
    #[must_use]
    pub fn reap_leases(&self) -> Vec<String> {
        self.stores.reaped(&self.store_bearer())
    }

    fn artifact(
        &self,
        blank: Receipt,
        name: &Name,
        source: &Source,
        (pipeline, outputs): (&Pipeline, &BTreeMap<Name, RetainedOutputs>),
        tree: Vec<u8>,
    ) -> Result<CompletedWork, WorkError> {
        let started = (self.now)();
        let built = assemble(pipeline, name, outputs, &blank.commit, source.time_seconds())?;
        if built.layer.len() > BLOB_BYTES_MAX {
            let bytes = built.layer.len();
            return Err(WorkError::ArtifactLong { name: name.clone(), bytes });
        }
        let described = pipeline.artifacts.get(name).ok_or(WorkError::NoArtifact)?;
        let entering =
            described.entering(outputs).map_err(|source| WorkError::NothingLeft(source.step.clone()))?;
        let log = entering.keys().map(|path| format!("{path}\n")).collect::<String>().into_bytes();
        let made = |bytes: &[u8]| Output::file(bytes, false);
        let facts = Receipt {
            inputs: entering.into_iter().map(|(path, kept)| (path, kept.output.clone())).collect(),
            outputs: BTreeMap::from([
                ("manifest.json".to_owned(), made(&built.manifest)),
                ("layer.tar".to_owned(), made(&built.layer)),
            ]),
            exit: Ending::Code(0),
            log: Digest::of(&log),
            tree: Digest::of(&tree),
            started,
            ended: (self.now)().max(started),
            ..blank
        };
        let bytes = canonical::encode("receipt", &facts)?.len();
        if bytes > PAYLOAD_BYTES_MAX {
            let files = facts.inputs.len();
            return Err(WorkError::FilesMany { name: name.clone(), files });
        }
        let receipt = facts.sign(&self.signer)?;
        Ok(CompletedWork { receipt, blobs: vec![log, tree, built.manifest, built.layer] })
    }

    /// A receipt that says why some work was not done; of a step or check that was done before, the receipt of then.
    ///
    /// # Errors
    /// `WorkError` when it cannot be signed.
    pub fn give_up(&self, due: &Due, what: &str, log: Log<'_>) -> Result<CompletedWork, WorkError> {
        if let Some(done) = self.answered(due)? {
            return Ok(done);
        }
        let text = format!("countersign: {what}\n").into_bytes();
        log(sandbox::Stream::Error, &text);
        let tree = TreeList::new(Vec::new()).and_then(|list| list.encode())?;
        let facts = Receipt { log: Digest::of(&text), tree: Digest::of(&tree), ..self.blank(due) };
        let receipt = facts.sign(&self.signer)?;
        Ok(CompletedWork { receipt, blobs: vec![text, tree] })
    }

    /// An empty receipt for work that the runner does itself, outside any sandbox.
    fn blank(&self, due: &Due) -> Receipt {
        let now = (self.now)();
        Receipt {
            v: 1,
            installation: self.installation,
            runner: self.runner.clone(),
            root: self.root,
            nonce: due.nonce,
            project: due.project.clone(),
            commit: due.commit.clone(),
            tree: Digest::of(b""),
            pipeline: due.pipeline,
            work: due.work.clone(),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            reports: BTreeMap::new(),
            report_exits: BTreeSet::new(),
            exit: Ending::GaveUp,
            sandbox: SandboxLevel {
                user: "supervisor".into(),
                landlock: 0,
                memory: "none".into(),
                toolchain: self.toolchain.digest(),
            },
            image: None,
            network: Vec::new(),
            log: Digest::of(b""),
            started: now,
            ended: now,
            forge: Forge::None,
            verified_ref: None,
        }
    }

    /// The ref that the signed request names, if this runner's own fetch shows that it contains the commit. A check is about
    /// what was built and runs, wherever the ref is by now.
    fn verified(
        &self,
        due: &Due,
        opened: &OpenedRun<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<Option<VerifiedRef>, SourcesError> {
        let Some(name) = opened.at_ref().filter(|_| !matches!(due.work, Work::Check(_))) else {
            return Ok(None);
        };
        let of = ProjectCommit { project: &due.project, commit: &due.commit };
        Ok(Some(self.origins.verified(opened.request(), of, name, wanted)?))
    }

    /// The commit's source. Its tree is read only once the commit's signature was verified.
    fn source(
        &self,
        due: &Due,
        opened: &OpenedRun<'_>,
        offered: &Offered<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<Arc<Source>, SourcesError> {
        let of = ProjectCommit { project: &due.project, commit: &due.commit };
        self.sources.of(&due.commit, wanted, |going| {
            let read = |path: &Path| {
                let mut open = Repository::open(path, Budget::new(TIME_MAX, going))?;
                let head = Head::fetch(&mut open, &due.commit)?;
                opened.signed(&head.commit).map_err(TrustError::Refused)?;
                Ok(Source::below(&mut open, head)?)
            };
            self.origins.source(of, opened.at_ref().is_some(), offered, going, &read)
        })
    }
}
