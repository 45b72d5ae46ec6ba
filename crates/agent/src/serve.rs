//! The agent's process: requests due work for its place, judges, applies, reports; and watches the running release.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evidence::Place;
use evidence::bundle::{BYTES_MAX, Bundle};
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::relayed_status::RelayedStatus;
use evidence::secrets_order::SecretsOrder;
use evidence::{Digest, Moment};
use tokio::sync::{Notify, watch};
use tracing::{info, warn};
use vault::SEALED_BYTES_MAX;
use wire::{AgentWork, Client, ClientError, StatusRelay, follow_statuses};

use crate::condition::Condition;
use crate::deployer::{Deployer, Layer, RequestedRelease};
use crate::drift::Firewall;
use crate::error::AgentError;
use crate::fetching::{consistency, fetched, unread};
use crate::held::Launcher;
use crate::interrupts::{Interrupt, Interrupts};
use crate::lookout::{Lookout, Unwanted};
use crate::memory::Memory;
use crate::observing;
use crate::own_thread::OwnThread;
use crate::patience::{NotDone, Patience, taken};
use crate::preview_files::kept_in;
use crate::preview_memory::PreviewMemory;
use crate::process::Processes;
use crate::relayed;
use crate::secrets::HeldSecrets;
use crate::service_log::ServiceLog;
use crate::service_user::{self, ServiceUser};
use crate::status_file::read_status;
use crate::telling::tell;
use crate::timely;

/// Takes the agent's next key up once people have named it, and returns it then. It may block.
pub type NextKey = Box<dyn FnMut() -> Option<MachineSigner> + Send>;

/// The parts of an agent.
pub struct Agent {
    /// Its directory.
    pub dir: PathBuf,
    /// Its memory.
    pub memory: Memory,
    /// Its report key.
    pub signer: MachineSigner,
    /// Makes a command that calls `exec_service`.
    pub launcher: Arc<dyn Launcher>,
    /// The account that services run as, if it is not the agent's own.
    pub service_user: Option<ServiceUser>,
    /// The account that the splitter of requests runs as, if it is another one than that of services.
    pub splitter_user: Option<ServiceUser>,
    /// Its clock.
    pub now: fn() -> Moment,
    /// Time for which a process has to stay up after its probe has passed, before its release counts as running.
    pub settle: Duration,
    /// Witnesses that are asked for the newest status, beside the server.
    pub relays: Vec<StatusRelay>,
    /// Its next key, which is asked for again and again.
    pub next_key: NextKey,
    /// The preview that it keeps, whenever that changes; absent at places that stay.
    pub preview: Option<watch::Receiver<PreviewMemory>>,
    /// Reads the rules of the host's firewall, if it can.
    pub firewall: Option<Firewall>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Runs until `stop` resolves; starts the release that ran before first.
///
/// # Errors
/// `AgentError` when the agent cannot start.
pub async fn serve(agent: Agent, client: Client, stop: impl Future<Output = ()>) -> Result<(), AgentError> {
    let (place, dir, now) = (agent.memory.place.clone(), agent.dir.clone(), agent.now);
    let (log, interrupts) = (ServiceLog::new(&dir.join(LOG)), Interrupts::default());
    let (user, home) = (agent.service_user, service_user::home(agent.service_user, &dir)?);
    match user {
        Some(user) => info!("services run as {user}"),
        None => info!("services run as the agent's own user, who reads its key; see --service-user"),
    }
    let services = Processes::new(&home, Box::new(agent.launcher), log.clone(), interrupts.clone());
    let services = services.map_err(AgentError::Probes)?.settling(agent.settle).with_clock(now);
    let services = services.running_as(user).splitting_as(agent.splitter_user).with_secrets_of(&dir, &home);
    let services = services.logging_in(agent.memory.agent.clone(), agent.signer.clone(), now);
    let said = services.said();
    let (relays, installation) = (agent.relays, agent.memory.installation);
    let (at, next_key, preview) = (dir.clone(), agent.next_key, agent.preview);
    let take = move |given: &RelayedStatus| relayed::take(&at, given);
    let deployer =
        Deployer::with_releases_in(&home, agent.dir, agent.memory, agent.signer, Box::new(services), now)?
            .reading_firewall(agent.firewall);
    let running = OwnThread::start("deployer", deployer).map_err(AgentError::Thread)?;
    let (condition, conditions) = watch::channel(Condition::default());
    let kept = preview.as_ref().map(|_| kept_in(&dir, &home));
    let life = Life {
        running,
        client: client.clone(),
        place: place.clone(),
        dir,
        now,
        interrupts,
        observed: Notify::new(),
        condition,
    };
    tokio::select! {
        // These never end by themselves.
        () = life.renew(next_key) => {}
        () = life.rotate() => {}
        () = life.observe() => {}
        () = life.roll() => {}
        () = life.ask() => {}
        () = life.take_orders() => {}
        () = life.look_for_drift() => {}
        () = life.ask_for_rules() => {}
        () = follow_statuses(&relays, installation, take) => {}
        () = life.follow_preview(preview) => {}
        () = tell(&client, &place, &log, conditions, &said, (now(), kept.as_deref())) => {}
        () = life.work(stop) => {}
    }
    // The next step of a rollout may be starting.
    life.interrupts.raise(Interrupt::Ending);
    Ok(life.running.run(Deployer::stop).await?)
}

/// A running agent.
#[derive(Debug)]
pub struct Life {
    pub running: OwnThread<Deployer>,
    pub client: Client,
    pub place: Place,
    pub dir: PathBuf,
    pub now: fn() -> Moment,
    pub interrupts: Interrupts,
    /// Told when an observation waits that people have to hear of at once.
    pub observed: Notify,
    condition: watch::Sender<Condition>,
}

impl Life {
    /// Signs with the next key once it is taken up. The service goes on meanwhile.
    async fn renew(&self, mut next_key: NextKey) {
        loop {
            tokio::time::sleep(NEXT_KEY_EVERY).await;
            let looked = tokio::task::spawn_blocking(move || {
                let found = next_key();
                (next_key, found)
            });
            // It ended by a fault, which the runtime has told; the next start of the agent takes the key up.
            let Ok((again, found)) = looked.await else { return std::future::pending().await };
            next_key = again;
            let Some(signer) = found else { continue };
            self.client.sign_with(signer.clone());
            if let Err(error) = self.running.run(move |running| running.sign_with(signer)).await {
                warn!("{error}");
            }
        }
    }

