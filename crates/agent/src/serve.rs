//! The agent's process: asks for what is due at its place, judges, applies, reports; watches what runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::machine::MachineSigner;
use evidence::report::{AgentReport, Outcome};
use evidence::return_order::ReturnOrder;
use evidence::status::StatusFile;
use evidence::{Digest, Moment};
use tlog::Checkpoint;
use wire::{AgentWork, Client, ClientError};

use crate::apply::Hands;
use crate::judging::{Decision, refused};
use crate::memory::{Begun, Known, Memory};
use crate::process::Launcher;

/// What an agent is made of.
#[derive(Debug)]
pub struct Agent {
    /// Its directory.
    pub dir: PathBuf,
    /// Its memory.
    pub memory: Memory,
    /// Its report key.
    pub signer: MachineSigner,
    /// Makes a command that ends up in `exec_service`.
    pub launcher: Box<dyn Launcher>,
    /// Its clock.
    pub now: fn() -> Moment,
}

struct Running {
    dir: PathBuf,
    memory: Memory,
    hands: Hands,
    signer: MachineSigner,
    now: fn() -> Moment,
}

/// What was asked, as far as a report names it.
#[derive(Clone, Copy)]
struct Asked {
    release: u64,
    artifact: Digest,
    plan: Digest,
}

/// Works until `stop` resolves; starts what ran before first.
///
/// # Errors
/// In words, when the agent cannot start.
pub async fn serve(agent: Agent, client: Client, stop: impl Future<Output = ()>) -> Result<(), String> {
    let hands = Hands::new(&agent.dir, agent.launcher)?;
    let place = agent.memory.place.clone();
    let running =
        Running { dir: agent.dir, memory: agent.memory, hands, signer: agent.signer, now: agent.now };
    let running = Arc::new(Mutex::new(running));
    blocking(&running, Running::resume).await?;
    tokio::pin!(stop);
    let mut complained = false;
    loop {
        let asked = tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(WATCH_EVERY) => {
                blocking(&running, Running::watch).await?;
                continue;
            }
            asked = client.agent_work(&place) => asked,
        };
        let done = match asked {
            Ok(Some(work)) => one(&running, &client, work).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(what) = &done {
            if !complained {
                eprintln!("warning: {what}; trying again");
            }
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(ASK_AGAIN) => {}
            }
        }
        complained = done.is_err();
    }
    blocking(&running, |running| {
        running.hands.stop();
        Ok(())
    })
    .await
}

type Shared = Arc<Mutex<Running>>;

async fn blocking<T: Send + 'static>(
    running: &Shared,
    work: impl FnOnce(&mut Running) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let running = Arc::clone(running);
    let done = tokio::task::spawn_blocking(move || {
        work(&mut running.lock().unwrap_or_else(PoisonError::into_inner))
    });
    done.await.map_err(|error| error.to_string())?
}

