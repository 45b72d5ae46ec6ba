//! Runs the server: opens the ledger, starts intake, and listens on loopback until it is asked to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use evidence::Digest;
use evidence::machine::MachineSigner;
use ledger::Ledger;
use listen::{Limits, TlsListener};
use review::rescan::AdvisorySource;
use tlog::NoteSigner;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::warn;
use vault::RootKey;

use crate::addresses::Address;
use crate::attendance::Attendance;
use crate::browser_sessions::BrowserSessions;
use crate::certificates::{Certificates, TlsListen};
use crate::console::PageCaches;
use crate::console_address::ConsoleAddress;
use crate::disk_usage::StorageCount;
use crate::edge::{EdgeError, Gatekeeper, evidence as unfit};
use crate::http::router;
use crate::intake::Intake;
use crate::introducer::Introducer;
use crate::listeners::Listeners;
use crate::logs::Logs;
use crate::readers::Readers;
use crate::secret_uses::SecretUses;
use crate::serve_error::ServeError;
use crate::services::Services;
use crate::shared::Shared;
use crate::socket::Socket;
use crate::uploads::Uploads;
use crate::vault_store::{VaultError, VaultStore};
use crate::views::Views;
use crate::watchers::Watchers;
use crate::{
    alert_rules, clock, disk_usage, executor, live, log_removal, lost_runs, rescan_task, salt, snapshot_task,
    status_task, sweep_task, witness_task,
};

/// The inputs of a server.
#[derive(Debug)]
pub struct Serve {
    /// The data directory.
    pub data: PathBuf,
    /// The ledger's key; its name is the origin.
    pub signer: NoteSigner,
    /// Address to listen on: a loopback address; port 0 selects any free port.
    pub listen: SocketAddr,
    /// The listener for other machines; `None` if only this machine is answered.
    pub tls: Option<TlsListen>,
    /// Submission prefixes of the witnesses to ask.
    pub witnesses: Vec<String>,
    /// The key for provenance.
    pub provenance: MachineSigner,
    /// The key that opens the vault's key ring; without it the vault is sealed.
    pub root_key: Option<Arc<dyn RootKey>>,
    /// Advisories by which what runs and what waits is judged again.
    pub advisories: Option<Arc<dyn AdvisorySource>>,
}

/// The addresses of a server that answers.
#[derive(Clone, Debug)]
pub struct Ready {
    /// URL of the API.
    pub url: String,
    /// URL of the console's pages.
    pub console: String,
    /// URLs for other machines, as they were given.
    pub addresses: Vec<String>,
    /// Digest of the certificate that other machines pin, if there is a listener for them.
    pub authority: Option<Digest>,
}

/// Serves until `stop` resolves; calls `ready` with its addresses once requests are answered.
///
/// # Errors
/// `ServeError` if it cannot start or the listener fails.
pub async fn serve(
    config: Serve,
    ready: impl FnOnce(&Ready),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    if !config.listen.ip().is_loopback() {
        return Err(ServeError::Exposed(config.listen));
    }
    let origin = config.signer.verifier().name().to_owned();
    let ledger_key = MachineSigner::new(config.signer.key());
    let (intake, writer) = start(&config.data, config.signer)?;
    let gatekeeper = Gatekeeper::open(Readers::new(&config.data))?;
    let listeners = Listeners::bind(config.listen).await;
    let Listeners { main, twin, shared_name } =
        listeners.map_err(|error| ServeError::Listen(config.listen, error))?;
    let address = main.local_addr()?;
    let url = format!("http://{address}");
    let drawn = salt::bytes().map_err(EdgeError::from)?;
    let console = ConsoleAddress::new(&ledger_key.key(), &drawn, address.port(), url.clone(), shared_name)?;
    let socket = Socket::bind(&config.data)?;
    let (certificates, tls_listener) = for_other_machines(config.tls).await?;
    let mut urls = vec![url.clone()];
    urls.extend(certificates.iter().flat_map(|it| it.addresses()).map(|address| address.url().to_owned()));
    let (stopping_now, stopping) = watch::channel(false);
    let views = Views::open(&config.data)?;
    let logs = Logs::open(&config.data, gatekeeper.limits())?;
    let vault = vault(&config.data, &intake, config.root_key)?;
    let shared = Arc::new(Shared {
        intake,
        gatekeeper,
        origin,
        introducer: Introducer::new(ledger_key, urls.clone()).map_err(EdgeError::from)?,
        views,
        uploads: Uploads::of(&config.data),
        vault,
        taking_values: Semaphore::new(VALUES_AT_ONCE),
        logs,
        attendance: Attendance::new(Instant::now()),
        services: Services::default(),
        secret_uses: SecretUses::default(),
        console,
        browsers: BrowserSessions::default(),
        watchers: Watchers::new(),
        pages: PageCaches::default(),
        advisories: config.advisories,
        alert_rules: alert_rules::read(&config.data)?,
        rescanning: Arc::default(),
        certificates: certificates.clone(),
        stopping,
    });
    let stored = StorageCount::open(&config.data)?;
    let tasks = tasks(&shared, config.witnesses, config.provenance, stored);
    let stopped = shared.stopping.clone();
    let stop = async move {
        stop.await;
        // Waiting handlers answer at once, so that the server ends without delay.
        let _ = stopping_now.send(true);
    };
    let authority = certificates.as_ref().map(|certificates| certificates.pinned());
    let addresses = urls.split_off(1);
    ready(&Ready { console: shared.console_url(), url, addresses, authority });
    let router = router(shared);
    answer(Bound { main, twin, tls: tls_listener }, &socket, &router, stopped, stop).await?;
    drop(router);
    drop(socket);
    for task in tasks {
        task.abort();
        // An aborted task releases its shared state only once it has ended.
        drop(task.await);
    }
    // No sender of the queue is left, so the writer finishes its tasks and ends.
    let joined = tokio::task::spawn_blocking(move || writer.join()).await;
    match joined {
        Ok(Ok(())) => Ok(()),
        _ => Err(ServeError::Io(std::io::Error::other("the writer's thread failed"))),
    }
}