    /// Takes newer versions of the service's secrets, without a release.
    async fn rotate(&self) {
        let (mut complained, mut seen) = (false, None);
        loop {
            tokio::time::sleep(ROTATE_EVERY).await;
            let done = self.rotate_once(&mut seen).await;
            if let (Err(error), false) = (&done, complained) {
                warn!("newer versions of secrets cannot be looked for: {error}; trying again");
            }
            complained = done.is_err();
        }
    }

    async fn rotate_once(&self, seen: &mut Option<Arc<SecretsOrder>>) -> Result<(), AgentError> {
        if !self.running.run(|running| running.has_secrets()).await? {
            return Ok(());
        }
        let asked = self.client.place_secrets(&self.place).await.map(Arc::new);
        // Without an answer, a status that a witness or a person brought may withdraw what the last one had.
        let Some(given) = asked.as_ref().ok().or(seen.as_ref()).cloned() else { return Ok(asked.map(drop)?) };
        *seen = Some(Arc::clone(&given));
        let newer = self.running.run(move |running| running.newer(&given)).await??;
        let done = match asked {
            Ok(_) if newer.is_empty() => Ok(()),
            Ok(_) => self.take_newer(newer).await,
            Err(error) => Err(error.into()),
        };
        self.running.run(Deployer::end_withdrawn).await?;
        self.see().await;
        done
    }

    async fn take_newer(&self, newer: HeldSecrets) -> Result<(), AgentError> {
        self.fetch_sealed(newer.values().map(|held| held.value).collect()).await?;
        Ok(self.running.run(move |running| running.rotate(&newer)).await??)
    }

    /// Fetches sealed values that are not here. A value that the server does not have is missed when it is needed.
    async fn fetch_sealed(&self, values: BTreeSet<Digest>) -> Result<(), AgentError> {
        for value in values {
            let bytes = match self.client.blob(&value, SEALED_BYTES_MAX).await {
                Ok(bytes) => bytes,
                Err(ClientError::Answer { .. }) => continue,
                Err(ClientError::Problem(problem)) if problem.status == 404 => continue,
                Err(error) => return Err(error.into()),
            };
            self.running.run(move |running| running.keep_sealed(&value, &bytes)).await??;
        }
        Ok(())
    }

