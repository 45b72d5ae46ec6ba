//! `countersign up`: starts the roles of an installation that `init` made, each as a separate process.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use client::clock::now;
use client::files::write_private;
use client::home::Home;
use client::profile;
use client::session;
use evidence::Moment;
use review::summary::assurance;
use serde::Serialize;
use tracing::{info, warn};

use super::agent::Settle;
use super::tls_arguments::TlsArguments;
use super::vault_arguments::VaultArguments;
use super::{DataDir, address, runtime};
use crate::children::{self, Outside, Role, Stop};
use crate::comebacks::Comebacks;
use crate::failure::Failure;
use crate::log_options::LogOptions;
use crate::operator::Operator;
use crate::output::Output;
use crate::trust;

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    data_dir: DataDir,
    /// Loopback address of the server; port 0 selects any free port; default: the address of the last start, if its port is
    /// free, else any free port.
    #[arg(long, value_parser = address)]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    tls: TlsArguments,
    #[command(flatten)]
    vault: VaultArguments,
    #[command(flatten)]
    operator: Operator,
    #[command(flatten)]
    settle: Settle,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Serialize)]
struct UpReport {
    url: String,
    console: String,
    #[serde(flatten)]
    outside: Outside,
    data: PathBuf,
    mode: &'static str,
    roles: Vec<(String, u32)>,
    next: String,
}

/// Runs until it is asked to end, until the server ends by itself, or until another role has ended too often.
pub fn run(verb: &Up, output: Output) -> Result<(), Failure> {
    let _journal = verb.log.start("", &[("role", "up")]);
    let home = verb.data_dir.home()?;
    let server = runtime()?.block_on(session::serving(home.data()));
    if let Some(server) = server.filter(|server| !children::ends_by_itself(*server)) {
        return Err(runs_already(&home, server));
    }
    if !home.witness().exists() {
        return Err(Failure::error(format!(
            "`{}` does not exist: the witness of this installation is on another host, so `up` cannot start all roles; start those of \
             this host one by one (docs/operating/hosts.md)",
            home.witness().display()
        )));
    }
    verb.listen.map_or(Ok(()), is_free)?;
    let (root, _) = trust::root_in(home.data())?;
    let log = verb.log.arguments();
    let witness = Watched::start("witness", home.witness(), log.clone())?.at_its_address();
    let listen = verb.listen.map_or_else(|| usual_address(&home), |listen| listen.to_string());
    let listening = ["--listen".to_owned(), listen];
    let witness_url = witness.url()?.to_owned();
    let arguments = [
        &["--witness".to_owned(), witness_url.clone()],
        &listening[..],
        &verb.tls.arguments()?[..],
        &verb.vault.arguments()[..],
        &advisories(&verb.operator)?[..],
        &log[..],
    ]
    .concat();
    let server = Watched::start("server", home.data().to_path_buf(), arguments)?;
    let url = server.url()?.to_owned();
    let console = server.console().unwrap_or(&url).to_owned();
    write_private(&home.address_file(), &format!("{}\n", url.trim_start_matches("http://")))?;
    let outside = server.outside();
    let mut roles = vec![server, witness];
    for dir in home.roles("runner")? {
        // One person has all roles here, so runners may read the repositories that the person works in.
        let here = "--follow-paths".to_owned();
        let asked = ["--server".to_owned(), url.clone(), "--witness".to_owned(), witness_url.clone(), here];
        roles.push(Watched::start("runner", dir, [&asked[..], &verb.operator.arguments()?, &log].concat())?);
    }
    let witness = witness_url;
    let mut agents =
        Agents { home, url: url.clone(), witness, settle: verb.settle, log, known: BTreeSet::new() };
    for dir in agents.joined()? {
        roles.push(agents.start(dir)?);
    }
    let report = UpReport {
        url,
        console,
        outside,
        data: agents.home.data().to_path_buf(),
        mode: assurance(root.mode),
        roles: roles.iter().filter_map(Watched::named).collect(),
        next: profile::command(&agents.home.clone().into(), "countersign run"),
    };
    // A reader of the line below may ask this process to end at once, so it listens for signals first.
    let runtime = runtime()?;
    let stop = {
        let _inside = runtime.enter();
        Stop::listen()?
    };
    output.print(&report, UpReport::text)?;
    let ended = runtime.block_on(watch(&mut roles, &mut agents, stop));
    // The server ends last, so that the other roles can still report to it.
    while roles.pop().is_some() {}
    match ended {
        None => Ok(()),
        Some(why) => Err(Failure::error(format!("{why}, so the others were stopped"))),
    }
}

