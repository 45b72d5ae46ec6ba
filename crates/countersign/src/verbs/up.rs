//! `countersign up`: starts the roles of an installation that `init` made, each as a separate process.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use client::files::write_private;
use client::home::Home;
use client::profile;
use client::review;
use client::session;
use serde::Serialize;
use tracing::{info, warn};

use super::agent::Settle;
use super::{DataDir, address, runtime};
use crate::children::{self, Role, Stop};
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
    operator: Operator,
    #[command(flatten)]
    settle: Settle,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Serialize)]
struct UpReport {
    url: String,
    data: PathBuf,
    mode: &'static str,
    roles: Vec<(String, u32)>,
    next: String,
}

/// Runs until it is asked to end, or until a role ends by itself.
pub fn run(verb: &Up, output: Output) -> Result<(), Failure> {
    let _journal = verb.log.start("", &[("role", "up")]);
    let home = verb.data_dir.home()?;
    if let Some(server) = runtime()?.block_on(session::serving(home.data())) {
        return Err(runs_already(&home, server));
    }
    let (root, _) = trust::root_of(home.data(), None)?;
    let witness = Role::start("witness", &home.witness(), &verb.log.arguments())?;
    let listen = verb.listen.map_or_else(|| usual_address(&home), |listen| listen.to_string());
    let mut arguments = vec!["--witness".into(), witness.ready.url.clone(), "--listen".into(), listen];
    arguments.extend(verb.log.arguments());
    let server = Role::start("server", home.data(), &arguments)?;
    let url = server.ready.url.clone();
    write_private(&home.address_file(), &format!("{}\n", url.trim_start_matches("http://")))?;
    let mut roles = vec![server, witness];
    for dir in home.roles("runner")? {
        let mut arguments = vec!["--server".to_owned(), url.clone()];
        arguments.extend(verb.operator.arguments()?);
        arguments.extend(verb.log.arguments());
        roles.push(Role::start("runner", &dir, &arguments)?);
    }
    let mut agents = Agents {
        home,
        url: url.clone(),
        settle: verb.settle,
        log: verb.log.arguments(),
        known: BTreeSet::new(),
    };
    for dir in agents.joined()? {
        roles.push(agents.start(&dir)?);
    }
    let report = UpReport {
        url,
        data: agents.home.data().to_path_buf(),
        mode: review::assurance(root.mode),
        roles: roles.iter().map(|role| (role.ready.role.clone(), role.ready.pid)).collect(),
        next: profile::command(&agents.home, "countersign run"),
    };
    // A reader of the line below may ask this process to end at once, so it listens for signals first.
    let runtime = runtime()?;
    let stop = {
        let _inside = runtime.enter();
        Stop::listen()?
    };
    output.print(&report, |report| {
        format!(
            "up at {}\ndata: {}\nmode: {}; all roles run as one user on one machine\nnext: {}   (in another terminal; Ctrl-C here stops everything)",
            report.url,
            report.data.display(),
            report.mode,
            report.next
        )
    })?;
    let ended = runtime.block_on(watch(&mut roles, &mut agents, stop));
    // The server ends last, so that the other roles can still report to it.
    while roles.pop().is_some() {}
    match ended {
        None => Ok(()),
        Some(role) => Err(Failure::error(format!("{role} ended by itself, so the others were stopped"))),
    }
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

    fn start(&self, dir: &Path) -> Result<Role, Failure> {
        let [flag, seconds] = self.settle.arguments();
        let own = ["--server".to_owned(), self.url.clone(), flag, seconds];
        Role::start("agent", dir, &[&own[..], &self.log].concat())
    }
}

/// Waits for the signal to end, or for the first role that ends by itself; starts agents that join meanwhile.
async fn watch(roles: &mut Vec<Role>, agents: &mut Agents, stop: Stop) -> Option<String> {
    let stop = stop.asked();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return None,
            () = tokio::time::sleep(LOOK_EVERY) => {
                if let Some(ended) = roles.iter_mut().find_map(|role| role.has_ended().then_some(&role.ready.role)) {
                    return Some(ended.clone());
                }
                for dir in agents.joined().unwrap_or_default() {
                    match agents.start(&dir) {
                        Ok(role) => roles.push(role),
                        Err(failure) => warn!("`{}`: {}", dir.display(), failure.message()),
                    }
                }
            }
        }
    }
}

/// Any free port on the loopback address.
const ANY: &str = "127.0.0.1:0";
const LOOK_EVERY: Duration = Duration::from_millis(500);