    async fn work(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let (mut complained, mut patience) = (false, Patience::default());
        if self.ends_before(&mut stop, self.look(Deployer::resume)).await.is_none() {
            return;
        }
        loop {
            let Some(asked) = self.next_work(&mut stop).await else { return };
            let done = match asked {
                Ok(Some(work)) => match self.ends_before(&mut stop, self.carry_out(work)).await {
                    Some(done) => done,
                    None => return,
                },
                Ok(None) => Ok(()),
                Err(error) => Err(NotDone::Passing(error.to_string())),
            };
            self.see().await;
            let pause = patience.after(&done);
            if let (Err(what), Some(pause)) = (&done, pause) {
                if !complained && what.is_trouble() {
                    warn!("{}; trying again", what.text());
                }
                if self.wait(pause, &mut stop).await.is_none() {
                    return;
                }
            }
            complained = done.is_err_and(|what| what.is_trouble());
        }
    }

    /// Waits before the next request, and watches the running release meanwhile: requests to an unreachable server fail at
    /// once, so no other code would watch. `None` once the agent is asked to end.
    async fn wait(&self, pause: Duration, stop: &mut (impl Future<Output = ()> + Unpin)) -> Option<()> {
        let mut rest = pause;
        loop {
            self.ends_before(stop, self.look(Deployer::watch)).await?;
            let part = rest.min(WATCH_EVERY);
            tokio::select! {
                () = &mut *stop => return None,
                () = tokio::time::sleep(part) => {}
            }
            rest = rest.saturating_sub(part);
            if rest.is_zero() {
                return Some(());
            }
        }
    }

    /// The next due work. The running release is watched in parallel: an unreachable server does not prevent a restart, and a
    /// release that does not start does not delay a newer one.
    async fn next_work(
        &self,
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> Option<Result<Option<AgentWork>, ClientError>> {
        let asking = self.client.agent_work(&self.place);
        tokio::pin!(asking);
        loop {
            tokio::select! {
                () = &mut *stop => return None,
                asked = &mut asking => return Some(asked),
                () = tokio::time::sleep(WATCH_EVERY) => {}
            }
            let looking = self.look(Deployer::watch);
            tokio::pin!(looking);
            tokio::select! {
                biased;
                () = &mut looking => {}
                () = &mut *stop => {
                    self.interrupts.raise(Interrupt::Ending);
                    looking.await;
                    return None;
                }
                asked = &mut asking => {
                    if matches!(&asked, Ok(Some(work)) if !self.is_rolling(work)) {
                        self.interrupts.raise(Interrupt::Unwanted("something newer is due".into()));
                    }
                    looking.await;
                    drop(self.interrupts.take());
                    return Some(asked);
                }
            }
        }
    }

    /// Whether this work is the release that is rolled out now.
    fn is_rolling(&self, work: &AgentWork) -> bool {
        let rolling = self.condition.borrow().rolling;
        matches!(work, AgentWork::Release { release, .. } if rolling == Some(*release))
    }

    /// Runs an operation to its end, which comes soon once the agent is asked to end; returns `None` then.
    async fn ends_before<T>(
        &self,
        stop: &mut (impl Future<Output = ()> + Unpin),
        work: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = &mut *stop => {}
        }
        self.interrupts.raise(Interrupt::Ending);
        drop(work.await);
        None
    }

    async fn look(&self, look: fn(&mut Deployer)) {
        if let Err(error) = self.running.run(look).await {
            warn!("{error}");
        }
        self.see().await;
    }

    /// Publishes the state of the current release.
    pub async fn see(&self) {
        if let Ok(condition) = self.running.run(|running| running.condition()).await {
            let vitals = self.client.vitals();
            vitals.set("service_runs", "1 if the service runs", u64::from(condition.down.is_none()));
            let restarts = u64::from(condition.restarts.count);
            vitals.set("service_restarts", "How often the service had to be started again", restarts);
            self.condition.send_if_modified(|now| std::mem::replace(now, condition.clone()) != condition);
        }
    }

