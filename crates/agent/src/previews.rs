//! The agent of a template: it keeps each preview in a separate directory, as an agent of that place, and removes it on time.
//!
//! Invariant: a preview runs as any other place does: its own memory, judge, processes and reports. It ends by its own time, by a
//! newer template, or by a person's request; each is proven here, so a server can withhold a preview but not end one. The
//! removal takes processes first, then files, then tells the server, and only then forgets the preview: it goes on after a crash.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use evidence::environment::Environment;
use evidence::machine::MachineSigner;
use evidence::observations::{Body, PreviewRemoved, RemovedBecause};
use evidence::{Moment, Name, Place};
use judge::{CheckedPreview, CheckedPreviews, ends_under};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};
use wire::Client;

use crate::error::{AgentError, DeployError};
use crate::held::Launcher;
use crate::leases::Leases;
use crate::leftovers;
use crate::memory::{Memory, MemoryError};
use crate::outbox::Outbox;
use crate::preview_end::{Over, Times, over};
use crate::preview_files::{kept_in, remove_dir, remove_what_was_left};
use crate::preview_memory::{PreviewMemory, RemovalMemory};
use crate::secrets::SEAL_FILE;
use crate::serve::{Agent, Life, NextKey, serve};
use crate::service_user;
use crate::told::{Told, told_if_new};
use crate::trees::size_of;

/// Keeps the previews of a template until `stop` resolves.
///
/// # Errors
/// `AgentError` when the agent cannot start.
pub async fn serve_previews(
    agent: Agent,
    client: Client,
    stop: impl Future<Output = ()>,
) -> Result<(), AgentError> {
    let mut keeper = Keeper::open(agent, client)?;
    tokio::pin!(stop);
    loop {
        // A turn is short, but for a service that takes its time to end.
        keeper.turn().await;
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(TURN_EVERY) => {}
        }
    }
    for (_, kept) in keeper.kept {
        kept.stop().await;
    }
    Ok(())
}

/// The agent, and the previews that it keeps.
struct Keeper {
    agent: Agent,
    client: Client,
    /// Directory of the previews, beside the agent's own.
    base: PathBuf,
    kept: BTreeMap<Name, Kept>,
    /// The newest key, with a number that rises.
    key: Arc<Mutex<(u64, MachineSigner)>>,
    looked: Option<Instant>,
    told: Told,
}

/// A preview.
struct Kept {
    place: Place,
    preview: PreviewMemory,
    tell: watch::Sender<PreviewMemory>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    /// Since when its time has been over by this agent's clock, while witnesses do not say so.
    doubted: Option<Instant>,
    /// Whether the server's newest order has it; until there was one, it is taken to have it.
    is_listed: bool,
    /// The fault by which its agent ended last.
    fault: Arc<Mutex<String>>,
}

impl Kept {
    fn of(place: Place, preview: PreviewMemory) -> Self {
        let (tell, _) = watch::channel(preview.clone());
        Self { place, preview, tell, running: None, doubted: None, is_listed: true, fault: Arc::default() }
    }

    /// Ends its agent and with it its processes.
    async fn stop(mut self) {
        self.halt().await;
    }

    async fn halt(&mut self) {
        let Some((stop, ended)) = self.running.take() else { return };
        // It may have ended by itself.
        let _ = stop.send(());
        if let Err(error) = ended.await {
            warn!("{}: {error}", self.place);
        }
    }
}