impl UpReport {
    fn text(&self) -> String {
        format!(
            "up at {}\nconsole: {}{}\ndata: {}\nmode: {}; all roles run as one user on one machine\nnext: {}   (in another terminal; Ctrl-C here stops everything)",
            self.url,
            self.console_line(),
            self.outside,
            self.data.display(),
            self.mode,
            self.next
        )
    }

    /// The console's address; where reading needs a right, the command that opens it with one.
    fn console_line(&self) -> String {
        match self.console == self.url {
            true => self.console.clone(),
            false => format!("{}   (`countersign open` lets your browser read it)", self.console),
        }
    }
}

/// The database of advisories that the operator named, for the server: it judges by the same one as the runners.
fn advisories(operator: &Operator) -> Result<Vec<String>, Failure> {
    let Some(file) = &operator.advisories else { return Ok(Vec::new()) };
    let file = std::path::absolute(file)?;
    let text = file.to_str().ok_or_else(|| Failure::usage("--advisories: the path is not UTF-8"))?;
    Ok(vec!["--advisories".to_owned(), text.to_owned()])
}

/// Fails before anything is started if the server could not listen.
fn is_free(address: SocketAddr) -> Result<(), Failure> {
    TcpListener::bind(address).map(drop).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "another program listens there".to_owned(),
            _ => error.to_string(),
        };
        Failure::error(format!(
            "cannot listen on {address}: {why}; nothing was started. Give another address with --listen, or port 0 for any free one"
        ))
    })
}

/// The address of the last start, because people and scripts keep it; any free port if another program uses it now.
fn usual_address(home: &Home) -> String {
    let kept = std::fs::read_to_string(home.address_file()).ok();
    let kept = kept.and_then(|text| text.trim().parse::<SocketAddr>().ok());
    let Some(address) = kept else { return ANY.to_owned() };
    match TcpListener::bind(address) {
        Ok(_) => address.to_string(),
        Err(error) => {
            info!(
                "note: {address}, where this installation answered the last time, cannot be used ({error}): it answers at another \
                 port from now on; `--listen {address}` asks for that one again"
            );
            ANY.to_owned()
        }
    }
}

/// The failure for a second server, which would conflict with the first; it names the first one's address and process.
fn runs_already(home: &Home, server: u32) -> Failure {
    let url = home.url().map_or_else(|_| "by its socket".to_owned(), |url| format!("at {url}"));
    let end = match children::started_by(server) {
        Some(up) => format!("process {up}, which `up` started: Ctrl-C where it runs, or `kill {up}`"),
        None => format!("process {server}: `kill {server}`"),
    };
    Failure::error(format!(
        "`{}` is up already {url}: use it as it is, `countersign status` shows it; or end it first, {end}",
        home.data().display()
    ))
}

/// Agents beside the data directory; `project add` may add more while everything runs.
struct Agents {
    home: Home,
    url: String,
    /// URL of the witness, which relays the status.
    witness: String,
    settle: Settle,
    log: Vec<String>,
    known: BTreeSet<PathBuf>,
}

impl Agents {
    /// Directories of agents that were not seen before. An agent with a key but without a memory has not joined yet:
    /// `project add` is about to finish it, or failed.
    fn joined(&mut self) -> Result<Vec<PathBuf>, Failure> {
        let mut dirs = self.home.roles("agent")?;
        dirs.retain(|dir| dir.join(agent::MEMORY_FILE).exists() && self.known.insert(dir.clone()));
        Ok(dirs)
    }