/// The vault, without the keys of versions that were destroyed before a crash.
fn vault(data: &Path, intake: &Intake, root: Option<Arc<dyn RootKey>>) -> Result<VaultStore, ServeError> {
    let state = intake.state();
    let installation = state.identity.root().map(|root| root.installation);
    let installation = installation.ok_or_else(|| unfit("there is no trust root yet"))?;
    let vault = VaultStore::open(data, installation, root);
    if let Err(error @ (VaultError::Disk(_) | VaultError::Random(_))) =
        vault.destroy(&state.secret.destroyed_values(), &state.secret.values(), clock::now())
    {
        warn!("keys of destroyed secrets could not be taken out of the vault: {error}");
    }
    Ok(vault)
}

/// The tasks of a running server.
fn tasks(
    shared: &Arc<Shared>,
    witnesses: Vec<String>,
    provenance: MachineSigner,
    stored: StorageCount,
) -> [JoinHandle<()>; 11] {
    let at = || Arc::clone(shared);
    [
        tokio::spawn(witness_task::run(at(), witnesses.clone())),
        tokio::spawn(status_task::run(at(), witnesses)),
        tokio::spawn(snapshot_task::run(at())),
        tokio::spawn(sweep_task::run(at())),
        tokio::spawn(executor::run(at(), Arc::new(provenance))),
        tokio::spawn(lost_runs::run(at())),
        tokio::spawn(renew(shared.certificates.clone())),
        tokio::spawn(disk_usage::run(at(), stored)),
        tokio::spawn(log_removal::run(at())),
        tokio::spawn(live::run(at())),
        tokio::spawn(rescan_task::run(at())),
    ]
}

/// Binds the listener for other machines, and makes its certificates.
async fn for_other_machines(
    wanted: Option<TlsListen>,
) -> Result<(Option<Arc<Certificates>>, Option<TlsListener>), ServeError> {
    let Some(TlsListen { listen, addresses, authority, files }) = wanted else { return Ok((None, None)) };
    let tcp = TcpListener::bind(listen).await.map_err(|error| ServeError::Listen(listen, error))?;
    let addresses = match addresses.is_empty() {
        true => vec![reached_at(tcp.local_addr()?)?],
        false => addresses,
    };
    let certificates = Certificates::open(authority, addresses, files)?;
    let served = certificates.served().clone();
    Ok((Some(Arc::new(certificates)), Some(TlsListener { tcp, served })))
}

/// The address of a listener that is told no other one.
fn reached_at(bound: SocketAddr) -> Result<Address, ServeError> {
    let address = format!("https://{bound}").parse().ok();
    address.filter(|_| !bound.ip().is_unspecified()).ok_or(ServeError::Everywhere(bound))
}

async fn renew(certificates: Option<Arc<Certificates>>) {
    if let Some(certificates) = certificates {
        certificates.renew().await;
    }
}

/// The listeners of one server but its socket.
struct Bound {
    main: TcpListener,
    twin: Option<TcpListener>,
    tls: Option<TlsListener>,
}

/// Answers requests at all addresses and at the socket until the server is asked to end.
async fn answer(
    Bound { main, twin, tls }: Bound,
    socket: &Socket,
    router: &Router,
    stopped: watch::Receiver<bool>,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let limits = Limits { stranger: STRANGER, ..Limits::default() };
    let beside = async {
        if let Some(twin) = twin {
            listen::serve(twin, router.clone(), limits, stopped_too(stopped.clone())).await;
        }
    };
    let others = async {
        if let Some(tls) = tls {
            listen::serve(tls, router.clone(), limits, stopped_too(stopped.clone())).await;
        }
    };
    tokio::join!(
        others,
        listen::serve(main, router.clone(), limits, stop),
        beside,
        listen::serve(socket.listener()?, router.clone(), SOCKET_LIMITS, stopped_too(stopped.clone())),
    );
    Ok(())
}

/// Resolves when the server is asked to end.
async fn stopped_too(mut stopped: watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

fn start(data: &Path, signer: NoteSigner) -> Result<(Intake, std::thread::JoinHandle<()>), ServeError> {
    let ledger = Ledger::open(data, signer)?;
    Ok(Intake::start(data, ledger)?)
}

/// Values of secrets that are received at once.
const VALUES_AT_ONCE: usize = 4;
/// Longer than our own clients keep an idle connection.
const STRANGER: Duration = Duration::from_secs(15);
/// The Unix socket has separate places, which connections over TCP cannot take.
const SOCKET_LIMITS: Limits = Limits {
    connections: 128,
    each: 32,
    first: Duration::from_secs(5),
    head: Duration::from_secs(100),
    stranger: Duration::from_secs(100),
    known: Duration::from_mins(10),
    unread: Duration::from_mins(2),
    ending: Duration::from_secs(10),
    streams: 128,
    streams_each: 32,
};