impl Keeper {
    /// The previews that an earlier process of this agent kept.
    fn open(agent: Agent, client: Client) -> Result<Self, AgentError> {
        let base = beside(&agent.dir);
        disk::make_dir(&base).map_err(DeployError::Sealed)?;
        // Services run as another account, and their releases lie below.
        let allowed = fs::set_permissions(&base, Permissions::from_mode(0o711));
        allowed.map_err(|error| failed("protect", &base, error))?;
        let key = Arc::new(Mutex::new((0, agent.signer.clone())));
        let mut kept = BTreeMap::new();
        for item in fs::read_dir(&base).map_err(|error| failed("read", &base, error))? {
            let path = item.map_err(|error| failed("read", &base, error))?.path();
            let name = path.file_name().and_then(|name| name.to_str()?.parse::<Name>().ok());
            let Some(name) = name else { continue };
            if !path.join(crate::memory::FILE).exists() {
                // A crash fell into its first or its last step: nothing ever ran there, or everything else is removed.
                remove_dir(&path).map_err(DeployError::Releases)?;
                continue;
            }
            let memory = Memory::read(&path).map_err(DeployError::Memory)?;
            if let Some(preview) = memory.preview {
                kept.insert(name, Kept::of(memory.place, preview));
            }
        }
        Ok(Self { agent, client, base, kept, key, looked: None, told: Told::default() })
    }

    /// Asks what there is to keep, ends what is over, and goes on with removals.
    async fn turn(&mut self) {
        self.renew().await;
        if let Err(error) = self.look().await {
            self.told.warn(format!("previews cannot be looked for: {error}; trying again"));
        }
        let names: Vec<Name> = self.kept.keys().cloned().collect();
        for name in names {
            self.end_if_over(&name).await;
            let done = if self.is_ending(&name) { self.remove(&name).await } else { self.start(&name) };
            if let Err(error) = done {
                self.told.warn(format!("preview {name}: {error}; trying again"));
            }
        }
        self.told.end_turn();
    }

