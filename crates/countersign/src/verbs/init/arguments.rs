//! Arguments of `countersign init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use client::hosts::{AgentLine, Host, MachineLine, Operator, WitnessLine};
use client::pkcs11::Uri;
use evidence::Name;

use crate::scaffold;
use crate::verbs::DataDir;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    pub data_dir: DataDir,
    /// Mode of the installation, which decides the second-person rules.
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeArgument,
    /// Your SSH key, private or public file; default: the key that git signs with, else the first of the usual files in
    /// `~/.ssh`.
    #[arg(long)]
    pub key: Option<PathBuf>,
    /// Your name; default: git's `user.name`.
    #[arg(long)]
    pub name: Option<String>,
    /// The email address in your commits; default: git's `user.email`.
    #[arg(long)]
    pub email: Option<String>,
    /// JSON file that lists the first people and their public keys. Required in `team` and `rehearsal` mode, refused in `solo`.
    #[arg(long)]
    pub people: Option<PathBuf>,
    /// Repository of the first project; default: the repository of the current directory.
    #[arg(long)]
    pub repository: Option<PathBuf>,
    /// Name of the first project; default: the repository's name.
    #[arg(long)]
    pub project: Option<Name>,
    /// PKCS#11 URI (RFC 7512) of the ledger's Ed25519 key in a device; default: a key file is made.
    #[arg(long, value_name = "URI")]
    pub ledger_key: Option<Uri>,
    /// PKCS#11 URI of the key that signs provenance; default: a key file is made.
    #[arg(long, value_name = "URI")]
    pub provenance_key: Option<Uri>,
    /// PKCS#11 URI of the receipt key of `runner-1`; given again, of `runner-2`; default: key files are made.
    #[arg(long, value_name = "URI")]
    pub runner_key: Vec<Uri>,
    /// Name of the server's host, as root and statements name it; default: the system's name of this machine.
    #[arg(long)]
    pub host: Option<Host>,
    /// Operator of the server's host; default: the first of the people.
    #[arg(long)]
    pub operator: Option<Operator>,
    /// A runner, NAME=KEY@HOST as `runner key` prints it; may be given several times; default: two runners are made on this host.
    #[arg(long, value_name = "NAME=KEY@HOST[/OPERATOR]", conflicts_with = "runner_key")]
    pub runner: Vec<MachineLine>,
    /// A witness, VKEY@HOST as `witness key` prints it; may be given several times; default: one is made on this host.
    #[arg(long, value_name = "VKEY@HOST[/OPERATOR]")]
    pub witness: Vec<WitnessLine>,
    /// Number of witnesses that must have cosigned; default: the smallest number over half.
    #[arg(long, value_name = "NUMBER", requires = "witness")]
    pub witness_quorum: Option<u32>,
    /// An agent of the first project on another host, PROJECT/SERVICE/ENVIRONMENT=NAME=KEY@HOST with the line that `agent key` prints; may be
    /// given several times; default: the agent of a place is made on this host.
    #[arg(long, value_name = "PLACE=NAME=KEY@HOST[/OPERATOR]")]
    pub agent: Vec<AgentLine>,
    /// Found the installation that waits for signatures, with those in the FILEs that its people have sent back.
    #[arg(long = "continue", conflicts_with_all = ["people", "repository", "project", "runner", "witness", "agent", "bare"])]
    pub continues: bool,
    /// Copies of the founding that people have signed.
    #[arg(value_name = "FILE", requires = "continues")]
    pub files: Vec<PathBuf>,
    /// Make no project: neither files in a repository nor environments; default: the first project is made.
    #[arg(long, conflicts_with = "command")]
    pub bare: bool,
    #[command(flatten)]
    pub service: scaffold::Service,
}

/// Mode of an installation, as it is typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeArgument {
    /// One person; second-person rules are off.
    #[default]
    Solo,
    /// Second-person rules hold; each role runs on a separate host.
    Team,
    /// Team rules, but roles may share this host.
    Rehearsal,
}
