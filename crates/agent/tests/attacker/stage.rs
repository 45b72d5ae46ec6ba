//! The stage of an attack: an agent's directory, plans for it, and the processes that must not live on.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use agent::{Fault, Interrupts, Launcher, Processes, ServiceLog, ServiceUser, Services as _};
use evidence::plan::{Plan, Probe, ProbeTarget, Target};
use evidence::release_file::Listen;
use evidence::rollout::Strategy;

#[derive(Debug)]
pub struct This;

impl Launcher for This {
    fn command(&self) -> Command {
        Command::new(std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into()))
    }
}

/// An agent's directory, with one artifact.
pub struct Stage {
    pub dir: PathBuf,
    /// The account of services, if it is another one.
    pub user: Option<ServiceUser>,
    /// The directory of artifacts and state.
    pub home: PathBuf,
    /// A number in the command line of each process that must not live on.
    pub token: String,
    pub port: u16,
}

pub type Done = Result<(), String>;

impl Stage {
    pub fn new(dir: &str) -> Result<Self, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        let token = format!("1000{}", std::process::id());
        let dir = PathBuf::from(dir);
        let stage = Self { user: None, home: dir.clone(), dir, token, port };
        let stage = match std::env::var("ATTACK_SERVICE_USER") {
            Ok(name) => stage.serving_as(&name)?,
            Err(_) => stage,
        };
        stage.make()?;
        Ok(stage)
    }

    /// The same stage with services of another account.
    pub fn serving_as(self, name: &str) -> Result<Self, String> {
        let user = ServiceUser::find(name).map_err(|error| error.to_string())?;
        let home = user.home(&self.dir).map_err(|error| error.to_string())?;
        Ok(Self { user: Some(user), home, ..self })
    }

    /// Makes the artifact.
    pub fn make(&self) -> Done {
        fs::create_dir_all(self.artifact()).map_err(|error| error.to_string())?;
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let copied = Command::new("cp").arg(own).arg(self.artifact().join("app")).status();
        copied.map_err(|error| error.to_string())?;
        Ok(())
    }

    pub fn artifact(&self) -> PathBuf {
        self.home.join("artifact")
    }

    pub fn processes(&self) -> Result<Processes, String> {
        let log = ServiceLog::new(&self.dir.join("service.log"));
        Processes::new(&self.home, Box::new(This), log, Interrupts::default())
            .map(|processes| processes.running_as(self.user))
            .map_err(|error| error.to_string())
    }

    pub fn script(&self, text: &str) -> Vec<String> {
        vec!["app-sh".into(), "-c".into(), text.replace("TOKEN", &self.token)]
    }

    /// A plan of a process with a probe command that always passes.
    pub fn plan(&self, command: Vec<String>) -> Result<Plan, String> {
        let sh = self.artifact().join("app-sh");
        if !sh.exists() {
            std::os::unix::fs::symlink("/bin/sh", sh).map_err(|error| error.to_string())?;
        }
        let parse = |error: &dyn std::fmt::Display| error.to_string();
        Ok(Plan {
            v: 1,
            installation: evidence::Id::from_random([1; 16]),
            project: "shop".parse().map_err(|error| parse(&error))?,
            service: "api".parse().map_err(|error| parse(&error))?,
            environment: "dev".parse().map_err(|error| parse(&error))?,
            commit: "a".repeat(40).parse().map_err(|error| parse(&error))?,
            artifact: "api".parse().map_err(|error| parse(&error))?,
            target: Target::Process { command, port: None, listen: Listen::Socket, stop_ms: 300 },
            user: "agent".into(),
            variables: BTreeMap::new(),
            probe: Probe { ask: ProbeTarget::Command(self.script("exit 0")), attempts: 3, interval_ms: 20 },
            open_files: 77,
            memory_bytes: 4 << 30,
            strategy: Strategy::Replace,
            instances: None,
            on_failure: "return".into(),
            rollout: None,
            secrets: BTreeMap::new(),
            databases: BTreeMap::new(),
            database: None,
            before: Vec::new(),
        })
    }

    pub fn serving(&self, how: &str, listen: Listen) -> Result<Plan, String> {
        let mut plan = self.plan(Vec::new())?;
        let socket = if listen == Listen::Socket { " <&3" } else { "" };
        let command = self.script(&format!("exec {}/app serve {how}{socket}", self.artifact().display()));
        plan.target = Target::Process { command, port: Some(self.port), listen, stop_ms: 300 };
        plan.probe = Probe { ask: ProbeTarget::Http("/".into()), attempts: 20, interval_ms: 50 };
        Ok(plan)
    }

    pub fn start(&self, processes: &mut Processes, plan: &Plan) -> Done {
        processes.prepare(plan).map_err(described)?;
        processes.start(plan, &self.artifact()).map_err(described)
    }

    /// Processes that run with the token in their command line.
    pub fn living(&self) -> Vec<u32> {
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = pids.filter_map(|item| item.file_name().to_str()?.parse::<u32>().ok());
        pids.filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == self.token.as_bytes())
        })
        .collect()
    }

    /// Waits until the service has started the processes that it wants to hide.
    pub fn until_living(&self, least: usize) -> Done {
        until("nothing of the attack began", || self.living().len() >= least)
    }

    pub fn none_lives(&self) -> Done {
        let living = self.living();
        if living.is_empty() { Ok(()) } else { Err(format!("some live on: {living:?}")) }
    }

    /// A release with a worker in a separate session; its main process ends the subreaper above both once `end` exists.
    pub fn escaping(&self, how: &str) -> Result<Plan, String> {
        let mut plan = self.serving("answer", Listen::Socket)?;
        if let Target::Process { command, .. } = &mut plan.target {
            let app = self.artifact().join("app");
            let end = "while [ ! -e end ]; do sleep 0.02; done; kill -9 $PPID; exec sleep 1000";
            *command = self.script(&format!("setsid {} serve {how} TOKEN <&3 & {end}", app.display()));
        }
        Ok(plan)
    }
}

pub fn stop(processes: &mut Processes) -> Done {
    processes.stop().map_err(|error| error.to_string())
}

pub fn described(fault: Fault) -> String {
    format!("{}: {}", fault.code, fault.what)
}

pub fn same(found: &str, expected: &str) -> Done {
    if found == expected { Ok(()) } else { Err(format!("expected `{expected}`, found `{found}`")) }
}

/// Waits for a condition; the limit of a minute is for busy machines.
pub fn until(otherwise: &str, mut holds: impl FnMut() -> bool) -> Done {
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        if holds() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(otherwise.to_owned())
}
