//! A runner as a node: the real bench, with its store on disk; steps are simulated.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evidence::machine::MachineSigner;
use evidence::tree_list::FileMode;
use evidence::{CommitId, Digest, git};
use lab::Lab;
use runner::{Answers, Bench, IsWanted, Isolation, Keep, Log, Source, SourceFile, Toolchain, Trust};
use sandbox::{Exit, Input, Level, Outputs, SandboxError, Spec, StepOutcome};

use crate::installation::runner_name;
use crate::machine::{self, between};
use crate::net::{Connection, Content, Message, Outbox, PeerReply, PeerRequest};

/// Every commit that was made, as a repository would provide it.
pub type Repository = BTreeMap<CommitId, Arc<Source>>;

/// A running runner.
#[derive(Debug)]
pub struct Builder {
    n: usize,
    bench: Bench,
    line: Connection,
}

impl Builder {
    /// Starts from the files on disk.
    ///
    /// # Errors
    /// A text.
    pub fn start(dir: &Path, n: usize, lab: &Lab) -> Result<Self, String> {
        let seed = 122 + u8::try_from(n).map_err(|error| error.to_string())?;
        let bench = Bench {
            installation: lab::id(1),
            runner: runner_name(n),
            root: 1,
            signer: MachineSigner::from_seed([seed; 32]).map_err(|error| error.to_string())?,
            toolchain: Toolchain::of(Vec::new(), BTreeMap::new()).map_err(|error| error.to_string())?,
            keep: Keep::open(dir, KEEP_BYTES).map_err(|error| error.to_string())?,
            answers: Answers::open(&dir.join("answers"), KEEP_BYTES).map_err(|error| error.to_string())?,
            isolation: Box::new(Steps { dir: dir.join("step") }),
            leases: runner::Leases::of(dir),
            trust: Trust::open(dir, &lab.pin()).map_err(|error| error.to_string())?,
            now: machine::now,
            sources: runner::Sources::default(),
            origins: runner::Origins::open(dir, false),
            stores: runner::StoreLogins::of(dir),
        };
        Ok(Self { n, bench, line: Connection::default() })
    }

    /// Whether it has stored a receipt with all its outputs.
    #[must_use]
    pub fn keeps(&self, receipt: &Digest) -> bool {
        self.bench.keep.outputs(receipt).is_ok()
    }

    /// Asks for due work if it has none.
    pub fn tick(&mut self, out: &mut Outbox) {
        let now = machine::now().millis();
        if self.line.is_busy() {
            self.line.again(now, out);
        } else {
            self.line.ask(now, 0, PeerRequest::RunnerWork(self.n), out);
        }
    }

    /// Handles an answer.
    ///
    /// # Errors
    /// A text, if it cannot work now.
    pub fn take(
        &mut self,
        message: &Message,
        repository: &Repository,
        out: &mut Outbox,
    ) -> Result<(), String> {
        let Content::PeerReply(told) = &message.content else { return Ok(()) };
        if self.line.answered(message.call).is_none() {
            return Ok(());
        }
        let PeerReply::RunnerWork(Some(told)) = told else { return Ok(()) };
        let (work, order) = told.as_ref();
        if let Some(source) = repository.get(&work.due.commit) {
            self.bench.sources.add(Arc::clone(source));
        }
        let done = self
            .bench
            .work(&work.due, order, &runner::Offered::default(), &|_, _| {}, &|| true)
            .map_err(|error| error.to_string())?;
        let ask = PeerRequest::Receipt(done.blobs, Box::new(done.receipt));
        self.line.ask(machine::now().millis(), between(1_000, 60_000), ask, out);
        Ok(())
    }
}

/// Steps whose outputs are a function of the commit.
#[derive(Debug)]
struct Steps {
    dir: PathBuf,
}

impl Isolation for Steps {
    fn run(
        &self,
        spec: &Spec,
        _: &[Input<'_>],
        log: Log<'_>,
        _: IsWanted<'_>,
    ) -> Result<StepOutcome, SandboxError> {
        let failed = |error| SandboxError::Io("make an output", error);
        let commit = spec.environment.get("COUNTERSIGN_COMMIT").cloned().unwrap_or_default();
        if spec.environment.get("COUNTERSIGN_STEP").is_some_and(|step| step == "build") {
            let program = self.dir.join("out/api");
            fs::create_dir_all(self.dir.join("out")).map_err(failed)?;
            fs::write(&program, format!("#!/bin/sh\n# {commit}\nexec serve\n")).map_err(failed)?;
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        }
        fs::create_dir_all(&self.dir).map_err(failed)?;
        log(sandbox::Stream::Out, b"done\n");
        Ok(StepOutcome {
            exit: Exit::Code(0),
            level: Level { user: "range".into(), landlock: 6, memory: "watched".into() },
            outputs: Outputs::of_dir(&self.dir).map_err(|error| SandboxError::Setup(error.to_string()))?,
            log_truncated: false,
            reached: Vec::new(),
            refused: Vec::new(),
        })
    }
}

/// A commit of lab's files, as a runner fetches it.
#[must_use]
pub fn source_of(
    lab: &Lab,
    pack: &evidence::source_pack::SourcePack,
    list: evidence::tree_list::TreeList,
) -> Source {
    let object = pack.commits.get(pack.commit.as_str()).unwrap().0.clone();
    let file =
        |(path, text): (String, String)| SourceFile { path, mode: FileMode::Plain, bytes: text.into_bytes() };
    Source {
        id: pack.commit.clone(),
        commit: git::Commit::parse(&object).unwrap(),
        object,
        list,
        files: lab.files().into_iter().map(file).collect(),
    }
}

/// More than any seed needs.
pub const KEEP_BYTES: u64 = 1 << 30;
