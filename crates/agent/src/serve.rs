//! The agent's process: asks for what is due at its place, judges, applies, reports; watches what runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::oci::Descriptor;
use evidence::{Digest, Moment};
use tokio::time::{Instant, MissedTickBehavior};
use wire::{AgentWork, BLOB_BYTES_MAX, Client, ClientError};

use crate::deployer::{Asked, Deployer, Layer};
use crate::memory::Memory;
use crate::own_thread::OwnThread;
use crate::process::{Launcher, Processes};

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

/// Works until `stop` resolves; starts what ran before first.
///
/// # Errors
/// In words, when the agent cannot start.
pub async fn serve(agent: Agent, client: Client, stop: impl Future<Output = ()>) -> Result<(), String> {
    let place = agent.memory.place.clone();
    let services = Processes::new(&agent.dir, agent.launcher);
    let deployer = Deployer::new(agent.dir, agent.memory, agent.signer, Box::new(services), agent.now)?;
    let running = OwnThread::start("deployer", deployer).map_err(|error| error.to_string())?;
    running.run(Deployer::resume).await?;
    tokio::pin!(stop);
    // Beside whatever is asked: a server that cannot be reached keeps nothing from being started again.
    let mut look = tokio::time::interval_at(Instant::now() + WATCH_EVERY, WATCH_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut complained = false;
    loop {
        let asked = tokio::select! {
            () = &mut stop => break,
            _ = look.tick() => {
                running.run(Deployer::watch).await?;
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
                shown::say(&format!("warning: {what}; trying again"));
            }
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(ASK_AGAIN) => {}
            }
        }
        complained = done.is_err();
    }
    let stopped = running.run(|running| {
        running.stop();
        Ok(())
    });
    stopped.await
}

/// One piece of work, to its report.
async fn one(running: &OwnThread<Deployer>, client: &Client, work: AgentWork) -> Result<(), String> {
    let report = match work {
        AgentWork::Release { bundle, release: number, artifact } => {
            release(running, client, bundle, &Asked { release: number, artifact, plan: artifact }).await?
        }
        AgentWork::Return(order) => running.run(move |running| running.turn_back(&order)).await?,
    };
    match client.report_release(report).await {
        Ok(_) => Ok(()),
        // It is not due any more: somebody saw the same report before.
        Err(ClientError::Problem(problem)) if !problem.reasons.is_empty() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

async fn release(
    running: &OwnThread<Deployer>,
    client: &Client,
    digest: Digest,
    asked: &Asked,
) -> Result<Envelope, String> {
    let number = asked.release;
    let artifact = asked.artifact;
    let known = running.run(move |running| Ok(running.reported(number, &artifact))).await?;
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
        Ok(bundle) if bundle.release == number => Arc::new(bundle),
        Ok(_) => return unread(running, asked, "it is of another release").await,
        Err(what) => return unread(running, asked, &what).await,
    };
    let proof = Arc::new(consistency(running, client, &bundle).await?);
    let (at, with) = (Arc::clone(&bundle), Arc::clone(&proof));
    // Nothing is fetched for what is refused, nor by a size that nobody has vouched for.
    let wanted = running.run(move |running| running.wants(&at, &with)).await?;
    let layer = match wanted {
        None => Layer::Unasked,
        Some(wanted) => fetched(client, &wanted).await?,
    };
    running.run(move |running| running.release(&bundle, &proof, &layer)).await
}

async fn fetched(client: &Client, wanted: &Descriptor) -> Result<Layer, String> {
    let most = usize::try_from(wanted.size).unwrap_or(usize::MAX).min(BLOB_BYTES_MAX);
    match client.blob(&wanted.digest, most).await {
        Ok(bytes) => Ok(Layer::Bytes(bytes)),
        // Bytes that are not those of the digest are refused by the client; the agent says so on record.
        Err(ClientError::Answer { .. }) => Ok(Layer::Lacking),
        Err(ClientError::Problem(problem)) if problem.status == 404 => Ok(Layer::Lacking),
        // Nobody answered, or not now: that says nothing about the artifact.
        Err(error) => Err(error.to_string()),
    }
}

/// Refuses evidence that cannot even be read.
async fn unread(running: &OwnThread<Deployer>, asked: &Asked, what: &str) -> Result<Envelope, String> {
    let (asked, what) = (*asked, what.to_owned());
    running.run(move |running| running.unread(&asked, &what)).await
}

/// The proof that the bundle's checkpoint continues the one that was seen; empty when there is none.
async fn consistency(
    running: &OwnThread<Deployer>,
    client: &Client,
    bundle: &Bundle,
) -> Result<Vec<evidence::Bytes>, String> {
    let seen = running.run(|running| Ok(running.memory().checkpoint.clone())).await?;
    let sizes = seen.parse().ok().and_then(|seen| judge::sizes_to_prove(bundle, &seen));
    match sizes {
        Some((old, new)) => client.consistency(old, new).await.map_err(|error| error.to_string()),
        None => Ok(Vec::new()),
    }
}

const ASK_AGAIN: Duration = Duration::from_millis(500);
const WATCH_EVERY: Duration = Duration::from_secs(5);
