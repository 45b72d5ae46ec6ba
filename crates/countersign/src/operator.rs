//! Limits that the operator of a machine sets for the steps that run there, as options of the verbs that run steps.
//!
//! Invariant: a pipeline may ask, but these options decide; none of them is read from a repository.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use client::advisories;
use runner::{Caps, Sandbox, Toolchain};
use sandbox::{Allowance, Egress};

use crate::failure::Failure;
use crate::own_program;

/// Toolchains and networks that the steps of pipelines can use on a machine.
#[derive(Clone, Debug, Default, Args)]
pub struct Reach {
    /// Directory of a toolchain that steps can read at the same path, with its `bin` first on their PATH; may be given
    /// several times; default: none; steps always see the system's own directories, the account's Rust and /usr/local/go.
    #[arg(long, value_name = "DIR")]
    pub toolchain: Vec<PathBuf>,
    /// Network, or host and port, that steps may reach besides the public internet if their pipeline names it:
    /// `10.1.0.0/16`, `mirror.example:443`, `127.0.0.1:8080`; may be given several times. Default: none; loopback, private
    /// and link-local addresses and this machine's own are refused. Metadata services are always refused.
    #[arg(long, value_name = "CIDR|HOST:PORT")]
    pub allow_network: Vec<Allowance>,
}

/// Resources, toolchains and networks that steps can use on a runner's machine.
#[derive(Clone, Debug, Default, Args)]
pub struct Operator {
    /// Toolchains and networks.
    #[command(flatten)]
    pub reach: Reach,
    /// Most memory that one step may ask for, in MiB; default: all memory of the machine.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(16..=1 << 24))]
    pub step_memory_max: Option<u64>,
    /// Largest workspace that one step may ask for, in MiB; workspaces lie in memory; default: all memory of the machine.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(16..=1 << 24))]
    pub step_workspace_max: Option<u64>,
    /// Longest time that one step may ask for, in seconds; default: 21600 (6 hours).
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub step_time_max: Option<u64>,
    /// Most processes and threads that one step may ask for; default: 4096.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(8..=65_536))]
    pub step_processes_max: Option<u64>,
    /// Most memory, in MiB, that all steps that run at the same time may use together for processes, workspaces and /tmp;
    /// further steps wait; default: all memory of the machine.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(256..=1 << 24))]
    pub steps_memory_max: Option<u64>,
    /// Database of advisories that scans of dependencies judge by; `countersign osv sync` makes it, also while runners run;
    /// default: `countersign/advisories` in your data directory (`XDG_DATA_HOME`).
    #[arg(long, value_name = "FILE")]
    pub advisories: Option<PathBuf>,
}

impl Reach {
    /// A sandbox with these toolchains and networks, and with these limits.
    pub fn sandbox(&self, caps: Caps) -> Sandbox {
        Sandbox::new(sandbox_init, Egress::new(self.allow_network.clone()), caps)
    }

    /// Toolchains of this machine that steps can read.
    pub fn host_toolchain(&self) -> Result<Toolchain, Failure> {
        // A relative path is relative to the directory in which the operator gives the command.
        let dirs = self.toolchain.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
        Ok(Toolchain::of_host(&dirs)?)
    }
}

impl Operator {
    /// The sandbox for steps with the operator's limits.
    pub fn sandbox(&self) -> Result<Sandbox, Failure> {
        // An account without a data directory has no database there either.
        let file = self.advisories.as_ref().map(std::path::absolute).transpose()?;
        let file = file.or_else(|| advisories::default_file().ok());
        Ok(self.reach.sandbox(self.caps()).with_advisories(file))
    }

    /// The same options as arguments, for a runner that `up` starts.
    pub fn arguments(&self) -> Result<Vec<String>, Failure> {
        let mut arguments = Vec::new();
        for dir in &self.reach.toolchain {
            let dir = std::path::absolute(dir)?;
            let text = dir.to_str().ok_or_else(|| Failure::usage("--toolchain: the path is not UTF-8"))?;
            arguments.extend(["--toolchain".to_owned(), text.to_owned()]);
        }
        for allowance in &self.reach.allow_network {
            arguments.extend(["--allow-network".to_owned(), allowance.to_string()]);
        }
        if let Some(file) = &self.advisories {
            let file = std::path::absolute(file)?;
            let text = file.to_str().ok_or_else(|| Failure::usage("--advisories: the path is not UTF-8"))?;
            arguments.extend(["--advisories".to_owned(), text.to_owned()]);
        }
        for (name, value) in [
            ("--step-memory-max", self.step_memory_max),
            ("--step-workspace-max", self.step_workspace_max),
            ("--step-time-max", self.step_time_max),
            ("--step-processes-max", self.step_processes_max),
            ("--steps-memory-max", self.steps_memory_max),
        ] {
            arguments.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_string()]));
        }
        Ok(arguments)
    }

    fn caps(&self) -> Caps {
        let host = Caps::of_host();
        let total_mib = self.steps_memory_max.unwrap_or(host.total_mib);
        Caps {
            memory_mib: self.step_memory_max.unwrap_or(total_mib),
            workspace_mib: self.step_workspace_max.unwrap_or(total_mib),
            time_seconds: self.step_time_max.unwrap_or(host.time_seconds),
            processes: self.step_processes_max.unwrap_or(host.processes),
            total_mib,
        }
    }
}

/// The command that starts this program as the init process of a sandbox.
fn sandbox_init() -> Command {
    let mut command = Command::new(own_program::path());
    command.arg(SANDBOX_INIT).env_clear().current_dir("/");
    command
}

/// The only argument of a sandbox's init process.
pub const SANDBOX_INIT: &str = "sandbox-init";