    /// Takes up the agent's next key once people have named it.
    async fn renew(&mut self) {
        if self.looked.is_some_and(|at| at.elapsed() < KEY_EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        let mut next: NextKey = std::mem::replace(&mut self.agent.next_key, Box::new(|| None));
        let looked = tokio::task::spawn_blocking(move || {
            let found = next();
            (next, found)
        });
        let Ok((next, found)) = looked.await else { return };
        self.agent.next_key = next;
        if let Some(signer) = found {
            self.client.sign_with(signer.clone());
            let mut key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
            *key = (key.0 + 1, signer.clone());
            self.agent.signer = signer;
        }
    }

    /// Takes the order of the server.
    async fn look(&mut self) -> Result<(), AgentError> {
        let order = self.client.agent_previews(&self.agent.memory.place).await?;
        let by_hand = self.agent.memory.take_files(&self.agent.dir).map_err(DeployError::StatusFile)?;
        let before = self.agent.memory.clone();
        let judged = self.agent.memory.judge_previews(&order, by_hand.as_ref(), (self.agent.now)());
        let checked = match judged {
            Ok(checked) => checked,
            Err(reasons) => {
                let all = reasons.against.iter().chain(&reasons.unclear);
                let all: Vec<_> = all.map(|reason| format!("{}: {}", reason.code, reason.what)).collect();
                return Err(DeployError::Previews(all.join("; ")).into());
            }
        };
        if self.agent.memory != before {
            self.agent.memory.write(&self.agent.dir).map_err(DeployError::Memory)?;
        }
        for what in &checked.refused {
            self.told.warn(format!("a preview, or a request to remove one, does not count: {what}"));
        }
        self.follow(&checked)
    }

    /// Takes up new previews and changes of those that it keeps.
    fn follow(&mut self, checked: &CheckedPreviews) -> Result<(), AgentError> {
        let template = &checked.template;
        for kept in self.kept.values_mut() {
            let listed = checked.previews.iter().find(|one| one.environment.place() == kept.place);
            kept.is_listed = listed.is_some();
            let least = kept.preview.least.max(template.number);
            let mut now = PreviewMemory { least, ..kept.preview.clone() };
            let is_newer =
                |one: &&CheckedPreview| one.may_begin && one.is_proven && one.environment.number > now.number;
            if let Some(newer) = listed.filter(is_newer) {
                (now.number, now.until) = (newer.environment.number, newer.preview.until);
            }
            let is_it = |one: &&CheckedPreview| one.environment.number == now.number && one.is_asked_to_end;
            let asked = listed.filter(is_it).map(|_| RemovedBecause::Asked);
            kept.change(now, asked.or_else(|| ends_under(template, &kept.place, kept.preview.slot)));
        }
        for one in checked.previews.iter().filter(|one| one.is_proven) {
            let name = &one.environment.environment;
            // A server could list any number of names, and each would take a slot of this host.
            let is_taken = self.kept.values().any(|kept| kept.preview.slot == one.preview.slot);
            if !is_taken && !self.kept.contains_key(name) && !self.agent.memory.has_removed(one) {
                self.begin(one, template)?;
            }
        }
        Ok(())
    }

    /// Makes the directory of a preview. One that is over already is made too, so that its removal is reported, and so is one that
    /// can only end: it is over at once.
    fn begin(&mut self, one: &CheckedPreview, template: &Environment) -> Result<(), AgentError> {
        let (place, dir) = (one.environment.place(), self.base.join(one.environment.environment.as_str()));
        let preview = PreviewMemory {
            template: one.preview.template.clone(),
            least: one.preview.number.max(template.number),
            number: one.environment.number,
            slot: one.preview.slot,
            until: if one.may_begin { one.preview.until } else { one.preview.until.min((self.agent.now)()) },
            removal: match one.may_begin {
                true => one.ends(template).map(RemovalMemory::begun),
                false => Some(RemovalMemory::begun(one.ends(template).unwrap_or(RemovedBecause::Withdrawn))),
            },
        };
        info!("preview {place} begins, until {}", preview.until);
        disk::make_dir(&dir).map_err(DeployError::Sealed)?;
        let protected = fs::set_permissions(&dir, Permissions::from_mode(0o700));
        protected.map_err(|error| failed("protect", &dir, error))?;
        let (seal, own) = (self.agent.dir.join(SEAL_FILE), dir.join(SEAL_FILE));
        if seal.exists() && !own.exists() {
            fs::hard_link(&seal, &own).map_err(|error| failed("link", &own, error))?;
        }
        let made = self.agent.memory.of_preview(&dir, &place, preview.clone());
        made.map_err(DeployError::Memory)?;
        self.kept.insert(place.environment.clone(), Kept::of(place, preview));
        Ok(())
    }

    /// Begins the removal of a preview whose time is over.
    async fn end_if_over(&mut self, name: &Name) {
        let Some(kept) = self.kept.get(name).filter(|kept| kept.preview.removal.is_none()) else { return };
        let own = (self.agent.now)();
        let seen =
            Memory::read(&self.base.join(name.as_str())).map_or(Moment::default(), |memory| memory.seen_time);
        let doubted = kept.doubted.map(|since| since.elapsed()).unwrap_or_default();
        let times = Times { own, seen: seen.max(self.agent.memory.seen_time), witnessed: None, doubted };
        let preview = kept.preview.clone();
        if over(preview.until, &times) == Over::No {
            return;
        }
        let times = Times { witnessed: self.witnessed().await, ..times };
        let Some(kept) = self.kept.get_mut(name) else { return };
        match over(preview.until, &times) {
            Over::No => {}
            Over::Yes => kept.change(preview, Some(RemovedBecause::Expired)),
            Over::Doubtful if kept.doubted.is_none() => {
                let (place, until) = (&kept.place, preview.until);
                warn!(
                    "preview {place}: this host's clock is past {until}, and the witnesses' are not; waiting"
                );
                kept.doubted = Some(Instant::now());
            }
            Over::Doubtful => {}
        }
    }

    /// The time of the newest checkpoint that a quorum of witnesses signed; `None` if nobody can be asked.
    async fn witnessed(&self) -> Option<Moment> {
        let roots = self.client.roots().await.ok()?;
        let (anchors, seen) = self.agent.memory.context((self.agent.now)());
        let root = judge::newest_root(&roots, &anchors, &seen).ok()?;
        judge::witnessed_by(&self.client.witnessed_checkpoint().await.ok()?, &root)
    }

    fn is_ending(&self, name: &Name) -> bool {
        self.kept.get(name).is_some_and(|kept| kept.preview.removal.is_some())
    }

    /// Starts the agent of a preview, unless it runs.
    fn start(&mut self, name: &Name) -> Result<(), AgentError> {
        let Some(kept) = self.kept.get_mut(name) else { return Ok(()) };
        if kept.running.as_ref().is_some_and(|(_, ended)| !ended.is_finished()) {
            return Ok(());
        }
        let dir = self.base.join(name.as_str());
        let memory = self.agent.memory.of_preview(&dir, &kept.place, kept.preview.clone());
        let agent = Agent {
            dir,
            memory: memory.map_err(DeployError::Memory)?,
            signer: self.agent.signer.clone(),
            launcher: Arc::clone(&self.agent.launcher),
            service_user: self.agent.service_user,
            splitter_user: self.agent.splitter_user,
            now: self.agent.now,
            settle: self.agent.settle,
            relays: self.agent.relays.clone(),
            next_key: next_key(&self.key),
            firewall: self.agent.firewall,
            preview: Some(kept.tell.subscribe()),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let (client, place) = (self.client.clone(), kept.place.clone());
        let before = kept.fault.clone();
        let ended = tokio::spawn(async move {
            // The sender goes with the preview.
            let stop = async { drop(stopped.await) };
            if let Err(error) = serve(agent, client, stop).await {
                told_if_new(&before, format!("preview {place}: {error}"));
            }
        });
        kept.running = Some((stop, ended));
        Ok(())
    }

    /// Goes on with the removal of a preview as far as it comes.
    async fn remove(&mut self, name: &Name) -> Result<(), AgentError> {
        let Some(kept) = self.kept.get_mut(name) else { return Ok(()) };
        kept.halt().await;
        let (dir, place, preview) = (self.base.join(name.as_str()), kept.place.clone(), kept.preview.clone());
        let home = service_user::home(self.agent.service_user, &dir)?;
        let main = self.agent.memory.clone();
        let (signer, now) = (self.agent.signer.clone(), self.agent.now);
        let (of, launcher) = (place.clone(), Arc::clone(&self.agent.launcher));
        let blocking = tokio::task::spawn_blocking(move || {
            let memory = main.of_preview(&dir, &of, preview).map_err(DeployError::Memory)?;
            Removal { dir, home, memory, launcher }.go_on(&signer, now)
        });
        let removed =
            blocking.await.map_err(|_| DeployError::Previews("its removal failed unexpectedly".into()))??;
        let Some(kept) = self.kept.get_mut(name) else { return Ok(()) };
        kept.preview = removed.clone();
        let is_listed = kept.is_listed;
        let dir = self.base.join(name.as_str());
        self.report(&Outbox::of(&dir), is_listed).await?;
        self.agent.memory.notes_removed(&place, &removed, (self.agent.now)());
        self.agent.memory.write(&self.agent.dir).map_err(DeployError::Memory)?;
        remove_dir(&dir).map_err(DeployError::Releases)?;
        self.kept.remove(name);
        info!("preview {place} is removed");
        Ok(())
    }

    /// Sends what a preview observed, its removal last. A server that no longer lists the preview and refuses it has the removal:
    /// this agent was killed after it sent that.
    async fn report(&self, outbox: &Outbox, is_listed: bool) -> Result<(), AgentError> {
        for number in outbox.numbers().map_err(DeployError::Outbox)? {
            let unsent = outbox.read(number).map_err(DeployError::Outbox)?;
            match self.client.report_observation(unsent.envelope).await {
                Err(error) if is_listed || error.is_passing() => return Err(error.into()),
                Ok(_) | Err(_) => outbox.remove(number).map_err(DeployError::Outbox)?,
            }
        }
        Ok(())
    }
}

/// A removal, after the agent of the preview has ended.
struct Removal {
    dir: PathBuf,
    home: PathBuf,
    memory: Memory,
    launcher: Arc<dyn Launcher>,
}

impl Removal {
    /// Ends processes and roles that are left, counts, removes, and puts the observation into the outbox; each step is noted before the next.
    fn go_on(mut self, signer: &MachineSigner, now: fn() -> Moment) -> Result<PreviewMemory, DeployError> {
        let Some(mut preview) = self.memory.preview.clone() else {
            return Err(DeployError::Previews("it is no preview".into()));
        };
        let Some(mut removal) = preview.removal else { return Ok(preview) };
        let ended = leftovers::end(&self.home.join("state"));
        ended.map_err(|error| DeployError::Previews(error.to_string()))?;
        self.revoke(now())?;
        if !removal.is_counted() {
            let size = size_of(&kept_in(&self.dir, &self.home));
            (removal.files, removal.bytes) = (size.files, size.bytes);
            self.note(&mut preview, removal)?;
        }
        remove_what_was_left(&self.dir, &self.home)?;
        if !removal.is_observed {
            let RemovalMemory { because, files, bytes, .. } = removal;
            let body = PreviewRemoved { number: preview.number, because, files, bytes };
            self.memory.observe(&self.dir, signer, now(), Body::from(body))?;
            removal.is_observed = true;
            self.note(&mut preview, removal)?;
        }
        Ok(preview)
    }

    /// Drops database roles, which an agent that was killed left.
    fn revoke(&self, now: Moment) -> Result<(), DeployError> {
        let left = Leases::of(&self.dir).remove(self.launcher.as_ref(), now);
        match left.map_err(|error| DeployError::Previews(error.to_string()))? {
            0 => Ok(()),
            left => Err(DeployError::Previews(format!("{left} of its database roles are left"))),
        }
    }

    fn note(&mut self, preview: &mut PreviewMemory, removal: RemovalMemory) -> Result<(), DeployError> {
        preview.removal = Some(removal);
        self.memory.preview = Some(preview.clone());
        Ok(self.memory.write(&self.dir)?)
    }
}

impl Kept {
    /// Takes a change; an end that has begun stays.
    fn change(&mut self, mut now: PreviewMemory, ends: Option<RemovedBecause>) {
        if self.preview.removal.is_some() {
            return;
        }
        now.removal = ends.map(RemovalMemory::begun);
        if let Some(because) = ends {
            info!("preview {} ends: {}", self.place, because.as_str());
        }
        if now != self.preview {
            self.preview = now.clone();
            // Nobody listens while its agent does not run.
            let _ = self.tell.send_replace(now);
        }
    }
}

impl RemovalMemory {
    const fn begun(because: RemovedBecause) -> Self {
        Self { because, files: 0, bytes: 0, is_observed: false }
    }

    /// Whether it was counted: the memory itself is a file.
    const fn is_counted(&self) -> bool {
        self.files > 0
    }
}

impl Life {
    /// Remembers what changes about the preview that it keeps.
    pub(crate) async fn follow_preview(&self, preview: Option<watch::Receiver<PreviewMemory>>) {
        let Some(mut preview) = preview else { return std::future::pending().await };
        while preview.changed().await.is_ok() {
            let now = preview.borrow_and_update().clone();
            match self.running.run(move |running| running.previews(now)).await.map_err(AgentError::from) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!("{error}"),
                Err(error) => warn!("{error}"),
            }
        }
        std::future::pending().await
    }
}

/// The newest key of the agent, each once.
fn next_key(key: &Arc<Mutex<(u64, MachineSigner)>>) -> NextKey {
    let key = Arc::clone(key);
    let mut seen = key.lock().unwrap_or_else(PoisonError::into_inner).0;
    Box::new(move || {
        let (number, signer) = key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_new = number > seen;
        seen = number;
        is_new.then_some(signer)
    })
}

fn beside(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(".previews");
    dir.with_file_name(name)
}

fn failed(doing: &'static str, path: &Path, error: std::io::Error) -> DeployError {
    DeployError::Memory(MemoryError::Io(doing, path.to_path_buf(), error))
}

const TURN_EVERY: Duration = Duration::from_secs(2);
const KEY_EVERY: Duration = Duration::from_secs(10);