    fn start(&self, dir: PathBuf) -> Result<Watched, Failure> {
        let [flag, seconds] = self.settle.arguments();
        let relay = ["--witness".to_owned(), self.witness.clone()];
        let own = [&["--server".to_owned(), self.url.clone(), flag, seconds][..], &relay].concat();
        Watched::start("agent", dir, [&own[..], &self.log].concat())
    }
}

/// A role that is started again when it ends by itself.
struct Watched {
    role: &'static str,
    dir: PathBuf,
    arguments: Vec<String>,
    /// `None` between its end and its next start.
    running: Option<Role>,
    due: Moment,
    comebacks: Comebacks,
}

impl Watched {
    fn start(role: &'static str, dir: PathBuf, arguments: Vec<String>) -> Result<Self, Failure> {
        let running = Some(Role::start(role, &dir, &arguments)?);
        Ok(Self { role, dir, arguments, running, due: Moment::default(), comebacks: Comebacks::default() })
    }

    /// The same role; from now on it listens where it listens now, because others know the address.
    fn at_its_address(mut self) -> Self {
        let address =
            self.running.as_ref().map(|role| role.ready.url.trim_start_matches("http://").to_owned());
        self.arguments.extend(address.into_iter().flat_map(|address| ["--listen".to_owned(), address]));
        self
    }

    fn url(&self) -> Result<&str, Failure> {
        let running = self.running.as_ref().map(|role| role.ready.url.as_str());
        running.ok_or_else(|| Failure::error(format!("{} does not run", self.role)))
    }

    /// How other machines reach it, of a server.
    fn outside(&self) -> Outside {
        self.running.as_ref().map(|role| role.ready.outside.clone()).unwrap_or_default()
    }

    /// URL of the console, of a server.
    fn console(&self) -> Option<&str> {
        self.running.as_ref()?.ready.console.as_deref()
    }

    fn named(&self) -> Option<(String, u32)> {
        self.running.as_ref().map(|role| (role.ready.role.clone(), role.ready.pid))
    }

    /// Starts the role again if it has ended. Returns why everything has to stop, if it does.
    fn look(&mut self, now: Moment) -> Option<String> {
        let ended = match &mut self.running {
            Some(role) => role.ended()?,
            None if self.due > now => return None,
            None => match Role::start(self.role, &self.dir, &self.arguments) {
                Ok(role) => {
                    info!("{} `{}` runs again", self.role, self.dir.display());
                    self.running = Some(role);
                    return None;
                }
                Err(failure) => failure.message().to_owned(),
            },
        };
        self.running = None;
        let (role, dir) = (self.role, self.dir.display());
        if role == "server" {
            return Some(format!("the server ended by itself ({ended})"));
        }
        match self.comebacks.ended(now) {
            Some(due) => {
                warn!(
                    "{role} `{dir}` ended by itself ({ended}); it is started again, everything else goes on"
                );
                self.due = due;
                None
            }
            None => Some(format!("{role} `{dir}` ended too often by itself, the last time with: {ended}")),
        }
    }
}

/// Waits for the signal to end, or for a role that cannot be kept running; starts agents that join meanwhile.
async fn watch(roles: &mut Vec<Watched>, agents: &mut Agents, stop: Stop) -> Option<String> {
    let stop = stop.asked();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return None,
            () = tokio::time::sleep(LOOK_EVERY) => {
                let Ok(now) = now() else { continue };
                if let Some(why) = roles.iter_mut().find_map(|role| role.look(now)) {
                    return Some(why);
                }
                for dir in agents.joined().unwrap_or_default() {
                    let shown = dir.display().to_string();
                    match agents.start(dir) {
                        Ok(role) => roles.push(role),
                        Err(failure) => warn!("`{shown}`: {}", failure.message()),
                    }
                }
            }
        }
    }
}

/// Any free port on the loopback address.
const ANY: &str = "127.0.0.1:0";
const LOOK_EVERY: Duration = Duration::from_millis(500);