    /// Carries out one piece of work, up to its report.
    async fn carry_out(&self, work: AgentWork) -> Result<(), NotDone> {
        let is_release = matches!(work, AgentWork::Release { .. });
        if is_release && self.tell_of_orders().await? {
            // It was due before the server knew of a return.
            return Ok(());
        }
        let report = match work {
            AgentWork::Release { bundle, release: number, artifact, advance, ahead, statement } => {
                if let Some(order) = advance {
                    let done = self.running.run(move |running| running.advance(&order)).await;
                    done.map_err(AgentError::from)?.map_err(AgentError::from)?;
                }
                let asked = RequestedRelease { release: number, artifact, plan: artifact };
                self.release(bundle, &asked, (ahead, statement.map(|newer| *newer))).await?
            }
            AgentWork::Rollback(order) => {
                let done = self.running.run(move |running| running.rollback(&order)).await;
                done.map_err(AgentError::from)?.map_err(AgentError::from)?
            }
            AgentWork::Retreat(order) => {
                let done = self.running.run(move |running| running.retreat(&order)).await;
                done.map_err(AgentError::from)?.map_err(AgentError::from)?
            }
        };
        match observing::send(&self.running, &self.client).await {
            // The next environment's gate is due with the report, and may need what was observed before it.
            Err(AgentError::Client(error)) if error.is_passing() => Err(AgentError::Client(error).into()),
            _ => taken(self.client.report_release(report).await),
        }
    }

    /// Carries out a release; `ahead` are the reports of the agents before this one, and `newer` is a newer statement.
    async fn release(
        &self,
        digest: Digest,
        asked: &RequestedRelease,
        (ahead, newer): (Vec<Envelope>, Option<Envelope>),
    ) -> Result<Envelope, AgentError> {
        let (running, client) = (&self.running, &self.client);
        let (number, artifact) = (asked.release, asked.artifact);
        if let Some(report) = running.run(move |running| running.settled(number, &artifact)).await?? {
            return Ok(report);
        }
        let bundle = match client.blob(&digest, BYTES_MAX).await {
            Ok(bytes) => Bundle::decode(&bytes).map_err(|error| error.to_string()),
            // The server sent bytes with another digest: that is an answer about the release, and it is recorded.
            Err(error @ ClientError::Answer { .. }) => Err(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        let bundle = match bundle {
            Ok(bundle) if bundle.release == number => Arc::new(bundle),
            Ok(_) => return unread(running, asked, "it is of another release").await,
            Err(what) => return unread(running, asked, &what).await,
        };
        let proof = Arc::new(consistency(running, client, &bundle).await?);
        let fresh = timely::fresh(client, &bundle).await?;
        running.run(move |running| running.shown(fresh, ahead, newer)).await?;
        let (at, with) = (Arc::clone(&bundle), Arc::clone(&proof));
        // Nothing is fetched for what is refused, nor by a size that nobody has vouched for.
        let wanted = running.run(move |running| running.wants(&at, &with)).await??;
        let layer = match wanted {
            None => Layer::Unasked,
            Some(wanted) => {
                let of = Arc::clone(&bundle);
                let sealed = running.run(move |running| running.wants_sealed(&of)).await?;
                self.fetch_sealed(sealed).await?;
                fetched(client, &wanted).await?
            }
        };
        self.applied(bundle, proof, layer).await
    }

    /// Judges and applies a release, unless it is not wanted any more meanwhile.
    async fn applied(
        &self,
        bundle: Arc<Bundle>,
        proof: Arc<Vec<evidence::Bytes>>,
        layer: Layer,
    ) -> Result<Envelope, AgentError> {
        let memory = self.running.run(|running| running.memory().clone()).await?;
        let lookout = Lookout {
            client: &self.client,
            dir: self.dir.clone(),
            by_hand: read_status(&self.dir).ok().flatten(),
            place: self.place.clone(),
            memory,
            bundle: Arc::clone(&bundle),
            proof: Arc::clone(&proof),
            now: self.now,
        };
        let evidence = Arc::clone(&bundle);
        let applying = self.running.run(move |running| running.release(&bundle, &proof, &layer));
        tokio::pin!(applying);
        let status = tokio::select! {
            biased;
            done = &mut applying => return Ok(done??),
            Unwanted { why, status } = lookout.unwanted() => {
                self.interrupts.raise(Interrupt::Unwanted(why));
                status
            }
        };
        let done = applying.await;
        if let Some(status) = status {
            self.running.run(move |running| running.meet(&evidence.roots, &status)).await??;
        }
        // An interrupt that came too late must not affect other work.
        drop(self.interrupts.take());
        Ok(done??)
    }
}

const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Pause between two questions for newer secrets.
const ROTATE_EVERY: Duration = Duration::from_secs(5);
/// Pause between two looks for a next key.
const NEXT_KEY_EVERY: Duration = Duration::from_secs(10);
/// Name of the file with the service's output, in the agent's directory.
const LOG: &str = "service.log";
