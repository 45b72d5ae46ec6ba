//! One step of the probes: its specification with the probe itself as an input, and the checks of its outputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sandbox::{
    Destination, Egress, Exit, Input, InputKind, Inputs, Limits, SandboxError, Secret, Spec, StepOutcome, run,
};

/// One step to run.
pub struct Trial<'a> {
    /// Its command.
    pub command: Vec<String>,
    /// Its secrets.
    pub secrets: Vec<Secret>,
    /// Its script.
    pub script: Option<String>,
    /// Its variables.
    pub environment: &'a BTreeMap<String, String>,
    /// Its limits.
    pub limits: Limits,
    /// Host paths beside the system's.
    pub binds: Vec<PathBuf>,
    /// Destinations that it names.
    pub network: Vec<Destination>,
    /// Destinations that it connects to.
    pub connect: Vec<Destination>,
    /// A port of the host.
    pub service: Option<u16>,
    /// The operator's allowances.
    pub allowed: Vec<String>,
}

impl<'a> Trial<'a> {
    /// A step with nothing but its command.
    pub const fn new(command: Vec<String>, environment: &'a BTreeMap<String, String>) -> Self {
        Self {
            command,
            secrets: Vec::new(),
            script: None,
            environment,
            limits: LIMITS,
            binds: Vec::new(),
            network: Vec::new(),
            connect: Vec::new(),
            service: None,
            allowed: Vec::new(),
        }
    }

    /// Runs it to its end.
    pub fn run(self) -> Result<(StepOutcome, String), SandboxError> {
        self.run_while(&|_| true)
    }

    /// Runs it as long as it is wanted with the log that it has written.
    pub fn run_while(self, wanted: &dyn Fn(&[u8]) -> bool) -> Result<(StepOutcome, String), SandboxError> {
        let exe = std::env::current_exe().unwrap();
        let system = ["/bin", "/sbin", "/lib", "/lib64", "/usr"].map(PathBuf::from);
        let binds = system.into_iter().filter(|path| path.exists()).chain(self.binds).collect();
        let environment = self.environment.clone();
        let token = environment.get("PROBE_TOKEN").cloned().unwrap_or_default();
        let Self { command, secrets, script, limits, network, connect, service, .. } = self;
        let spec = Spec {
            command,
            own: false,
            script,
            environment,
            binds,
            image: None,
            network,
            connect,
            certificates: None,
            service,
            secrets,
            limits,
        };
        let probe = std::fs::read(&exe).unwrap();
        let inputs = [
            Input { path: Path::new("probe"), kind: InputKind::Executable, bytes: &probe },
            Input { path: Path::new("token"), kind: InputKind::Plain, bytes: token.as_bytes() },
        ];
        let egress = Egress::new(self.allowed.iter().map(|text| text.parse().unwrap()).collect());
        let mut init = Command::new(&exe);
        init.arg("init").env_clear().current_dir("/");
        let log = std::sync::Mutex::new(Vec::new());
        let keep = |_, piece: &[u8]| log.lock().unwrap().extend_from_slice(piece);
        let outcome =
            run(init, &spec, Inputs::Here(&inputs), &egress, &keep, &|| wanted(&log.lock().unwrap()))?;
        check_outputs(&outcome);
        let log = log.into_inner().unwrap();
        Ok((outcome, String::from_utf8_lossy(&log).into_owned()))
    }
}

/// Checks that the inputs can still be read afterwards, and that nothing is read through a link.
fn check_outputs(outcome: &StepOutcome) {
    // On a busy machine, a short time limit may end the step before all inputs are written.
    if outcome.exit == Exit::TimedOut {
        return;
    }
    let Ok(files) = outcome.outputs.list(Path::new(""), 100_000) else { return };
    assert!(files.iter().any(|file| file.path == Path::new("token")), "the workspace outlives the sandbox");
    assert!(outcome.outputs.open(Path::new("token")).is_ok());
    for path in ["../etc/passwd", "/etc/passwd", "c", "probe/../token"] {
        assert!(outcome.outputs.open(Path::new(path)).is_err(), "{path}");
    }
}

/// Usual limits.
pub const LIMITS: Limits = Limits {
    workspace_bytes: 96 << 20,
    tmp_bytes: 16 << 20,
    memory_bytes: 1 << 30,
    processes: 200,
    open_files: 256,
    wall_ms: 60_000,
    log_bytes: 1 << 20,
};
