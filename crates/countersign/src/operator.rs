//! Limits that the operator of a machine sets for the steps that run there, as options of the verbs that run steps.
//!
//! Invariant: a pipeline may ask, but these options decide; none of them is read from a repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use client::advisories;
use client::dirs;
use image::Bounds;
use runner::{Caps, Images, Sandbox, Toolchain};
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
    /// Directory of the OCI images that pipelines name by digest; `countersign runner image` fills it; default:
    /// `countersign/images` in your data directory (`XDG_DATA_HOME`), of a runner that `up` did not start `images` in `--data`.
    #[arg(long, value_name = "DIR")]
    pub images: Option<PathBuf>,
}

/// Bounds on the images of a machine.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ImageBounds {
    /// Most bytes of one image as it is stored, in MiB; default: 8192.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    image_mib: Option<u64>,
    /// Most bytes of one image after it is unpacked, in MiB; default: 16384.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    image_unpacked_mib: Option<u64>,
    /// Most files, directories and links of one image; default: 500000.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    image_entries: Option<u64>,
    /// Most layers of one image; default: 127.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    image_layers: Option<u16>,
    /// Most bytes of all images, stored and unpacked, in MiB; images that steps have pulled and no step uses make room, the ones
    /// used least recently first; default: 65536.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    images_mib: Option<u64>,
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
    /// default: `countersign/advisories` in your data directory (`XDG_DATA_HOME`). If it is named here, the server of `up` judges
    /// by it what runs and what waits, too.
    #[arg(long, value_name = "FILE")]
    pub advisories: Option<PathBuf>,
    /// File of registries in the form of Docker's `config.json`: an image that a step needs is pulled from a registry that it
    /// names under `auths`, with the credentials there; read at each pull; default: no image is pulled.
    #[arg(long, value_name = "FILE")]
    pub registries: Option<PathBuf>,
    /// Bounds on images.
    #[command(flatten)]
    pub image_bounds: ImageBounds,
}

/// The directory of the images of a person who names no other.
pub fn default_images() -> Result<PathBuf, Failure> {
    Ok(dirs::user_dir("XDG_DATA_HOME", ".local/share")?.join("images"))
}

impl Reach {
    /// A sandbox with these toolchains and networks, and with these limits.
    pub fn sandbox(&self, caps: Caps) -> Sandbox {
        Sandbox::new(sandbox_init, Egress::new(self.allow_network.clone()), caps)
    }

    /// Images for the steps of a person on this machine; `None` without a directory for them.
    pub fn images(&self) -> Result<Option<Images>, Failure> {
        let dir = self.images.as_ref().map(std::path::absolute).transpose()?;
        // An account without a data directory has no images there either.
        let dir = dir.or_else(|| default_images().ok());
        Ok(dir.map(|dir| Images::new(&dir, Bounds::default())))
    }

    /// Toolchains of this machine that steps can read.
    pub fn host_toolchain(&self) -> Result<Toolchain, Failure> {
        // A relative path is relative to the directory in which the operator gives the command.
        let dirs = self.toolchain.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
        Ok(Toolchain::of_host(&dirs)?)
    }
}

impl Operator {
    /// The sandbox for steps of the runner in this directory with the operator's limits.
    pub fn sandbox(&self, data: &Path) -> Result<Sandbox, Failure> {
        // An account without a data directory has no database there either.
        let file = self.advisories.as_ref().map(std::path::absolute).transpose()?;
        let file = file.or_else(|| advisories::default_file().ok());
        let images = self.reach.images.clone().unwrap_or_else(|| data.join("images"));
        let registries = self.registries.as_ref().map(std::path::absolute).transpose()?;
        let images = Images::new(&images, self.image_bounds.bounds()).with_registries(registries);
        let sandbox = self.reach.sandbox(self.caps()).with_holder(secret_holder);
        Ok(sandbox.with_advisories(file).with_images(Some(images)))
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
        if let Some(file) = &self.registries {
            let file = std::path::absolute(file)?;
            let text = file.to_str().ok_or_else(|| Failure::usage("--registries: the path is not UTF-8"))?;
            arguments.extend(["--registries".to_owned(), text.to_owned()]);
        }
        let images = self.reach.images.as_ref().map(std::path::absolute).transpose()?;
        // All runners of one machine have the same images.
        if let Some(dir) = images.or_else(|| default_images().ok()) {
            let text = dir.to_str().ok_or_else(|| Failure::usage("--images: the path is not UTF-8"))?;
            arguments.extend(["--images".to_owned(), text.to_owned()]);
        }
        for (name, value) in [
            ("--step-memory-max", self.step_memory_max),
            ("--step-workspace-max", self.step_workspace_max),
            ("--step-time-max", self.step_time_max),
            ("--step-processes-max", self.step_processes_max),
            ("--steps-memory-max", self.steps_memory_max),
            ("--image-mib", self.image_bounds.image_mib),
            ("--image-unpacked-mib", self.image_bounds.image_unpacked_mib),
            ("--image-entries", self.image_bounds.image_entries),
            ("--images-mib", self.image_bounds.images_mib),
            ("--image-layers", self.image_bounds.image_layers.map(u64::from)),
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

impl ImageBounds {
    /// All bounds, with the defaults for those that nobody set.
    pub fn bounds(&self) -> Bounds {
        let default = Bounds::default();
        let bytes = |mib: Option<u64>, default: u64| mib.map_or(default, |mib| mib << 20);
        Bounds {
            stored_bytes: bytes(self.image_mib, default.stored_bytes),
            unpacked_bytes: bytes(self.image_unpacked_mib, default.unpacked_bytes),
            entries: self.image_entries.unwrap_or(default.entries),
            layers: self.image_layers.map_or(default.layers, usize::from),
            all_bytes: bytes(self.images_mib, default.all_bytes),
        }
    }
}

/// The command that starts this program as the init process of a sandbox.
pub fn sandbox_init() -> Command {
    let mut command = Command::new(own_program::path());
    command.arg(SANDBOX_INIT).env_clear().current_dir("/");
    command
}

/// The command that starts this program as the process that holds the secrets of a step.
fn secret_holder() -> Command {
    let mut command = Command::new(own_program::path());
    command.arg(SECRET_HOLDER).env_clear().current_dir("/");
    command
}

/// The only argument of a process that holds secrets.
pub const SECRET_HOLDER: &str = "secret-holder";
/// The only argument of a sandbox's init process.
pub const SANDBOX_INIT: &str = "sandbox-init";