/// One piece of work, to its report.
async fn one(running: &Shared, client: &Client, work: AgentWork) -> Result<(), String> {
    let report = match work {
        AgentWork::Release { bundle, release: number, artifact } => {
            release(running, client, bundle, &Asked { release: number, artifact, plan: artifact }).await?
        }
        AgentWork::Return(order) => blocking(running, move |running| running.turn_back(&order)).await?,
    };
    match client.report_release(report).await {
        Ok(_) => Ok(()),
        // It is not due any more: somebody saw the same report before.
        Err(ClientError::Problem(problem)) if !problem.reasons.is_empty() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

async fn release(
    running: &Shared,
    client: &Client,
    digest: Digest,
    asked: &Asked,
) -> Result<Envelope, String> {
    let number = asked.release;
    let known = blocking(running, move |running| Ok(running.reported(number))).await?;
    if let Some(report) = known {
        return Ok(report);
    }
    let bundle = match client.blob(&digest, BYTES_MAX).await {
        Ok(bytes) => Bundle::decode(&bytes).map_err(|error| error.to_string()),
        // Other bytes than those of the digest: that is an answer, and it goes on record.
        Err(error @ ClientError::Answer { .. }) => Err(error.to_string()),
        Err(error) => return Err(error.to_string()),
    };
    let bundle = match bundle {
        Ok(bundle) if bundle.release == number => bundle,
        Ok(_) => return unread(running, asked, "it is of another release").await,
        Err(what) => return unread(running, asked, &what).await,
    };
    let proof = consistency(running, client, &bundle).await?;
    let layer = evidence::oci::Manifest::decode(&bundle.manifest.0).ok();
    let layer = layer.and_then(|manifest| manifest.layers.first().map(|layer| (layer.digest, layer.size)));
    let layer = match layer {
        // Bytes that are not those of the digest are refused by the client; the agent says so on record.
        Some((digest, size)) => {
            let most = usize::try_from(size).unwrap_or(usize::MAX);
            match client.blob(&digest, most).await {
                Ok(bytes) => Some(bytes),
                Err(ClientError::Answer { .. }) => None,
                Err(ClientError::Problem(problem)) if problem.status == 404 => None,
                // Nobody answered, or not now: that says nothing about the artifact.
                Err(error) => return Err(error.to_string()),
            }
        }
        None => None,
    };
    blocking(running, move |running| running.release(&bundle, &proof, layer.as_deref())).await
}

/// Refuses evidence that cannot even be read.
async fn unread(running: &Shared, asked: &Asked, what: &str) -> Result<Envelope, String> {
    let (asked, decision) = (*asked, refused("bundle-unsound", what));
    blocking(running, move |running| running.carry_out(&asked, decision)).await
}

/// The proof that the bundle's checkpoint continues the one that was seen; empty when there is none.
async fn consistency(
    running: &Shared,
    client: &Client,
    bundle: &Bundle,
) -> Result<Vec<evidence::Bytes>, String> {
    let seen = blocking(running, |running| Ok(running.memory.checkpoint.clone())).await?;
    let sizes = seen.parse().ok().and_then(|seen| judge::sizes_to_prove(bundle, &seen));
    match sizes {
        Some((old, new)) => client.consistency(old, new).await.map_err(|error| error.to_string()),
        None => Ok(Vec::new()),
    }
}

impl Running {
    /// Starts what ran when the agent ended.
    fn resume(&mut self) -> Result<(), String> {
        if let Some(known) = self.memory.running.clone()
            && let Err((_, what)) = self.hands.run(&known)
        {
            eprintln!("warning: what ran before does not start: {what}");
        }
        Ok(())
    }

    /// Starts a process again that has ended by itself.
    fn watch(&mut self) -> Result<(), String> {
        if self.hands.has_ended() {
            eprintln!("warning: the service has ended by itself; starting it again");
            self.resume()?;
        }
        Ok(())
    }

    /// The report of a release that was reported before.
    fn reported(&self, release: u64) -> Option<Envelope> {
        let (number, report) = self.memory.report.as_ref()?;
        (*number == release).then(|| report.clone())
    }

    fn release(
        &mut self,
        bundle: &Bundle,
        proof: &[evidence::Bytes],
        layer: Option<&[u8]>,
    ) -> Result<Envelope, String> {
        // One that cannot be read may hold a freeze: nothing is applied before it can.
        let by_hand = read_status(&self.dir)?;
        let mut decision = self.memory.judge_release(bundle, proof, by_hand.as_ref(), (self.now)());
        if let Some(known) = &decision.apply {
            let unpacked = match layer {
                Some(bytes) => self.hands.releases().unpack(&known.artifact, &known.layer, bytes),
                None => {
                    decision = refused("artifact-differs", "the server does not have the artifact's bytes");
                    Ok(())
                }
            };
            match unpacked {
                Ok(()) => {}
                Err(error) if error.is_of_the_artifact() => {
                    decision = refused("artifact-differs", &error.to_string());
                }
                // A full disk says nothing about the artifact: the release stays due, and is tried again.
                Err(error) => return Err(error.to_string()),
            }
        }
        let plan = bundle.plan.digest().map_err(|error| error.to_string())?;
        let asked = Asked { release: bundle.release, artifact: bundle.artifact(), plan };
        self.carry_out(&asked, decision)
    }

    fn turn_back(&mut self, order: &ReturnOrder) -> Result<Envelope, String> {
        if let Some(report) = self.reported(order.release) {
            return Ok(report);
        }
        let by_hand = read_status(&self.dir)?;
        let decision = self.memory.judge_return(order, by_hand.as_ref(), (self.now)());
        let plan = decision.apply.as_ref().map(|known| known.plan.digest());
        let plan = plan.transpose().map_err(|error| error.to_string())?.unwrap_or(order.artifact);
        let asked = Asked { release: order.release, artifact: order.artifact, plan };
        self.carry_out(&asked, decision)
    }

    /// Applies or refuses, remembers, and signs the report.
    fn carry_out(&mut self, asked: &Asked, decision: Decision) -> Result<Envelope, String> {
        for words in &decision.words {
            eprintln!("release {}: {words}", asked.release);
        }
        let (outcome, mut reasons) = match &decision.apply {
            None => (Outcome::Refused, decision.reasons),
            Some(new) => {
                self.begin(asked)?;
                let old = self.memory.running.clone();
                let applied = self.hands.apply(new, old.as_ref());
                self.remember(new, old, applied.0);
                applied
            }
        };
        reasons.sort();
        reasons.dedup();
        let place = &self.memory.place;
        let head = self.memory.checkpoint.parse::<Checkpoint>().ok();
        let report = AgentReport {
            v: 1,
            installation: self.memory.installation,
            project: place.project.clone(),
            service: place.service.clone(),
            environment: place.environment.clone(),
            agent: self.memory.agent.clone(),
            release: asked.release,
            artifact: asked.artifact,
            plan: asked.plan,
            outcome,
            running: self.memory.running.as_ref().map(Known::running),
            reasons,
            root: self.memory.seen_root,
            status: self.memory.seen_status,
            statement: self.memory.seen_statement,
            checkpoint: head.as_ref().map_or(0, |head| head.size),
            checkpoint_root: head.map(|head| Digest::from_bytes(*head.root.as_bytes())),
            time: (self.now)(),
        };
        let signed = report.sign(&self.signer).map_err(|error| error.to_string())?;
        self.memory.report = Some((asked.release, signed.clone()));
        self.memory.begun = None;
        self.memory.write(&self.dir).map_err(|error| error.to_string())?;
        Ok(signed)
    }

    /// Notes what is begun, before anything changes; begun again after a crash, it stays as it was noted.
    fn begin(&mut self, asked: &Asked) -> Result<(), String> {
        let after = self.memory.newest_before(asked.release, &asked.artifact);
        self.memory.begun = Some(Begun { release: asked.release, artifact: asked.artifact, after });
        self.memory.seen_release = self.memory.seen_release.max(asked.release);
        self.memory.write(&self.dir).map_err(|error| error.to_string())
    }

    fn remember(&mut self, new: &Known, old: Option<Known>, outcome: Outcome) {
        match outcome {
            Outcome::Running => {
                if old.as_ref().is_some_and(|old| old.artifact != new.artifact) {
                    self.memory.before = old;
                }
                self.memory.running = Some(new.clone());
            }
            Outcome::Failed => self.memory.running = None,
            Outcome::Returned | Outcome::Refused => {}
        }
    }
}

/// The status that somebody laid into an agent's directory, where the server may withhold it.
///
/// # Errors
/// In words, when there is one that cannot be read.
pub fn read_status(dir: &Path) -> Result<Option<StatusFile>, String> {
    let path = dir.join(STATUS_FILE);
    let failed = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    let size = match std::fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
    };
    if size > 2 * ENVELOPE_BYTES_MAX as u64 {
        return Err(failed(&"it is too large for a status"));
    }
    let bytes = std::fs::read(&path).map_err(|error| failed(&error))?;
    StatusFile::decode(&bytes).map(Some).map_err(|error| failed(&error))
}

/// Name of the file by which a status reaches an agent whichever way it came.
pub const STATUS_FILE: &str = "status.json";
const ASK_AGAIN: Duration = Duration::from_millis(500);
const WATCH_EVERY: Duration = Duration::from_secs(5);
